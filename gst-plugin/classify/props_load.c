/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-interval, max-inference-rate, trigger, overload-policy, latency-budget. */
#include "classify/props_load.h"

enum { INFERENCE_INTERVAL, MAX_INFERENCE_RATE, TRIGGER, OVERLOAD_POLICY, LATENCY_BUDGET };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetLoadSettings *load = &self->frame_settings.load;

  switch (index) {
  case INFERENCE_INTERVAL:
    load->interval = g_value_get_uint (value);
    break;
  case TRIGGER:
    if (g_value_get_flags (value) == 0) {
      g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                   "trigger names nothing, so nothing would ever be classified; expected always, "
                   "motion, scene-change or several of them with '+' between");
      return FALSE;
    }
    load->trigger = g_value_get_flags (value);
    break;
  case OVERLOAD_POLICY:
    load->policy = g_value_get_enum (value);
    break;
  case LATENCY_BUDGET:
    load->latency_budget = g_value_get_uint64 (value);
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
  case TRIGGER:
    g_value_set_flags (value, load->trigger);
    break;
  case OVERLOAD_POLICY:
    g_value_set_enum (value, load->policy);
    break;
  case LATENCY_BUDGET:
    g_value_set_uint64 (value, load->latency_budget);
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
  g_object_class_install_property (
      klass, first + TRIGGER,
      g_param_spec_flags ("trigger", "Trigger",
                          "Which frames are classified, of those that the other settings choose. "
                          "Motion and scene-change count from the last frame classified, and "
                          "convert each frame to the network's input to look at it",
                          GST_TYPE_EFFNET_TRIGGER, GST_EFFNET_TRIGGER_ALWAYS,
                          GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + OVERLOAD_POLICY,
      g_param_spec_enum ("overload-policy", "Overload policy",
                         "What becomes of a frame that is to be classified while an earlier one "
                         "waits for its turn, or that downstream said would be late",
                         GST_TYPE_EFFNET_OVERLOAD_POLICY, GST_EFFNET_OVERLOAD_POLICY_AUTO,
                         GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + LATENCY_BUDGET,
      g_param_spec_uint64 ("latency-budget", "Latency budget",
                           "Keep the time from a frame's arrival to its result below this, with a "
                           "longer interval or a smaller input of the network as needed; 0 = do "
                           "neither (ns)",
                           0, 3600 * GST_SECOND, 0, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_TRIGGER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_OVERLOAD_POLICY, 0);
}

const GstEffnetPropertyGroup gst_effnet_load_properties = {install, set, get};
