/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-mode, model-instance-id. */
#include "classify/props_mode.h"

enum { INFERENCE_MODE, MODEL_INSTANCE_ID };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  const char *id;

  (void)error; /* no value is wrong */
  switch (index) {
  case INFERENCE_MODE:
    self->mode_setting = g_value_get_enum (value);
    break;
  default:
    id = g_value_get_string (value);
    g_free (self->model_settings.instance_id);
    self->model_settings.instance_id = id != NULL && *id != '\0' ? g_strdup (id) : NULL;
    self->wants_reload = TRUE;
    break;
  }
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  switch (index) {
  case INFERENCE_MODE:
    g_value_set_enum (value, self->mode_setting);
    break;
  default:
    g_value_set_string (value, self->model_settings.instance_id);
    break;
  }
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + INFERENCE_MODE,
      g_param_spec_enum ("inference-mode", "Inference mode",
                         "Whether buffers wait for results. A live source is never made to wait: "
                         "auto is async there, and sync elsewhere",
                         GST_TYPE_EFFNET_INFERENCE_MODE, GST_EFFNET_INFERENCE_MODE_AUTO,
                         GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + MODEL_INSTANCE_ID,
      g_param_spec_string ("model-instance-id", "Model instance",
                           "Elements with the same name here and the same number of threads share "
                           "the worker threads of that name; unset = all those that have none. The "
                           "weights of a model are shared in any case",
                           NULL, GST_EFFNET_READY_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_INFERENCE_MODE, 0);
}

const GstEffnetPropertyGroup gst_effnet_mode_properties = {install, set, get};
