/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * heads; teach-file; save-examples, save-reasons, save-margin, save-interval, save-max-bytes. */
#include "classify/props_teach.h"

#include "classify/heads.h"

enum { HEADS, TEACH_FILE, SAVE_EXAMPLES, SAVE_REASONS, SAVE_MARGIN, SAVE_INTERVAL, SAVE_MAX_BYTES };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  GstEffnetKeep *keep = &self->frame_settings.inference.keep;
  GstEffnetLearn *learn = &self->learn;

  switch (index) {
  case HEADS:
    if (!gst_effnet_heads_check (g_value_get_string (value), error))
      return FALSE;
    gst_effnet_store_string (&self->heads.text, value);
    self->wants_heads = TRUE;
    break;
  case TEACH_FILE:
    gst_effnet_store_string (&learn->teach_file, value);
    break;
  case SAVE_EXAMPLES:
    gst_effnet_store_string (&learn->save_folder, value);
    learn->wants_saver = TRUE;
    break;
  case SAVE_REASONS:
    learn->reasons = g_value_get_flags (value);
    break;
  case SAVE_MARGIN:
    keep->margin = g_value_get_double (value);
    break;
  case SAVE_INTERVAL:
    learn->interval = g_value_get_uint64 (value);
    break;
  default:
    learn->max_bytes = g_value_get_uint64 (value);
    break;
  }
  keep->reasons = learn->save_folder != NULL ? learn->reasons : 0;
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  const GstEffnetLearn *learn = &self->learn;

  switch (index) {
  case HEADS:
    g_value_set_string (value, self->heads.text);
    break;
  case TEACH_FILE:
    g_value_set_string (value, learn->teach_file);
    break;
  case SAVE_EXAMPLES:
    g_value_set_string (value, learn->save_folder);
    break;
  case SAVE_REASONS:
    g_value_set_flags (value, learn->reasons);
    break;
  case SAVE_MARGIN:
    g_value_set_double (value, self->frame_settings.inference.keep.margin);
    break;
  case SAVE_INTERVAL:
    g_value_set_uint64 (value, learn->interval);
    break;
  default:
    g_value_set_uint64 (value, learn->max_bytes);
    break;
  }
}

static void
install_heads (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + HEADS,
      g_param_spec_string (
          "heads", "Heads",
          "Classifiers that answer instead of the model's own, all from one run of it: NAME=FOLDER "
          "with ';' between them, as in scene=models/scene;weather=models/weather; folders are "
          "those of \"effnet train\" with this model. NAME= is the model's own classifier. While "
          "playing, new heads take over when they are ready",
          NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + TEACH_FILE,
      g_param_spec_string (
          "teach-file", "Teach file",
          "Where the actions teach, forget, train and rollback keep their examples; begun if it is "
          "not there. Heads that are trained lie in a folder beside it; the newest is in use",
          NULL, GST_EFFNET_READY_FLAGS));
}

static void
install_saving (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + SAVE_EXAMPLES,
      g_param_spec_string ("save-examples", "Save examples",
                           "Folder for frames that are worth a look, a folder for each label in "
                           "it, as \"effnet train\" reads them; unset = none are saved",
                           NULL, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SAVE_REASONS,
      g_param_spec_flags ("save-reasons", "Reasons to save", "Which frames save-examples is for",
                          GST_TYPE_EFFNET_SAVE_REASONS, GST_EFFNET_SAVE_ALL,
                          GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SAVE_MARGIN,
      g_param_spec_double ("save-margin", "Margin to save",
                           "A best score that is closer than this to the second is a reason (0 to "
                           "1)",
                           0.0, 1.0, 0.2, GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (klass, first + SAVE_INTERVAL,
                                   g_param_spec_uint64 ("save-interval", "Interval of saving",
                                                        "Time between two examples, at least (ns)",
                                                        0, 3600 * GST_SECOND, GST_SECOND,
                                                        GST_EFFNET_PLAYING_FLAGS));
  g_object_class_install_property (
      klass, first + SAVE_MAX_BYTES,
      g_param_spec_uint64 ("save-max-bytes", "Bytes to save",
                           "No more examples when the folder has so many bytes; 0 = no limit "
                           "(bytes)",
                           0, G_MAXUINT64, G_GUINT64_CONSTANT (1) << 30, GST_EFFNET_PLAYING_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_SAVE_REASONS, 0);
}

static void
install (GObjectClass *klass, guint first)
{
  install_heads (klass, first);
  install_saving (klass, first);
}

const GstEffnetPropertyGroup gst_effnet_teach_properties = {install, set, get};
