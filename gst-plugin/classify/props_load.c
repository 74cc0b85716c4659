/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-interval, max-inference-rate. */
#include "classify/props_load.h"

enum { INFERENCE_INTERVAL, MAX_INFERENCE_RATE };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetLoadSettings *load = &self->frame_settings.load;

  (void)error;
  switch (index) {
  case INFERENCE_INTERVAL:
    load->interval = g_value_get_uint (value);
    break;
  default:
    load->rate_num = (guint)gst_value_get_fraction_numerator (value);
    load->rate_den = (guint)gst_value_get_fraction_denominator (value);
    break;
  }
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  const GstEffnetLoadSettings *load = &self->frame_settings.load;

  switch (index) {
  case INFERENCE_INTERVAL:
    g_value_set_uint (value, load->interval);
    break;
  default:
    gst_value_set_fraction (value, (int)load->rate_num, (int)load->rate_den);
    break;
  }
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + INFERENCE_INTERVAL,
      g_param_spec_uint (
          "inference-interval", "Inference interval",
          "Classify every Nth frame; the frames between repeat the last result, with "
          "fresh=false and its age (frames)",
          1, 1000000, 1, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + MAX_INFERENCE_RATE,
      gst_param_spec_fraction ("max-inference-rate", "Maximum inference rate",
                               "Frames of this stream that are classified in a second of running "
                               "time, at most; 0/1 = no limit (frames a second)",
                               0, 1, 1000, 1, 0, 1, GST_EFFNET_PLAYING_FLAGS));
}

const GstEffnetPropertyGroup gst_effnet_load_properties = {install, set, get};
