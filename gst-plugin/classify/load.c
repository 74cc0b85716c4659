/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The order of the questions: what can never be classified, what has to be, then the settings from
 * the cheapest on. */
#include "classify/load.h"

void
gst_effnet_load_forget (GstEffnetLoad *load)
{
  *load = (GstEffnetLoad){0, GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE};
}

static GstClockTime
period_of (const GstEffnetLoadSettings *settings)
{
  if (settings->rate_num == 0)
    return 0;
  return gst_util_uint64_scale (GST_SECOND, settings->rate_den, settings->rate_num);
}

/* A quarter of the period too early is in time: cameras are not punctual, time stamps are rounded,
 * and the next time that is due makes up for it. */
static gboolean
is_too_soon (const GstEffnetLoad *load, const GstEffnetLoadSettings *settings, GstClockTime time)
{
  GstClockTime period = period_of (settings);

  return period > 0 && GST_CLOCK_TIME_IS_VALID (time) && GST_CLOCK_TIME_IS_VALID (load->rate_due) &&
         time + period / 4 < load->rate_due && load->rate_due - time <= 2 * period;
}

GstEffnetReason
gst_effnet_load_ask (const GstEffnetLoad *load, const GstEffnetLoadSettings *settings,
                     const GstEffnetLoadFrame *frame)
{
  guint64 interval = (guint64)settings->interval * MAX (frame->slower, 1);

  if (frame->gap)
    return GST_EFFNET_REASON_GAP;
  if (!frame->first) {
    if (load->since > 0 && load->since < interval)
      return GST_EFFNET_REASON_INTERVAL;
    if (is_too_soon (load, settings, frame->time))
      return GST_EFFNET_REASON_RATE;
  }
  return frame->busy ? GST_EFFNET_REASON_BUSY : GST_EFFNET_REASON_NONE;
}

/* Counted from the time that was due, so that frames that fall beside it do not add up; but what a
 * stream did not use it does not save up. */
static void
set_due (GstEffnetLoad *load, const GstEffnetLoadSettings *settings, GstClockTime time)
{
  GstClockTime period = period_of (settings);

  if (period == 0 || !GST_CLOCK_TIME_IS_VALID (time)) {
    load->rate_due = GST_CLOCK_TIME_NONE;
    return;
  }
  if (!GST_CLOCK_TIME_IS_VALID (load->rate_due) || time >= load->rate_due + period ||
      load->rate_due >= time + 2 * period)
    load->rate_due = time;
  load->rate_due += period;
}

void
gst_effnet_load_pass (GstEffnetLoad *load, const GstEffnetLoadSettings *settings,
                      const GstEffnetLoadFrame *frame, gboolean inferred)
{
  if (inferred) {
    load->rate_was = load->rate_due;
    set_due (load, settings, frame->time);
    load->since = 1;
  } else if (load->since > 0 && load->since < G_MAXUINT) {
    load->since++;
  }
}

void
gst_effnet_load_retry (GstEffnetLoad *load)
{
  load->since = 0;
}

void
gst_effnet_load_undo (GstEffnetLoad *load)
{
  load->since = 0;
  load->rate_due = load->rate_was;
}

GstEffnetOverload
gst_effnet_load_overload (const GstEffnetLoadSettings *settings, GstEffnetReason reason)
{
  if (reason != GST_EFFNET_REASON_BUSY && reason != GST_EFFNET_REASON_LATE)
    return GST_EFFNET_OVERLOAD_GO_ON;
  switch (settings->policy) {
  case GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME:
    return GST_EFFNET_OVERLOAD_DROP;
  case GST_EFFNET_OVERLOAD_POLICY_BLOCK:
    return GST_EFFNET_OVERLOAD_WAIT;
  default:
    return GST_EFFNET_OVERLOAD_GO_ON;
  }
}
