/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * class-allow, class-deny, class-thresholds, threshold, unknown-threshold, temperature; smoothing,
 * smoothing-window, switch-after, hold-time. */
#include "classify/props_labels.h"

enum {
  CLASS_ALLOW, /* the three texts as GstEffnetRule numbers them */
  CLASS_DENY,
  CLASS_THRESHOLDS,
  THRESHOLD,
  UNKNOWN_THRESHOLD,
  TEMPERATURE,
  SMOOTHING,
  SMOOTHING_WINDOW,
  SWITCH_AFTER,
  HOLD_TIME,
};

/* A name that the model in use does not have is told here; of a model that is still to come the
 * frames tell (labels.c). */
static gboolean
use_rules (GstEffnetClassify *self, const char *const *texts, double threshold, double unknown,
           GError **error)
{
  GstEffnetClassRules *rules = gst_effnet_class_rules_new (texts, threshold, unknown, error);
  gboolean is_settled = self->engine != NULL && self->settled == self->generation &&
                        !self->wants_reload && !self->wants_heads &&
                        g_strcmp0 (self->heads.text, self->heads.text_in_use) == 0;

  if (rules == NULL)
    return FALSE;
  if (is_settled && !gst_effnet_labels_check (rules, self->engine, self->heads.list, error)) {
    gst_effnet_class_rules_unref (rules);
    return FALSE;
  }
  gst_effnet_class_rules_unref (self->label_settings.rules);
  self->label_settings.rules = rules;
  return TRUE;
}

static gboolean
set_text (GstEffnetClassify *self, guint rule, const char *text, GError **error)
{
  const GstEffnetClassRules *now = self->label_settings.rules;
  const char *texts[GST_EFFNET_N_RULES];

  for (guint r = 0; r < GST_EFFNET_N_RULES; r++)
    texts[r] = r == rule ? text : now->texts[r];
  return use_rules (self, texts, now->threshold, now->unknown, error);
}

/* Names that were taken once are not looked at again. */
static gboolean
set_score (GstEffnetClassify *self, guint index, double score, GError **error)
{
  const GstEffnetClassRules *now = self->label_settings.rules;
  GstEffnetClassRules *rules = gst_effnet_class_rules_new (
      (const char *const *)now->texts, index == THRESHOLD ? score : now->threshold,
      index == UNKNOWN_THRESHOLD ? score : now->unknown, error);

  if (rules == NULL)
    return FALSE;
  gst_effnet_class_rules_unref (self->label_settings.rules);
  self->label_settings.rules = rules;
  return TRUE;
}

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetStateSettings *smoothing = &self->label_settings.smoothing;

  switch (index) {
  case CLASS_ALLOW:
  case CLASS_DENY:
  case CLASS_THRESHOLDS:
    return set_text (self, index, g_value_get_string (value), error);
  case THRESHOLD:
  case UNKNOWN_THRESHOLD:
    return set_score (self, index, g_value_get_double (value), error);
  case TEMPERATURE:
    self->frame_settings.inference.run.temperature = g_value_get_double (value);
    break;
  case SMOOTHING:
    smoothing->smoothing = (GstEffnetSmoothing)g_value_get_enum (value);
    self->frame_settings.inference.wanted.class_scores =
        smoothing->smoothing == GST_EFFNET_SMOOTHING_EMA;
    break;
  case SMOOTHING_WINDOW:
    smoothing->window = g_value_get_uint (value);
    break;
  case SWITCH_AFTER:
    smoothing->switch_after = g_value_get_uint (value);
    break;
  default:
    smoothing->hold_time = g_value_get_uint64 (value);
    break;
  }
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  const GstEffnetStateSettings *smoothing = &self->label_settings.smoothing;
  const GstEffnetClassRules *rules = self->label_settings.rules;

  switch (index) {
  case CLASS_ALLOW:
  case CLASS_DENY:
  case CLASS_THRESHOLDS:
    g_value_set_string (value, rules->texts[index]);
    break;
  case THRESHOLD:
    g_value_set_double (value, rules->threshold);
    break;
  case UNKNOWN_THRESHOLD:
    g_value_set_double (value, rules->unknown);
    break;
  case TEMPERATURE:
    g_value_set_double (value, self->frame_settings.inference.run.temperature);
    break;
  case SMOOTHING:
    g_value_set_enum (value, (int)smoothing->smoothing);
    break;
  case SMOOTHING_WINDOW:
    g_value_set_uint (value, smoothing->window);
    break;
  case SWITCH_AFTER:
    g_value_set_uint (value, smoothing->switch_after);
    break;
  default:
    g_value_set_uint64 (value, smoothing->hold_time);
    break;
  }
}

static void
install_rules (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + CLASS_ALLOW,
      g_param_spec_string (
          "class-allow", "Classes allowed",
          "Only these classes are reported: names or numbers with ',' between them, as in cat,dog; "
          "unset = all. They are looked for among all classes, not just the best, and their scores "
          "stay as they are: they do not add up to 1",
          NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + CLASS_DENY,
      g_param_spec_string ("class-deny", "Classes denied",
                           "These classes are never reported, whatever class-allow says: names or "
                           "numbers with ',' between them",
                           NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + CLASS_THRESHOLDS,
      g_param_spec_string ("class-thresholds", "Thresholds of classes",
                           "Classes with a threshold of their own instead of the common one: "
                           "CLASS=SCORE (0 to 1) with ',' between them, as in cat=0.6,dog=0.4",
                           NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + THRESHOLD,
      g_param_spec_double ("threshold", "Threshold",
                           "Classes less probable are left out of a result (0 to 1; 0 = none is)",
                           0.0, 1.0, 0.0, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + UNKNOWN_THRESHOLD,
      g_param_spec_double ("unknown-threshold", "Unknown threshold",
                           "Where the best score is below this the label is \"unknown\" and its "
                           "number -1 (0 to 1; 0 = off)",
                           0.0, 1.0, 0.0, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + TEMPERATURE,
      g_param_spec_double ("temperature", "Temperature",
                           "Divides the logits before softmax or sigmoid: above 1 scores are less "
                           "sure, below 1 more; 0 = what the model's card says, else 1",
                           0.0, EFFNET_TEMPERATURE_MAX, 0.0, GST_EFFNET_PLAYING_FLAGS));
}

static void
install_smoothing (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + SMOOTHING,
      g_param_spec_enum ("smoothing", "Smoothing",
                         "How results over time make a stable label, which a result carries beside "
                         "its own and which messages are about then",
                         GST_TYPE_EFFNET_SMOOTHING, GST_EFFNET_SMOOTHING_NONE,
                         GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SMOOTHING_WINDOW,
      g_param_spec_uint ("smoothing-window", "Smoothing window",
                         "How many results smoothing looks at (results)", 1,
                         GST_EFFNET_STATE_WINDOW_MAX, 5, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SWITCH_AFTER,
      g_param_spec_uint ("switch-after", "Switch after",
                         "The stable label changes when smoothing has given the same other one so "
                         "many times in a row (results)",
                         1, 1000, 3, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + HOLD_TIME,
      g_param_spec_uint64 ("hold-time", "Hold time", "A stable label stays at least so long (ns)",
                           0, G_MAXINT64, 0, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_SMOOTHING, 0);
}

static void
install (GObjectClass *klass, guint first)
{
  install_rules (klass, first);
  install_smoothing (klass, first);
}

const GstEffnetPropertyGroup gst_effnet_label_properties = {install, set, get};
