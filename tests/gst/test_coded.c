/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Compressed video through the element: the stream stays what it is, and results are those that the
 * decoded pictures have. */
#include "coded.h"
#include "common.h"

#include <string.h>

#define X264(options)                                                                              \
  "x264enc key-int-max=10 bitrate=800 option-string=\"scenecut=0:" options "\" ! "
#define PLAIN X264 ("bframes=0") "h264parse ! video/x-h264,stream-format=avc,alignment=au"
#define B_FRAMES                                                                                   \
  X264 ("bframes=2:b-adapt=0")                                                                     \
  "h264parse config-interval=-1 ! video/x-h264,stream-format=byte-stream,alignment=au"
#define REFRESH                                                                                    \
  X264 ("bframes=0:intra-refresh=1") "h264parse ! video/x-h264,stream-format=avc3,alignment=au"
#define H265                                                                                       \
  "x265enc key-int-max=10 bitrate=800 option-string=\"scenecut=0:open-gop=0\" ! h265parse ! "      \
  "video/x-h265,stream-format=hvc1,alignment=au"

/* @property: (nullable): one more, as text */
static GstHarness *
coded_harness (const Coded *coded, int mode, const char *property, const char *value)
{
  GstHarness *h = harness_new ("inference-mode", mode, NULL);

  if (property != NULL) {
    gst_element_set_state (h->element, GST_STATE_READY);
    gst_util_set_object_arg (G_OBJECT (h->element), property, value);
    gst_harness_play (h);
  }
  gst_harness_set_src_caps (h, gst_caps_ref (coded->caps));
  return h;
}

/* What decoding everything and classifying the raw pictures gives: time stamp (gint64 *) to
 * confidence (double *). */
static GHashTable *
classify_decoded (const Coded *coded, const char *decoder)
{
  g_autofree char *line = g_strdup_printf ("%s ! effnetclassify inference-mode=sync", decoder);
  GHashTable *scores = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  GstHarness *h = gst_harness_new_parse (line);
  GstBuffer *out;

  gst_harness_set_src_caps (h, gst_caps_ref (coded->caps));
  for (guint i = 0; i < coded->units->len; i++)
    gst_harness_push (h, coded_copy_unit (coded, i));
  gst_harness_push_event (h, gst_event_new_eos ());
  while ((out = gst_harness_try_pull (h)) != NULL) {
    gint64 pts = (gint64)GST_BUFFER_PTS (out);
    double score = result_double (result_of (out), "confidence");

    g_hash_table_insert (scores, g_memdup2 (&pts, sizeof pts), g_memdup2 (&score, sizeof score));
    gst_buffer_unref (out);
  }
  gst_harness_teardown (h);
  return scores;
}

/* The result is that of the picture it says it is of. */
static void
assert_score (GHashTable *scores, const GstStructure *result)
{
  gint64 pts = (gint64)result_uint64 (result, "result-pts");
  const double *score = g_hash_table_lookup (scores, &pts);

  g_assert_nonnull (score);
  g_assert_cmpfloat (result_double (result, "confidence"), ==, *score);
}

/* Bytes, times and flags of what came out are those that went in. */
static void
assert_same (GstBuffer *out, GstBuffer *in)
{
  GstMapInfo map;

  g_assert_true (gst_buffer_map (in, &map, GST_MAP_READ));
  g_assert_cmpuint (gst_buffer_get_size (out), ==, map.size);
  g_assert_cmpint (gst_buffer_memcmp (out, 0, map.data, map.size), ==, 0);
  gst_buffer_unmap (in, &map);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, GST_BUFFER_PTS (in));
  g_assert_cmpuint (GST_BUFFER_DTS (out), ==, GST_BUFFER_DTS (in));
  g_assert_cmpuint (GST_BUFFER_DURATION (out), ==, GST_BUFFER_DURATION (in));
  g_assert_cmphex (GST_BUFFER_FLAGS (out) & ~GST_BUFFER_FLAG_TAG_MEMORY, ==,
                   GST_BUFFER_FLAGS (in) & ~GST_BUFFER_FLAG_TAG_MEMORY);
}

typedef struct {
  const char *name, *encoder, *line, *decoder;
} Stream;

static const Stream streams[] = {
    {"h264", "x264enc", PLAIN, "h264parse ! avdec_h264 max-threads=1"},
    {"h264-b-frames", "x264enc", B_FRAMES, "h264parse ! avdec_h264 max-threads=1"},
    {"h265", "x265enc", H265, "h265parse ! avdec_h265 max-threads=1"},
};

static void
test_keyframes (gconstpointer data)
{
  const Stream *stream = data;
  g_autoptr (Coded) coded = NULL;
  GHashTable *scores;
  GstHarness *h;
  guint n_fresh = 0;

  if (!coded_needs (stream->encoder, "avdec_h264", "avdec_h265", NULL))
    return;
  coded = coded_new (stream->line, 35, 320, 240);
  scores = classify_decoded (coded, stream->decoder);
  h = coded_harness (coded, MODE_SYNC, NULL, NULL);
  for (guint i = 0; i < coded->units->len; i++) {
    GstBuffer *in = g_ptr_array_index (coded->units, i);
    GstBuffer *out = push_pull (h, coded_copy_unit (coded, i));
    gboolean key = !GST_BUFFER_FLAG_IS_SET (in, GST_BUFFER_FLAG_DELTA_UNIT);

    assert_same (out, in);
    g_assert_true (result_boolean (result_of (out), "fresh") == key);
    g_assert_cmpuint (result_uint (result_of (out), "frame-width"), ==, 320);
    assert_score (scores, result_of (out));
    n_fresh += key;
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (n_fresh, >=, 4);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, n_fresh);
  g_assert_cmpuint (harness_stat (h, "skipped-no-picture"), ==, coded->units->len - n_fresh);
  g_assert_cmpuint (harness_stat (h, "decode-p50"), >, 0);
  harness_free (h);
  g_hash_table_unref (scores);
}

/* Every picture has a result of its own; with B-frames it comes some buffers later. */
static void
test_all (gconstpointer data)
{
  const Stream *stream = data;
  g_autoptr (Coded) coded = NULL;
  GHashTable *scores;
  GstHarness *h;
  guint n = 0;

  if (!coded_needs (stream->encoder, "avdec_h264", "avdec_h265", NULL))
    return;
  coded = coded_new (stream->line, 25, 320, 240);
  scores = classify_decoded (coded, stream->decoder);
  h = coded_harness (coded, MODE_SYNC, "decode-frames", "all");
  for (guint i = 0; i < coded->units->len; i++) {
    GstBuffer *in = g_ptr_array_index (coded->units, i);
    GstBuffer *out = push_pull (h, coded_copy_unit (coded, i));
    const GstStructure *result = result_of (out);

    assert_same (out, in);
    if (result != NULL)
      assert_score (scores, result);
    if (result != NULL && g_str_equal (stream->name, "h264")) {
      g_assert_cmpuint (result_uint64 (result, "result-pts"), ==, GST_BUFFER_PTS (in));
      g_assert_true (result_boolean (result, "fresh"));
    }
    n += result != NULL;
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (n, >=, coded->units->len - 4);
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, coded->units->len - 4);
  harness_free (h);
  g_hash_table_unref (scores);
}

/* Without keyframes, whole pictures come when a refresh is complete; that is said once. */
static void
test_refresh (void)
{
  g_autoptr (Coded) coded = NULL;
  GHashTable *scores;
  GstHarness *h;
  guint n_fresh = 0;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (REFRESH, 50, 320, 240);
  scores = classify_decoded (coded, "h264parse ! avdec_h264 max-threads=1");
  h = coded_harness (coded, MODE_SYNC, NULL, NULL);
  for (guint i = 5; i < coded->units->len; i++) { /* joins in the middle */
    GstBuffer *out = push_pull (h, coded_copy_unit (coded, i));
    const GstStructure *result = result_of (out);

    if (result != NULL)
      assert_score (scores, result);
    n_fresh += result != NULL && result_boolean (result, "fresh");
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (n_fresh, >=, 3);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_INFO), ==, 1);
  harness_free (h);
  g_hash_table_unref (scores);
}

/* The interval counts keyframes. */
static void
test_interval (void)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (PLAIN, 50, 64, 64);
  h = coded_harness (coded, MODE_SYNC, "inference-interval", "2");
  for (guint i = 0; i < coded->units->len; i++)
    gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 3);
  g_assert_cmpuint (harness_stat (h, "skipped-interval"), ==, 2);
  harness_free (h);
}

/* After a flush the pictures that depend on those before it wait for a keyframe. */
static void
test_flush (gconstpointer mode)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;
  GstBuffer *out;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (PLAIN, 25, 320, 240);
  h = coded_harness (coded, MODE_SYNC, "decode-frames", mode);
  for (guint i = 0; i < 5; i++)
    gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
  harness_flush (h);
  for (guint i = 15; i < 20; i++) {
    out = push_pull (h, coded_copy_unit (coded, i));
    g_assert_null (result_of (out));
    gst_buffer_unref (out);
  }
  out = push_pull (h, coded_copy_unit (coded, 20));
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  harness_free (h);
}

/* A keyframe that cannot be decoded is a bad frame, and the stream goes on. */
static void
test_damage (void)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;
  GstBuffer *bad, *out;
  GstMapInfo map;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (B_FRAMES, 21, 320, 240);
  h = coded_harness (coded, MODE_SYNC, NULL, NULL);
  bad = coded_copy_unit (coded, 0);
  g_assert_true (gst_buffer_map (bad, &map, GST_MAP_READWRITE));
  for (gsize i = 0; i + 9 < map.size; i++) { /* slices of IDR pictures lose their headers */
    if (map.data[i] == 0 && map.data[i + 1] == 0 && map.data[i + 2] == 1 &&
        (map.data[i + 3] & 0x1f) == 5)
      memset (map.data + i + 4, 0xff, 5);
  }
  gst_buffer_unmap (bad, &map);
  out = push_pull (h, bad);
  g_assert_null (result_of (out));
  gst_buffer_unref (out);
  harness_expect (h, GST_MESSAGE_WARNING, "could not be classified", "avdec_h264", NULL);
  g_assert_cmpuint (harness_stat (h, "errors"), ==, 1);
  for (guint i = 10; i < 20; i++) {
    gboolean key = !GST_BUFFER_FLAG_IS_SET ((GstBuffer *)g_ptr_array_index (coded->units, i),
                                            GST_BUFFER_FLAG_DELTA_UNIT);

    out = push_pull (h, coded_copy_unit (coded, i));
    if (key)
      g_assert_true (result_boolean (result_of (out), "fresh"));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 1);
  harness_free (h);
}

/* Raw, H.264 and JPEG after each other. */
static void
test_caps_change (void)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;
  GstBuffer *out;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (PLAIN, 3, 320, 240);
  h = coded_harness (coded, MODE_SYNC, NULL, NULL);
  for (guint turn = 0; turn < 3; turn++) {
    gst_harness_set_src_caps (h, gst_caps_ref (coded->caps));
    out = push_pull (h, coded_copy_unit (coded, 0));
    g_assert_cmpuint (result_uint (result_of (out), "frame-width"), ==, 320);
    gst_buffer_unref (out);
    set_i420_caps (h, 64, 48);
    out = push_pull (h, grey_frame (64, 48, 99, 1));
    g_assert_cmpuint (result_uint (result_of (out), "frame-width"), ==, 64);
    gst_buffer_unref (out);
    gst_harness_set_src_caps_str (h, "image/jpeg");
    out = push_pull (h, encode_jpeg (grey_frame (80, 48, 99, 2), 80, 48));
    g_assert_cmpuint (result_uint (result_of (out), "frame-width"), ==, 80);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

/* ---- live ------------------------------------------------------------------------------------ */

/* Waits, 20 s at most, until the element has made @n inferences. */
static void
wait_for_inferences (GstHarness *h, guint64 n)
{
  for (guint i = 0; i < 2000 && harness_stat (h, "inferences") < n; i++) {
    g_usleep (10000);
    /* a buffer takes up what is finished; an empty access unit is nobody's picture */
    gst_buffer_unref (push_pull (h, gst_buffer_new_allocate (NULL, 8, NULL)));
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, n);
}

/* The same, where a thread of the element's own sends buffers on. */
static void
wait_for_inferences_alone (GstHarness *h, guint64 n)
{
  for (guint i = 0; i < 2000 && harness_stat (h, "inferences") < n; i++)
    g_usleep (10000);
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, n);
}

/* Buffers do not wait, and later ones carry the newest result and say which it is. */
static void
test_live (gconstpointer frames)
{
  g_autoptr (Coded) coded = NULL;
  GHashTable *scores;
  GstHarness *h;
  GstBuffer *out;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (PLAIN, 31, 320, 240);
  scores = classify_decoded (coded, "h264parse ! avdec_h264 max-threads=1");
  h = coded_harness (coded, MODE_ASYNC, "decode-frames", frames);
  for (guint i = 0; i < coded->units->len; i++) {
    GstBuffer *in = g_ptr_array_index (coded->units, i);

    out = push_pull (h, coded_copy_unit (coded, i));
    assert_same (out, in);
    if (result_of (out) != NULL) {
      assert_score (scores, result_of (out));
      g_assert_false (result_boolean (result_of (out), "fresh"));
      g_assert_cmpuint (result_uint64 (result_of (out), "age"), ==,
                        GST_BUFFER_PTS (in) - result_uint64 (result_of (out), "result-pts"));
    }
    gst_buffer_unref (out);
    if (i % 10 == 0)
      wait_for_inferences (h, i / 10 + 1);
  }
  out = push_pull (h, coded_copy_unit (coded, 5));
  if (g_str_equal (frames, "keyframes")) /* of all, those that came while one ran have none */
    g_assert_cmpuint (result_uint64 (result_of (out), "result-pts"), ==,
                      GST_BUFFER_PTS ((GstBuffer *)g_ptr_array_index (coded->units, 30)));
  else
    assert_score (scores, result_of (out));
  gst_buffer_unref (out);
  harness_free (h);
  g_hash_table_unref (scores);
}

/* An encoded picture that is left out would spoil those that build on it. */
static void
test_nothing_dropped (void)
{
  g_autoptr (Coded) coded = NULL;
  GstHarness *h;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new ("x264enc key-int-max=1 ! h264parse ! "
                     "video/x-h264,stream-format=avc,alignment=au",
                     60, 640, 480);
  h = coded_harness (coded, MODE_ASYNC, "overload-policy", "drop-frame");
  for (guint i = 0; i < coded->units->len; i++)
    gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
  g_assert_cmpuint (harness_stat (h, "frames"), ==, coded->units->len);
  g_assert_cmpuint (harness_stat (h, "dropped"), ==, 0);
  harness_free (h);
}

/* delayed: every buffer comes out, in order, keyframes with their own results. */
static void
test_delayed (void)
{
  g_autoptr (Coded) coded = NULL;
  GHashTable *scores;
  GstHarness *h;
  guint n_fresh = 0, n = 0;
  GstBuffer *out;

  if (!coded_needs ("x264enc", "avdec_h264", NULL))
    return;
  coded = coded_new (PLAIN, 31, 320, 240);
  scores = classify_decoded (coded, "h264parse ! avdec_h264 max-threads=1");
  h = coded_harness (coded, MODE_DELAYED, NULL, NULL);
  for (guint i = 0; i < coded->units->len; i++) {
    g_assert_cmpint (gst_harness_push (h, coded_copy_unit (coded, i)), ==, GST_FLOW_OK);
    if (i % 10 == 0)
      wait_for_inferences_alone (h, i / 10 + 1);
  }
  gst_harness_push_event (h, gst_event_new_eos ());
  while ((out = gst_harness_try_pull (h)) != NULL) {
    assert_same (out, g_ptr_array_index (coded->units, n));
    assert_score (scores, result_of (out));
    n_fresh += result_boolean (result_of (out), "fresh");
    gst_buffer_unref (out);
    n++;
  }
  g_assert_cmpuint (n, ==, coded->units->len);
  g_assert_cmpuint (n_fresh, ==, 4);
  harness_free (h);
  g_hash_table_unref (scores);
}

/* Many elements stopped, flushed and freed while their keyframes are decoded. */
static void
test_stop (void)
{
  g_autoptr (Coded) coded = NULL;
  GRand *rand = g_rand_new_with_seed (3);

  if (!coded_needs ("x264enc", "avdec_h264", NULL)) {
    g_rand_free (rand);
    return;
  }
  coded = coded_new (PLAIN, 11, 640, 480);
  for (guint n = 0; n < 30; n++) {
    GstHarness *h = coded_harness (coded, MODE_ASYNC, "decode-frames", n % 2 ? "all" : "keyframes");

    for (guint i = 0; i < 11; i++) {
      gst_buffer_unref (push_pull (h, coded_copy_unit (coded, i)));
      if (g_rand_int_range (rand, 0, 8) == 0)
        harness_flush (h);
    }
    g_usleep ((gulong)g_rand_int_range (rand, 0, 20000));
    harness_free (h);
  }
  g_rand_free (rand);
}

/* ---- what cannot be -------------------------------------------------------------------------- */

static void
test_refused (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);

  gst_harness_set_src_caps_str (h, "video/x-h264,stream-format=byte-stream,alignment=nal");
  harness_expect (h, GST_MESSAGE_WARNING, "h264parse", NULL);
  gst_harness_set_src_caps_str (h, "video/x-h265,stream-format=hvc1,alignment=au");
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_NOT_NEGOTIATED);
  harness_expect (h, GST_MESSAGE_WARNING, "codec_data", "h265parse", NULL);
  harness_free (h);
}

static void
test_no_decoder (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  gst_element_set_state (h->element, GST_STATE_NULL);
  g_object_set (h->element, "decoder", "nosuchdec", NULL);
  gst_harness_play (h);
  gst_harness_set_src_caps_str (h, "video/x-h264,stream-format=byte-stream,alignment=au");
  g_assert_cmpint (gst_harness_push (h, gst_buffer_new_allocate (NULL, 16, NULL)), ==,
                   GST_FLOW_NOT_NEGOTIATED);
  harness_expect (h, GST_MESSAGE_ERROR, "nosuchdec", "no such element", NULL);
  harness_count_messages (h, GST_MESSAGE_ERROR); /* again for the buffer, which asks again */
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++) {
    g_autofree char *keyframes = g_strdup_printf ("/coded/keyframes/%s", streams[i].name);
    g_autofree char *all = g_strdup_printf ("/coded/all/%s", streams[i].name);

    g_test_add_data_func (keyframes, &streams[i], test_keyframes);
    g_test_add_data_func (all, &streams[i], test_all);
  }
  g_test_add_func ("/coded/refresh", test_refresh);
  g_test_add_func ("/coded/interval", test_interval);
  g_test_add_data_func ("/coded/flush/keyframes", "keyframes", test_flush);
  g_test_add_data_func ("/coded/flush/all", "all", test_flush);
  g_test_add_data_func ("/coded/live/keyframes", "keyframes", test_live);
  g_test_add_data_func ("/coded/live/all", "all", test_live);
  g_test_add_func ("/coded/nothing-dropped", test_nothing_dropped);
  g_test_add_func ("/coded/delayed", test_delayed);
  g_test_add_func ("/coded/stop", test_stop);
  g_test_add_func ("/coded/damage", test_damage);
  g_test_add_func ("/coded/caps-change", test_caps_change);
  g_test_add_func ("/coded/refused", test_refused);
  g_test_add_func ("/coded/no-decoder", test_no_decoder);
  return g_test_run ();
}
