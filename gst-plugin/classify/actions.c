/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * reload and promote. */
#include "classify/actions.h"

#include "classify/model.h"

/* The engine changes hands: no frame is without one. */
static gboolean
promote (GstEffnetClassify *self)
{
  GstEffnetShadow *shadow = &self->shadow;
  GstEffnetEngine *stale = NULL;
  g_autoptr (GstEffnetEngine) engine = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *variant = NULL; /* until now */

  GST_OBJECT_LOCK (self);
  if (shadow->engine != NULL)
    engine = gst_effnet_engine_ref (shadow->engine);
  GST_OBJECT_UNLOCK (self);
  if (engine == NULL || !gst_effnet_engine_warm_up (engine, &error)) {
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("No model is promoted: %s",
                          error != NULL ? error->message : "shadow-model has none that is open"),
                         (NULL));
    return FALSE;
  }
  GST_OBJECT_LOCK (self);
  if (shadow->engine == engine && self->engine != NULL) {
    stale = self->engine;
    self->engine = gst_effnet_shadow_take (shadow);
    g_clear_pointer (&shadow->path, g_free);
    variant = g_steal_pointer (&self->model_settings.variant);
    gst_effnet_model_settings_clear (&self->model_settings);
    gst_effnet_model_settings_copy (&self->model_settings, &engine->settings);
    g_free (self->model_settings.variant);
    self->model_settings.variant = g_strdup ("auto"); /* as the candidate was opened */
    self->settled = ++self->generation;
  }
  GST_OBJECT_UNLOCK (self);
  if (stale == NULL)
    return FALSE;
  if (!g_str_equal (variant != NULL ? variant : "auto", "auto"))
    g_object_notify (G_OBJECT (self), "variant");
  gst_effnet_engine_unref (stale);
  g_object_notify (G_OBJECT (self), "model-file");
  g_object_notify (G_OBJECT (self), "shadow-model");
  g_object_notify (G_OBJECT (self), "model-info");
  return TRUE;
}

void
gst_effnet_classify_install_actions (GObjectClass *klass)
{
  GType type = G_OBJECT_CLASS_TYPE (klass);

  /**
   * GstEffnetClassify::reload:
   * @element: the element
   *
   * Reads the model and its labels again, also from the same files, and swaps when they are ready.
   */
  g_signal_new_class_handler ("reload", type, G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
                              G_CALLBACK (gst_effnet_classify_reload), NULL, NULL, NULL,
                              G_TYPE_NONE, 0);
  /**
   * GstEffnetClassify::promote:
   * @element: the element
   *
   * The candidate of #effnetclassify:shadow-model takes over between two frames, with the settings
   * that are in force; #effnetclassify:model-file names it from then on.
   *
   * Returns: FALSE, with a warning, when there is no candidate, or it has no results
   */
  g_signal_new_class_handler ("promote", type, G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
                              G_CALLBACK (promote), NULL, NULL, NULL, G_TYPE_BOOLEAN, 0);
}
