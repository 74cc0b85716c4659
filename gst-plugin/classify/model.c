/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's model: opened in NULL->READY, replaced in a worker while it runs. Engines are made
 * outside the object lock and published under it. */
#include "classify/model.h"

#include "classify/heads.h"

#define N_MODEL_PROPERTIES 6

/* With the object lock. */
static gboolean
is_awaited (GstEffnetClassify *self, guint generation)
{
  return self->engine != NULL && self->generation == generation && self->settled != generation;
}

static GstEffnetEngine *
new_engine (GstEffnetClassify *self, const GstEffnetModelSettings *settings, GError **error)
{
  GstEffnetEngine *engine = gst_effnet_engine_new (settings, error);

  if (engine == NULL)
    return NULL;
  GST_CAT_INFO_OBJECT (gst_effnet_model_debug, self, "%s from %s: %s on %s, %u threads asked for",
                       engine->info.name, engine->info.path, engine->info.precision,
                       engine->info.isa, settings->threads);
  return engine;
}

void
gst_effnet_classify_close (GstEffnetClassify *self)
{
  GstEffnetEngine *engine;

  gst_effnet_metrics_leave (GST_ELEMENT (self));
  GST_OBJECT_LOCK (self);
  self->generation++;
  engine = g_steal_pointer (&self->engine);
  self->model_settings.input_size = 0;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&engine, gst_effnet_engine_unref);
  gst_effnet_classify_close_shadow (self);
  gst_effnet_classify_close_heads (self);
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

/* For the application: what was guessed on opening the model that is now in use. */
static void
report_notice (GstEffnetClassify *self)
{
  g_autoptr (GstEffnetEngine) engine = gst_effnet_classify_ref_engine (self);

  if (engine != NULL && engine->info.notice != NULL)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", engine->info.notice),
                         ("it may change answers"));
}

/* The properties name the model in use again. With the object lock.
 * @changed: (out) [N_MODEL_PROPERTIES] which of them */
static void
revert_settings (GstEffnetClassify *self, gboolean *changed)
{
  GstEffnetModelSettings *s = &self->model_settings;
  const GstEffnetModelSettings *in_use = &self->engine->settings;

  changed[0] = g_strcmp0 (s->variant, in_use->variant) != 0;
  changed[1] = g_strcmp0 (s->model_file, in_use->model_file) != 0;
  changed[2] = g_strcmp0 (s->labels_file, in_use->labels_file) != 0;
  changed[3] = s->precision != in_use->precision;
  changed[4] = s->threads != in_use->threads;
  changed[5] = g_strcmp0 (s->instance_id, in_use->instance_id) != 0;
  gst_effnet_model_settings_clear (s);
  gst_effnet_model_settings_copy (s, in_use);
}

/* The same model with another input. */
static gboolean
is_resized (const GstEffnetEngine *before, const GstEffnetEngine *now)
{
  return before->identity == now->identity &&
         before->settings.input_size != now->settings.input_size;
}

/* @resized: nothing else changed */
static void
report_swap (GstEffnetClassify *self, gboolean resized, const gboolean *reverted,
             const GError *error)
{
  static const char *const names[N_MODEL_PROPERTIES] = {
      "variant", "model-file", "labels-file", "precision", "threads", "model-instance-id"};

  if (error == NULL) {
    g_object_notify (G_OBJECT (self), "model-info");
    if (!resized)
      report_notice (self);
    return;
  }
  for (guint i = 0; i < N_MODEL_PROPERTIES; i++) {
    if (reverted[i])
      g_object_notify (G_OBJECT (self), names[i]);
  }
  GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("%s", error->message),
                       ("the model in use stays"));
}

/* @user_data: the generation to load; a later one makes this one pointless, and so does another
 * thread that was faster. */
static void
load_and_swap (GstElement *element, gpointer user_data)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (element);
  guint generation = GPOINTER_TO_UINT (user_data);
  gboolean current, resized = FALSE, reverted[N_MODEL_PROPERTIES] = {FALSE};
  GstEffnetModelSettings settings;
  GstEffnetEngine *engine, *stale;
  GError *error = NULL;

  GST_OBJECT_LOCK (self);
  current = is_awaited (self, generation);
  if (current)
    gst_effnet_model_settings_copy (&settings, &self->model_settings);
  GST_OBJECT_UNLOCK (self);
  if (!current)
    return;
  engine = new_engine (self, &settings, &error);
  gst_effnet_model_settings_clear (&settings);
  if (engine != NULL && !gst_effnet_engine_warm_up (engine, &error))
    g_clear_pointer (&engine, gst_effnet_engine_unref);
  stale = engine;

  GST_OBJECT_LOCK (self);
  current = is_awaited (self, generation);
  if (current) {
    self->settled = generation;
    if (engine != NULL) {
      stale = self->engine;
      self->engine = engine;
      resized = is_resized (stale, engine);
    } else {
      revert_settings (self, reverted);
    }
  }
  GST_OBJECT_UNLOCK (self);

  g_clear_pointer (&stale, gst_effnet_engine_unref);
  if (current)
    report_swap (self, resized, reverted, error);
  g_clear_error (&error);
}

void
gst_effnet_classify_set_input_size (GstEffnetClassify *self, guint side)
{
  gboolean open;
  guint generation;

  GST_OBJECT_LOCK (self);
  self->model_settings.input_size = side;
  generation = ++self->generation;
  open = self->engine != NULL;
  GST_OBJECT_UNLOCK (self);
  if (open)
    gst_element_call_async (GST_ELEMENT (self), load_and_swap, GUINT_TO_POINTER (generation), NULL);
}

void
gst_effnet_classify_reload (GstEffnetClassify *self)
{
  gst_effnet_classify_set_input_size (self, 0);
}

static void
post_error (GstEffnetClassify *self, const GError *error)
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
gst_effnet_classify_settle (GstEffnetClassify *self)
{
  g_autoptr (GstEffnetEngine) engine = NULL;
  g_autoptr (GError) error = NULL;
  guint generation;

  GST_OBJECT_LOCK (self);
  generation = self->generation;
  GST_OBJECT_UNLOCK (self);
  load_and_swap (GST_ELEMENT (self), GUINT_TO_POINTER (generation));
  engine = gst_effnet_classify_ref_engine (self);
  if (engine == NULL)
    return FALSE;
  if (gst_effnet_engine_warm_up (engine, &error) && gst_effnet_classify_settle_heads (self, &error))
    return TRUE;
  post_error (self, error);
  return FALSE;
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
  engine = new_engine (self, &settings, &error);
  gst_effnet_model_settings_clear (&settings);
  if (engine == NULL)
    goto no_model;

  GST_OBJECT_LOCK (self);
  self->engine = engine;
  self->settled = generation;
  changed = self->generation != generation;
  GST_OBJECT_UNLOCK (self);
  if (!gst_effnet_classify_open_heads (self, &error))
    goto no_heads;
  report_notice (self);
  if (changed) /* set while opening */
    gst_effnet_classify_reload (self);
  gst_effnet_classify_load_shadow (self);
  gst_effnet_metrics_join (GST_ELEMENT (self));
  return TRUE;

  /* ERRORS */
no_heads:
  gst_effnet_classify_close (self);
no_model : {
  post_error (self, error);
  g_error_free (error);
  return FALSE;
}
}
