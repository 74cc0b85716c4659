/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What passes through: buffers that are not touched, metadata that survives the elements after us,
 * queries that go on. */
#include "common.h"

#include <string.h>

/* ---- buffers --------------------------------------------------------------------------------- */

static char *
checksum (GstBuffer *buffer)
{
  GstMapInfo map;
  char *sum;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, map.data, map.size);
  gst_buffer_unmap (buffer, &map);
  return sum;
}

static void
assert_untouched (GstHarness *h, GstBuffer *in, gboolean writable)
{
  GstMemory *memory = gst_buffer_peek_memory (in, 0);
  char *before = checksum (in), *after;
  GstBuffer *out, *mine = NULL;

  GST_BUFFER_PTS (in) = 1234567;
  GST_BUFFER_DTS (in) = 1234000;
  GST_BUFFER_DURATION (in) = 40 * GST_MSECOND;
  GST_BUFFER_OFFSET (in) = 77;
  GST_BUFFER_OFFSET_END (in) = 78;
  GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_MARKER |
                               GST_BUFFER_FLAG_CORRUPTED | GST_VIDEO_BUFFER_FLAG_INTERLACED);
  if (!writable)
    mine = gst_buffer_ref (in);
  {
    guint flags = GST_BUFFER_FLAGS (in);

    out = push_pull (h, in);
    g_assert_cmphex (GST_BUFFER_FLAGS (out) & ~GST_BUFFER_FLAG_TAG_MEMORY, ==,
                     flags & ~GST_BUFFER_FLAG_TAG_MEMORY);
  }
  g_assert_true ((out == in) == writable);
  g_assert_true (gst_buffer_peek_memory (out, 0) == memory); /* not copied */
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 1234567);
  g_assert_cmpuint (GST_BUFFER_DTS (out), ==, 1234000);
  g_assert_cmpuint (GST_BUFFER_DURATION (out), ==, 40 * GST_MSECOND);
  g_assert_cmpuint (GST_BUFFER_OFFSET (out), ==, 77);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (out), ==, 78);
  g_assert_nonnull (result_of (out));
  if (mine != NULL) {
    g_assert_null (result_of (mine)); /* the other owner's buffer has no meta of ours */
    gst_buffer_unref (mine);
  }
  after = checksum (out);
  g_assert_cmpstr (after, ==, before);
  gst_buffer_unref (out);
  g_free (before);
  g_free (after);
}

static void
noise (int x, int y, int width, int height, guint8 *c)
{
  (void)width, (void)height;
  c[0] = (guint8)(x * 7 + y * 13);
  c[1] = (guint8)(x * 3 + 100);
  c[2] = (guint8)(y * 5 + 50);
}

static void
test_untouched (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstVideoInfo info;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_NV12, 161, 121);
  gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
  assert_untouched (h, frame_new (&info, 0, noise), TRUE);
  assert_untouched (h, frame_new (&info, 0, noise), FALSE);
  assert_untouched (h, frame_new (&info, 32, noise), TRUE);
  assert_untouched (h, frame_new (&info, 32, noise), FALSE);
  harness_free (h);
}

/* Memory that may not be written stays what it is. */
static void
test_read_only_memory (void)
{
  static guint8 pixels[64 * 48 * 3];
  GstHarness *h = harness_new (NULL, NULL);
  GstVideoInfo info;
  GstBuffer *in, *out;
  GstMemory *memory;

  gst_video_info_set_format (&info, GST_VIDEO_FORMAT_RGB, 64, 48);
  gst_harness_set_src_caps (h, gst_video_info_to_caps (&info));
  in = gst_buffer_new_wrapped_full (GST_MEMORY_FLAG_READONLY, pixels, sizeof pixels, 0,
                                    sizeof pixels, NULL, NULL);
  memory = gst_buffer_peek_memory (in, 0);
  out = push_pull (h, in);
  g_assert_true (gst_buffer_peek_memory (out, 0) == memory);
  g_assert_nonnull (result_of (out));
  gst_buffer_unref (out);
  harness_free (h);
}

/* Two classifiers, two results on one buffer. */
static void
test_two_in_a_row (void)
{
  GstElement *pipeline;
  GError *error = NULL;
  GstHarness *h;
  GstBuffer *out;
  gpointer state = NULL;
  GstMeta *meta;
  guint n = 0;

  pipeline = gst_parse_bin_from_description ("effnetclassify inference-mode=sync ! "
                                             "effnetclassify inference-mode=sync top-k=1",
                                             TRUE, &error);
  g_assert_no_error (error);
  h = gst_harness_new_with_element (pipeline, "sink", "src");
  gst_object_unref (pipeline);
  set_i420_caps (h, 64, 48);
  out = push_pull (h, grey_frame (64, 48, 90, 0));
  while ((meta = gst_buffer_iterate_meta (out, &state)) != NULL)
    n += gst_meta_info_is_custom (meta->info) &&
         gst_custom_meta_has_name ((GstCustomMeta *)meta, META_NAME);
  g_assert_cmpuint (n, ==, 2);
  gst_buffer_unref (out);
  gst_harness_teardown (h);
}

/* ---- queries --------------------------------------------------------------------------------- */

static GstQuery *
query_allocation (GstHarness *h)
{
  GstCaps *caps =
      gst_caps_from_string ("video/x-raw,format=NV12,width=64,height=48,framerate=30/1");
  GstQuery *query = gst_query_new_allocation (caps, TRUE);

  gst_harness_set_src_caps (h, gst_caps_ref (caps));
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  g_assert_true (gst_pad_peer_query (h->srcpad, query));
  gst_caps_unref (caps);
  return query;
}

/* Buffers go on as they come: upstream may use strides exactly when downstream reads them. */
static void
test_allocation (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstQuery *query = query_allocation (h);

  g_assert_false (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  gst_query_unref (query);
  harness_free (h);
  h = harness_new (NULL, NULL);
  gst_harness_add_propose_allocation_meta (h, GST_VIDEO_META_API_TYPE, NULL);
  query = query_allocation (h);
  g_assert_true (gst_query_find_allocation_meta (query, GST_VIDEO_META_API_TYPE, NULL));
  gst_query_unref (query);
  harness_free (h);
}

static void
test_latency (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48);
  gst_harness_set_upstream_latency (h, 70 * GST_MSECOND);
  g_assert_cmpuint (gst_harness_query_latency (h), ==, 70 * GST_MSECOND); /* sync adds nothing */
  harness_free (h);
}

static gboolean
refuses_caps (const char *text)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstPad *pad = gst_element_get_static_pad (element, "sink");
  GstCaps *caps = gst_caps_from_string (text);
  gboolean accepted = gst_pad_query_accept_caps (pad, caps);

  gst_caps_unref (caps);
  gst_object_unref (pad);
  gst_object_unref (element);
  return !accepted;
}

static void
test_refused_caps (void)
{
  g_assert_false (refuses_caps ("video/x-raw,format=NV12,width=1,height=1,framerate=0/1"));
  g_assert_false (refuses_caps ("image/jpeg"));
  g_assert_true (refuses_caps ("video/x-raw,format=RGB8P,width=64,height=48,framerate=30/1"));
  g_assert_true (refuses_caps ("video/x-raw,format=NV12,width=20000,height=48,framerate=30/1"));
  g_assert_true (refuses_caps ("video/x-raw(memory:GLMemory),format=NV12,width=64,height=48"));
  g_assert_true (refuses_caps ("video/x-h264"));
}

/* ---- pipelines ------------------------------------------------------------------------------- */

typedef struct {
  guint buffers, results;
} Seen;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  Seen *seen = user_data;
  const GstStructure *s = result_of (buffer);
  GstClockTime shift;

  (void)sink, (void)pad;
  seen->buffers++;
  if (s == NULL)
    return;
  /* the result is this very frame's: encoders reorder, and x264enc shifts time stamps by 1000 hours
   */
  shift = GST_BUFFER_PTS (buffer) - result_uint64 (s, "result-pts");
  g_assert_true (shift == 0 || shift == 1000 * 3600 * GST_SECOND);
  g_assert_true (result_boolean (s, "fresh"));
  seen->results++;
}

static void
assert_survives (const char *after)
{
  char *line = g_strdup_printf ("videotestsrc num-buffers=12 pattern=ball ! "
                                "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! "
                                "effnetclassify ! %s ! fakesink name=sink signal-handoffs=true",
                                after);
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (line, &error), *sink;
  GstBus *bus;
  GstMessage *message;
  Seen seen = {0};

  g_assert_no_error (error);
  sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), &seen);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_EOS) {
    gst_message_parse_error (message, &error, NULL);
    g_error ("%s: %s", line, error->message);
  }
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_test_message ("%s: %u buffers, %u results", after, seen.buffers, seen.results);
  g_assert_cmpuint (seen.buffers, ==, 12);
  g_assert_cmpuint (seen.results, ==, 12);
  gst_object_unref (sink);
  gst_object_unref (pipeline);
  g_free (line);
}

static void
test_survives (gconstpointer after)
{
  const char *first = after;
  char *name = g_strndup (first, strcspn (first, " "));
  GstElementFactory *factory = gst_element_factory_find (name);

  g_free (name);
  if (factory == NULL) {
    g_test_skip ("no such element here");
    return;
  }
  gst_object_unref (factory);
  assert_survives (after);
}

static void
test_tee (void)
{
  GError *error = NULL;
  GstElement *pipeline = gst_parse_launch (
      "videotestsrc num-buffers=20 ! tee name=t ! queue ! effnetclassify top-k=1 ! fakesink name=a "
      "signal-handoffs=true t. ! queue ! fakesink name=b signal-handoffs=true t. ! queue ! "
      "effnetclassify ! fakesink name=c signal-handoffs=true",
      &error);
  static const char *const names[] = {"a", "b", "c"};
  Seen seen[3] = {{0}};
  GstBus *bus;
  GstMessage *message;

  g_assert_no_error (error);
  for (guint i = 0; i < 3; i++) {
    GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), names[i]);

    g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), &seen[i]);
    gst_object_unref (sink);
  }
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  bus = gst_element_get_bus (pipeline);
  message = gst_bus_timed_pop_filtered (bus, 120 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  gst_object_unref (bus);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_assert_cmpuint (seen[0].results, ==, 20);
  g_assert_cmpuint (seen[1].buffers, ==, 20);
  g_assert_cmpuint (seen[1].results, ==, 0); /* the branch without us sees nothing of ours */
  g_assert_cmpuint (seen[2].results, ==, 20);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/passage/untouched", test_untouched);
  g_test_add_func ("/gst/passage/read-only-memory", test_read_only_memory);
  g_test_add_func ("/gst/passage/two-in-a-row", test_two_in_a_row);
  g_test_add_func ("/gst/passage/allocation", test_allocation);
  g_test_add_func ("/gst/passage/latency", test_latency);
  g_test_add_func ("/gst/passage/refused-caps", test_refused_caps);
  g_test_add_func ("/gst/passage/tee", test_tee);
  g_test_add_data_func ("/gst/passage/queue", "queue", test_survives);
  g_test_add_data_func ("/gst/passage/videoconvert", "videoconvert ! video/x-raw,format=BGRx",
                        test_survives);
  g_test_add_data_func ("/gst/passage/videoscale", "videoscale ! video/x-raw,width=111,height=55",
                        test_survives);
  g_test_add_data_func ("/gst/passage/jpegenc", "jpegenc", test_survives);
  g_test_add_data_func ("/gst/passage/x264enc", "x264enc ! h264parse", test_survives);
  g_test_add_data_func ("/gst/passage/vp8enc", "vp8enc deadline=1", test_survives);
  return g_test_run ();
}
