/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parts of a frame: named ones and regions of interest, in raw video and in JPEG, and what is told
 * of them. */
#include "common.h"

#ifdef HAVE_GST_ANALYTICS
#  include <gst/analytics/analytics.h>
#endif
#include <string.h>

#define SIDE 320 /* pixels of each photograph of a pair */

static void
assert_region (const GstStructure *s, const char *name, int roi_id, const char *label)
{
  g_assert_cmpstr (gst_structure_get_string (s, "region"), ==, name);
  g_assert_cmpint (result_int (s, "roi-id"), ==, roi_id);
  if (label != NULL && strstr (gst_structure_get_string (s, "label"), label) == NULL)
    g_error ("region %s is %s, not %s", name, gst_structure_get_string (s, "label"), label);
}

static void
assert_place (const GstStructure *s, guint x, guint y, guint width, guint height)
{
  g_assert_cmpuint (result_uint (s, "x"), ==, x);
  g_assert_cmpuint (result_uint (s, "y"), ==, y);
  g_assert_cmpuint (result_uint (s, "width"), ==, width);
  g_assert_cmpuint (result_uint (s, "height"), ==, height);
}

static GstBuffer *
with_roi (GstBuffer *buffer, const char *type, int id, guint x, guint y, guint w, guint h)
{
  gst_buffer_add_video_region_of_interest_meta (buffer, type, x, y, w, h)->id = id;
  return buffer;
}

/* A pair without what an earlier use put on it. */
static GstBuffer *
pair (int n)
{
  static GstBuffer *kept;
  GstBuffer *buffer;

  if (kept == NULL)
    kept = pair_frame (SIDE, 0);
  buffer = gst_buffer_copy_region (kept, GST_BUFFER_COPY_MEMORY, 0, (gsize)-1);
  GST_BUFFER_PTS (buffer) = (GstClockTime)n * GST_SECOND / 30;
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 30;
  return buffer;
}

/* ---- named regions --------------------------------------------------------------------------- */

static const char left_right[] = "left:0,0,0.5,1; right : 0.5, 0, 0.5, 1;";

static void
assert_pair (GstBuffer *out, guint width, guint height)
{
  const GstStructure *s = result_of (out);

  g_assert_nonnull (s);
  g_assert_cmpuint (result_list_length (s, "results"), ==, 2);
  assert_region (s, "left", -1, "cat");
  assert_region (result_part (s, 0), "left", -1, "cat");
  assert_region (result_part (s, 1), "right", -1, "espresso");
  assert_place (s, 0, 0, width / 2, height);
  assert_place (result_part (s, 1), width / 2, 0, width / 2, height);
}

static void
test_named (void)
{
  GstHarness *h = harness_new ("inference-region", REGIONS, "regions", left_right, NULL);
  GstBuffer *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  out = push_pull (h, pair (0));
  assert_pair (out, 2 * SIDE, SIDE);
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 1);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_named_jpeg (void)
{
  GstHarness *h = harness_new ("inference-region", REGIONS, "regions", left_right, NULL);
  GstBuffer *out;

  gst_harness_set_src_caps_str (h, "image/jpeg"); /* the size is in the file only */
  out = push_pull (h, encode_jpeg (pair (0), 2 * SIDE, SIDE));
  assert_pair (out, 2 * SIDE, SIDE);
  g_assert_cmpuint (result_uint (result_part (result_of (out), 0), "decode-us"), >, 0);
  g_assert_cmpuint (result_uint (result_part (result_of (out), 1), "decode-us"), ==, 0); /* once */
  gst_buffer_unref (out);
  harness_free (h);
}

/* A region says what a whole frame says that is nothing but it. */
static void
test_equal_to_the_part (void)
{
  GstHarness *whole = harness_new (NULL, NULL);
  GstHarness *part = harness_new ("inference-region", REGIONS, "regions", "r:0.5,0,0.5,1", NULL);
  GstBuffer *a, *b;

  set_i420_caps (whole, SIDE, SIDE);
  set_i420_caps (part, 2 * SIDE, SIDE);
  a = push_pull (whole, photo_frame ("coffee.jpg", SIDE, SIDE));
  b = push_pull (part, pair (0));
  g_assert_cmpfloat (result_double (result_of (a), "confidence"), ==,
                     result_double (result_of (b), "confidence"));
  g_assert_cmpfloat (result_double (result_of (a), "entropy"), ==,
                     result_double (result_of (b), "entropy"));
  gst_buffer_unref (a);
  gst_buffer_unref (b);
  harness_free (whole);
  harness_free (part);
}

/* Within a GstVideoCropMeta regions count in what is seen. */
static void
test_in_a_crop (void)
{
  GstHarness *h = harness_new ("inference-region", REGIONS, "regions", "all:0,0,1,1", NULL);
  GstBuffer *buffer = pair (0), *out;
  GstVideoCropMeta *crop;

  set_i420_caps (h, 2 * SIDE, SIDE);
  gst_buffer_add_video_meta (buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_I420, 2 * SIDE,
                             SIDE);
  crop = gst_buffer_add_video_crop_meta (buffer);
  crop->x = SIDE;
  crop->y = 0;
  crop->width = crop->height = SIDE;
  out = push_pull (h, buffer);
  assert_region (result_of (out), "all", -1, "espresso");
  assert_place (result_of (out), 0, 0, SIDE, SIDE);
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_wrong_regions (void)
{
  static const char *const cases[][3] = {
      {"gate", "\"gate\"", "NAME:X,Y"},
      {"a:0,0,1,1;gate:0.1,0.2,0.3", "\"gate:0.1,0.2,0.3\"", "NAME:X,Y"},
      {"gate:0.1,0.2,0.3,0.4,0.5", "0.5", "NAME:X,Y"},
      {"gate:0,1 0,2 0,3 0,4", "0,4", "NAME:X,Y"},
      {":0,0,1,1", "\":0,0,1,1\"", "NAME:X,Y"},
      {"a:0,0,1,1;;b:0,0,1,1", "\"\"", "NAME:X,Y"},
      {"gate:0.1,0.2,x,0.4", "\"gate:0.1,0.2,x,0.4\"", "NAME:X,Y"},
      {"gate:0.1,0.2,0,0.4", "gate", "empty"},
      {"gate:0.1,0.2,0.3,-1", "gate", "empty"},
      {"gate:1,0.2,0.3,0.4", "gate", "corner"},
      {"gate:-0.1,0.2,0.3,0.4", "gate", "corner"},
      {"gate:nan,0.2,0.3,0.4", "gate", "corner"},
      {"gate:0.8,0.2,0.3,0.4", "gate", "right edge"},
      {"gate:0.1,0.7,0.3,0.4", "gate", "bottom edge"},
      {"gate:0.1,0.2,inf,0.4", "gate", "right edge"},
      {"a:0,0,1,1;b:0,0,1,1;a:0,0,1,1", "\"a:0,0,1,1\"", "name of its own"},
  };
  GstHarness *h = harness_new ("regions", "old:0,0,1,1", NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    char *text;

    g_object_set (h->element, "regions", cases[i][0], NULL);
    harness_expect (h, GST_MESSAGE_WARNING, "regions", cases[i][1], cases[i][2], NULL);
    g_object_get (h->element, "regions", &text, NULL);
    g_assert_cmpstr (text, ==, "old:0,0,1,1");
    g_free (text);
  }
  g_object_set (h->element, "regions", "a:0.7,0,0.3,1;b:0,0.9,1,0.1", NULL);
  g_object_set (h->element, "regions", "", NULL);
  g_object_set (h->element, "regions", NULL, NULL);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  harness_free (h);
}

static void
test_no_regions (void)
{
  GstHarness *h = harness_new ("inference-region", REGIONS, NULL);

  set_i420_caps (h, 64, 64);
  for (int i = 0; i < 3; i++) {
    GstBuffer *out = push_pull (h, grey_frame (64, 64, 90, i));

    g_assert_null (result_of (out));
    gst_buffer_unref (out);
  }
  harness_expect (h, GST_MESSAGE_WARNING, "regions", "nothing is classified", NULL);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  g_assert_cmpuint (harness_stat (h, "skipped"), ==, 3);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 0);
  harness_free (h);
}

/* While playing, and with an interval: the next frame is of the new parts. */
static void
test_changed_while_playing (void)
{
  static const struct {
    int mode;
    const char *regions, *region, *label;
  } steps[] = {
      {FULL_FRAME, "", "full-frame", NULL}, {REGIONS, "c:0.5,0,0.5,1", "c", "espresso"},
      {REGIONS, "k:0,0,0.5,1", "k", "cat"}, {ROI_LIST, "", "thing", "espresso"},
      {FULL_FRAME, "", "full-frame", NULL},
  };
  GstHarness *h = harness_new ("inference-interval", 1000, NULL);

  set_i420_caps (h, 2 * SIDE, SIDE);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_object_set (h->element, "inference-region", steps[i].mode, "regions", steps[i].regions, NULL);
    for (int k = 0; k < 3; k++) {
      GstBuffer *out =
          push_pull (h, with_roi (pair ((int)i * 3 + k), "thing", 4, SIDE, 0, SIDE, SIDE));

      assert_region (result_of (out), steps[i].region, steps[i].mode == ROI_LIST ? 4 : -1,
                     steps[i].label);
      g_assert_cmpint (result_boolean (result_of (out), "fresh"), ==, k == 0);
      g_assert_cmpint (gst_structure_has_field (result_of (out), "results"), ==,
                       steps[i].mode != FULL_FRAME);
      gst_buffer_unref (out);
    }
  }
  harness_free (h);
}

/* ---- regions of interest --------------------------------------------------------------------- */

static void
test_rois (gconstpointer jpeg)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, NULL);
  GstBuffer *buffer = pair (0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  if (jpeg != NULL) {
    gst_harness_set_src_caps_str (h, "image/jpeg,width=640,height=320,framerate=30/1");
    buffer = gst_buffer_make_writable (encode_jpeg (buffer, 2 * SIDE, SIDE));
  }
  with_roi (buffer, "animal", 7, 3, 5, 300, 300);
  with_roi (buffer, "gone", 8, 2 * SIDE, 0, 10, 10);
  with_roi (buffer, "empty", 9, 10, 10, 0, 10);
  with_roi (buffer, "cup", 12, SIDE, 0, G_MAXUINT, G_MAXUINT);
  with_roi (buffer, "far", 13, G_MAXUINT, G_MAXUINT, G_MAXUINT, G_MAXUINT);
  with_roi (buffer, "dot", -3, 2 * SIDE - 1, SIDE - 1, 1, 1);
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 3);
  assert_region (result_of (out), "animal", 7, "cat");
  assert_region (result_part (result_of (out), 1), "cup", 12, "espresso");
  assert_place (result_part (result_of (out), 0), 3, 5, 300, 300);
  assert_place (result_part (result_of (out), 1), SIDE, 0, SIDE, SIDE);
  assert_region (result_part (result_of (out), 2), "dot", -3, NULL);
  g_assert_cmpuint (harness_stat (h, "rois-skipped"), ==, 3);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 3);
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_object_class (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "object-class", "cup", NULL);
  GstBuffer *buffer = with_roi (pair (0), "animal", 1, 0, 0, SIDE, SIDE), *out;
  char *class;

  set_i420_caps (h, 2 * SIDE, SIDE);
  out = push_pull (h, with_roi (buffer, "cup", 2, SIDE, 0, SIDE, SIDE));
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 1);
  assert_region (result_of (out), "cup", 2, "espresso");
  gst_buffer_unref (out);
  out = push_pull (h, with_roi (pair (1), "animal", 1, 0, 0, SIDE, SIDE));
  g_assert_null (result_of (out));
  gst_buffer_unref (out);
  g_assert_cmpuint (harness_stat (h, "rois-skipped"), ==, 0);
  g_object_get (h->element, "object-class", &class, NULL);
  g_assert_cmpstr (class, ==, "cup");
  g_free (class);
  g_object_set (h->element, "object-class", NULL, NULL);
  out = push_pull (h, with_roi (pair (2), "animal", 1, 0, 0, SIDE, SIDE));
  assert_region (result_of (out), "animal", 1, "cat");
  gst_buffer_unref (out);
  harness_free (h);
}

/* Between inferences: by number, at its new place; new ones and doubtful ones without result. */
static void
test_rois_between (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "inference-interval", 3, NULL);
  GstBuffer *buffer, *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  out = push_pull (h, pair (0)); /* none: nothing is used up */
  g_assert_null (result_of (out));
  gst_buffer_unref (out);

  buffer = with_roi (pair (1), "t", 1, 0, 0, SIDE, SIDE);
  with_roi (buffer, "twin", 0, 0, 0, 50, 50);
  with_roi (buffer, "twin", 0, 50, 0, 50, 50);
  out = push_pull (h, with_roi (buffer, "t", 2, SIDE, 0, SIDE, SIDE));
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 4);
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);

  buffer = with_roi (pair (2), "t", 2, SIDE - 9, 1, SIDE, SIDE); /* the other order, moved */
  with_roi (buffer, "new", 3, 0, 0, 90, 90);
  with_roi (buffer, "twin", 0, 0, 0, 50, 50);
  with_roi (buffer, "twin", 0, 50, 0, 50, 50);
  out = push_pull (h, with_roi (buffer, "t", 1, 4, 0, SIDE, G_MAXUINT));
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 2);
  assert_region (result_of (out), "t", 2, "espresso");
  assert_place (result_of (out), SIDE - 9, 1, SIDE, SIDE - 1);
  assert_region (result_part (result_of (out), 1), "t", 1, "cat");
  assert_place (result_part (result_of (out), 1), 4, 0, SIDE, SIDE);
  g_assert_false (result_boolean (result_of (out), "fresh"));
  g_assert_cmpuint (result_uint64 (result_of (out), "age"), >, 0);
  gst_buffer_unref (out);

  out = push_pull (h, with_roi (pair (3), "t", 9, 0, 0, SIDE, SIDE));
  g_assert_null (result_of (out));
  gst_buffer_unref (out);
  out = push_pull (h, with_roi (pair (4), "t", 9, 0, 0, SIDE, SIDE)); /* the third after */
  assert_region (result_of (out), "t", 9, "cat");
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_many_rois (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, NULL);
  GstBuffer *buffer = pair (0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  for (int i = 0; i < 60; i++)
    with_roi (buffer, "t", i, (guint)(i * 7), (guint)i, (guint)(20 + i * 3), (guint)(200 - i));
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 60);
  for (guint i = 0; i < 60; i++)
    assert_region (result_part (result_of (out), i), "t", (int)i, NULL);
  gst_buffer_unref (out);
  harness_free (h);
}

/* ---- names of others ------------------------------------------------------------------------- */

/* A tracker names what it sees: names that are not used any more take no memory. */
static void
test_ever_new_names (gconstpointer property)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  gboolean regions = g_str_equal (property, "regions");
  gsize before = 0, after;

  for (int i = 0; i < 120000; i++) {
    char text[80];

    g_snprintf (text, sizeof text, "%s number %d of the tracker%s", (const char *)property, i,
                regions ? ":0,0,0.5,0.5" : "");
    g_object_set (element, property, text, NULL);
    if (i == 20000)
      before = resident_bytes () / 1024;
  }
  after = resident_bytes () / 1024;
  g_test_message ("%" G_GSIZE_FORMAT " kB, then %" G_GSIZE_FORMAT " kB", before, after);
  if (g_getenv ("ASAN_OPTIONS") == NULL) /* which keeps what is freed, for a while */
    g_assert_cmpuint (after, <, before + 4000);
  gst_object_unref (element);
}

/* ---- detections of GstAnalytics ---------------------------------------------------------------
 */

#ifdef HAVE_GST_ANALYTICS
/* @track: -1 for none */
static void
add_detection (GstBuffer *buffer, const char *type, int track, int x, int y, int w, int h)
{
  GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta (buffer);
  GstAnalyticsODMtd od;
  GstAnalyticsTrackingMtd tracking;

  if (meta == NULL)
    meta = gst_buffer_add_analytics_relation_meta (buffer);
  g_assert_true (gst_analytics_relation_meta_add_od_mtd (
      meta, type != NULL ? g_quark_from_string (type) : 0, x, y, w, h, 0.9f, &od));
  if (track < 0)
    return;
  g_assert_true (gst_analytics_relation_meta_add_tracking_mtd (meta, (guint64)track, 0, &tracking));
  g_assert_true (gst_analytics_relation_meta_set_relation (meta, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                           od.id, tracking.id));
}

/* Clipped to the frame, beside ROIs, and not twice what is there both ways. */
static void
test_detections (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, NULL);
  GstBuffer *buffer = with_roi (pair (0), "animal", 7, 0, 0, SIDE, SIDE), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  with_roi (buffer, "beyond", 8, 2 * SIDE, 0, 10, 10);
  add_detection (buffer, "animal", -1, 0, 0, SIDE, SIDE);
  add_detection (buffer, "cup", -1, SIDE, 0, SIDE, SIDE);
  add_detection (buffer, "gone", -1, -50, 10, 50, 50);
  add_detection (buffer, "edge", -1, -40, -20, 60, 50);
  add_detection (buffer, NULL, -1, 2 * SIDE - 8, SIDE - 9, 100, 100);
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 4);
  assert_region (result_part (result_of (out), 0), "animal", 7, "cat");
  assert_region (result_part (result_of (out), 1), "cup", 1, "espresso");
  assert_region (result_part (result_of (out), 2), "edge", 3, NULL);
  assert_place (result_part (result_of (out), 2), 0, 0, 20, 30);
  assert_region (result_part (result_of (out), 3), "roi", 4, NULL);
  assert_place (result_part (result_of (out), 3), 2 * SIDE - 8, SIDE - 9, 8, 9);
  g_assert_cmpuint (harness_stat (h, "rois-skipped"), ==, 2);
  gst_buffer_unref (out);

  g_object_set (h->element, "object-class", "cup", NULL);
  buffer = pair (1);
  add_detection (buffer, "animal", -1, 0, 0, SIDE, SIDE);
  add_detection (buffer, "cup", -1, SIDE, 0, SIDE, SIDE);
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 1);
  assert_region (result_of (out), "cup", 1, "espresso");
  gst_buffer_unref (out);
  harness_free (h);
}

/* Between inferences only what is tracked keeps its result: a detection's own number is no more
 * than its place in the list. */
static void
test_detections_between (void)
{
  GstHarness *h = harness_new ("inference-region", ROI_LIST, "inference-interval", 3, NULL);
  GstBuffer *buffer = pair (0), *out;

  set_i420_caps (h, 2 * SIDE, SIDE);
  add_detection (buffer, "t", 41, 0, 0, SIDE, SIDE);
  add_detection (buffer, "loose", -1, SIDE, 0, SIDE, SIDE);
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 2);
  assert_region (result_part (result_of (out), 0), "t", 41, "cat");
  gst_buffer_unref (out);
  buffer = pair (1); /* the other order, moved */
  add_detection (buffer, "loose", -1, SIDE, 0, SIDE, SIDE);
  add_detection (buffer, "t", 41, 9, 9, SIDE, SIDE - 9);
  out = push_pull (h, buffer);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 1);
  assert_region (result_of (out), "t", 41, "cat");
  assert_place (result_part (result_of (out), 0), 9, 9, SIDE, SIDE - 9);
  g_assert_false (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  harness_free (h);
}
#else
static void
test_detections (void)
{
  g_test_skip ("GstAnalytics needs GStreamer 1.24");
}

static void
test_detections_between (void)
{
  g_test_skip ("GstAnalytics needs GStreamer 1.24");
}
#endif

/* ---- messages -------------------------------------------------------------------------------- */

static const GstStructure *
expect_message (GstHarness *h, GstMessage **message)
{
  *message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (*message);
  return gst_message_get_structure (*message);
}

/* The change of one region tells of that one. */
static void
test_messages (void)
{
  GstHarness *h = harness_new ("inference-region", REGIONS, "regions", left_right, NULL);
  const GstStructure *s;
  GstMessage *message;
  GstBuffer *mixed;
  GstMapInfo map;

  set_i420_caps (h, 2 * SIDE, SIDE);
  gst_buffer_unref (push_pull (h, pair (0)));
  s = expect_message (h, &message);
  g_assert_cmpuint (result_list_length (s, "results"), ==, 2);
  assert_region (s, "left", -1, "cat");
  gst_message_unref (message);

  gst_buffer_unref (push_pull (h, pair (1)));
  g_assert_null (harness_pop_message (h, GST_MESSAGE_ELEMENT));

  mixed = gst_buffer_copy_deep (pair (2));
  gst_buffer_map (mixed, &map, GST_MAP_WRITE);
  for (int y = 0; y < SIDE; y++) /* the right half goes dark */
    memset (map.data + y * 2 * SIDE + SIDE, 16, SIDE);
  gst_buffer_unmap (mixed, &map);
  gst_buffer_unref (push_pull (h, mixed));
  s = expect_message (h, &message);
  g_assert_cmpuint (result_list_length (s, "results"), ==, 1);
  assert_region (s, "right", -1, NULL);
  g_assert_cmpstr (gst_structure_get_string (s, "label"), !=, "espresso");
  gst_message_unref (message);

  g_object_set (h->element, "post-messages", 2, NULL);
  gst_buffer_unref (push_pull (h, pair (3)));
  s = expect_message (h, &message);
  g_assert_cmpuint (result_list_length (s, "results"), ==, 2);
  gst_message_unref (message);
  harness_free (h);
}

/* Parts that are gone when the stream ends: what is still being classified is of none of the new
 * ones. */
static void
test_changed_at_the_end (void)
{
  GstHarness *h = harness_new ("regions", "a:0,0,1,1;b:0,0,1,1;c:0,0,1,1", NULL);
  GstMessage *message;

  gst_element_set_state (h->element, GST_STATE_READY);
  gst_util_set_object_arg (G_OBJECT (h->element), "inference-mode", "async");
  g_object_set (h->element, "inference-region", REGIONS, NULL);
  gst_element_set_state (h->element, GST_STATE_PLAYING);
  set_i420_caps (h, 2 * SIDE, SIDE);
  gst_buffer_unref (push_pull (h, pair (0)));
  g_object_set (h->element, "regions", "other:0,0,1,1", NULL);
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  if (message != NULL)
    g_error ("a result of %s",
             gst_structure_get_string (gst_message_get_structure (message), "region"));
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_data_func ("/gst/regions/ever-new-names/regions", "regions", test_ever_new_names);
  g_test_add_data_func ("/gst/regions/ever-new-names/object-class", "object-class",
                        test_ever_new_names);
  g_test_add_func ("/gst/regions/named", test_named);
  g_test_add_func ("/gst/regions/named-jpeg", test_named_jpeg);
  g_test_add_func ("/gst/regions/equal-to-the-part", test_equal_to_the_part);
  g_test_add_func ("/gst/regions/in-a-crop", test_in_a_crop);
  g_test_add_func ("/gst/regions/wrong", test_wrong_regions);
  g_test_add_func ("/gst/regions/none", test_no_regions);
  g_test_add_func ("/gst/regions/changed-while-playing", test_changed_while_playing);
  g_test_add_func ("/gst/regions/changed-at-the-end", test_changed_at_the_end);
  g_test_add_data_func ("/gst/regions/rois", NULL, test_rois);
  g_test_add_data_func ("/gst/regions/rois-jpeg", "jpeg", test_rois);
  g_test_add_func ("/gst/regions/object-class", test_object_class);
  g_test_add_func ("/gst/regions/rois-between", test_rois_between);
  g_test_add_func ("/gst/regions/many-rois", test_many_rois);
  g_test_add_func ("/gst/regions/detections", test_detections);
  g_test_add_func ("/gst/regions/detections-between", test_detections_between);
  g_test_add_func ("/gst/regions/messages", test_messages);
  return g_test_run ();
}
