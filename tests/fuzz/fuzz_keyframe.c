/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as the codec_data and the access units of a stream of H.264 or H.265. The first byte
 * chooses codec and form, two bytes before each part are its length. */
#include "input.h"
#include "keyframe.h"
#include "take.h"

#include <string.h>

/* The next part, in memory of its own, so that a sanitizer sees reads outside. */
static GstBuffer *
take_part (Bytes *bytes)
{
  size_t wanted = take (bytes, 2);
  size_t n = wanted < bytes->left ? wanted : bytes->left;
  GstBuffer *buffer =
      n > 0 ? gst_buffer_new_wrapped (g_memdup2 (bytes->at, n), n) : gst_buffer_new ();

  bytes->at += n;
  bytes->left -= n;
  return buffer;
}

static void
check_units (GstBufferList *units)
{
  static const guint8 code[] = {0, 0, 0, 1};

  for (guint i = 0; i < gst_buffer_list_length (units); i++)
    FUZZ_CHECK (gst_buffer_memcmp (gst_buffer_list_get (units, i), 0, code, sizeof code) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Bytes bytes = {data, size};
  GstEffnetKeyframes *keyframes;
  GstCaps *caps;
  unsigned form = take (&bytes, 1);

  if (!gst_is_initialized ())
    gst_init (NULL, NULL);
  caps = gst_caps_new_simple (form & 1 ? "video/x-h265" : "video/x-h264", "stream-format",
                              G_TYPE_STRING, form & 2 ? "byte-stream" : "avc", NULL);
  if (!(form & 2)) {
    GstBuffer *codec_data = take_part (&bytes);

    gst_caps_set_simple (caps, "codec_data", GST_TYPE_BUFFER, codec_data, NULL);
    gst_buffer_unref (codec_data);
  }
  keyframes = gst_effnet_keyframes_new (caps, NULL);
  gst_caps_unref (caps);
  if (keyframes == NULL)
    return 0;
  while (bytes.left > 0) {
    GstBuffer *buffer = take_part (&bytes);
    GstEffnetUnit unit = gst_effnet_keyframes_look (keyframes, buffer);
    GstBufferList *units = NULL;

    if (unit != GST_EFFNET_UNIT_NONE)
      units = gst_effnet_keyframes_take (keyframes, buffer);
    FUZZ_CHECK (unit != GST_EFFNET_UNIT_WHOLE || gst_buffer_list_length (units) > 1);
    if (units != NULL) {
      check_units (units);
      gst_buffer_list_unref (units);
    }
    gst_buffer_unref (buffer);
  }
  gst_effnet_keyframes_free (keyframes);
  return 0;
}
