/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bad frames: each is counted and goes on without a result, one warning tells of many, and the next
 * good frame is classified. */
#include "common.h"

#include <string.h>

static GstBuffer *
make_jpeg (int width, int height)
{
  GstHarness *encode = gst_harness_new_parse ("jpegenc");
  GstBuffer *jpeg;

  set_i420_caps (encode, width, height);
  jpeg = push_pull (encode, grey_frame (width, height, 120, 0));
  gst_harness_teardown (encode);
  return jpeg;
}

/* @words: in the warning; NULL = this one is within the silence after another */
static void
assert_bad (GstHarness *h, GstBuffer *buffer, const char *words)
{
  guint64 errors = harness_stat (h, "errors");
  GstBuffer *out = push_pull (h, buffer);
  GstMessage *message = harness_pop_message (h, GST_MESSAGE_WARNING);

  g_assert_true (out == buffer);
  g_assert_null (result_of (out));
  g_assert_cmpuint (harness_stat (h, "errors"), ==, errors + 1);
  if (words == NULL) {
    g_assert_null (message);
  } else {
    GError *error = NULL;

    g_assert_nonnull (message);
    gst_message_parse_warning (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE);
    if (strstr (error->message, words) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, words);
    g_error_free (error);
    gst_message_unref (message);
  }
  gst_buffer_unref (out);
}

static void
assert_good (GstHarness *h, GstBuffer *buffer)
{
  GstBuffer *out = push_pull (h, buffer);

  g_assert_nonnull (result_of (out));
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
}

static GstHarness *
jpeg_harness (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  gst_harness_set_src_caps (h, gst_caps_from_string ("image/jpeg"));
  return h;
}

static void
test_zero_byte_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);

  assert_bad (h, gst_buffer_new (), "empty");
  assert_good (h, gst_buffer_ref (jpeg));
  gst_buffer_unref (jpeg);
  harness_free (h);
}

static void
test_garbage_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  static const char text[] = "this is not a picture";

  assert_bad (h, gst_buffer_new_memdup (text, sizeof text), "JPEG");
  assert_bad (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, 20), NULL);
  assert_bad (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, 2), NULL);
  assert_good (h, jpeg);
  harness_free (h);
}

/* Cut or flipped anywhere: a result or a counted error, never a crash or a stopped stream. */
static void
test_damaged_jpeg (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  gsize size = gst_buffer_get_size (jpeg);
  GRand *rand = g_rand_new_with_seed (1);
  guint64 frames = 0;

  for (gsize cut = 1; cut < size; cut += size / 40) {
    gst_buffer_unref (push_pull (h, gst_buffer_copy_region (jpeg, GST_BUFFER_COPY_ALL, 0, cut)));
    frames++;
  }
  for (int i = 0; i < 60; i++) {
    GstBuffer *copy = gst_buffer_copy_deep (jpeg);
    GstMapInfo map;

    gst_buffer_map (copy, &map, GST_MAP_READWRITE);
    map.data[g_rand_int_range (rand, 0, (int)size)] ^= (guint8)(1 << g_rand_int_range (rand, 0, 8));
    gst_buffer_unmap (copy, &map);
    gst_buffer_unref (push_pull (h, copy));
    frames++;
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, frames);
  g_assert_cmpuint (harness_stat (h, "errors") + harness_stat (h, "inferences"), ==, frames);
  g_assert_cmpuint (harness_stat (h, "errors"), >, 0);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), <=,
                    1 + (guint)(frames / 10)); /* seconds may pass on a slow machine */
  assert_good (h, jpeg);
  g_rand_free (rand);
  harness_free (h);
}

/* A header that asks for 65535 x 65535 pixels in a file of two kilobytes. */
static void
test_absurd_jpeg_size (void)
{
  GstHarness *h = jpeg_harness ();
  GstBuffer *jpeg = make_jpeg (320, 240);
  GstMapInfo map;
  gsize at = 0;

  gst_buffer_map (jpeg, &map, GST_MAP_READWRITE);
  while (at + 9 < map.size && !(map.data[at] == 0xff && map.data[at + 1] == 0xc0))
    at++;
  g_assert_cmpuint (at + 9, <, map.size);
  memset (map.data + at + 5, 0xff, 4); /* SOF0: length, precision, height, width */
  gst_buffer_unmap (jpeg, &map);
  assert_bad (h, jpeg, "pixels");
  harness_free (h);
}

static void
test_short_frames (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48); /* 4608 bytes */
  assert_bad (h, gst_buffer_new (), "has 0 bytes");
  assert_bad (h, gst_buffer_new_allocate (NULL, 1, NULL), NULL);
  assert_bad (h, gst_buffer_new_allocate (NULL, 4607, NULL), NULL);
  assert_good (h, grey_frame (64, 48, 90, 0));
  harness_free (h);
}

/* A GstVideoMeta that points past its memory would have us read there. */
static void
test_lying_meta (void)
{
  gsize offset[4] = {0, 64 * 48, 64 * 48 + 32 * 24, 0};
  gint stride[4] = {64, 32, 32, 0};
  GstVideoFormat format = GST_VIDEO_FORMAT_I420;

  for (int lie = 0; lie < 6; lie++) {
    GstHarness *h = harness_new (NULL, NULL);
    GstBuffer *buffer = grey_frame (64, 48, 90, 0);
    gsize o[4];
    gint s[4];
    guint width = 64, height = 48;

    memcpy (o, offset, sizeof o);
    memcpy (s, stride, sizeof s);
    switch (lie) {
    case 0:
      s[0] = 640;
      break;
    case 1:
      o[2] = 64 * 48 + 32 * 24 + 1;
      break;
    case 2:
      s[1] = -32;
      o[1] = 0;
      break;
    case 3:
      width = 6400;
      break;
    case 4:
      height = 4;
      break;
    default:
      format = GST_VIDEO_FORMAT_RGB;
      break;
    }
    set_i420_caps (h, 64, 48);
    gst_buffer_add_video_meta_full (buffer, GST_VIDEO_FRAME_FLAG_NONE, format, width, height,
                                    format == GST_VIDEO_FORMAT_RGB ? 1 : 3, o, s);
    assert_bad (h, buffer, "GstVideoMeta");
    assert_good (h, grey_frame (64, 48, 90, 1));
    harness_free (h);
  }
}

/* A bad frame does not use up the interval: the next one is tried at once. */
static void
test_bad_frame_and_interval (void)
{
  GstHarness *h = harness_new ("inference-interval", 3, NULL);
  static const gboolean fresh[] = {TRUE, FALSE, FALSE, FALSE, TRUE, FALSE, FALSE, TRUE};

  set_i420_caps (h, 64, 48);
  for (guint i = 0; i < G_N_ELEMENTS (fresh); i++) {
    GstBuffer *out;

    if (i == 3) {
      assert_bad (h, gst_buffer_new (), "has 0 bytes");
      continue;
    }
    out = push_pull (h, grey_frame (64, 48, 90, (int)i));
    g_assert_cmpint (result_boolean (result_of (out), "fresh"), ==, fresh[i]);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/faults/zero-byte-jpeg", test_zero_byte_jpeg);
  g_test_add_func ("/gst/faults/garbage-jpeg", test_garbage_jpeg);
  g_test_add_func ("/gst/faults/damaged-jpeg", test_damaged_jpeg);
  g_test_add_func ("/gst/faults/absurd-jpeg-size", test_absurd_jpeg_size);
  g_test_add_func ("/gst/faults/short-frames", test_short_frames);
  g_test_add_func ("/gst/faults/lying-meta", test_lying_meta);
  g_test_add_func ("/gst/faults/bad-frame-and-interval", test_bad_frame_and_interval);
  return g_test_run ();
}
