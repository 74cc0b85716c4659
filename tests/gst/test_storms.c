/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Storms with parts of the frame asked for: caps that change with every frame, broken JPEG, regions
 * of interest anywhere, settings that change meanwhile, and the moment when broken frames are too
 * many. */
#include "common.h"

#include <string.h>

static const char thirds[] = "a:0,0,0.4,1;b:0.3,0.2,0.4,0.5;c:0.9,0.9,0.1,0.1";

static void
colours (int x, int y, int width, int height, guint8 *component)
{
  component[0] = (guint8)(16 + 200 * x / width);
  component[1] = (guint8)(60 + 120 * y / height);
  component[2] = (guint8)(200 - 120 * x / width);
}

/* A frame of @format, or JPEG for UNKNOWN, and its caps. */
static GstBuffer *
storm_frame (GstVideoFormat format, int width, int height, int pad, GstCaps **caps)
{
  GstVideoFormat raw = format != GST_VIDEO_FORMAT_UNKNOWN ? format : GST_VIDEO_FORMAT_I420;
  GstVideoInfo info;
  GstBuffer *buffer;

  g_assert_true (gst_video_info_set_format (&info, raw, (guint)width, (guint)height));
  info.fps_n = 30;
  info.fps_d = 1;
  if (format == GST_VIDEO_FORMAT_UNKNOWN) {
    buffer = encode_jpeg (frame_new (&info, 0, colours), width, height);
    *caps = gst_caps_new_simple ("image/jpeg", "width", G_TYPE_INT, width, "height", G_TYPE_INT,
                                 height, "framerate", GST_TYPE_FRACTION, 30, 1, NULL);
    return gst_buffer_make_writable (buffer);
  }
  buffer = frame_new (&info, pad, colours);
  *caps = gst_video_info_to_caps (&info);
  return buffer;
}

static void
add_rois (GstBuffer *buffer, GRand *rand, int width, int height)
{
  for (int i = g_rand_int_range (rand, 0, 5); i > 0; i--) {
    guint x = (guint)g_rand_int_range (rand, 0, width + width / 4 + 1);
    guint y = (guint)g_rand_int_range (rand, 0, height + height / 4 + 1);
    guint w = g_rand_int_range (rand, 0, 8) > 0 ? (guint)g_rand_int_range (rand, 0, width + 1)
                                                : g_rand_int (rand);

    gst_buffer_add_video_region_of_interest_meta (buffer, "thing", x, y, w,
                                                  (guint)g_rand_int_range (rand, 0, height + 1))
        ->id = i;
  }
}

/* ROIs of a buffer that touch the frame. */
static guint
count_inside (GstBuffer *buffer, guint width, guint height)
{
  gpointer state = NULL;
  GstMeta *meta;
  guint n = 0;

  while ((meta = gst_buffer_iterate_meta_filtered (
              buffer, &state, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE)) != NULL) {
    const GstVideoRegionOfInterestMeta *roi = (const GstVideoRegionOfInterestMeta *)meta;

    n += roi->x < width && roi->y < height && roi->w > 0 && roi->h > 0;
  }
  return n;
}

/* Size, format, raw or JPEG, and what is asked for, another with every frame or two. */
static void
test_caps (void)
{
  static const GstVideoFormat formats[] = {GST_VIDEO_FORMAT_UNKNOWN, GST_VIDEO_FORMAT_NV12,
                                           GST_VIDEO_FORMAT_YUY2,    GST_VIDEO_FORMAT_BGRx,
                                           GST_VIDEO_FORMAT_UNKNOWN, GST_VIDEO_FORMAT_GRAY8,
                                           GST_VIDEO_FORMAT_I420,    GST_VIDEO_FORMAT_P010_10LE};
  GstHarness *h = harness_new ("regions", thirds, "threads", 2, NULL);
  GRand *rand = g_rand_new_with_seed (3);

  for (int i = 0; i < 120; i++) {
    int width = g_rand_int_range (rand, 1, 400), height = g_rand_int_range (rand, 1, 300);
    int mode = g_rand_int_range (rand, FULL_FRAME, REGIONS + 1), want = mode == REGIONS ? 3 : 1;
    GstCaps *caps;
    GstBuffer *buffer, *out;

    g_object_set (h->element, "inference-region", mode, NULL);
    buffer = storm_frame (formats[i % (int)G_N_ELEMENTS (formats)], width, height, i % 3, &caps);
    add_rois (buffer, rand, width, height);
    gst_harness_set_src_caps (h, caps);
    if (mode == ROI_LIST)
      want = (int)count_inside (buffer, (guint)width, (guint)height);
    out = push_pull (h, buffer);
    if (mode == FULL_FRAME)
      g_assert_false (gst_structure_has_field (result_of (out), "results"));
    else if (want > 0)
      g_assert_cmpint ((int)result_list_length (result_of (out), "results"), ==, want);
    else
      g_assert_null (result_of (out));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 0);
  harness_expect (h, GST_MESSAGE_WARNING, "regions names 3", NULL); /* in another mode, once */
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  g_rand_free (rand);
  harness_free (h);
}

/* Broken anywhere, with three parts and with regions of interest: all or nothing of a frame. */
static void
test_broken_jpeg (void)
{
  GstHarness *h = harness_new ("regions", thirds, NULL);
  GRand *rand = g_rand_new_with_seed (8);
  guint64 results = 0, whole = 0;
  GstCaps *caps;
  GstBuffer *jpeg = storm_frame (GST_VIDEO_FORMAT_UNKNOWN, 320, 240, 0, &caps);
  gsize size = gst_buffer_get_size (jpeg);

  gst_harness_set_src_caps (h, caps);
  for (int i = 0; i < 200; i++) {
    GstBuffer *copy = gst_buffer_copy_deep (jpeg), *out;
    guint n = 3;
    GstMapInfo map;

    g_object_set (h->element, "inference-region", i % 2 ? ROI_LIST : REGIONS, NULL);
    if (i % 2) {
      add_rois (copy, rand, 320, 240);
      n = count_inside (copy, 320, 240);
    }
    gst_buffer_map (copy, &map, GST_MAP_WRITE);
    for (int k = 0; k < 3; k++)
      map.data[g_rand_int_range (rand, 2, (int)size)] ^= (guint8)g_rand_int_range (rand, 1, 256);
    gst_buffer_unmap (copy, &map);
    if (i % 3 == 0)
      gst_buffer_set_size (copy, g_rand_int_range (rand, 1, (int)size));
    out = push_pull (h, copy);
    if (result_of (out) != NULL && n > 0) {
      /* a broken header may say another size */
      g_assert_cmpuint (result_list_length (result_of (out), "results"), <=, i % 2 ? 4 : 3);
      results += result_list_length (result_of (out), "results");
      whole++;
    }
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, results);
  g_assert_cmpuint (harness_stat (h, "errors"), >, 20);
  g_assert_cmpuint (harness_stat (h, "errors") + harness_stat (h, "skipped") + whole, ==, 200);
  gst_buffer_unref (jpeg);
  g_rand_free (rand);
  harness_free (h);
}

/* ---- settings from another thread ------------------------------------------------------------ */

static gpointer
meddle (gpointer data)
{
  static const char *const texts[] = {"a:0,0,1,1", thirds, "", "a:0,0,0.5,1;b:0.5,0,0.5,1"};
  GstHarness *h = data;
  GRand *rand = g_rand_new_with_seed (4);

  while (!g_atomic_int_get ((gint *)g_object_get_data (G_OBJECT (h->element), "done"))) {
    g_object_set (h->element, "inference-region", g_rand_int_range (rand, 0, 3), NULL);
    g_object_set (h->element, "regions", texts[g_rand_int_range (rand, 0, 4)], NULL);
    g_object_set (h->element, "object-class", g_rand_boolean (rand) ? "thing" : NULL, NULL);
    g_object_set (h->element, "max-errors", g_rand_int_range (rand, -1, 3), NULL);
    g_usleep (200);
  }
  g_rand_free (rand);
  return NULL;
}

static void
test_settings (void)
{
  GstHarness *h = harness_new ("inference-interval", 2, NULL);
  GRand *rand = g_rand_new_with_seed (5);
  gint done = FALSE;
  GThread *thread;

  set_i420_caps (h, 96, 64);
  g_object_set_data (G_OBJECT (h->element), "done", &done);
  thread = g_thread_new ("meddle", meddle, h);
  for (int i = 0; i < 150; i++) {
    GstBuffer *buffer = grey_frame (96, 64, (guint8)i, i), *out;

    add_rois (buffer, rand, 96, 64);
    out = push_pull (h, buffer);
    if (result_of (out) != NULL && gst_structure_has_field (result_of (out), "results"))
      g_assert_cmpuint (result_list_length (result_of (out), "results"), >, 0);
    gst_buffer_unref (out);
  }
  g_atomic_int_set (&done, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 0);
  g_rand_free (rand);
  harness_free (h);
}

/* ---- max-errors ------------------------------------------------------------------------------ */

static GstBuffer *
broken (void)
{
  return gst_buffer_new_memdup ("no picture", 10);
}

static void
test_max_errors (void)
{
  GstHarness *h = harness_new ("max-errors", 3, NULL);
  GstCaps *caps;
  GstBuffer *good = storm_frame (GST_VIDEO_FORMAT_UNKNOWN, 64, 48, 0, &caps);

  gst_harness_set_src_caps (h, caps);
  for (int round = 0; round < 4; round++) { /* a good frame starts the count again */
    gst_buffer_unref (push_pull (h, broken ()));
    gst_buffer_unref (push_pull (h, broken ()));
    gst_buffer_unref (push_pull (h, gst_buffer_ref (good)));
  }
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ERROR), ==, 0);
  gst_buffer_unref (push_pull (h, broken ()));
  gst_buffer_unref (push_pull (h, broken ()));
  g_assert_cmpint (gst_harness_push (h, broken ()), ==, GST_FLOW_ERROR);
  harness_expect (h, GST_MESSAGE_ERROR, "3 frame(s) in a row", "max-errors is 3", "JPEG", NULL);
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 11);
  gst_buffer_unref (good);
  harness_free (h);
}

static void
test_never_an_error (void)
{
  for (int max = -1; max <= 0; max++) {
    GstHarness *h = harness_new ("max-errors", max, NULL);
    int value;

    gst_harness_set_src_caps_str (h, "image/jpeg");
    for (int i = 0; i < 300; i++)
      gst_buffer_unref (push_pull (h, broken ()));
    g_assert_cmpuint (harness_stat (h, "errors"), ==, 300);
    g_object_get (h->element, "max-errors", &value, NULL);
    g_assert_cmpint (value, ==, max);
    harness_free (h);
  }
}

/* Frames between inferences are not looked at: they are neither good nor bad. Set while playing. */
static void
test_max_errors_and_interval (void)
{
  GstHarness *h = harness_new ("inference-interval", 2, NULL);
  GstCaps *caps;
  GstBuffer *good = storm_frame (GST_VIDEO_FORMAT_UNKNOWN, 64, 48, 0, &caps);

  gst_harness_set_src_caps (h, caps);
  gst_buffer_unref (push_pull (h, gst_buffer_ref (good)));
  gst_buffer_unref (push_pull (h, broken ())); /* not looked at */
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 0);
  g_object_set (h->element, "max-errors", 1, NULL);
  g_assert_cmpint (gst_harness_push (h, broken ()), ==, GST_FLOW_ERROR);
  harness_expect (h, GST_MESSAGE_ERROR, "max-errors is 1", NULL);
  gst_buffer_unref (good);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/storms/caps", test_caps);
  g_test_add_func ("/gst/storms/broken-jpeg", test_broken_jpeg);
  g_test_add_func ("/gst/storms/settings", test_settings);
  g_test_add_func ("/gst/storms/max-errors", test_max_errors);
  g_test_add_func ("/gst/storms/never-an-error", test_never_an_error);
  g_test_add_func ("/gst/storms/max-errors-and-interval", test_max_errors_and_interval);
  return g_test_run ();
}
