/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-mode, model-instance-id, batch-size, batch-timeout, shadow-model, shadow-interval. */
#include "classify/props_mode.h"

enum {
  INFERENCE_MODE,
  MODEL_INSTANCE_ID,
  BATCH_SIZE,
  BATCH_TIMEOUT,
  SHADOW_MODEL,
  SHADOW_INTERVAL
};

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  (void)error; /* no value is wrong */
  switch (index) {
  case INFERENCE_MODE:
    self->mode_setting = g_value_get_enum (value);
    break;
  case MODEL_INSTANCE_ID:
    gst_effnet_store_string (&self->model_settings.instance_id, value);
    self->wants_reload = TRUE;
    break;
  case BATCH_SIZE:
    self->batch_size = g_value_get_uint (value);
    break;
  case BATCH_TIMEOUT:
    self->batch_timeout = g_value_get_uint64 (value);
    if (self->started && self->engine != NULL && self->batch_size > 0)
      effnet_scheduler_set_batch (self->engine->scheduler, self->batch_size,
                                  (int64_t)self->batch_timeout);
    break;
  case SHADOW_MODEL:
    gst_effnet_store_string (&self->shadow.path, value);
    self->wants_shadow = TRUE;
    break;
  default:
    self->shadow.interval = g_value_get_uint (value);
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
  case MODEL_INSTANCE_ID:
    g_value_set_string (value, self->model_settings.instance_id);
    break;
  case BATCH_SIZE:
    g_value_set_uint (value, self->batch_size);
    break;
  case BATCH_TIMEOUT:
    g_value_set_uint64 (value, self->batch_timeout);
    break;
  case SHADOW_MODEL:
    g_value_set_string (value, self->shadow.path);
    break;
  default:
    g_value_set_uint (value, self->shadow.interval);
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
  g_object_class_install_property (
      klass, first + BATCH_SIZE,
      g_param_spec_uint (
          "batch-size", "Batch size",
          "Frames of several elements that are run at once, for those with the same "
          "model, threads and model-instance-id; the last that starts decides. 0 = "
          "what another asked for, else 1: on few cores batches gain little (frames)",
          0, EFFNET_BATCH_MAX, 0, GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + BATCH_TIMEOUT,
      g_param_spec_uint64 ("batch-timeout", "Batch timeout",
                           "How long a frame waits for others of its batch, while there are others "
                           "that could come (ns)",
                           0, 10 * GST_SECOND, 5 * GST_MSECOND, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SHADOW_MODEL,
      g_param_spec_string ("shadow-model", "Shadow model",
                           "Weights (safetensors) or folder of a candidate, which classifies some "
                           "frames beside the model in use: stats counts how often both agree, and "
                           "the action promote swaps them; unset = none",
                           NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SHADOW_INTERVAL,
      g_param_spec_uint ("shadow-interval", "Shadow interval",
                         "The candidate gets every Nth of the frames that are classified, if it "
                         "has time (frames)",
                         1, 1000000, 10, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_INFERENCE_MODE, 0);
}

const GstEffnetPropertyGroup gst_effnet_mode_properties = {install, set, get};
