/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Two kinds of events, which GStreamer gives one name: lateness, which says from when on a frame
 * can still be in time, and throttling, which says how often downstream wants something new. */
#include "classify/qos.h"

#include "schema.h"

#define STARVED_AFTER    (1 * GST_SECOND) /* late or not, a frame is classified after this */
#define INNOCENT_AFTER   (2 * GST_SECOND) /* without inferences lateness is not of ours */
#define MESSAGE_INTERVAL (1 * GST_SECOND)

void
gst_effnet_qos_init (GstEffnetQos *qos)
{
  *qos = (GstEffnetQos){.inferred_at = GST_CLOCK_TIME_NONE, .reported_at = GST_CLOCK_TIME_NONE};
  gst_effnet_qos_forget (qos);
}

void
gst_effnet_qos_forget (GstEffnetQos *qos)
{
  qos->earliest_time = GST_CLOCK_TIME_NONE;
  qos->proportion = 1.0;
  qos->throttle = 0;
  qos->due = GST_CLOCK_TIME_NONE;
  qos->late_since = GST_CLOCK_TIME_NONE;
}

/* TRUE when @since is that long ago, or never was. */
static gboolean
has_passed (GstClockTime since, GstClockTime time)
{
  return !GST_CLOCK_TIME_IS_VALID (since) || gst_util_get_timestamp () - since >= time;
}

gboolean
gst_effnet_qos_note (GstEffnetQos *qos, GstEvent *event, gboolean waits)
{
  GstQOSType type;
  GstClockTimeDiff diff;
  GstClockTime timestamp;

  gst_event_parse_qos (event, &type, &qos->proportion, &diff, &timestamp);
  qos->throttle = 0;
  qos->earliest_time = GST_CLOCK_TIME_NONE;
  if (type == GST_QOS_TYPE_THROTTLE) {
    qos->throttle = (GstClockTime)MAX (diff, 0);
    return FALSE; /* it is inferences that are left out */
  }
  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    qos->earliest_time = GST_CLOCK_TIME_NONE;
  else if (diff > 0) /* the next frames will be later still */
    qos->earliest_time = timestamp + 2 * (GstClockTime)diff;
  else /* early: -diff may exceed the timestamp */
    qos->earliest_time = timestamp > -(guint64)diff ? timestamp + (guint64)diff : 0;
  if (diff <= 0 || !GST_CLOCK_TIME_IS_VALID (timestamp))
    qos->late_since = GST_CLOCK_TIME_NONE;
  else if (!GST_CLOCK_TIME_IS_VALID (qos->late_since))
    qos->late_since = gst_util_get_timestamp ();
  if (waits)
    return has_passed (qos->inferred_at, INNOCENT_AFTER);
  return has_passed (qos->inferred_at, INNOCENT_AFTER) ||
         (GST_CLOCK_TIME_IS_VALID (qos->late_since) &&
          has_passed (qos->late_since, INNOCENT_AFTER));
}

GstEffnetQosAnswer
gst_effnet_qos_ask (GstEffnetQos *qos, GstClockTime running_time)
{
  if (!GST_CLOCK_TIME_IS_VALID (running_time))
    return GST_EFFNET_QOS_INFER;
  if (qos->throttle > 0) {
    if (GST_CLOCK_TIME_IS_VALID (qos->due) && running_time < qos->due)
      return GST_EFFNET_QOS_THROTTLED;
    /* from the time that was due, so that frames that fall beside it do not add up */
    if (!GST_CLOCK_TIME_IS_VALID (qos->due) || running_time - qos->due >= qos->throttle)
      qos->due = running_time;
    qos->due += qos->throttle;
    return GST_EFFNET_QOS_INFER;
  }
  if (!GST_CLOCK_TIME_IS_VALID (qos->earliest_time) || running_time > qos->earliest_time ||
      has_passed (qos->inferred_at, STARVED_AFTER))
    return GST_EFFNET_QOS_INFER;
  return GST_EFFNET_QOS_LATE;
}

gboolean
gst_effnet_qos_skip (GstEffnetQos *qos)
{
  qos->skipped++;
  if (!has_passed (qos->reported_at, MESSAGE_INTERVAL))
    return FALSE;
  qos->reported_at = gst_util_get_timestamp ();
  return TRUE;
}

GstMessage *
gst_effnet_qos_message_new (const GstEffnetQos *qos, GstObject *source, gboolean live,
                            const GstSegment *segment, GstBuffer *buffer)
{
  GstEffnetMoment moment = gst_effnet_moment_of (segment, buffer);
  GstMessage *message = gst_message_new_qos (source, live, moment.running_time, moment.stream_time,
                                             moment.timestamp, moment.duration);

  gst_message_set_qos_values (message, GST_CLOCK_DIFF (moment.running_time, qos->earliest_time),
                              qos->proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, qos->processed, qos->skipped);
  return message;
}
