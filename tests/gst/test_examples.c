/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames that are worth a look, as files: which, where, once each, no more than allowed, and
 * whatever the disk does the stream goes on. */
#include "common.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>

#define SIDE 256

static char *folder;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GstHarness *
start (const char *name, const char *reasons)
{
  char *path = path_of (name);
  GstHarness *h =
      harness_new ("save-examples", path, "save-interval", G_GUINT64_CONSTANT (0), NULL);

  gst_util_set_object_arg (G_OBJECT (h->element), "save-reasons", reasons);
  set_i420_caps (h, SIDE, SIDE);
  g_free (path);
  return h;
}

static void
push (GstHarness *h, GstBuffer *buffer)
{
  gst_buffer_unref (push_pull (h, buffer));
}

/* Until all that was offered is written, or left out. */
static void
expect_stats (GstHarness *h, guint64 saved, guint64 alike)
{
  for (int i = 0; i < 10000 && (harness_stat (h, "examples-saved") < saved ||
                                harness_stat (h, "examples-alike") < alike);
       i++)
    g_usleep (1000);
  g_assert_cmpuint (harness_stat (h, "examples-saved"), ==, saved);
  g_assert_cmpuint (harness_stat (h, "examples-alike"), ==, alike);
}

/* Line @n of the index. */
static JsonObject *
line_of (const char *name, guint n)
{
  char *path = g_build_filename (folder, name, "examples.jsonl", NULL), *text;
  char **lines;
  JsonNode *node;
  JsonObject *object;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  lines = g_strsplit (text, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), >, n);
  node = json_from_string (lines[n], NULL);
  g_assert_nonnull (node);
  object = json_object_ref (json_node_get_object (node));
  json_node_unref (node);
  g_strfreev (lines);
  g_free (text);
  g_free (path);
  return object;
}

static void
expect_reason (JsonObject *line, const char *reason)
{
  JsonArray *reasons = json_object_get_array_member (line, "reasons");

  for (guint i = 0; i < json_array_get_length (reasons); i++) {
    if (strcmp (json_array_get_string_element (reasons, i), reason) == 0)
      return;
  }
  g_error ("not for %s: %s", reason, json_array_get_string_element (reasons, 0));
}

/* The picture that a line is about, by GStreamer's own decoder: RGB. */
static GstSample *
picture_of (const char *name, JsonObject *line)
{
  char *path = g_build_filename (folder, name, json_object_get_string_member (line, "file"), NULL);
  char *text = g_strdup_printf ("filesrc location=\"%s\" ! jpegdec ! videoconvert ! "
                                "video/x-raw,format=RGB ! appsink name=sink",
                                path);
  GstElement *pipeline = gst_parse_launch (text, NULL);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  GstSample *sample = NULL;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_signal_emit_by_name (sink, "pull-sample", &sample);
  g_assert_nonnull (sample);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  g_free (text);
  g_free (path);
  return sample;
}

/* The size, and the mean of R, G and B of the left upper quarter. */
static void
look_at (const char *name, JsonObject *line, int *width, int *height, double *mean)
{
  GstSample *sample = picture_of (name, line);
  GstVideoFrame frame;
  GstVideoInfo info;

  g_assert_true (gst_video_info_from_caps (&info, gst_sample_get_caps (sample)));
  g_assert_true (gst_video_frame_map (&frame, &info, gst_sample_get_buffer (sample), GST_MAP_READ));
  *width = info.width;
  *height = info.height;
  *mean = 0.0;
  for (int y = 0; y < info.height / 2; y++) {
    const guint8 *row = (guint8 *)GST_VIDEO_FRAME_PLANE_DATA (&frame, 0) +
                        y * GST_VIDEO_FRAME_PLANE_STRIDE (&frame, 0);

    for (int x = 0; x < info.width / 2 * 3; x++)
      *mean += row[x] / (double)(info.height / 2 * (info.width / 2) * 3);
  }
  gst_video_frame_unmap (&frame);
  gst_sample_unref (sample);
}

/* ---- which ----------------------------------------------------------------------------------- */

static void
test_low_margin (void)
{
  GstHarness *h = start ("margin", "low-margin");
  JsonObject *line;
  int width, height;
  double mean;

  g_object_set (h->element, "save-margin", 1.0, NULL);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  expect_stats (h, 2, 1);
  line = line_of ("margin", 0);
  expect_reason (line, "low-margin");
  g_assert_true (g_str_has_prefix (json_object_get_string_member (line, "file"), "Egyptian cat/"));
  g_assert_cmpstr (json_object_get_string_member (line, "label"), ==, "Egyptian cat");
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (line, "labels")), ==, 5);
  look_at ("margin", line, &width, &height, &mean);
  g_assert_cmpint (width, ==, SIDE);
  g_assert_cmpint (height, ==, SIDE);
  json_object_unref (line);
  g_object_set (h->element, "save-margin", 0.0, NULL); /* nothing is as unsure as that */
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  expect_stats (h, 2, 1);
  harness_free (h);
}

static void
test_other_reasons (void)
{
  GstHarness *h = start ("reasons", "label-change+unknown");
  JsonObject *line;

  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  expect_stats (h, 0, 0);
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  expect_stats (h, 1, 0);
  g_object_set (h->element, "unknown-threshold", 0.999, NULL);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  expect_stats (h, 2, 0);
  line = line_of ("reasons", 0);
  expect_reason (line, "label-change");
  json_object_unref (line);
  line = line_of ("reasons", 1);
  expect_reason (line, "unknown");
  g_assert_true (g_str_has_prefix (json_object_get_string_member (line, "file"), "unknown/"));
  json_object_unref (line);
  harness_free (h);
}

/* A candidate with other names: every answer is another. */
static void
test_disagreement (void)
{
  char *weights = source_path ("models/lite0/model.safetensors");
  char *copy = path_of ("model.safetensors"), *bytes;
  GstHarness *h;
  JsonObject *line;
  gsize size;

  g_assert_true (g_file_get_contents (weights, &bytes, &size, NULL));
  g_assert_true (g_file_set_contents (copy, bytes, (gssize)size, NULL)); /* without a card */
  h = start ("disagreement", "disagreement");
  g_object_set (h->element, "shadow-model", copy, "shadow-interval", 1, NULL);
  for (int i = 0; i < 3000 && harness_stat (h, "examples-saved") == 0; i++) {
    push (h, photo_frame ("cat.jpg", SIDE, SIDE));
    g_usleep (1000);
  }
  g_assert_cmpuint (harness_stat (h, "examples-saved"), ==, 1);
  line = line_of ("disagreement", 0);
  expect_reason (line, "disagreement");
  g_assert_cmpstr (json_object_get_string_member (line, "label"), ==, "Egyptian cat");
  g_assert_true (g_str_has_prefix (json_object_get_string_member (line, "shadow-label"), "class "));
  json_object_unref (line);
  harness_free (h);
  g_free (weights);
  g_free (copy);
  g_free (bytes);
}

/* ---- what ------------------------------------------------------------------------------------ */

/* A camera's JPEG is saved as it came, byte for byte. */
static void
test_jpeg (void)
{
  GstHarness *h = start ("jpeg", "low-margin");
  GstBuffer *jpeg = encode_jpeg (photo_frame ("cat.jpg", 320, 240), 320, 240);
  JsonObject *line;
  char *path, *bytes;
  GstMapInfo map;
  gsize size;

  g_object_set (h->element, "save-margin", 1.0, NULL);
  gst_harness_set_src_caps_str (h, "image/jpeg,width=320,height=240,framerate=30/1");
  push (h, gst_buffer_ref (jpeg));
  expect_stats (h, 1, 0);
  line = line_of ("jpeg", 0);
  path = g_build_filename (folder, "jpeg", json_object_get_string_member (line, "file"), NULL);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  gst_buffer_map (jpeg, &map, GST_MAP_READ);
  g_assert_cmpmem (bytes, size, map.data, map.size);
  gst_buffer_unmap (jpeg, &map);
  gst_buffer_unref (jpeg);
  json_object_unref (line);
  harness_free (h);
  g_free (path);
  g_free (bytes);
}

/* White in one corner, black elsewhere. */
static void
corner (int x, int y, int width, int height, guint8 *component)
{
  component[0] = x < width / 2 && y < height / 2 ? 235 : 16;
  component[1] = component[2] = 128;
}

static GstBuffer *
corner_frame (int width, int height)
{
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_I420, (guint)width, (guint)height);
  return frame_new (&info, 0, corner);
}

/* Upright, and no longer than allowed: the corner is where a viewer would see it. */
static void
test_upright (void)
{
  static const struct {
    const char *orientation;
    int width, height;
    gboolean is_white; /* the corner */
  } rows[] = {{"none", 1280, 640, TRUE},
              {"rotate-90", 640, 1280, FALSE},
              {"rotate-180", 1280, 640, FALSE},
              {"rotate-270", 640, 1280, FALSE},
              {"flip-rotate-90", 640, 1280, FALSE},
              {"flip-rotate-270", 640, 1280, TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    char *name = g_strdup_printf ("upright-%u", i);
    GstHarness *h = start (name, "low-margin");
    JsonObject *line;
    int width, height;
    double mean;

    g_object_set (h->element, "save-margin", 1.0, NULL);
    gst_util_set_object_arg (G_OBJECT (h->element), "orientation", rows[i].orientation);
    set_i420_caps (h, 1600, 800);
    push (h, corner_frame (1600, 800));
    expect_stats (h, 1, 0);
    line = line_of (name, 0);
    look_at (name, line, &width, &height, &mean);
    g_assert_cmpint (width, ==, rows[i].width);
    g_assert_cmpint (height, ==, rows[i].height);
    g_assert_cmpint (mean > 200.0, ==, rows[i].is_white);
    json_object_unref (line);
    harness_free (h);
    g_free (name);
  }
}

/* Of parts just the part: cut out of raw video, as the network saw it of a JPEG. */
static void
test_parts (void)
{
  static const gboolean is_jpeg[] = {FALSE, TRUE};

  for (guint i = 0; i < G_N_ELEMENTS (is_jpeg); i++) {
    const char *name = is_jpeg[i] ? "parts-jpeg" : "parts";
    GstHarness *h = start (name, "low-margin");
    JsonObject *line;
    int width, height;
    double mean;

    gst_util_set_object_arg (G_OBJECT (h->element), "inference-region", "regions");
    g_object_set (h->element, "save-margin", 1.0, "regions", "a:0,0,0.5,0.5", NULL);
    set_i420_caps (h, 400, 200);
    if (is_jpeg[i])
      gst_harness_set_src_caps_str (h, "image/jpeg,width=400,height=200,framerate=30/1");
    push (h,
          is_jpeg[i] ? encode_jpeg (corner_frame (400, 200), 400, 200) : corner_frame (400, 200));
    expect_stats (h, 1, 0);
    line = line_of (name, 0);
    g_assert_cmpstr (json_object_get_string_member (line, "region"), ==, "a");
    look_at (name, line, &width, &height, &mean);
    g_assert_cmpint (width, ==, is_jpeg[i] ? (int)harness_info (h, "input-width") : 200);
    g_assert_cmpint (height, ==, is_jpeg[i] ? (int)harness_info (h, "input-height") : 100);
    g_assert_cmpfloat (mean, >, is_jpeg[i] ? 225.0 : 245.0); /* jpegenc keeps 235 as it is */
    json_object_unref (line);
    harness_free (h);
  }
}

/* A label may be anything; a folder's name may not. */
static void
test_odd_label (void)
{
  GstHarness *h = start ("odd", "low-margin");
  char *labels = path_of ("labels.txt");
  GString *text = g_string_new (NULL);
  JsonObject *line;

  for (int i = 0; i < 1000; i++)
    g_string_append (text, "../a/b\n");
  g_assert_true (g_file_set_contents (labels, text->str, -1, NULL));
  harness_free (h);
  h = harness_new ("labels-file", labels, "save-margin", 1.0, "save-interval",
                   G_GUINT64_CONSTANT (0), NULL);
  g_free (labels);
  labels = path_of ("odd");
  g_object_set (h->element, "save-examples", labels, NULL); /* while it runs */
  set_i420_caps (h, SIDE, SIDE);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  expect_stats (h, 1, 0);
  line = line_of ("odd", 0);
  g_assert_cmpstr (json_object_get_string_member (line, "label"), ==, "../a/b");
  g_assert_true (g_str_has_prefix (json_object_get_string_member (line, "file"), "_._a_b/"));
  json_object_unref (line);
  harness_free (h);
  g_free (labels);
  g_string_free (text, TRUE);
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void
test_max_bytes (void)
{
  GstHarness *h = start ("bytes", "low-margin");
  GstMessage *message = NULL;

  g_object_set (h->element, "save-margin", 1.0, "save-max-bytes", G_GUINT64_CONSTANT (30000), NULL);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  expect_stats (h, 1, 0);
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  for (int i = 0; i < 10000 && message == NULL; i++) {
    g_usleep (1000);
    message = harness_pop_message (h, GST_MESSAGE_WARNING);
  }
  g_assert_nonnull (message);
  gst_message_unref (message);
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  g_usleep (50000);
  g_assert_cmpuint (harness_stat (h, "examples-saved"), ==, 1);
  g_assert_cmpuint (harness_stat (h, "examples-bytes"), <=, 30000);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  g_object_set (h->element, "save-max-bytes", G_GUINT64_CONSTANT (0), NULL); /* it goes on */
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE)); /* with what there was no room for */
  for (int i = 0; i < 10000 && harness_stat (h, "examples-saved") < 2; i++)
    g_usleep (1000);
  g_assert_cmpuint (harness_stat (h, "examples-saved"), >=, 2);
  harness_free (h);
}

static void
test_interval (void)
{
  GstHarness *h = start ("interval", "low-margin");

  g_object_set (h->element, "save-margin", 1.0, "save-interval", 3600 * GST_SECOND, NULL);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  expect_stats (h, 1, 0);
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  g_usleep (50000);
  g_assert_cmpuint (harness_stat (h, "examples-saved"), ==, 1);
  harness_free (h);
}

/* What a folder has is known after a restart, as far as the file that says so is sound. */
static void
test_restart (void)
{
  char *path = g_build_filename (folder, "restart", "examples.known", NULL), *bytes;
  gsize size;

  for (int run = 0; run < 4; run++) {
    GstHarness *h = start ("restart", "low-margin");

    g_object_set (h->element, "save-margin", 1.0, NULL);
    push (h, photo_frame ("cat.jpg", SIDE, SIDE));
    push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
    if (run == 0)
      expect_stats (h, 2, 0);
    else if (run == 2) /* the second was cut off, the first is known */
      expect_stats (h, 1, 1);
    else if (run == 3) /* it is somebody else's */
      expect_stats (h, 2, 0);
    else
      expect_stats (h, 0, 2);
    harness_free (h);
    g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
    g_assert_cmpuint (size, <, run == 3 ? 6 : 3000);
    if (run == 1)
      g_assert_true (g_file_set_contents (path, bytes, (gssize)size - 1, NULL));
    if (run == 2)
      g_assert_true (g_file_set_contents (path, "mine", 4, NULL));
    if (run == 3)
      g_assert_cmpmem (bytes, size, "mine", 4);
    g_free (bytes);
  }
  g_free (path);
}

/* One warning, however many cannot be written; frames go on. */
static void
test_bad_folder (void)
{
  char *path = path_of ("a-file");
  GstHarness *h;

  g_assert_true (g_file_set_contents (path, "x", 1, NULL));
  h = start ("a-file/below", "low-margin");
  g_object_set (h->element, "save-margin", 1.0, NULL);
  push (h, photo_frame ("cat.jpg", SIDE, SIDE));
  for (int i = 0; i < 10000 && harness_stat (h, "examples-failed") == 0; i++)
    g_usleep (1000);
  push (h, photo_frame ("coffee.jpg", SIDE, SIDE));
  g_assert_cmpuint (harness_stat (h, "examples-failed"), ==, 1);
  harness_expect (h, GST_MESSAGE_WARNING, "a-file", NULL);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  harness_free (h);
  g_free (path);
}

int
main (int argc, char **argv)
{
  char *command;
  int status;

  test_init (&argc, &argv);
  folder = g_dir_make_tmp (NULL, NULL);
  g_test_add_func ("/gst/examples/low-margin", test_low_margin);
  g_test_add_func ("/gst/examples/other-reasons", test_other_reasons);
  g_test_add_func ("/gst/examples/disagreement", test_disagreement);
  g_test_add_func ("/gst/examples/jpeg", test_jpeg);
  g_test_add_func ("/gst/examples/upright", test_upright);
  g_test_add_func ("/gst/examples/parts", test_parts);
  g_test_add_func ("/gst/examples/odd-label", test_odd_label);
  g_test_add_func ("/gst/examples/max-bytes", test_max_bytes);
  g_test_add_func ("/gst/examples/interval", test_interval);
  g_test_add_func ("/gst/examples/bad-folder", test_bad_folder);
  g_test_add_func ("/gst/examples/restart", test_restart);
  status = g_test_run ();
  command = g_strdup_printf ("rm -rf '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (command);
  g_free (folder);
  return status;
}
