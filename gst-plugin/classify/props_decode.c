/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * decode-frames, decoder. */
#include "classify/props_decode.h"

enum { DECODE_FRAMES, DECODER };

static gboolean
set (GstEffnetClassify *self, guint index, const GValue *value, GError **error)
{
  (void)error; /* no value is wrong */
  switch (index) {
  case DECODE_FRAMES:
    self->decode_frames = g_value_get_enum (value);
    break;
  default:
    gst_effnet_store_string (&self->decoder, value);
    break;
  }
  return TRUE;
}

static void
get (GstEffnetClassify *self, guint index, GValue *value)
{
  switch (index) {
  case DECODE_FRAMES:
    g_value_set_enum (value, self->decode_frames);
    break;
  default:
    g_value_set_string (value, self->decoder);
    break;
  }
}

static void
install (GObjectClass *klass, guint first)
{
  g_object_class_install_property (
      klass, first + DECODE_FRAMES,
      g_param_spec_enum (
          "decode-frames", "Decode frames",
          "Which frames of H.264 and H.265 are decoded for classification. Keyframes cost a tenth "
          "of all frames or less, and need no decoder for each stream",
          GST_TYPE_EFFNET_DECODE_FRAMES, GST_EFFNET_DECODE_FRAMES_KEYFRAMES,
          GST_EFFNET_READY_FLAGS));
  g_object_class_install_property (
      klass, first + DECODER,
      g_param_spec_string ("decoder", "Decoder",
                           "The element that decodes H.264 or H.265 for classification, such as "
                           "avdec_h264; unset = the one of the highest rank that is installed",
                           NULL, GST_EFFNET_READY_FLAGS));
  gst_type_mark_as_plugin_api (GST_TYPE_EFFNET_DECODE_FRAMES, 0);
}

const GstEffnetPropertyGroup gst_effnet_decode_properties = {install, set, get};
