/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-mode: who waits for whom, which result a buffer carries, and what LATENCY queries are
 * told. */
#include "latency.h"
#include "common.h"

#include <effnet/scheduler.h>

#include <gst/app/gstappsink.h>

#define SIDE 96

/* ---- async ----------------------------------------------------------------------------------- */

/* Pushes grey frames from number @n on until one carries a result; gives that one. */
static GstBuffer *
push_until_result (GstHarness *h, int *n)
{
  for (int i = 0; i < 2000; i++) {
    GstBuffer *out = push_pull (h, grey_frame (SIDE, SIDE, 90, (*n)++));

    if (result_of (out) != NULL)
      return out;
    gst_buffer_unref (out);
    g_usleep (5000);
  }
  g_assert_not_reached ();
}

static void
test_async (void)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, NULL);
  GstClockTime of, last = 0;
  int n = 0;

  set_i420_caps (h, SIDE, SIDE);
  for (int i = 0; i < 50; i++) {
    GstBuffer *out = push_until_result (h, &n);
    const GstStructure *s = result_of (out);

    of = result_uint64 (s, "result-pts");
    g_assert_false (result_boolean (s, "fresh"));
    g_assert_cmpuint (of, <, GST_BUFFER_PTS (out)); /* no buffer waited for its own */
    g_assert_cmpuint (of, >=, last);
    g_assert_cmpuint (result_uint64 (s, "result-running-time"), ==, of);
    g_assert_cmpuint (result_uint64 (s, "age"), ==, GST_BUFFER_PTS (out) - of);
    last = of;
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, (guint64)n);
  harness_free (h);
}

/* The last frame's result comes after it: a message has it before the end. */
static void
test_async_end (void)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, NULL);
  GstMessage *message;

  set_i420_caps (h, SIDE, SIDE);
  gst_buffer_unref (push_pull (h, grey_frame (SIDE, SIDE, 90, 3)));
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "result-pts"), ==,
                    GST_SECOND / 10);
  gst_message_unref (message);
  harness_free (h);
}

/* Waits ten seconds at most for a message of results. */
static GstMessage *
wait_for_message (GstHarness *h)
{
  GstMessage *message = NULL;

  for (int i = 0; i < 1000 && message == NULL; i++) {
    message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
    if (message == NULL)
      g_usleep (10000);
  }
  g_assert_nonnull (message);
  return message;
}

static void
count_signal (GstElement *element, const GstStructure *result, int *n)
{
  (void)element;
  g_assert_cmpuint (result_uint64 (result, "result-pts"), ==, 0);
  g_atomic_int_inc (n);
}

static GstBuffer *
region_frame (int n)
{
  GstBuffer *frame = grey_frame (SIDE, SIDE, 90, n);

  gst_buffer_add_video_region_of_interest_meta (frame, "car", 8, 8, 60, 60)->id = 3;
  return frame;
}

/* One buffer, and no other for long: its result is told when it is ready, and once. */
static void
test_told_at_once (gconstpointer region)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, "inference-region",
                               GPOINTER_TO_INT (region), NULL);
  GstMessage *message;
  GstBuffer *out;
  int n = 0;

  g_signal_connect (h->element, "classified", G_CALLBACK (count_signal), &n);
  set_i420_caps (h, SIDE, SIDE);
  gst_buffer_unref (push_pull (h, region_frame (0)));
  message = wait_for_message (h);
  g_assert_cmpuint (result_uint64 (gst_message_get_structure (message), "result-pts"), ==, 0);
  gst_message_unref (message);
  out = push_pull (h, region_frame (1));
  g_assert_cmpuint (result_uint64 (result_of (out), "result-pts"), ==, 0);
  gst_buffer_unref (out);
  g_assert_cmpint (g_atomic_int_get (&n), ==, 1);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 0);
  harness_free (h);
}

/* So is a stable label; the next buffer says that it changed, and is no second message. */
static void
test_state_told_at_once (void)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, "switch-after", 1, NULL);
  GstMessage *message;
  GstBuffer *out;

  gst_util_set_object_arg (G_OBJECT (h->element), "smoothing", "vote");
  set_i420_caps (h, SIDE, SIDE);
  gst_buffer_unref (push_pull (h, grey_frame (SIDE, SIDE, 90, 0)));
  message = wait_for_message (h);
  g_assert_true (result_boolean (gst_message_get_structure (message), "state-changed"));
  gst_message_unref (message);
  for (int i = 1; i < 4; i++) {
    out = push_pull (h, grey_frame (SIDE, SIDE, 90, i));
    g_assert_true (result_boolean (result_of (out), "state-changed") == (i == 1));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 0);
  harness_free (h);
}

/* What was on its way before a flush or a new segment never arrives. */
static void
test_async_flush (void)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, NULL);
  GstSegment segment;
  int n = 0;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  set_i420_caps (h, SIDE, SIDE);
  for (int round = 0; round < 30; round++) {
    GstClockTime first = (guint64)(n + 2) * GST_SECOND / 30;
    GstBuffer *out;

    gst_buffer_unref (push_pull (h, grey_frame (SIDE, SIDE, 90, n++)));
    gst_buffer_unref (push_pull (h, grey_frame (SIDE, SIDE, 90, n++)));
    if (round % 2 == 0)
      harness_flush (h);
    else
      g_assert_true (gst_harness_push_event (h, gst_event_new_segment (&segment)));
    out = push_until_result (h, &n);
    g_assert_cmpuint (result_uint64 (result_of (out), "result-pts"), >=, first);
    gst_buffer_unref (out);
  }
  harness_free (h);
}

/* A camera has four buffers: none is kept, whatever the network takes. */
static void
test_pool (void)
{
  char *regions = many_regions ();
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, "inference-region", REGIONS, "regions",
                               regions, NULL);
  GstBufferPool *pool = gst_buffer_pool_new ();
  GstStructure *config = gst_buffer_pool_get_config (pool);
  GstBufferPoolAcquireParams now = {.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT};
  GstCaps *caps;
  GstBuffer *buffer;

  set_i420_caps (h, SIDE, SIDE);
  caps = gst_pad_get_current_caps (h->srcpad);
  gst_buffer_pool_config_set_params (config, caps, SIDE * SIDE * 3 / 2, 4, 4);
  g_assert_true (gst_buffer_pool_set_config (pool, config));
  g_assert_true (gst_buffer_pool_set_active (pool, TRUE));
  for (guint n = 0; n < 60; n++) {
    g_assert_cmpint (gst_buffer_pool_acquire_buffer (pool, &buffer, &now), ==, GST_FLOW_OK);
    GST_BUFFER_PTS (buffer) = n * GST_SECOND / 30;
    gst_buffer_unref (push_pull (h, buffer));
    g_usleep (2000);
  }
  gst_caps_unref (caps);
  g_free (regions);
  harness_free (h);
  gst_buffer_pool_set_active (pool, FALSE);
  gst_object_unref (pool);
}

/* ---- several elements ------------------------------------------------------------------------ */

#define N_CAMERAS 4

/* Elements of one instance run together what they have, with the results of each by itself. */
static void
test_batch (void)
{
  EffnetScheduler *scheduler = effnet_scheduler_new (2, "batch", NULL);
  GstHarness *h[N_CAMERAS], *alone = harness_new (NULL, NULL);
  GstBuffer *expected;
  EffnetQueueStats stats;
  int n = 0;

  set_i420_caps (alone, SIDE, SIDE);
  expected = push_pull (alone, grey_frame (SIDE, SIDE, 90, 0));
  for (int i = 0; i < N_CAMERAS; i++) {
    h[i] = harness_new ("model-instance-id", "batch", "threads", 2, "inference-mode", MODE_ASYNC,
                        "batch-size", N_CAMERAS, NULL);
    set_i420_caps (h[i], SIDE, SIDE);
  }
  do {
    for (int i = 0; i < N_CAMERAS; i++) {
      GstBuffer *out = push_pull (h[i], grey_frame (SIDE, SIDE, 90, n));

      if (result_of (out) != NULL)
        g_assert_cmpfloat (result_double (result_of (out), "confidence"), ==,
                           result_double (result_of (expected), "confidence"));
      gst_buffer_unref (out);
    }
    g_usleep (2000);
    effnet_scheduler_get_stats (scheduler, &stats);
  } while (stats.batched < 20 && ++n < 5000);
  g_assert_cmpuint (stats.batched, >=, 20);
  for (int i = 0; i < N_CAMERAS; i++)
    harness_free (h[i]);
  gst_buffer_unref (expected);
  harness_free (alone);
  effnet_scheduler_unref (scheduler);
}

/* Arenas are the executors': many elements of a model take about what one takes. */
static void
test_memory (void)
{
  GstHarness *h[8];
  gsize one = 0, all;

  for (int i = 0; i < 8; i++) {
    h[i] = harness_new ("threads", 2, NULL);
    set_i420_caps (h[i], SIDE, SIDE);
    for (int n = 0; n < 5; n++)
      gst_buffer_unref (push_pull (h[i], grey_frame (SIDE, SIDE, 90, n)));
    if (i == 0)
      one = resident_bytes ();
  }
  for (int n = 5; n < 20; n++) {
    for (int i = 0; i < 8; i++)
      gst_buffer_unref (push_pull (h[i], grey_frame (SIDE, SIDE, 90, n)));
  }
  all = resident_bytes ();
  g_test_message ("one %d kB, seven more %d kB", (int)(one / 1024), (int)((all - one) / 1024));
  if (g_getenv ("ASAN_OPTIONS") == NULL)
    g_assert_cmpuint (all, <, one + (12u << 20)); /* a session each would be 7 x 4 MB */
  for (int i = 0; i < 8; i++)
    harness_free (h[i]);
}

/* ---- pipelines ------------------------------------------------------------------------------- */

typedef struct {
  GstElement *pipeline, *element, *sink;
} Line;

/* @line with an element e and an appsink sink, playing. */
static void
begin (Line *line, const char *text)
{
  GError *error = NULL;

  line->pipeline = gst_parse_launch (text, &error);
  g_assert_no_error (error);
  line->element = gst_bin_get_by_name (GST_BIN (line->pipeline), "e");
  line->sink = gst_bin_get_by_name (GST_BIN (line->pipeline), "sink");
  gst_element_set_state (line->pipeline, GST_STATE_PLAYING);
}

static void
end (Line *line)
{
  GstBus *bus = gst_element_get_bus (line->pipeline);

  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
  gst_element_set_state (line->pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (line->element);
  gst_object_unref (line->sink);
  gst_object_unref (line->pipeline);
}

/* Takes all samples; gives how many, and of them those whose result is their own. */
static guint
take_all (Line *line, guint *n_own)
{
  GstClockTime last = GST_CLOCK_TIME_NONE;
  GstSample *sample;
  guint n = 0;

  *n_own = 0;
  while ((sample = gst_app_sink_pull_sample (GST_APP_SINK (line->sink))) != NULL) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    const GstStructure *s = result_of (buffer);

    g_assert_true (last == GST_CLOCK_TIME_NONE || GST_BUFFER_PTS (buffer) > last); /* in order */
    last = GST_BUFFER_PTS (buffer);
    if (s != NULL && result_boolean (s, "fresh")) {
      g_assert_cmpuint (result_uint64 (s, "result-pts"), ==, GST_BUFFER_PTS (buffer));
      g_assert_cmpuint (result_uint64 (s, "age"), ==, 0);
      ++*n_own;
    }
    n++;
    gst_sample_unref (sample);
  }
  return n;
}

typedef struct {
  const char *name, *source, *mode;
  gboolean own; /* every buffer carries its own result; else none */
} Auto;

static const Auto autos[] = {
    {"file", "videotestsrc num-buffers=20", "auto", TRUE},
    {"live", "videotestsrc is-live=true num-buffers=20", "auto", FALSE},
    {"file-async", "videotestsrc num-buffers=20", "async", FALSE},
    {"live-sync", "videotestsrc is-live=true num-buffers=20", "sync", TRUE},
    {"file-delayed", "videotestsrc num-buffers=40", "delayed", TRUE},
};

static void
test_mode (gconstpointer data)
{
  const Auto *a = data;
  char *text = g_strdup_printf ("%s ! video/x-raw,width=64,height=48,framerate=30/1 ! "
                                "effnetclassify name=e inference-mode=%s ! appsink name=sink "
                                "sync=false",
                                a->source, a->mode);
  guint n, n_own;
  Line line;

  begin (&line, text);
  n = take_all (&line, &n_own);
  g_assert_cmpuint (n, ==, g_str_equal (a->mode, "delayed") ? 40 : 20);
  g_assert_cmpuint (n_own, ==, a->own ? n : 0);
  end (&line);
  g_free (text);
}

/* ---- latency --------------------------------------------------------------------------------- */

static void
test_announcements (void)
{
  GstClockTime now = 100 * GST_SECOND;
  GstEffnetLatency latency;
  guint n = 0;

  gst_effnet_latency_init (&latency);
  g_assert_cmpuint (latency.announced, ==, 0);
  g_assert_true (gst_effnet_latency_add (&latency, 40 * GST_MSECOND, now));
  g_assert_cmpuint (latency.announced, >=, 50 * GST_MSECOND);
  for (int i = 0; i < 1000; i++) /* it wiggles, and nobody hears of it */
    n += gst_effnet_latency_add (&latency, (guint64)(30 + i % 19) * GST_MSECOND,
                                 now += 33 * GST_MSECOND);
  g_assert_cmpuint (n, ==, 0);
  for (int i = 0; i < 64; i++)
    n += gst_effnet_latency_add (&latency, 100 * GST_MSECOND, now += 33 * GST_MSECOND);
  g_assert_cmpuint (n, ==, 1);
  g_assert_cmpuint (latency.announced, >=, 125 * GST_MSECOND);
  for (int i = 0; i < 64 + 290; i++) /* short for less than ten seconds */
    n += gst_effnet_latency_add (&latency, 10 * GST_MSECOND, now += 33 * GST_MSECOND);
  g_assert_cmpuint (n, ==, 1);
  for (int i = 0; i < 100; i++)
    n += gst_effnet_latency_add (&latency, 10 * GST_MSECOND, now += 33 * GST_MSECOND);
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (latency.announced, <, 20 * GST_MSECOND);
}

static GstClockTime
latency_of (const char *mode)
{
  char *text = g_strdup_printf ("videotestsrc is-live=true num-buffers=20 ! "
                                "video/x-raw,width=64,height=48,framerate=30/1 ! "
                                "effnetclassify name=e inference-mode=%s ! appsink name=sink",
                                mode);
  GstQuery *query = gst_query_new_latency ();
  GstClockTime min = 0, without = 0;
  GstPad *pad, *upstream;
  guint n_own;
  Line line;

  begin (&line, text);
  g_assert_cmpuint (take_all (&line, &n_own), ==, 20);
  pad = gst_element_get_static_pad (line.element, "src");
  upstream = gst_element_get_static_pad (line.element, "sink");
  g_assert_true (gst_pad_peer_query (upstream, query));
  gst_query_parse_latency (query, NULL, &without, NULL);
  gst_query_unref (query);
  query = gst_query_new_latency ();
  g_assert_true (gst_pad_query (pad, query));
  gst_query_parse_latency (query, NULL, &min, NULL);
  gst_query_unref (query);
  gst_object_unref (pad);
  gst_object_unref (upstream);
  end (&line);
  g_free (text);
  g_test_message ("%s adds %d us", mode, (int)((min - without) / 1000));
  return min - without;
}

static void
test_latency (void)
{
  g_assert_cmpuint (latency_of ("auto"), ==, 0);
  g_assert_cmpuint (latency_of ("sync"), >=, GST_MSECOND);
  g_assert_cmpuint (latency_of ("delayed"), >=, GST_MSECOND);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/modes/async", test_async);
  g_test_add_func ("/gst/modes/async-end", test_async_end);
  g_test_add_data_func ("/gst/modes/told-at-once/full-frame", GINT_TO_POINTER (FULL_FRAME),
                        test_told_at_once);
  g_test_add_data_func ("/gst/modes/told-at-once/roi-list", GINT_TO_POINTER (ROI_LIST),
                        test_told_at_once);
  g_test_add_func ("/gst/modes/told-at-once/state", test_state_told_at_once);
  g_test_add_func ("/gst/modes/async-flush", test_async_flush);
  g_test_add_func ("/gst/modes/pool", test_pool);
  g_test_add_func ("/gst/modes/batch", test_batch);
  g_test_add_func ("/gst/modes/memory", test_memory);
  for (guint i = 0; i < G_N_ELEMENTS (autos); i++) {
    char *path = g_strdup_printf ("/gst/modes/pipeline/%s", autos[i].name);

    g_test_add_data_func (path, &autos[i], test_mode);
    g_free (path);
  }
  g_test_add_func ("/gst/modes/announcements", test_announcements);
  g_test_add_func ("/gst/modes/latency", test_latency);
  return g_test_run ();
}
