/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The encoder's pipeline is run to its end; the decoder is alone in a harness. */
#include "coded.h"

#include <gst/app/gstappsink.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

gboolean
coded_needs (const char *element, ...)
{
  va_list more;

  va_start (more, element);
  for (const char *name = element; name != NULL; name = va_arg (more, const char *)) {
    GstElementFactory *factory = gst_element_factory_find (name);

    if (factory == NULL) {
      g_autofree char *why = g_strdup_printf ("there is no element %s", name);

      g_test_skip (why);
      va_end (more);
      return FALSE;
    }
    gst_object_unref (factory);
  }
  va_end (more);
  return TRUE;
}

Coded *
coded_new (const char *line, int frames, int width, int height)
{
  g_autofree char *text =
      g_strdup_printf ("videotestsrc num-buffers=%d pattern=zone-plate kx2=20 ky2=20 kt=3 ! "
                       "video/x-raw,format=I420,width=%d,height=%d,framerate=30/1 ! %s ! appsink "
                       "name=out sync=false",
                       frames, width, height, line);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (text, &error);
  GstElement *out;
  GstSample *sample;
  Coded *coded = g_new0 (Coded, 1);

  g_assert_no_error (error);
  out = gst_bin_get_by_name (GST_BIN (pipeline), "out");
  coded->units = g_ptr_array_new_with_free_func ((GDestroyNotify)gst_buffer_unref);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = gst_app_sink_pull_sample (GST_APP_SINK (out))) != NULL) {
    gst_caps_replace (&coded->caps, gst_sample_get_caps (sample));
    g_ptr_array_add (coded->units, gst_buffer_copy_deep (gst_sample_get_buffer (sample)));
    gst_sample_unref (sample);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (out);
  gst_object_unref (pipeline);
  g_assert_cmpuint (coded->units->len, ==, (guint)frames);
  return coded;
}

void
coded_free (Coded *coded)
{
  gst_caps_unref (coded->caps);
  g_ptr_array_unref (coded->units);
  g_free (coded);
}

GstBuffer *
coded_copy_unit (const Coded *coded, guint i)
{
  return gst_buffer_copy_deep (g_ptr_array_index (coded->units, i));
}

char *
picture_checksum (GstBuffer *picture, const GstCaps *caps)
{
  GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
  GstVideoFrame frame;
  GstVideoInfo info;
  char *text;

  g_assert_true (gst_video_info_from_caps (&info, caps));
  g_assert_true (gst_video_frame_map (&frame, &info, picture, GST_MAP_READ));
  for (guint c = 0; c < GST_VIDEO_FRAME_N_COMPONENTS (&frame); c++) {
    for (int y = 0; y < GST_VIDEO_FRAME_COMP_HEIGHT (&frame, c); y++)
      g_checksum_update (sum,
                         (const guint8 *)GST_VIDEO_FRAME_COMP_DATA (&frame, c) +
                             (gssize)y * GST_VIDEO_FRAME_COMP_STRIDE (&frame, c),
                         (gssize)GST_VIDEO_FRAME_COMP_WIDTH (&frame, c) *
                             GST_VIDEO_FRAME_COMP_PSTRIDE (&frame, c));
  }
  gst_video_frame_unmap (&frame);
  text = g_strdup (g_checksum_get_string (sum));
  g_checksum_free (sum);
  return text;
}

GHashTable *
coded_decode_all (const Coded *coded, const char *line)
{
  GHashTable *pictures = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  GstHarness *h = gst_harness_new_parse (line);
  GstBuffer *picture;

  gst_harness_set_src_caps (h, gst_caps_ref (coded->caps));
  for (guint i = 0; i < coded->units->len; i++)
    gst_harness_push (h, coded_copy_unit (coded, i));
  gst_harness_push_event (h, gst_event_new_eos ());
  while ((picture = gst_harness_try_pull (h)) != NULL) {
    GstCaps *caps = gst_pad_get_current_caps (h->sinkpad);
    gint64 *pts = g_new (gint64, 1);

    *pts = (gint64)GST_BUFFER_PTS (picture);
    g_hash_table_insert (pictures, pts, picture_checksum (picture, caps));
    gst_caps_unref (caps);
    gst_buffer_unref (picture);
  }
  gst_harness_teardown (h);
  return pictures;
}

const char *
coded_picture_at (GHashTable *pictures, GstClockTime pts)
{
  gint64 key = (gint64)pts;

  return g_hash_table_lookup (pictures, &key);
}
