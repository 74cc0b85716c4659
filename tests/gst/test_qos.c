/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Under load: what is late loses its inference and nothing else, upstream does not hear of it, and
 * throttling is not lateness. In harnesses, and behind real decoders with a late sink. */
#include "common.h"

#include <gst/base/gstbasetransform.h>

static GstPadProbeReturn
count_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer n)
{
  (void)pad, (void)info;
  g_atomic_int_inc ((int *)n);
  return GST_PAD_PROBE_OK;
}

static gboolean
push_qos (GstHarness *h, GstQOSType type, GstClockTimeDiff diff, GstClockTime timestamp)
{
  return gst_harness_push_upstream_event (h, gst_event_new_qos (type, 1.5, diff, timestamp));
}

static gboolean
upstream_heard (GstHarness *h)
{
  gboolean heard = FALSE;
  GstEvent *event;

  while ((event = gst_harness_try_pull_upstream_event (h)) != NULL) {
    heard |= GST_EVENT_TYPE (event) == GST_EVENT_QOS;
    gst_event_unref (event);
  }
  return heard;
}

/* The oldest message's counters. */
static void
assert_message (GstHarness *h, guint64 processed, guint64 skipped)
{
  GstMessage *message = harness_pop_message (h, GST_MESSAGE_QOS);
  guint64 got[2];
  GstFormat format;
  gboolean live;

  g_assert_nonnull (message);
  gst_message_parse_qos_stats (message, &format, &got[0], &got[1]);
  gst_message_parse_qos (message, &live, NULL, NULL, NULL, NULL);
  g_assert_cmpint (format, ==, GST_FORMAT_BUFFERS);
  g_assert_cmpuint (got[0], ==, processed);
  g_assert_cmpuint (got[1], ==, skipped);
  g_assert_true (live); /* a harness says that it is */
  gst_message_unref (message);
}

static void
push_late (GstHarness *h, int n)
{
  GstBuffer *out = push_pull (h, grey_frame (64, 48, 90, n));

  g_assert_nonnull (result_of (out));
  g_assert_false (result_boolean (result_of (out), "fresh"));
  g_assert_false (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (out);
}

static void
test_late_frames (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstBuffer *out;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  g_assert_true (push_qos (h, GST_QOS_TYPE_UNDERFLOW, 50 * GST_MSECOND, 100 * GST_MSECOND));
  for (int i = 1; i <= 6; i++) /* all before 200 ms */
    push_late (h, i);
  g_assert_false (upstream_heard (h));
  out = push_pull (h, grey_frame (64, 48, 90, 7)); /* 233 ms: in time again */
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 8);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  assert_message (h, 1, 1); /* one a second */
  g_assert_null (harness_pop_message (h, GST_MESSAGE_QOS));
  harness_free (h);
}

/* A message a second, with the sums of all in between; a segment changes no sum, a flush does. */
static void
test_messages (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstSegment segment;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, 5 * GST_SECOND, 100 * GST_MSECOND);
  for (int i = 1; i <= 6; i++)
    push_late (h, i);
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  g_usleep (1050000);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 7))); /* after a segment: in time */
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, 5 * GST_SECOND, 100 * GST_MSECOND);
  push_late (h, 8);
  assert_message (h, 1, 1);
  assert_message (h, 2, 7);
  g_assert_null (harness_pop_message (h, GST_MESSAGE_QOS));
  gst_harness_push_event (h, gst_event_new_flush_start ());
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  gst_harness_push_event (h, gst_event_new_segment (&segment));
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, 5 * GST_SECOND, 100 * GST_MSECOND);
  g_usleep (1050000);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 1))); /* a second has gone by */
  push_late (h, 2);
  assert_message (h, 2, 1);
  harness_free (h);
}

/* The property says no, or a second has gone by: then even a late frame is classified. */
static void
test_exceptions (void)
{
  GstHarness *h = harness_new ("qos", FALSE, NULL);
  GstBuffer *out;

  set_i420_caps (h, 64, 48);
  for (int round = 0; round < 2; round++) {
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
    push_qos (h, GST_QOS_TYPE_UNDERFLOW, 5 * GST_SECOND, 100 * GST_MSECOND);
    if (round == 0) {
      g_assert_true (upstream_heard (h)); /* somebody has to do it */
      g_object_set (h->element, "qos", TRUE, NULL);
    } else {
      g_usleep (1050000);
    }
    out = push_pull (h, grey_frame (64, 48, 90, 1));
    g_assert_true (result_boolean (result_of (out), "fresh"));
    gst_buffer_unref (out);
  }
  push_late (h, 2);
  harness_free (h);
}

static gpointer
push_frame (gpointer h)
{
  return GINT_TO_POINTER (gst_harness_push (h, grey_frame (64, 48, 90, 1)));
}

/* Where nothing was classified for two seconds, lateness is somebody else's; but not in the middle
 * of an inference, however long it takes. */
static void
test_not_ours (void)
{
  GstHarness *h = harness_new ("inference-interval", 1000000, "inference-region", 2, "regions",
                               "a:0,0,1,1", NULL);
  char *regions = many_regions ();
  int begun = 0;
  GThread *thread;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, 100 * GST_MSECOND);
  g_assert_false (upstream_heard (h));
  g_usleep (2050000);
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, 100 * GST_MSECOND);
  g_assert_true (upstream_heard (h));

  g_object_set (h->element, "regions", regions, NULL); /* others: no matter what the interval is */
  gst_pad_add_probe (GST_BASE_TRANSFORM_SINK_PAD (h->element), GST_PAD_PROBE_TYPE_BUFFER,
                     count_buffer, &begun, NULL);
  thread = g_thread_new ("frame", push_frame, h);
  while (g_atomic_int_get (&begun) == 0)
    g_usleep (1000);
  g_usleep (100000);
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, 100 * GST_MSECOND);
  g_assert_false (upstream_heard (h));
  gst_harness_push_event (h, gst_event_new_flush_start ());
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, GST_FLOW_FLUSHING);
  gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, 100 * GST_MSECOND);
  g_assert_true (upstream_heard (h));
  harness_free (h);
  g_free (regions);
}

/* In async mode no buffer waits for an inference. The CPU may: so inferences are shed, and after
 * two seconds of lateness upstream hears of it all the same, though one inference a second goes on.
 */
static void
test_not_waiting (void)
{
  GstHarness *h = harness_new ("inference-mode", MODE_ASYNC, NULL);
  gint64 start;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  for (int i = 0; i < 1000 && harness_stat (h, "inferences") == 0; i++)
    g_usleep (10000);
  start = g_get_monotonic_time ();
  for (int n = 1; g_get_monotonic_time () - start < 2100000; n++) {
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, n)));
    push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, (guint64)n * GST_SECOND / 30);
    if (g_get_monotonic_time () - start < 1500000)
      g_assert_false (upstream_heard (h));
    g_usleep (30000);
  }
  g_assert_true (upstream_heard (h));
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, 2);
  g_assert_cmpuint (harness_stat (h, "skipped-late"), >, 0);
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, -(GstClockTimeDiff)GST_MSECOND, 10 * GST_SECOND);
  upstream_heard (h);
  push_qos (h, GST_QOS_TYPE_UNDERFLOW, GST_SECOND, 10 * GST_SECOND); /* for the first time again */
  g_assert_false (upstream_heard (h));
  harness_count_messages (h, GST_MESSAGE_QOS);
  harness_free (h);
}

/* Five seconds of a sink that wants something new each 200 ms, and says so with every frame. */
static void
test_throttle (void)
{
  GstHarness *h = harness_new (NULL, NULL);

  set_i420_caps (h, 64, 48);
  for (int i = 0; i < 150; i++) {
    GstBuffer *buffer = grey_frame (64, 48, 90, i);

    push_qos (h, GST_QOS_TYPE_THROTTLE, 200 * GST_MSECOND, GST_BUFFER_PTS (buffer));
    gst_buffer_unref (push_pull (h, buffer));
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 150);
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, 25);
  g_assert_cmpuint (harness_stat (h, "inferences"), <=, 26);
  g_assert_null (harness_pop_message (h, GST_MESSAGE_QOS));
  g_assert_false (upstream_heard (h));
  push_qos (h, GST_QOS_TYPE_OVERFLOW, -5, 5 * GST_SECOND); /* not any more */
  for (int i = 150; i < 155; i++)
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, i)));
  g_assert_cmpuint (harness_stat (h, "inferences"), >=, 30);
  harness_free (h);
}

/* ---- behind decoders ------------------------------------------------------------------------- */

static void
count_into (GstElement *pipeline, const char *name, int *n)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  GstPad *pad = gst_element_get_static_pad (element, "sink");

  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, count_buffer, n, NULL);
  gst_object_unref (pad);
  gst_object_unref (element);
}

static void
test_behind_a_decoder (gconstpointer front)
{
  char *clip = source_path ("pipelines/media/pan.webm");
  char *input = g_str_has_prefix (front, "matroskademux")
                    ? g_strdup_printf ("filesrc location=\"%s\" ! %s", clip, (const char *)front)
                    : g_strdup (front);
  char *line = g_strdup_printf ("%s name=decoder ! effnetclassify name=e ! fakesink name=sink "
                                "sync=true qos=true ts-offset=-100000000000",
                                input);
  GstElement *pipeline = gst_parse_launch (line, NULL), *element;
  GstBus *bus = gst_element_get_bus (pipeline);
  int decoded = 0, arrived = 0;
  GstStructure *stats;
  GstMessage *message;

  count_into (pipeline, "decoder", &decoded);
  count_into (pipeline, "sink", &arrived);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  element = gst_bin_get_by_name (GST_BIN (pipeline), "e");
  g_object_get (element, "stats", &stats, NULL);
  g_test_message ("%d into the decoder, %d at the sink, %" G_GUINT64_FORMAT " classified", decoded,
                  arrived, result_uint64 (stats, "inferences"));
  g_assert_cmpint (decoded, >, 50);
  g_assert_cmpint (arrived, ==, decoded);
  g_assert_cmpuint (result_uint64 (stats, "skipped"), >, (guint)arrived / 2);
  g_assert_cmpuint (result_uint64 (stats, "inferences"), >=, 1);
  gst_structure_free (stats);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
  g_free (line);
  g_free (input);
  g_free (clip);
}

static gboolean
have (const char *element)
{
  return gst_registry_check_feature_version (gst_registry_get (), element, 0, 0, 0);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/qos/late-frames", test_late_frames);
  g_test_add_func ("/gst/qos/messages", test_messages);
  g_test_add_func ("/gst/qos/exceptions", test_exceptions);
  g_test_add_func ("/gst/qos/not-ours", test_not_ours);
  g_test_add_func ("/gst/qos/not-waiting", test_not_waiting);
  g_test_add_func ("/gst/qos/throttle", test_throttle);
  g_test_add_data_func ("/gst/qos/behind-vp8dec", "matroskademux ! vp8dec", test_behind_a_decoder);
  if (have ("x264enc") && have ("avdec_h264"))
    g_test_add_data_func (
        "/gst/qos/behind-avdec-h264",
        "videotestsrc num-buffers=90 pattern=ball ! "
        "video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! "
        "x264enc tune=zerolatency speed-preset=ultrafast ! h264parse ! avdec_h264",
        test_behind_a_decoder);
  return g_test_run ();
}
