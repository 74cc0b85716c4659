/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See watch.h. */
#include "watch.h"

#include "../gst/common.h"

static guint64
frame_at (const Watch *watch, GstClockTime running_time)
{
  g_assert_cmpuint (running_time, >=, watch->first);
  return gst_util_uint64_scale_round (running_time - watch->first, watch->fps, GST_SECOND);
}

/* Times are rounded to nanoseconds once for each frame. */
static gboolean
is_near (guint64 a, guint64 b)
{
  return MAX (a, b) - MIN (a, b) <= 2;
}

static void
note_result (Watch *watch, GstBuffer *buffer, GstClockTime running_time)
{
  const GstStructure *s = result_of (buffer);
  GstClockTime of, age;
  Claim claim;

  if (s == NULL) {
    if (watch->claims->len > 0)
      watch->without++;
    else
      watch->before++;
    return;
  }
  of = result_uint64 (s, "result-running-time");
  age = result_uint64 (s, "age");
  watch->fresh += result_boolean (s, "fresh");
  watch->wrong_age += of > running_time || !is_near (age, running_time - of) ||
                      result_boolean (s, "fresh") != (of == running_time);
  g_array_append_val (watch->ages, age);
  claim.frame = frame_at (watch, of);
  if (watch->claims->len > 0) {
    guint64 last = g_array_index (watch->claims, Claim, watch->claims->len - 1).frame;

    watch->backwards += claim.frame < last;
    if (claim.frame == last)
      return;
  }
  claim.result = gst_structure_copy (s);
  g_array_append_val (watch->claims, claim);
}

static GstPadProbeReturn
on_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Watch *watch = user_data;
  GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);
  GstEvent *event = gst_pad_get_sticky_event (pad, GST_EVENT_SEGMENT, 0);
  GstClock *clock = gst_element_get_clock (watch->pipeline);
  const GstSegment *segment;
  GstClockTime running_time;
  GstClockTimeDiff lag;
  guint64 frame;

  gst_event_parse_segment (event, &segment);
  running_time = gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  lag = GST_CLOCK_DIFF (running_time,
                        gst_clock_get_time (clock) - gst_element_get_base_time (watch->pipeline));
  g_array_append_val (watch->lags, lag);
  frame = frame_at (watch, running_time);
  watch->out_of_order += watch->arrived > 0 && frame <= watch->newest;
  watch->newest = frame;
  watch->other_picture += counter_read (watch->counter, buffer) != frame % COUNTER_FRAMES;
  note_result (watch, buffer, running_time);
  watch->arrived++;
  if (watch->arrived == watch->frames / 3)
    watch->settled = resident_bytes ();
  gst_object_unref (clock);
  gst_event_unref (event);
  return GST_PAD_PROBE_OK;
}

static GstPadProbeReturn
on_first (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Watch *watch = user_data;

  (void)pad;
  watch->first = GST_BUFFER_PTS (GST_PAD_PROBE_INFO_BUFFER (info));
  return GST_PAD_PROBE_REMOVE;
}

static void
clear_claim (gpointer claim)
{
  gst_structure_free (((Claim *)claim)->result);
}

void
watch_start (Watch *watch, const char *line)
{
  GError *error = NULL;
  GstElement *source, *sink;
  GstPad *pad;

  watch->pipeline = gst_parse_launch (line, &error);
  g_assert_no_error (error);
  watch->lags = g_array_new (FALSE, FALSE, sizeof (GstClockTimeDiff));
  watch->ages = g_array_new (FALSE, FALSE, sizeof (guint64));
  watch->claims = g_array_new (FALSE, FALSE, sizeof (Claim));
  g_array_set_clear_func (watch->claims, clear_claim);
  source = gst_bin_get_by_name (GST_BIN (watch->pipeline), "src");
  sink = gst_bin_get_by_name (GST_BIN (watch->pipeline), "sink");
  g_object_set (source, "is-live", TRUE, "num-buffers", (int)watch->frames, NULL);
  pad = gst_element_get_static_pad (source, "src");
  counter_draw_at (watch->counter, pad);
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_first, watch, NULL);
  gst_object_unref (pad);
  pad = gst_element_get_static_pad (sink, "sink");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, on_buffer, watch, NULL);
  gst_object_unref (pad);
  gst_object_unref (source);
  gst_object_unref (sink);
  g_assert_cmpint (gst_element_set_state (watch->pipeline, GST_STATE_PLAYING), !=,
                   GST_STATE_CHANGE_FAILURE);
}

void
watch_finish (Watch *watch)
{
  GstClockTime patience = (watch->frames / watch->fps + 120) * GST_SECOND;
  GstBus *bus = gst_element_get_bus (watch->pipeline);
  GstElement *sink = gst_bin_get_by_name (GST_BIN (watch->pipeline), "sink");
  GstMessage *message =
      gst_bus_timed_pop_filtered (bus, patience, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  GstStructure *stats;
  GError *error = NULL;

  g_assert_nonnull (message);
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, NULL);
  g_assert_no_error (error);
  watch->resident = resident_bytes ();
  g_object_get (sink, "stats", &stats, NULL);
  watch->rendered = result_uint64 (stats, "rendered");
  watch->dropped = result_uint64 (stats, "dropped");
  gst_structure_free (stats);
  gst_element_set_state (watch->pipeline, GST_STATE_NULL);
  gst_message_unref (message);
  gst_object_unref (sink);
  gst_object_unref (bus);
}

void
watch_clear (Watch *watch)
{
  g_clear_object (&watch->pipeline);
  g_clear_pointer (&watch->lags, g_array_unref);
  g_clear_pointer (&watch->ages, g_array_unref);
  g_clear_pointer (&watch->claims, g_array_unref);
}

static int
compare_lags (gconstpointer a, gconstpointer b)
{
  GstClockTimeDiff left = *(const GstClockTimeDiff *)a, right = *(const GstClockTimeDiff *)b;

  return (left > right) - (left < right);
}

GstClockTimeDiff
watch_median_lag (const Watch *watch, guint first)
{
  GArray *sorted = g_array_new (FALSE, FALSE, sizeof (GstClockTimeDiff));
  GstClockTimeDiff median;

  g_assert_cmpuint (first, <, watch->lags->len);
  g_array_append_vals (sorted, (GstClockTimeDiff *)(void *)watch->lags->data + first,
                       watch->lags->len - first);
  g_array_sort (sorted, compare_lags);
  median = g_array_index (sorted, GstClockTimeDiff, sorted->len / 2);
  g_array_unref (sorted);
  return median;
}

static int
compare_ages (gconstpointer a, gconstpointer b)
{
  guint64 left = *(const guint64 *)a, right = *(const guint64 *)b;

  return (left > right) - (left < right);
}

guint64
watch_age (const Watch *watch, double share)
{
  g_assert_cmpuint (watch->ages->len, >, 0);
  g_array_sort (watch->ages, compare_ages);
  return g_array_index (watch->ages, guint64, (guint)(share * (watch->ages->len - 1)));
}
