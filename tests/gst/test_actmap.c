/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * attach-activation-map against what the library says of the same picture. */
#include "common.h"

#include <math.h>
#include <string.h>

#define SIDE   320 /* pixels of each photograph of a pair */
#define PLACES 49  /* of a map */

/* The map of class @id of the photograph @name, SIDE x SIDE. */
static void
library_map (const char *name, guint id, float map[PLACES])
{
  g_autofree char *path = source_path ("models/lite0");
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (path, NULL, &error);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, &error);
  GstBuffer *frame = photo_frame (name, SIDE, SIDE);
  EffnetImage image = {.format = EFFNET_PIXEL_FORMAT_I420, .width = SIDE, .height = SIDE};
  EffnetResult result;
  GstVideoInfo info;
  GstVideoFrame video;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, SIDE, SIDE);
  g_assert_true (gst_video_frame_map (&video, &info, frame, GST_MAP_READ));
  for (guint p = 0; p < 3; p++) {
    image.data[p] = GST_VIDEO_FRAME_PLANE_DATA (&video, p);
    image.stride[p] = GST_VIDEO_FRAME_PLANE_STRIDE (&video, p);
  }
  effnet_session_classify (session, &image, &result, &error);
  g_assert_no_error (error);
  effnet_session_activation_map (session, NULL, id, map, &error);
  g_assert_no_error (error);
  gst_video_frame_unmap (&video);
  gst_buffer_unref (frame);
}

static void
assert_box (const GstStructure *map, double left, double top, double width, double height)
{
  const double expected[] = {left, top, width, height};
  const GValue *box = gst_structure_get_value (map, "box");

  g_assert_true (GST_VALUE_HOLDS_LIST (box));
  g_assert_cmpuint (gst_value_list_get_size (box), ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpfloat_with_epsilon (g_value_get_double (gst_value_list_get_value (box, i)),
                                    expected[i], 0.005);
}

/* Of photograph @name, in which the metadata of colours make little difference. Returns the
 * structure, which belongs to @part. */
static const GstStructure *
assert_map (const GstStructure *part, const char *name)
{
  const GValue *value = gst_structure_get_value (part, "activation-map");
  const GstStructure *map;
  float expected[PLACES], found[PLACES], most = 0;
  GstBuffer *values;

  g_assert_nonnull (value);
  map = gst_value_get_structure (value);
  g_assert_cmpuint (result_uint (map, "height"), ==, 7);
  g_assert_cmpuint (result_uint (map, "width"), ==, 7);
  values = g_value_get_boxed (gst_structure_get_value (map, "values"));
  g_assert_cmpuint (gst_buffer_extract (values, 0, found, sizeof found), ==, sizeof found);
  g_assert_cmpuint (gst_buffer_get_size (values), ==, sizeof found);
  library_map (name, (guint)result_int (part, "label-id"), expected);
  for (guint i = 0; i < PLACES; i++)
    most = MAX (most, fabsf (expected[i]));
  for (guint i = 0; i < PLACES; i++)
    g_assert_cmpfloat_with_epsilon (found[i], expected[i], 0.1 * most);
  return map;
}

/* A buffer of pairs that carries a result; @n: of frames so far. */
static GstBuffer *
push_pair (GstHarness *h, int *n)
{
  for (int i = 0; i < 1000; i++) {
    GstBuffer *out = push_pull (h, pair_frame (SIDE, (*n)++));

    if (result_of (out) != NULL)
      return out;
    gst_buffer_unref (out);
    g_usleep (5000);
  }
  g_assert_not_reached ();
}

/* Two parts, each with its own map; repeated with the result; gone when it is not wanted. */
static void
test_parts (gconstpointer mode)
{
  GstHarness *h = harness_new ("inference-mode", GPOINTER_TO_INT (mode), "inference-region",
                               REGIONS, "regions", "cat:0,0,0.5,1;cup:0.5,0,0.5,1",
                               "attach-activation-map", TRUE, "inference-interval", 2, NULL);
  GstBuffer *out;
  int n = 0;

  set_i420_caps (h, 2 * SIDE, SIDE);
  for (int i = 0; i < 2; i++) {
    out = push_pair (h, &n);
    assert_box (assert_map (result_part (result_of (out), 0), "cat.jpg"), 0.0625, 0.0625, 0.875,
                0.875);
    assert_box (assert_map (result_part (result_of (out), 1), "coffee.jpg"), 0.0625, 0.0625, 0.875,
                0.875);
    gst_buffer_unref (out);
  }
  g_object_set (h->element, "attach-activation-map", FALSE, NULL);
  for (int i = 0; i < 20; i++) {
    out = push_pair (h, &n);
    if (!gst_structure_has_field (result_part (result_of (out), 0), "activation-map"))
      break;
    gst_buffer_unref (out);
    g_usleep (20000);
    out = NULL;
  }
  g_assert_nonnull (out);
  gst_buffer_unref (out);
  harness_free (h);
}

/* Of the frame, by two ways to fit it; none without a class that is sure enough. */
static void
test_frame (void)
{
  GstHarness *h = harness_new ("attach-activation-map", TRUE, NULL);
  const GstStructure *map;
  GstBuffer *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  out = push_pull (h, pair_frame (SIDE, 0));
  map = gst_value_get_structure (gst_structure_get_value (result_of (out), "activation-map"));
  assert_box (map, 0.28125, 0.0625, 0.4375, 0.875);
  gst_buffer_unref (out);
  gst_util_set_object_arg (G_OBJECT (h->element), "resize-mode", "letterbox");
  out = push_pull (h, pair_frame (SIDE, 1));
  map = gst_value_get_structure (gst_structure_get_value (result_of (out), "activation-map"));
  assert_box (map, 0, -0.5, 1, 2);
  gst_buffer_unref (out);
  g_object_set (h->element, "threshold", 1.0, NULL);
  out = push_pull (h, pair_frame (SIDE, 2));
  g_assert_cmpint (result_int (result_of (out), "label-id"), ==, -1);
  g_assert_false (gst_structure_has_field (result_of (out), "activation-map"));
  gst_buffer_unref (out);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_data_func ("/gst/actmap/parts/sync", GINT_TO_POINTER (MODE_SYNC), test_parts);
  g_test_add_data_func ("/gst/actmap/parts/async", GINT_TO_POINTER (MODE_ASYNC), test_parts);
  g_test_add_func ("/gst/actmap/frame", test_frame);
  return g_test_run ();
}
