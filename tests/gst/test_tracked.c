/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Regions of interest that a tracker numbers: each has a stable label of its own, and is classified
 * again every Nth frame only. */
#include "photos.h"

static GstBuffer *
with_car (GstBuffer *frame, int id, guint x)
{
  gst_buffer_add_video_region_of_interest_meta (frame, "car", x, 0, PHOTO_SIDE / 2, PHOTO_SIDE)
      ->id = id;
  return frame;
}

/* Each tracked region by itself; those that share a number have no state. */
static void
test_regions_of_interest (void)
{
  Photos f;
  Heard heard;

  photos_set_up (&f);
  heard_listen (f.h, &heard);
  g_object_set (f.h->element, "inference-region", 1, "smoothing", 2, "switch-after", 2, NULL);
  for (int n = 0; n < 4; n++) {
    GstBuffer *frame = with_car (photos_frame (f.cat, n), 7, 0), *out;
    const GstStructure *s;

    if (n > 0)
      with_car (frame, n == 3 ? 7 : 8, PHOTO_SIDE / 2);
    out = push_pull (f.h, frame);
    s = result_part (result_of (out), 0);
    g_assert_cmpint (result_boolean (s, "state-changed"), ==, n == 1);
    g_assert_cmpint (result_int (s, "stable-label-id") >= 0, ==, n == 1 || n == 2);
    if (n > 0) {
      s = result_part (result_of (out), 1);
      g_assert_cmpint (result_boolean (s, "state-changed"), ==, n == 2);
      g_assert_cmpint (result_int (s, "stable-label-id") >= 0, ==, n == 2);
    }
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (heard.n_changes, ==, 2);
  g_assert_cmpstr (heard.region, ==, "car");
  g_assert_cmpint (heard.roi_id, ==, 8);
  heard_clear (&heard);
  photos_tear_down (&f);
}

/* Tracked regions are classified again every fourth frame, new ones and those that cannot be told
 * apart at once. Between, their results are where they are now, with a true age, and are not fed to
 * smoothing. */
static void
test_reclassify_interval (void)
{
  /* regions of each frame, and which of them are fresh; the second is there from frame 2 on */
  static const gboolean fresh[][2] = {{TRUE, FALSE}, {FALSE, FALSE}, {FALSE, TRUE}, {FALSE, FALSE},
                                      {TRUE, FALSE}, {FALSE, FALSE}, {FALSE, TRUE}};
  Photos f;
  GstBuffer *out;
  Heard heard;
  int last[2] = {0, 0};
  guint inferences = 0;

  photos_set_up (&f);
  heard_listen (f.h, &heard);
  g_object_set (f.h->element, "inference-region", 1, "reclassify-interval", 4, "smoothing", 2,
                "switch-after", 2, NULL);
  for (int n = 0; n < (int)G_N_ELEMENTS (fresh); n++) {
    GstBuffer *frame = with_car (photos_frame (f.cat, n), 7, (guint)n);
    int n_cars = n < 2 ? 1 : 2;

    if (n_cars == 2)
      with_car (frame, 8, PHOTO_SIDE / 2);
    out = push_pull (f.h, frame);
    g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, (guint)n_cars);
    for (int i = 0; i < n_cars; i++) {
      const GstStructure *s = result_part (result_of (out), (guint)i);

      if (fresh[n][i])
        last[i] = n;
      inferences += fresh[n][i];
      g_assert_cmpint (result_int (s, "roi-id"), ==, 7 + i);
      g_assert_cmpint (result_boolean (s, "fresh"), ==, fresh[n][i]);
      g_assert_cmpuint (result_uint (s, "x"), ==, i == 0 ? (guint)n : PHOTO_SIDE / 2);
      g_assert_cmpuint (result_uint64 (s, "result-running-time"), ==,
                        gst_util_uint64_scale_int (GST_SECOND, last[i], 30));
      g_assert_cmpuint (result_uint64 (s, "age"), ==,
                        GST_BUFFER_PTS (out) - result_uint64 (s, "result-pts"));
      g_assert_cmpint (result_int (s, "stable-label-id") >= 0, ==, last[i] >= 4);
      g_assert_cmpint (result_boolean (s, "state-changed"), ==, fresh[n][i] && n >= 4);
      g_assert_cmpint (result_int (s, "label-id"), >=, 0);
    }
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (f.h, "inferences"), ==, inferences);
  g_assert_cmpuint (harness_stat (f.h, "skipped-tracked"), ==, 3);
  g_assert_cmpuint (heard.n_classified, ==, 4);

  out = push_pull (f.h, with_car (with_car (photos_frame (f.cat, 8), 9, 0), 9, PHOTO_SIDE / 2));
  gst_buffer_unref (out);
  out = push_pull (f.h, with_car (with_car (photos_frame (f.cat, 9), 9, 0), 9, PHOTO_SIDE / 2));
  for (guint i = 0; i < 2; i++)
    g_assert_true (result_boolean (result_part (result_of (out), i), "fresh"));
  gst_buffer_unref (out);
  heard_clear (&heard);
  photos_tear_down (&f);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/tracked/stable-labels", test_regions_of_interest);
  g_test_add_func ("/gst/tracked/reclassify-interval", test_reclassify_interval);
  return g_test_run ();
}
