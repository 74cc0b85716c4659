/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text -> names and paths -> opened heads. */
#include "headlist.h"
#include "memory.h"
#include "text.h"

#include <effnet/effnet.h>
#include <string.h>

/* The pairs of a text, both texts of each in one string. */
typedef struct {
  char *name; /* owned */
  const char *path;
} Pair;

static void
clear_pair (gpointer at)
{
  g_free (((Pair *)at)->name);
}

static gboolean
is_known (const GArray *pairs, const char *name)
{
  for (guint i = 0; i < pairs->len; i++) {
    if (strcmp (g_array_index (pairs, Pair, i).name, name) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
add_pair (GArray *pairs, const char *text, GError **error)
{
  Pair pair = {.name = g_strstrip (g_strdup (text))};
  g_autofree char *shown = gst_effnet_printable (text);
  char *equals = strchr (pair.name, '=');

  if (*pair.name == '\0') { /* of "a;;b" */
    g_free (pair.name);
    return TRUE;
  }
  if (equals == NULL || equals == pair.name ||
      !g_utf8_validate (pair.name, equals - pair.name, NULL))
    goto not_a_pair;
  *equals = '\0';
  pair.path = g_strchug (equals + 1);
  g_strchomp (pair.name);
  if (is_known (pairs, pair.name) || strcmp (pair.name, GST_EFFNET_TAUGHT) == 0)
    goto twice;
  if (pairs->len == GST_EFFNET_HEADS_MAX)
    goto too_many;
  g_array_append_val (pairs, pair);
  return TRUE;

  /* ERRORS */
not_a_pair : {
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "heads: \"%s\" is not NAME=FOLDER, as in scene=models/scene;weather=models/weather",
               shown);
  g_free (pair.name);
  return FALSE;
}
twice : {
  g_autofree char *name = gst_effnet_printable (pair.name);
  g_set_error (
      error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
      "heads: two heads would be called \"%s\"; expected a name of its own for each, other "
      "than \"" GST_EFFNET_TAUGHT "\", which is the one that the action train makes",
      name);
  g_free (pair.name);
  return FALSE;
}
too_many : {
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "heads names more than %d heads",
               GST_EFFNET_HEADS_MAX);
  g_free (pair.name);
  return FALSE;
}
}

/* Returns: (transfer full) (nullable): of Pair */
static GArray *
parse (const char *text, GError **error)
{
  g_auto (GStrv) parts = NULL;
  GArray *pairs;

  if (!gst_effnet_check_text ("heads", text, 32, error))
    return NULL;
  parts = g_strsplit (text != NULL ? text : "", ";", -1);
  pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_array_set_clear_func (pairs, clear_pair);
  for (char **part = parts; *part != NULL; part++) {
    if (!add_pair (pairs, *part, error)) {
      g_array_unref (pairs);
      return NULL;
    }
  }
  return pairs;
}

gboolean
gst_effnet_heads_check (const char *text, GError **error)
{
  GArray *pairs = parse (text, error);

  if (pairs == NULL)
    return FALSE;
  g_array_unref (pairs);
  return TRUE;
}

static GstEffnetHeadList *
list_new (guint n)
{
  GstEffnetHeadList *list = g_malloc0 (sizeof *list + n * sizeof list->entries[0]);

  g_atomic_ref_count_init (&list->refs);
  list->n = n;
  return list;
}

GstEffnetHeadList *
gst_effnet_head_list_open (const char *text, GError **error)
{
  g_autoptr (GArray) pairs = parse (text, error);
  GstEffnetHeadList *list;

  if (pairs == NULL || pairs->len == 0)
    return NULL;
  list = list_new (pairs->len);
  for (guint i = 0; i < list->n; i++) {
    const Pair *pair = &g_array_index (pairs, Pair, i);

    list->entries[i].name = g_strdup (pair->name);
    if (*pair->path == '\0')
      continue;
    list->entries[i].head = effnet_head_open (pair->path, error);
    if (list->entries[i].head == NULL) {
      g_prefix_error (error, "heads, %s: ", pair->name);
      gst_effnet_head_list_unref (list);
      return NULL;
    }
  }
  return list;
}

GstEffnetHeadList *
gst_effnet_head_list_join (const GstEffnetHeadList *list, EffnetHead *head)
{
  guint n = list != NULL ? list->n : 0;
  GstEffnetHeadList *joined;

  if (n == 0 && head == NULL)
    return NULL;
  joined = list_new (n + (head != NULL ? 1 : 0));
  for (guint i = 0; i < n; i++) {
    joined->entries[i] =
        (GstEffnetHeadEntry){g_strdup (list->entries[i].name), list->entries[i].head};
    if (joined->entries[i].head != NULL)
      effnet_head_ref (joined->entries[i].head);
  }
  if (head != NULL)
    joined->entries[n] = (GstEffnetHeadEntry){g_strdup (GST_EFFNET_TAUGHT), effnet_head_ref (head)};
  return joined;
}

GstEffnetHeadList *
gst_effnet_head_list_ref (GstEffnetHeadList *list)
{
  g_atomic_ref_count_inc (&list->refs);
  return list;
}

void
gst_effnet_head_list_unref (GstEffnetHeadList *list)
{
  if (!g_atomic_ref_count_dec (&list->refs))
    return;
  for (guint i = 0; i < list->n; i++) {
    g_clear_pointer (&list->entries[i].head, effnet_head_unref);
    g_free (list->entries[i].name);
  }
  g_free (list);
}
