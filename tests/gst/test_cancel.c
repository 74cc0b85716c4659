/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A frame of many regions takes seconds: a state change, a flush and a seek break it off, and what
 * comes after has nothing of it. */
#include "common.h"

/* The best of a few, since others use the CPUs, too: @once gives microseconds. */
static void
assert_quick (gint64 (*once) (GstState state), GstState state)
{
  gint64 limit = g_getenv ("ASAN_OPTIONS") != NULL ? G_USEC_PER_SEC : 100000, us = limit;

  for (int i = 0; i < 5 && us >= limit; i++) {
    us = once (state);
    g_test_message ("%d us", (int)us);
  }
  g_assert_cmpint (us, <, limit);
}

typedef struct {
  GstElement *pipeline, *element;
  int arrived;
  GstClockTime oldest; /* least pts of a result on a buffer since the last look */
} Run;

static void
on_handoff (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user_data)
{
  Run *run = user_data;
  const GstStructure *s = result_of (buffer);

  (void)sink, (void)pad;
  g_assert_nonnull (s);
  g_assert_true (result_boolean (s, "fresh"));
  run->oldest = MIN (run->oldest, result_uint64 (s, "result-pts"));
  g_atomic_int_inc (&run->arrived);
}

/* In the middle of its first frame. */
static void
begin (Run *run)
{
  char *regions = many_regions ();
  GstElement *sink;

  *run = (Run){.oldest = GST_CLOCK_TIME_NONE};
  run->pipeline = gst_parse_launch (
      "videotestsrc ! video/x-raw,width=640,height=480,framerate=30/1 ! effnetclassify name=e "
      "inference-region=regions ! fakesink name=sink sync=false signal-handoffs=true",
      NULL);
  run->element = gst_bin_get_by_name (GST_BIN (run->pipeline), "e");
  sink = gst_bin_get_by_name (GST_BIN (run->pipeline), "sink");
  g_signal_connect (sink, "handoff", G_CALLBACK (on_handoff), run);
  gst_object_unref (sink);
  g_object_set (run->element, "regions", regions, NULL);
  g_free (regions);
  gst_element_set_state (run->pipeline, GST_STATE_PLAYING);
  g_usleep (300000);
  g_assert_cmpint (g_atomic_int_get (&run->arrived), ==, 0);
}

static void
end (Run *run)
{
  GstBus *bus = gst_element_get_bus (run->pipeline);

  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING));
  gst_element_set_state (run->pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (run->element);
  gst_object_unref (run->pipeline);
}

static gint64
change_state (GstState state)
{
  gint64 us;
  Run run;

  begin (&run);
  us = -g_get_monotonic_time ();
  gst_element_set_state (run.pipeline, state);
  us += g_get_monotonic_time ();
  g_assert_cmpint (run.arrived, ==, 0);
  g_assert_cmpuint (element_stat (run.element, "errors"), ==, 0);

  g_object_set (run.element, "regions", "a:0,0,1,1", NULL); /* and up again */
  gst_element_set_state (run.pipeline, GST_STATE_PLAYING);
  for (int i = 0; i < 3000 && g_atomic_int_get (&run.arrived) < 3; i++)
    g_usleep (10000);
  g_assert_cmpint (g_atomic_int_get (&run.arrived), >=, 3);
  end (&run);
  return us;
}

static void
test_state_changes (gconstpointer state)
{
  assert_quick (change_state, (GstState)GPOINTER_TO_INT (state));
}

static gint64
seek (GstState state)
{
  gint64 us;
  Run run;

  (void)state;
  begin (&run);
  g_object_set (run.element, "regions", "a:0,0,1,1", NULL); /* of the frames after this one */
  us = -g_get_monotonic_time ();
  g_assert_true (gst_element_seek_simple (run.pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                          100 * GST_SECOND));
  us += g_get_monotonic_time ();
  for (int i = 0; i < 3000 && g_atomic_int_get (&run.arrived) < 3; i++)
    g_usleep (10000);
  g_assert_cmpint (g_atomic_int_get (&run.arrived), >=, 3);
  g_assert_cmpuint (element_stat (run.element, "errors"), ==, 0);
  gst_element_set_state (run.pipeline, GST_STATE_NULL);
  g_assert_cmpuint (run.oldest, >=, 100 * GST_SECOND);
  end (&run);
  return us;
}

static void
test_flushing_seek (void)
{
  assert_quick (seek, GST_STATE_PLAYING);
}

/* Between the two events of a flush nothing is classified, and afterwards everything. */
static void
test_between_flushes (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  GstSegment segment;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  for (int i = 1; i < 4; i++) {
    GstBuffer *out;

    gst_harness_push_event (h, gst_event_new_flush_start ());
    g_assert_cmpint (gst_harness_push (h, grey_frame (64, 48, 90, i)), ==, GST_FLOW_FLUSHING);
    gst_harness_push_event (h, gst_event_new_flush_stop (TRUE));
    gst_segment_init (&segment, GST_FORMAT_TIME);
    gst_harness_push_event (h, gst_event_new_segment (&segment));
    out = push_pull (h, grey_frame (64, 48, 90, i));
    g_assert_true (result_boolean (result_of (out), "fresh"));
    gst_buffer_unref (out);
  }
  g_assert_cmpuint (harness_stat (h, "frames"), ==, 4);
  harness_free (h);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_data_func ("/gst/cancel/null", GINT_TO_POINTER (GST_STATE_NULL), test_state_changes);
  g_test_add_data_func ("/gst/cancel/ready", GINT_TO_POINTER (GST_STATE_READY), test_state_changes);
  g_test_add_func ("/gst/cancel/flushing-seek", test_flushing_seek);
  g_test_add_func ("/gst/cancel/between-flushes", test_between_flushes);
  return g_test_run ();
}
