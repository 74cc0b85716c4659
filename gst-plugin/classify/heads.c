/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lists are made outside the object lock and published under it. */
#include "classify/heads.h"

#include "classify/instance.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

void
gst_effnet_heads_clear (GstEffnetHeads *heads)
{
  g_clear_pointer (&heads->text, g_free);
  g_clear_pointer (&heads->text_in_use, g_free);
  g_clear_pointer (&heads->named, gst_effnet_head_list_unref);
  g_clear_pointer (&heads->taught, effnet_head_unref);
  g_clear_pointer (&heads->list, gst_effnet_head_list_unref);
}

/* Returns: (nullable): NULL, also without an error when @text names none */
static GstEffnetHeadList *
open_list (GstEffnetEngine *engine, const char *text, GError **error)
{
  GstEffnetHeadList *list = gst_effnet_head_list_open (text, error);

  for (guint i = 0; list != NULL && i < list->n; i++) {
    const GstEffnetHeadEntry *entry = &list->entries[i];

    if (entry->head != NULL && !gst_effnet_engine_fits (engine, entry->head, error)) {
      g_prefix_error (error, "heads, %s: ", entry->name);
      g_clear_pointer (&list, gst_effnet_head_list_unref);
    }
  }
  return list;
}

/* With the object lock, of which the list before is freed outside. */
static GstEffnetHeadList *
join_lists (GstEffnetHeads *heads)
{
  GstEffnetHeadList *stale = heads->list;

  heads->list = gst_effnet_head_list_join (heads->named, heads->taught);
  return stale;
}

/* Takes @list. FALSE when a later text, or the element's end, has made it pointless. */
static gboolean
use_list (GstEffnetClassify *self, GstEffnetHeadList *list, const char *text, guint generation)
{
  GstEffnetHeads *heads = &self->heads;
  GstEffnetHeadList *stale = list, *joined = NULL;
  gboolean current;

  GST_OBJECT_LOCK (self);
  current = heads->generation == generation && self->engine != NULL;
  if (current) {
    stale = heads->named;
    heads->named = list;
    g_free (heads->text_in_use);
    heads->text_in_use = g_strdup (text);
    joined = join_lists (heads);
  }
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&stale, gst_effnet_head_list_unref);
  g_clear_pointer (&joined, gst_effnet_head_list_unref);
  return current;
}

/* With the object lock taken by it. Returns: (nullable): what to open, and as which generation */
static GstEffnetEngine *
begin (GstEffnetClassify *self, char **text, guint *generation)
{
  GstEffnetEngine *engine = NULL;

  GST_OBJECT_LOCK (self);
  *text = g_strdup (self->heads.text);
  *generation = self->heads.generation;
  if (self->engine != NULL)
    engine = gst_effnet_engine_ref (self->engine);
  GST_OBJECT_UNLOCK (self);
  return engine;
}

gboolean
gst_effnet_classify_open_heads (GstEffnetClassify *self, GError **error)
{
  g_autofree char *text = NULL;
  guint generation;
  g_autoptr (GstEffnetEngine) engine = begin (self, &text, &generation);
  GError *failure = NULL;
  GstEffnetHeadList *list = open_list (engine, text, &failure);

  if (failure == NULL) {
    use_list (self, list, text, generation);
    return TRUE;
  }
  g_propagate_error (error, failure);
  return FALSE;
}

gboolean
gst_effnet_classify_settle_heads (GstEffnetClassify *self, GError **error)
{
  gboolean is_settled;

  GST_OBJECT_LOCK (self);
  is_settled = g_strcmp0 (self->heads.text, self->heads.text_in_use) == 0;
  GST_OBJECT_UNLOCK (self);
  return is_settled || gst_effnet_classify_open_heads (self, error);
}

/* The property names the heads in use again. FALSE when it was set once more. */
static gboolean
revert (GstEffnetClassify *self, guint generation)
{
  GstEffnetHeads *heads = &self->heads;
  gboolean current;

  GST_OBJECT_LOCK (self);
  current = heads->generation == generation && self->engine != NULL;
  if (current) {
    g_free (heads->text);
    heads->text = g_strdup (heads->text_in_use);
  }
  GST_OBJECT_UNLOCK (self);
  return current;
}

static void
load (GstElement *element, gpointer user_data)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (element);
  g_autofree char *text = NULL;
  guint generation;
  g_autoptr (GstEffnetEngine) engine = begin (self, &text, &generation);
  g_autoptr (GError) error = NULL;
  GstEffnetHeadList *list;

  if (engine == NULL || generation != GPOINTER_TO_UINT (user_data))
    return;
  list = open_list (engine, text, &error);
  if (error == NULL) {
    use_list (self, list, text, generation);
  } else if (revert (self, generation)) {
    g_object_notify (G_OBJECT (self), "heads");
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
                         ("the heads in use stay"));
  }
}

void
gst_effnet_classify_load_heads (GstEffnetClassify *self)
{
  gboolean open;
  guint generation;

  GST_OBJECT_LOCK (self);
  generation = ++self->heads.generation;
  open = self->engine != NULL;
  GST_OBJECT_UNLOCK (self);
  if (open)
    gst_element_call_async (GST_ELEMENT (self), load, GUINT_TO_POINTER (generation), NULL);
}

void
gst_effnet_classify_close_heads (GstEffnetClassify *self)
{
  GstEffnetHeads stale = {0};

  GST_OBJECT_LOCK (self);
  self->heads.generation++;
  stale = self->heads;
  self->heads =
      (GstEffnetHeads){.text = g_steal_pointer (&stale.text), .generation = stale.generation};
  GST_OBJECT_UNLOCK (self);
  gst_effnet_heads_clear (&stale);
}

void
gst_effnet_classify_set_taught (GstEffnetClassify *self, EffnetHead *head)
{
  GstEffnetHeadList *stale;
  EffnetHead *before;

  if (head != NULL)
    effnet_head_ref (head);
  GST_OBJECT_LOCK (self);
  before = self->heads.taught;
  self->heads.taught = head;
  stale = join_lists (&self->heads);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&before, effnet_head_unref);
  g_clear_pointer (&stale, gst_effnet_head_list_unref);
}
