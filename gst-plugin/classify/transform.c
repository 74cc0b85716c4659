/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer's way through the element: infer, send off or skip, then announce the newest results,
 * under the lock `way`. The object lock is taken for a copy of what others may set, for lateness
 * and for the counters, and never while anything runs or is posted. */
#include "classify/transform.h"

#include "classify/adapt.h"
#include "classify/mode.h"
#include "classify/model.h"
#include "classify/pass.h"
#include "classify/takeup.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

/* A frame that waits for its turn gives way to a newer one after both of these: */
#define REPLACE_AFTER (100 * GST_MSECOND)
#define REPLACE_SHARE 100 /* times what capturing takes: 1 % of a core */

/* A frame that was cancelled does not go on, and does not count. */
static void
count_frame (GstEffnetClassify *self, GstEffnetPass *frame)
{
  guint dropped = gst_effnet_stream_take_dropped (&self->stream);

  if (frame->reason != GST_EFFNET_REASON_NONE)
    GST_LOG_OBJECT (self, "%" GST_TIME_FORMAT ": not classified: %s",
                    GST_TIME_ARGS (GST_BUFFER_PTS (frame->buffer)),
                    gst_effnet_reason_text (frame->reason));
  GST_OBJECT_LOCK (self);
  self->running = NULL;
  for (guint i = 0; i < dropped; i++)
    gst_effnet_stats_skip (&self->stats, GST_EFFNET_REASON_REPLACED);
  if (frame->cancelled) {
    self->stats.cancelled++;
  } else {
    gst_effnet_stats_add_frame (&self->stats);
    self->stats.dropped += frame->dropped ? 1 : 0;
    if (!frame->counted)
      gst_effnet_stats_skip (&self->stats, frame->reason);
  }
  GST_OBJECT_UNLOCK (self);
}

void
gst_effnet_classify_set_cancelled (GstEffnetClassify *self, gboolean cancelled)
{
  GST_OBJECT_LOCK (self);
  self->cancelled = cancelled;
  if (self->running != NULL)
    effnet_session_set_cancelled (self->running->session, cancelled);
  GST_OBJECT_UNLOCK (self);
  gst_effnet_stream_set_cancelled (&self->stream, cancelled);
  gst_effnet_stream_set_cancelled (&self->shadow.stream, cancelled);
  gst_effnet_delay_set_flushing (&self->delay, cancelled);
}

void
gst_effnet_classify_set_starting (GstEffnetClassify *self, gboolean starting)
{
  GST_OBJECT_LOCK (self);
  self->starting = starting;
  g_cond_broadcast (&self->start_ended);
  GST_OBJECT_UNLOCK (self);
}

gboolean
gst_effnet_classify_await_start (GstEffnetClassify *self)
{
  gboolean started;

  GST_OBJECT_LOCK (self);
  while (self->starting)
    g_cond_wait (&self->start_ended, GST_OBJECT_GET_LOCK (self));
  started = self->started;
  GST_OBJECT_UNLOCK (self);
  return started;
}

/* ---- whether --------------------------------------------------------------------------------- */

/* FALSE: it is compressed and cannot be decoded by itself. */
static gboolean
can_be_decoded (GstEffnetClassify *self, GstBuffer *buffer)
{
  gboolean can;

  if (!gst_effnet_coded_is_set (&self->coded))
    return TRUE;
  can = gst_effnet_coded_look (&self->coded, buffer);
  if (gst_effnet_coded_pop_refresh (&self->coded))
    gst_effnet_outbox_add_problem (
        &self->outbox, self, GST_MESSAGE_INFO, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE, NULL,
        "The stream is refreshed gradually: what leads to a whole picture is "
        "decoded where it has no keyframes, which costs more");
  return can;
}

/* What downstream said of lateness and throttling. */
static GstEffnetReason
ask_qos (GstEffnetClassify *self, GstEffnetPass *frame)
{
  GstEffnetQosAnswer answer;
  GstEffnetQos qos;
  gboolean report;

  if (!GST_CLOCK_TIME_IS_VALID (frame->load.time) ||
      !gst_base_transform_is_qos_enabled (GST_BASE_TRANSFORM (self)))
    return GST_EFFNET_REASON_NONE;
  GST_OBJECT_LOCK (self);
  answer = gst_effnet_qos_ask (&self->qos, frame->load.time);
  report = answer == GST_EFFNET_QOS_LATE && gst_effnet_qos_skip (&self->qos);
  qos = self->qos;
  GST_OBJECT_UNLOCK (self);
  if (report)
    gst_effnet_outbox_add (&self->outbox,
                           gst_effnet_qos_message_new (&qos, GST_OBJECT (self), self->live,
                                                       &self->segment, frame->buffer));
  if (answer == GST_EFFNET_QOS_LATE)
    return GST_EFFNET_REASON_LATE;
  return answer == GST_EFFNET_QOS_THROTTLED ? GST_EFFNET_REASON_THROTTLED : GST_EFFNET_REASON_NONE;
}

/* How many jobs on their way, one more included, end before their buffers have to leave. */
static guint
jobs_in_time (const GstEffnetClassify *self)
{
  guint64 hold = GST_EFFNET_DELAY_BUFFERS * self->spacing;

  if (self->holds_up)
    return GST_EFFNET_DELAY_JOBS;
  return (guint)CLAMP (hold / MAX (self->job_ns, 1), 1, GST_EFFNET_DELAY_JOBS);
}

/* Time between buffers, smoothed. */
static void
note_spacing (GstEffnetClassify *self, GstClockTime time)
{
  if (GST_CLOCK_TIME_IS_VALID (time) && GST_CLOCK_TIME_IS_VALID (self->last_time) &&
      time > self->last_time)
    self->spacing += (time - self->last_time) / 8 - self->spacing / 8;
  self->last_time = time;
}

/* FALSE while another frame waits for its turn. It gives way to a newer one only now and then:
 * converting frames that never get their turn is to cost little. */
static gboolean
has_room (GstEffnetClassify *self)
{
  GstClockTime waited;

  if (self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED)
    return gst_effnet_stream_count (&self->stream) < jobs_in_time (self);
  if (self->mode != GST_EFFNET_INFERENCE_MODE_ASYNC || gst_effnet_stream_is_free (&self->stream))
    return TRUE;
  if (self->coded.frames == GST_EFFNET_DECODE_FRAMES_ALL) /* the next ones build on it */
    return FALSE;
  waited = gst_util_get_timestamp () - gst_effnet_stream_get_submitted (&self->stream);
  return waited >= MAX (REPLACE_AFTER, REPLACE_SHARE * self->capture_ns);
}

/* What overload-policy says of a frame that is left out for want of room or time. */
static void
answer_overload (GstEffnetClassify *self, GstEffnetPass *frame)
{
  switch (gst_effnet_load_overload (&frame->settings.load, frame->reason)) {
  case GST_EFFNET_OVERLOAD_GO_ON:
    break;
  case GST_EFFNET_OVERLOAD_DROP: /* but frames of compressed video build on each other */
    frame->dropped = !gst_effnet_coded_is_set (&self->coded);
    break;
  case GST_EFFNET_OVERLOAD_WAIT:
    if (self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED && frame->reason == GST_EFFNET_REASON_BUSY)
      break; /* it has waited, and there is no room: a flush, or an error downstream */
    if (frame->reason == GST_EFFNET_REASON_BUSY) {
      g_mutex_unlock (&self->way); /* what is ready meanwhile is told */
      frame->cancelled = !gst_effnet_stream_wait (&self->stream, -1);
      g_mutex_lock (&self->way);
    }
    frame->reason = GST_EFFNET_REASON_NONE;
    break;
  }
}

static gboolean
wants_inference (GstEffnetClassify *self, GstEffnetPass *frame)
{
  if (!can_be_decoded (self, frame->buffer)) {
    frame->reason = GST_EFFNET_REASON_NO_PICTURE;
    return FALSE;
  }
  frame->load = (GstEffnetLoadFrame){
      .gap = GST_BUFFER_FLAG_IS_SET (frame->buffer, GST_BUFFER_FLAG_GAP),
      .first = self->results.engine == NULL && !gst_effnet_stream_is_busy (&self->stream),
      .busy = !has_room (self),
      .time = frame->load.time,
      .slower = gst_effnet_classify_adapt (self, frame->engine),
  };
  frame->reason = gst_effnet_load_ask (&self->load, &frame->settings.load, &frame->load);
  if (frame->reason == GST_EFFNET_REASON_NONE && !frame->load.first)
    frame->reason = ask_qos (self, frame);
  answer_overload (self, frame);
  return frame->reason == GST_EFFNET_REASON_NONE && !frame->cancelled;
}

/* ---- the three ways -------------------------------------------------------------------------- */

/* The frame was kept for that long, which sinks of live pipelines have to know. */
static void
note_latency (GstEffnetClassify *self, const GstEffnetPass *frame)
{
  GstClockTime now = gst_util_get_timestamp ();
  gboolean changed;

  if (!frame->fresh)
    return;
  GST_OBJECT_LOCK (self);
  changed = gst_effnet_latency_add (&self->latency, now - frame->arrived, now) && self->live;
  GST_OBJECT_UNLOCK (self);
  if (changed)
    gst_element_post_message (GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* Takes the present settings into account; TRUE when the frame is to be classified. */
static gboolean
look_at_frame (GstEffnetClassify *self, GstEffnetPass *frame)
{
  gboolean wanted;

  self->n_frames++;
  note_spacing (self, frame->load.time);
  self->last_pts = GST_BUFFER_PTS (frame->buffer);
  gst_effnet_classify_settle_labels (self, frame->engine);
  gst_effnet_classify_plan_learning (self, &frame->settings.inference);
  wanted = wants_inference (self, frame);
  if (frame->reason != GST_EFFNET_REASON_NO_PICTURE) /* the interval counts what can be decoded */
    gst_effnet_load_pass (&self->load, &frame->settings.load, &frame->load, wanted);
  return wanted;
}

/* sync, async */
static GstFlowReturn
pass (GstEffnetClassify *self, GstBuffer *buffer)
{
  GstFlowReturn ret;
  GstEffnetPass frame;

  g_mutex_lock (&self->way);
  gst_effnet_pass_begin (self, &frame, buffer);
  gst_effnet_classify_use_regions (self, &frame.settings.inference.regions);
  ret = gst_effnet_pass_take_up (self, &frame, G_MAXUINT);
  if (ret == GST_FLOW_OK)
    ret = self->owed;
  self->owed = GST_FLOW_OK;
  if (look_at_frame (self, &frame) && ret == GST_FLOW_OK)
    ret = self->mode == GST_EFFNET_INFERENCE_MODE_SYNC ? gst_effnet_pass_infer (self, &frame)
                                                       : gst_effnet_pass_send_off (self, &frame);
  if (frame.cancelled)
    ret = GST_FLOW_FLUSHING;
  else if (ret == GST_FLOW_OK && !frame.bad && self->results.engine != NULL)
    gst_effnet_pass_announce (self, &frame);
  self->owes = frame.reason == GST_EFFNET_REASON_BUSY;
  gst_effnet_classify_announce_scene (self, buffer);
  count_frame (self, &frame);
  gst_effnet_classify_leave_way (self);
  note_latency (self, &frame);
  if (ret == GST_FLOW_OK && frame.dropped)
    ret = GST_BASE_TRANSFORM_FLOW_DROPPED;
  gst_effnet_pass_clear (&frame);
  return ret;
}

void
gst_effnet_classify_free_frame (gpointer frame)
{
  gst_effnet_pass_clear (frame);
  g_free (frame);
}

/* In delayed mode, what overload-policy says of frames for which there is no room. */
static gboolean
holds_up (GstEffnetClassify *self)
{
  GstEffnetOverloadPolicy policy;

  GST_OBJECT_LOCK (self);
  policy = self->frame_settings.load.policy;
  GST_OBJECT_UNLOCK (self);
  return policy == GST_EFFNET_OVERLOAD_POLICY_BLOCK ||
         (policy == GST_EFFNET_OVERLOAD_POLICY_AUTO && !self->live);
}

/* delayed: the buffer's frame stays behind with it. */
static GstFlowReturn
pass_later (GstEffnetClassify *self, GstBuffer *buffer)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstEffnetPass *frame = g_new (GstEffnetPass, 1);

  self->holds_up = holds_up (self);
  if (self->holds_up) /* without the lock: what makes room needs it */
    gst_effnet_delay_wait_for_room (&self->delay);
  g_mutex_lock (&self->way);
  gst_effnet_pass_begin (self, frame, buffer);
  if (look_at_frame (self, frame))
    ret = gst_effnet_pass_send_off (self, frame);
  if (frame->cancelled)
    ret = GST_FLOW_FLUSHING;
  else if (ret == GST_FLOW_OK && frame->dropped)
    ret = GST_BASE_TRANSFORM_FLOW_DROPPED;
  count_frame (self, frame);
  gst_effnet_classify_announce_scene (self, buffer);
  gst_effnet_classify_leave_way (self);
  if (ret == GST_FLOW_OK) {
    self->held = g_new (GstEffnetHeld, 1);
    *self->held =
        (GstEffnetHeld){.number = gst_effnet_stream_get_number (&self->stream), .frame = frame};
  } else {
    gst_effnet_classify_free_frame (frame);
  }
  return ret;
}

GstFlowReturn
gst_effnet_classify_leave (gpointer owner, GstEffnetHeld *held)
{
  GstEffnetClassify *self = owner;
  GstEffnetPass *frame = held->frame;
  GstFlowReturn ret;

  frame->buffer = held->buffer;
  g_mutex_lock (&self->way);
  gst_effnet_classify_use_regions (self, &frame->settings.inference.regions);
  ret = gst_effnet_pass_take_up (self, frame, held->number);
  frame->fresh = frame->number > 0 && frame->number == self->results_number &&
                 self->results.pts == GST_BUFFER_PTS (held->buffer);
  frame->bad |= frame->number > 0 && frame->number == self->bad_number;
  if (ret == GST_FLOW_OK && !frame->bad && self->results.engine != NULL)
    gst_effnet_pass_announce (self, frame);
  gst_effnet_classify_leave_way (self);
  note_latency (self, frame);
  gst_effnet_classify_free_frame (frame);
  return ret;
}

GstFlowReturn
gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);

  gst_effnet_mode_settle (self);
  return self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED ? pass_later (self, buffer)
                                                         : pass (self, buffer);
}

GstEffnetHeld *
gst_effnet_classify_steal_held (GstEffnetClassify *self)
{
  return g_steal_pointer (&self->held);
}
