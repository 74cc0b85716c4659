/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's model: opened in NULL->READY, replaced in a worker while it runs. Engines are made
 * outside the object lock and published under it. */
#include "classify/model.h"

void
gst_effnet_classify_close (GstEffnetClassify *self)
{
  GstEffnetEngine *engine;

  GST_OBJECT_LOCK (self);
  self->generation++;
  engine = g_steal_pointer (&self->engine);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&engine, gst_effnet_engine_unref);
}

GstEffnetEngine *
gst_effnet_classify_ref_engine (GstEffnetClassify *self)
{
  GstEffnetEngine *engine = NULL;

  GST_OBJECT_LOCK (self);
  if (self->engine != NULL)
    engine = gst_effnet_engine_ref (self->engine);
  GST_OBJECT_UNLOCK (self);
  return engine;
}

/* The properties name the model in use again. With the object lock. */
static void
revert_settings (GstEffnetClassify *self)
{
  GstEffnetModelSettings *s = &self->model_settings;
  const GstEffnetModelSettings *in_use = &self->engine->settings;

  g_free (s->model_file);
  g_free (s->labels_file);
  s->model_file = g_strdup (in_use->model_file);
  s->labels_file = g_strdup (in_use->labels_file);
}

/* Worker thread. @user_data: the generation to load; a later one makes this one pointless. */
static void
load_and_swap (GstElement *element, gpointer user_data)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (element);
  guint generation = GPOINTER_TO_UINT (user_data);
  GstEffnetModelSettings settings;
  GstEffnetEngine *engine, *stale;
  GError *error = NULL;
  gboolean current;

  GST_OBJECT_LOCK (self);
  current = self->generation == generation && self->engine != NULL;
  if (current)
    gst_effnet_model_settings_copy (&settings, &self->model_settings);
  GST_OBJECT_UNLOCK (self);
  if (!current)
    return;
  stale = engine = gst_effnet_engine_new (&settings, &error);
  gst_effnet_model_settings_clear (&settings);
  if (engine != NULL)
    gst_effnet_engine_warm_up (engine);

  GST_OBJECT_LOCK (self);
  current = self->generation == generation && self->engine != NULL;
  if (current && engine != NULL) {
    stale = self->engine;
    self->engine = engine;
  } else if (current) {
    revert_settings (self);
  }
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&stale, gst_effnet_engine_unref);
  if (current && error != NULL)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
                         ("the model in use stays"));
  else if (current)
    g_object_notify (G_OBJECT (self), "model-info");
  g_clear_error (&error);
}

void
gst_effnet_classify_reload (GstEffnetClassify *self)
{
  gboolean open;
  guint generation;

  GST_OBJECT_LOCK (self);
  generation = ++self->generation;
  open = self->engine != NULL;
  GST_OBJECT_UNLOCK (self);
  if (open)
    gst_element_call_async (GST_ELEMENT (self), load_and_swap, GUINT_TO_POINTER (generation), NULL);
}

static void
post_open_error (GstEffnetClassify *self, const GError *error)
{
  if (!g_error_matches (error, EFFNET_ERROR, error->code)) {
    GST_ELEMENT_ERROR (self, RESOURCE, FAILED, ("%s", error->message), (NULL));
    return;
  }
  switch ((EffnetError)error->code) {
  case EFFNET_ERROR_NOT_FOUND:
    GST_ELEMENT_ERROR (self, RESOURCE, NOT_FOUND, ("%s", error->message), (NULL));
    break;
  case EFFNET_ERROR_IO:
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ, ("%s", error->message), (NULL));
    break;
  case EFFNET_ERROR_FORMAT:
    GST_ELEMENT_ERROR (self, RESOURCE, READ, ("%s", error->message), (NULL));
    break;
  case EFFNET_ERROR_UNSUPPORTED:
    GST_ELEMENT_ERROR (self, LIBRARY, SETTINGS, ("%s", error->message), (NULL));
    break;
  default:
    GST_ELEMENT_ERROR (self, RESOURCE, SETTINGS, ("%s", error->message), (NULL));
    break;
  }
}

gboolean
gst_effnet_classify_open (GstEffnetClassify *self)
{
  GstEffnetModelSettings settings;
  GstEffnetEngine *engine;
  GError *error = NULL;
  gboolean changed;
  guint generation;

  GST_OBJECT_LOCK (self);
  generation = ++self->generation;
  gst_effnet_model_settings_copy (&settings, &self->model_settings);
  GST_OBJECT_UNLOCK (self);
  engine = gst_effnet_engine_new (&settings, &error);
  gst_effnet_model_settings_clear (&settings);
  if (engine == NULL)
    goto no_model;

  GST_OBJECT_LOCK (self);
  self->engine = engine;
  changed = self->generation != generation;
  GST_OBJECT_UNLOCK (self);
  if (changed) /* set while opening */
    gst_effnet_classify_reload (self);
  return TRUE;

  /* ERRORS */
no_model : {
  post_open_error (self, error);
  g_error_free (error);
  return FALSE;
}
}
