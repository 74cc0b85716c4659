/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a result says and when it is told: fields, top-k, threshold, interval, messages, properties.
 */
#include "common.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

/* The public field names and their types. */
static const struct {
  const char *name, *type;
} fields[] = {
    {"schema-version", "guint"},
    {"model", "gchararray"},
    {"model-sha256", "gchararray"},
    {"variant", "gchararray"},
    {"element", "gchararray"},
    {"region", "gchararray"},
    {"roi-id", "gint"},
    {"head", "gchararray"},
    {"label", "gchararray"},
    {"label-id", "gint"},
    {"confidence", "gdouble"},
    {"labels", "GstValueList"},
    {"label-ids", "GstValueList"},
    {"scores", "GstValueList"},
    {"margin", "gdouble"},
    {"entropy", "gdouble"},
    {"fresh", "gboolean"},
    {"result-pts", "guint64"},
    {"age", "guint64"},
    {"infer-us", "guint"},
    {"convert-us", "guint"},
    {"decode-us", "guint"},
    {"wait-us", "guint"},
    {"frame-width", "guint"},
    {"frame-height", "guint"},
    {"box", "GstValueList"},
    {"unknown", "gboolean"},
    {"stable-label", "gchararray"},
    {"stable-label-id", "gint"},
    {"stable-since", "guint64"},
    {"state-changed", "gboolean"},
    {"result-running-time", "guint64"},
};

static void
assert_fields (const GstStructure *s)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    GType type = gst_structure_get_field_type (s, fields[i].name);

    if (g_strcmp0 (g_type_name (type), fields[i].type) != 0)
      g_error ("field %s is %s, documented is %s", fields[i].name,
               type != G_TYPE_INVALID ? g_type_name (type) : "missing", fields[i].type);
  }
}

static void
test_fields (void)
{
  GstHarness *h = harness_new ("post-messages", 2, NULL);
  GstMessage *message;
  GstBuffer *out;
  const GstStructure *s;

  set_i420_caps (h, 160, 120);
  out = push_pull (h, grey_frame (160, 120, 100, 3));
  s = result_of (out);
  g_assert_nonnull (s);
  assert_fields (s);
  g_assert_cmpint (gst_structure_n_fields (s), ==, G_N_ELEMENTS (fields));
  g_assert_cmpuint (result_uint (s, "schema-version"), ==, 4);
  g_assert_cmpstr (gst_structure_get_string (s, "element"), ==, GST_OBJECT_NAME (h->element));
  g_assert_cmpuint (result_uint (s, "frame-width"), ==, 160);
  g_assert_cmpuint (result_uint (s, "frame-height"), ==, 120);
  g_assert_cmpuint (result_list_length (s, "box"), ==, 4);
  g_assert_cmpstr (gst_structure_get_string (s, "variant"), ==, "lite0");
  g_assert_cmpstr (gst_structure_get_string (s, "region"), ==, "full-frame");
  g_assert_cmpint (result_int (s, "roi-id"), ==, -1);
  g_assert_cmpuint (strlen (gst_structure_get_string (s, "model-sha256")), ==, 64);
  g_assert_cmpuint (result_list_length (s, "labels"), ==, 5);
  g_assert_cmpuint (result_list_length (s, "label-ids"), ==, 5);
  g_assert_cmpuint (result_list_length (s, "scores"), ==, 5);
  g_assert_cmpuint (result_uint64 (s, "result-running-time"), ==, GST_BUFFER_PTS (out));
  g_assert_cmpstr (gst_structure_get_string (s, "stable-label"), ==, "");
  g_assert_cmpint (result_int (s, "stable-label-id"), ==, -1);
  g_assert_cmpuint (result_uint64 (s, "stable-since"), ==, GST_CLOCK_TIME_NONE);
  g_assert_false (result_boolean (s, "state-changed"));
  g_assert_false (result_boolean (s, "unknown"));
  g_assert_cmpuint (result_uint (s, "infer-us"), >, 0);
  g_assert_cmpfloat (result_double (s, "entropy"), >, 0.0);
  g_assert_cmpfloat (result_double (s, "entropy"), <=, log (1000.0) + 1e-6);
  {
    const GValue *scores = gst_structure_get_value (s, "scores");
    double first = g_value_get_double (gst_value_list_get_value (scores, 0));
    double second = g_value_get_double (gst_value_list_get_value (scores, 1));

    g_assert_cmpfloat (first, ==, result_double (s, "confidence"));
    g_assert_cmpfloat_with_epsilon (first - second, result_double (s, "margin"), 1e-9);
  }

  message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_true (gst_message_has_name (message, "effnetclassify"));
  assert_fields (gst_message_get_structure (message));
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "timestamp"), ==,
                    GST_BUFFER_PTS (out));
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "running-time"), ==,
                    GST_BUFFER_PTS (out));
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "stream-time"), ==,
                    GST_BUFFER_PTS (out));
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "duration"), ==,
                    GST_BUFFER_DURATION (out));
  gst_message_unref (message);
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_top_k_and_threshold (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  static const guint ks[] = {1, 2, 7, 1000};
  GstBuffer *out;
  double second;

  set_i420_caps (h, 160, 120);
  for (guint i = 0; i < G_N_ELEMENTS (ks); i++) {
    g_object_set (h->element, "top-k", ks[i], NULL);
    out = push_pull (h, grey_frame (160, 120, 100, (int)i));
    g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, ks[i]);
    g_assert_cmpfloat (result_double (result_of (out), "margin"), <, 1.0);
    second =
        result_double (result_of (out), "confidence") - result_double (result_of (out), "margin");
    gst_buffer_unref (out);
  }
  g_object_set (h->element, "threshold", second + 1e-9, NULL); /* leaves the first */
  out = push_pull (h, grey_frame (160, 120, 100, 10));
  g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 1);
  g_assert_cmpint (result_int (result_of (out), "label-id"), >=, 0);
  gst_buffer_unref (out);
  g_object_set (h->element, "threshold", 1.0, NULL); /* leaves none */
  out = push_pull (h, grey_frame (160, 120, 100, 11));
  g_assert_cmpint (result_int (result_of (out), "label-id"), ==, -1);
  g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 1); /* "", -1, 0 */
  g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, "");
  g_assert_cmpfloat (result_double (result_of (out), "confidence"), ==, 0.0);
  gst_buffer_unref (out);
  harness_free (h);
}

static void
test_interval (void)
{
  GstHarness *h = harness_new ("inference-interval", 3, NULL);
  GstClockTime result_pts = 0;

  set_i420_caps (h, 160, 120);
  for (int i = 0; i < 10; i++) {
    GstBuffer *out = push_pull (h, grey_frame (160, 120, (guint8)(20 * i), i));
    const GstStructure *s = result_of (out);

    g_assert_nonnull (s);
    if (i % 3 == 0)
      result_pts = GST_BUFFER_PTS (out);
    g_assert_cmpint (result_boolean (s, "fresh"), ==, i % 3 == 0);
    g_assert_cmpuint (result_uint64 (s, "result-pts"), ==, result_pts);
    g_assert_cmpuint (result_uint64 (s, "age"), ==, GST_BUFFER_PTS (out) - result_pts);
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 10);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 4);
  g_assert_cmpuint (harness_stat (h, "skipped"), ==, 6);
  g_object_set (h->element, "inference-interval", 1, NULL); /* at any time */
  for (int i = 10; i < 12; i++)
    gst_buffer_unref (push_pull (h, grey_frame (160, 120, 90, i)));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 6);
  harness_free (h);
}

/* Frames without time stamps have results without ages. */
static void
test_no_timestamps (void)
{
  GstHarness *h = harness_new ("inference-interval", 2, NULL);

  set_i420_caps (h, 160, 120);
  for (int i = 0; i < 2; i++) {
    GstBuffer *buffer = grey_frame (160, 120, 90, 0), *out;

    GST_BUFFER_PTS (buffer) = GST_CLOCK_TIME_NONE;
    out = push_pull (h, buffer);
    g_assert_cmpuint (result_uint64 (result_of (out), "result-pts"), ==, GST_CLOCK_TIME_NONE);
    g_assert_cmpuint (result_uint64 (result_of (out), "age"), ==, i == 0 ? 0 : GST_CLOCK_TIME_NONE);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

/* Six frames, of which two differ in what the picture shows; messages of each mode. */
static guint
count_posted (GstHarness *h, int mode, guint *changes)
{
  int last = G_MININT;

  g_object_set (h->element, "post-messages", mode, NULL);
  *changes = 0;
  for (int i = 0; i < 6; i++) {
    GstBuffer *out = push_pull (h, grey_frame (160, 120, i < 3 ? 20 : 235, i));

    *changes += result_int (result_of (out), "label-id") != last;
    last = result_int (result_of (out), "label-id");
    gst_buffer_unref (out);
  }
  return harness_count_messages (h, GST_MESSAGE_ELEMENT);
}

static void
test_messages (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  guint changes;

  set_i420_caps (h, 160, 120);
  g_assert_cmpuint (count_posted (h, 0, &changes), ==, 0);
  g_assert_cmpuint (count_posted (h, 2, &changes), ==, 6);
  harness_free (h);
  h = harness_new (NULL, NULL);
  set_i420_caps (h, 160, 120);
  g_assert_cmpuint (count_posted (h, 1, &changes), ==, changes);
  g_assert_cmpuint (changes, <, 6);
  g_object_set (h->element, "threshold", 1.0, NULL); /* now no class at all: a change, once */
  for (int i = 0; i < 3; i++)
    gst_buffer_unref (push_pull (h, grey_frame (160, 120, 235, 10 + i)));
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 1);
  harness_free (h);
}

static void
test_no_meta (void)
{
  GstHarness *h = harness_new ("attach-meta", 0, "post-messages", 2, NULL);
  GstBuffer *buffer, *out;

  set_i420_caps (h, 160, 120);
  buffer = gst_buffer_ref (grey_frame (160, 120, 90, 0)); /* not writable, and need not be */
  out = push_pull (h, buffer);
  g_assert_true (out == buffer);
  g_assert_null (result_of (out));
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 1);
  gst_buffer_unref (out);
  gst_buffer_unref (buffer);
  harness_free (h);
}

/* A checkpoint alone has no names: classes are counted. */
static void
test_no_labels (void)
{
  char *dir = g_dir_make_tmp (NULL, NULL);
  char *file = g_build_filename (dir, "bare.safetensors", NULL);
  char *weights = source_path ("models/lite0/model.safetensors");
  GstHarness *h;
  GstBuffer *out;
  char *label, *bytes = NULL;
  gsize length = 0;

  g_assert_true (g_file_get_contents (weights, &bytes, &length, NULL));
  g_assert_true (g_file_set_contents (file, bytes, (gssize)length, NULL));
  g_free (bytes);
  h = harness_new ("model-file", file, "variant", "lite0", NULL);
  set_i420_caps (h, 160, 120);
  out = push_pull (h, grey_frame (160, 120, 90, 0));
  label = g_strdup_printf ("class %d", result_int (result_of (out), "label-id"));
  g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, label);
  gst_buffer_unref (out);
  harness_free (h);
  g_unlink (file);
  g_rmdir (dir);
  g_free (label);
  g_free (weights);
  g_free (file);
  g_free (dir);
}

/* A picture with a bright disc off the middle: each resize mode sees another one. */
static void
disc (int x, int y, int width, int height, guint8 *c)
{
  int dx = x - width / 5, dy = y - height / 2;

  c[0] = c[1] = c[2] = dx * dx + dy * dy < height * height / 9 ? 240 : (guint8)(x * 80 / width);
}

static void
test_resize_modes (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  double entropy[4];
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, 640, 240);
  gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
  for (int mode = 0; mode < 4; mode++) { /* auto stretch center-crop letterbox */
    GstBuffer *out;

    g_object_set (h->element, "resize-mode", mode, NULL);
    out = push_pull (h, frame_new (&info, 0, disc));
    entropy[mode] = result_double (result_of (out), "entropy");
    gst_buffer_unref (out);
  }
  g_assert_cmpfloat (entropy[0], ==, entropy[2]); /* the default model's card says center-crop */
  g_assert_cmpfloat (entropy[1], !=, entropy[2]);
  g_assert_cmpfloat (entropy[3], !=, entropy[2]);
  g_assert_cmpfloat (entropy[3], !=, entropy[1]);
  harness_free (h);
}

/* One photograph's logit by each activation. */
static void
test_activation (void)
{
  GstHarness *h = harness_new ("activation", EFFNET_OUTPUT_ACTIVATION_NONE, NULL);
  GstBuffer *photo = photo_frame ("coffee.jpg", 256, 256);
  double confidence[4], logit;
  GstStructure *info;

  set_i420_caps (h, 256, 256);
  for (int i = 0; i < 4; i++) {
    GstBuffer *out;

    g_object_set (h->element, "activation", i, NULL); /* while playing */
    out = push_pull (h, gst_buffer_copy (photo));
    g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, "espresso");
    g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 5);
    confidence[i] = result_double (result_of (out), "confidence");
    gst_buffer_unref (out);
  }
  logit = confidence[EFFNET_OUTPUT_ACTIVATION_NONE];
  g_assert_cmpfloat (confidence[EFFNET_OUTPUT_ACTIVATION_AUTO], ==,
                     confidence[EFFNET_OUTPUT_ACTIVATION_SOFTMAX]);
  g_assert_cmpfloat_with_epsilon (confidence[EFFNET_OUTPUT_ACTIVATION_SIGMOID],
                                  1.0 / (1.0 + exp (-logit)), 1e-6);
  g_assert_cmpfloat (confidence[EFFNET_OUTPUT_ACTIVATION_SIGMOID], !=,
                     confidence[EFFNET_OUTPUT_ACTIVATION_SOFTMAX]);
  g_object_get (h->element, "model-info", &info, NULL);
  g_assert_cmpstr (gst_structure_get_string (info, "activation"), ==, "softmax");
  gst_structure_free (info);
  gst_buffer_unref (photo);
  harness_free (h);
}

/* 12 bits of a camera in 16: dark as they are, and right when it is said. */
static void
test_bits (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstBuffer *wide = picture_through ("pipelines/media/coffee.jpg",
                                     "jpegdec ! videoconvert ! videoscale add-borders=false ! "
                                     "capsfilter caps=video/x-raw,format=GRAY16_LE,width=256,"
                                     "height=256,pixel-aspect-ratio=1/1");
  GstBuffer *narrow = gst_buffer_copy_deep (wide), *out;
  double confidence[3];
  GstMapInfo map;

  gst_buffer_map (narrow, &map, GST_MAP_READWRITE);
  for (gsize i = 0; i + 1 < map.size; i += 2)
    GST_WRITE_UINT16_LE (map.data + i, GST_READ_UINT16_LE (map.data + i) >> 4);
  gst_buffer_unmap (narrow, &map);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=GRAY16_LE,width=256,height=256,"
                                   "framerate=30/1");
  for (int i = 0; i < 3; i++) {
    g_object_set (h->element, "bits", i == 2 ? 12 : 0, NULL);
    out = push_pull (h, gst_buffer_copy (i == 0 ? wide : narrow));
    confidence[i] = result_double (result_of (out), "confidence");
    if (i != 1)
      g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, "espresso");
    gst_buffer_unref (out);
  }
  g_assert_cmpfloat_with_epsilon (confidence[0], confidence[2], 0.02);
  g_assert_cmpfloat (fabs (confidence[0] - confidence[1]), >, 0.02);
  gst_buffer_unref (narrow);
  gst_buffer_unref (wide);
  harness_free (h);
}

/* A third of the rows: another input, the same picture; while playing, and only where there are
 * rows to spare. */
static void
test_sparse_rows (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  for (int height = 256; height <= 1080; height += 824) {
    GstBuffer *photo = photo_frame ("coffee.jpg", height, height), *out;
    double confidence[3];

    set_i420_caps (h, height, height);
    for (int i = 0; i < 3; i++) {
      g_object_set (h->element, "sparse-rows", i == 1, NULL);
      out = push_pull (h, gst_buffer_copy (photo));
      g_assert_cmpstr (gst_structure_get_string (result_of (out), "label"), ==, "espresso");
      confidence[i] = result_double (result_of (out), "confidence");
      gst_buffer_unref (out);
    }
    g_assert_cmpfloat (confidence[0], ==, confidence[2]);
    g_assert_cmpfloat (fabs (confidence[0] - confidence[1]), <, 0.1);
    g_assert_cmpint (confidence[0] != confidence[1], ==, height > 1000);
    gst_buffer_unref (photo);
  }
  harness_free (h);
}

static void
test_stats (void)
{
  static const char *const times[] = {"wait", "decode", "convert", "infer"};
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 160, 120);
  g_assert_cmpuint (harness_stat (h, "infer-p50"), ==, 0);
  for (int i = 0; i < 20; i++)
    gst_buffer_unref (push_pull (h, grey_frame (160, 120, 90, i)));
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    guint64 p[3];
    static const int percent[] = {50, 95, 99};

    for (guint j = 0; j < 3; j++) {
      char *name = g_strdup_printf ("%s-p%d", times[i], percent[j]);

      p[j] = harness_stat (h, name);
      g_free (name);
    }
    g_assert_cmpuint (p[0], <=, p[1]);
    g_assert_cmpuint (p[1], <=, p[2]);
  }
  g_assert_cmpuint (harness_stat (h, "infer-p50"), >, 1000); /* ns: not a microsecond */
  g_assert_cmpuint (harness_stat (h, "infer-p99"), <, 60 * GST_SECOND);
  g_assert_cmpuint (harness_stat (h, "decode-p50"), ==, 0);
  harness_free (h);
}

/* Every property: nick, blurb, a default inside its range; out-of-range values do not get in. */
static void
test_properties (void)
{
  static const struct {
    const char *name;
    gboolean playing;
  } expected[] = {
      {"variant", FALSE},    {"model-file", TRUE},   {"labels-file", TRUE},
      {"precision", FALSE},  {"threads", FALSE},     {"top-k", TRUE},
      {"threshold", TRUE},   {"resize-mode", TRUE},  {"inference-interval", TRUE},
      {"sparse-rows", TRUE}, {"activation", TRUE},   {"bits", TRUE},
      {"orientation", TRUE}, {"attach-meta", FALSE}, {"post-messages", TRUE},
  };
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GObjectClass *klass = G_OBJECT_GET_CLASS (element);
  guint n;
  GParamSpec **all = g_object_class_list_properties (klass, &n);
  gboolean qos;

  for (guint i = 0; i < n; i++) {
    if (all[i]->owner_type != G_OBJECT_TYPE (element))
      continue;
    g_assert_cmpuint (strlen (g_param_spec_get_nick (all[i])), >, 2);
    g_assert_cmpuint (strlen (g_param_spec_get_blurb (all[i])), >, 15);
  }
  g_free (all);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    GParamSpec *pspec = g_object_class_find_property (klass, expected[i].name);
    GValue value = G_VALUE_INIT;

    g_assert_nonnull (pspec);
    g_assert_true (pspec->flags &
                   (expected[i].playing ? GST_PARAM_MUTABLE_PLAYING : GST_PARAM_MUTABLE_READY));
    g_value_init (&value, pspec->value_type);
    g_object_get_property (G_OBJECT (element), expected[i].name, &value);
    if (!g_param_value_defaults (pspec, &value))
      g_error ("%s is not born with its documented default", expected[i].name);
    g_value_unset (&value);
  }
  g_object_get (element, "qos", &qos, NULL);
  g_assert_true (qos);
  gst_object_unref (element);
}

/* A warning in older GLib, a critical message in newer. */
static void
count_refusal (const char *domain, GLogLevelFlags level, const char *message, gpointer count)
{
  (void)domain;
  (void)level;
  *(guint *)count += strstr (message, "out of range") != NULL;
}

/* GObject refuses a number out of range, gst-launch a word that is none; the old value stays. */
static void
test_out_of_range (void)
{
  static const struct {
    const char *name;
    guint value;
  } numbers[] = {{"top-k", 0},
                 {"top-k", EFFNET_TOP_K_MAX + 1},
                 {"inference-interval", 0},
                 {"threads", EFFNET_THREADS_MAX + 1}};
  static const double thresholds[] = {-0.1, 1.5};
  static const char *const words[] = {"precision=fp64", "resize-mode=fit", "post-messages=some",
                                      "attach-meta=paper"};
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  guint before, after, refusals = 0;
  double threshold;
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_LEVEL_ERROR);
  guint handler = g_log_set_handler ("GLib-GObject", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL,
                                     count_refusal, &refusals);

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_object_get (element, numbers[i].name, &before, NULL);
    g_object_set (element, numbers[i].name, numbers[i].value, NULL);
    g_assert_cmpuint (refusals, ==, i + 1);
    g_object_get (element, numbers[i].name, &after, NULL);
    g_assert_cmpuint (after, ==, before);
  }
  for (guint i = 0; i < G_N_ELEMENTS (thresholds); i++) {
    g_object_set (element, "threshold", thresholds[i], NULL);
    g_assert_cmpuint (refusals, ==, G_N_ELEMENTS (numbers) + i + 1);
    g_object_get (element, "threshold", &threshold, NULL);
    g_assert_cmpfloat (threshold, ==, 0.0);
  }
  g_log_remove_handler ("GLib-GObject", handler);
  g_log_set_always_fatal (fatal);
  gst_object_unref (element);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++) {
    char *line = g_strdup_printf ("effnetclassify %s", words[i]);
    GError *error = NULL;

    element = gst_parse_launch (line, &error);
    g_assert_error (error, GST_PARSE_ERROR, GST_PARSE_ERROR_COULD_NOT_SET_PROPERTY);
    g_clear_error (&error);
    g_clear_pointer (&element, gst_object_unref);
    g_free (line);
  }
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/results/fields", test_fields);
  g_test_add_func ("/gst/results/top-k-and-threshold", test_top_k_and_threshold);
  g_test_add_func ("/gst/results/interval", test_interval);
  g_test_add_func ("/gst/results/no-timestamps", test_no_timestamps);
  g_test_add_func ("/gst/results/messages", test_messages);
  g_test_add_func ("/gst/results/no-meta", test_no_meta);
  g_test_add_func ("/gst/results/no-labels", test_no_labels);
  g_test_add_func ("/gst/results/resize-modes", test_resize_modes);
  g_test_add_func ("/gst/results/activation", test_activation);
  g_test_add_func ("/gst/results/bits", test_bits);
  g_test_add_func ("/gst/results/sparse-rows", test_sparse_rows);
  g_test_add_func ("/gst/results/stats", test_stats);
  g_test_add_func ("/gst/results/properties", test_properties);
  g_test_add_func ("/gst/results/out-of-range", test_out_of_range);
  return g_test_run ();
}
