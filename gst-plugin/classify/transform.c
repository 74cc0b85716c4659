/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer's way through the element: infer, send off or skip, then announce the newest results.
 * All of it is the streaming thread's. The lock is taken for a copy of what others may set, for
 * lateness and for the counters, and never while anything runs or is posted. */
#include "classify/transform.h"

#include "classify/adapt.h"
#include "classify/mode.h"
#include "classify/model.h"
#include "classify/takeup.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

/* A frame that waits for its turn gives way to a newer one after both of these: */
#define REPLACE_AFTER (100 * GST_MSECOND)
#define REPLACE_SHARE 100 /* times what capturing takes: 1 % of a core */

#define LAST_RESULT (2 * G_USEC_PER_SEC) /* of a stream that ends: waited for no longer */

/* What one buffer's way knows. */
typedef struct {
  GstBuffer *buffer;
  GstEffnetFrameSettings settings;
  GstEffnetEngine *engine;
  GstEffnetLoadFrame load;
  GstClockTime arrived;   /* system time */
  guint number;           /* of its job; 0 = none */
  gboolean fresh;         /* the newest results are of this very buffer */
  gboolean bad;           /* it cannot be classified */
  gboolean counted;       /* whoever takes up its results counts it */
  GstEffnetReason reason; /* why it is not classified */
  gboolean dropped;       /* it does not go on: overload-policy */
  gboolean cancelled;     /* flushing or stopping */
} Frame;

static GstClockTime
running_time_of (GstEffnetClassify *self, GstBuffer *buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;

  if (segment->format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
}

static void
begin_frame (GstEffnetClassify *self, Frame *frame, GstBuffer *buffer)
{
  *frame = (Frame){.buffer = buffer,
                   .arrived = gst_util_get_timestamp (),
                   .load.time = running_time_of (self, buffer)};
  GST_OBJECT_LOCK (self);
  frame->settings = self->frame_settings;
  gst_effnet_region_settings_copy (&frame->settings.inference.regions,
                                   &self->frame_settings.inference.regions);
  frame->engine = self->running = gst_effnet_engine_ref (self->engine);
  effnet_session_set_cancelled (frame->engine->session, self->cancelled);
  GST_OBJECT_UNLOCK (self);
}

/* A frame that was cancelled does not go on, and does not count. */
static void
count_frame (GstEffnetClassify *self, Frame *frame)
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
    self->stats.frames++;
    self->stats.dropped += frame->dropped ? 1 : 0;
    if (!frame->counted)
      gst_effnet_stats_skip (&self->stats, frame->reason);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
clear_frame (Frame *frame)
{
  gst_effnet_region_settings_clear (&frame->settings.inference.regions);
  gst_effnet_engine_unref (frame->engine);
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
ask_qos (GstEffnetClassify *self, Frame *frame)
{
  GstBaseTransform *base = GST_BASE_TRANSFORM (self);
  GstEffnetQosAnswer answer;
  GstEffnetQos qos;
  gboolean report;

  if (!GST_CLOCK_TIME_IS_VALID (frame->load.time) || !gst_base_transform_is_qos_enabled (base))
    return GST_EFFNET_REASON_NONE;
  GST_OBJECT_LOCK (self);
  answer = gst_effnet_qos_ask (&self->qos, frame->load.time);
  report = answer == GST_EFFNET_QOS_LATE && gst_effnet_qos_skip (&self->qos);
  qos = self->qos;
  GST_OBJECT_UNLOCK (self);
  if (report)
    gst_effnet_outbox_add (&self->outbox, gst_effnet_qos_message_new (&qos, base, frame->buffer));
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
answer_overload (GstEffnetClassify *self, Frame *frame)
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
    if (frame->reason == GST_EFFNET_REASON_BUSY)
      frame->cancelled = !gst_effnet_stream_wait (&self->stream, -1);
    frame->reason = GST_EFFNET_REASON_NONE;
    break;
  }
}

static gboolean
wants_inference (GstEffnetClassify *self, Frame *frame)
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

/* Results of other parts than the settings ask for do not count any more: whatever keeps a name of
 * theirs forgets it here, before the names go with the last settings that have them. */
static void
use_regions (GstEffnetClassify *self, const GstEffnetRegionSettings *regions)
{
  if (self->regions_serial == regions->serial)
    return;
  self->regions_serial = regions->serial;
  gst_effnet_results_reset (&self->results);
  gst_effnet_announcer_forget (&self->announcer);
  gst_effnet_labels_forget (&self->labels);
  gst_effnet_classify_warn_of_regions (self, regions);
}

/* ---- infer ----------------------------------------------------------------------------------- */

/* Returns: (nullable): the frame's job: without parts when nothing of it is to be classified, with
 * an error when it cannot be; NULL when too many are on their way */
static GstEffnetJob *
capture (GstEffnetClassify *self, Frame *frame, gboolean own)
{
  static const GstEffnetResults none;
  gboolean delayed = self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED;
  GstClockTime start = gst_util_get_timestamp (), budget = frame->settings.load.latency_budget;
  GstEffnetJob *job = gst_effnet_stream_get_job (&self->stream);
  GError *error = NULL;

  if (job == NULL)
    return NULL;
  gst_effnet_job_begin (job, frame->engine, &frame->settings.inference);
  job->results.filter = gst_effnet_class_filter_ref (self->labels.filter);
  job->results.pts = GST_BUFFER_PTS (frame->buffer);
  job->results.running_time = frame->load.time;
  job->results.frame = self->n_frames;
  job->arrived = start;
  job->deadline = budget != 0 ? start + budget : 0;
  job->watch = &self->watch;
  job->trigger = frame->settings.load.trigger;
  job->wanted = self->results.engine != frame->engine; /* of another model, or none */
  if (!gst_effnet_inference_capture (&self->inference, &self->format, &self->coded, frame->buffer,
                                     own, delayed ? &none : &self->results, job, &error))
    gst_effnet_job_fail (job, error);
  self->capture_ns = gst_util_get_timestamp () - start;
  if (job->input == GST_EFFNET_INPUT_CODED)
    job->keeps_picture = gst_effnet_classify_has_shadow (self);
  else
    gst_effnet_classify_shadow (self, &self->format, frame->buffer, job->results.frame,
                                &frame->settings.inference);
  return job;
}

/* @job: (transfer full) (nullable): NULL was cancelled */
static GstFlowReturn
finish (GstEffnetClassify *self, Frame *frame, GstEffnetJob *job)
{
  frame->cancelled =
      job == NULL || g_error_matches (job->error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  if (job == NULL)
    return GST_FLOW_FLUSHING;
  frame->bad = job->error != NULL && !frame->cancelled;
  if (!frame->cancelled)
    frame->counted = TRUE;
  if (!frame->bad && !frame->cancelled) {
    frame->fresh = self->mode == GST_EFFNET_INFERENCE_MODE_SYNC && !job->no_picture &&
                   !job->still && job->results.pts == GST_BUFFER_PTS (frame->buffer);
    frame->reason = gst_effnet_job_get_reason (job);
  }
  return gst_effnet_classify_take_up (self, job, frame->settings.max_errors);
}

/* The frame waits for its results. */
static GstFlowReturn
infer (GstEffnetClassify *self, Frame *frame)
{
  /* inputs of a batch are the jobs' own; the size is for READY */
  GstEffnetJob *job = capture (self, frame, self->batch_size > 1);

  if (job != NULL && job->input != GST_EFFNET_INPUT_NONE) {
    gst_effnet_stream_submit (&self->stream, job, EFFNET_SUBMIT_REPLACE);
    gst_effnet_stream_wait (&self->stream, -1);
    job = gst_effnet_stream_take (&self->stream, G_MAXUINT);
  }
  return finish (self, frame, job);
}

/* The frame goes on while a copy of it waits for its turn. */
static GstFlowReturn
send_off (GstEffnetClassify *self, Frame *frame)
{
  GstEffnetJob *job = capture (self, frame, TRUE);

  if (job == NULL) {
    frame->reason = GST_EFFNET_REASON_BUSY;
    return GST_FLOW_OK;
  }
  if (job->input == GST_EFFNET_INPUT_NONE)
    return finish (self, frame, job);
  frame->counted = TRUE;
  gst_effnet_stream_submit (&self->stream, job,
                            self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED
                                ? EFFNET_SUBMIT_APPEND
                                : EFFNET_SUBMIT_REPLACE);
  frame->number = gst_effnet_stream_get_number (&self->stream);
  return GST_FLOW_OK;
}

static GstFlowReturn
take_up_finished (GstEffnetClassify *self, const Frame *frame, guint last)
{
  GstFlowReturn ret = GST_FLOW_OK;
  GstEffnetJob *job;

  while (ret == GST_FLOW_OK && (job = gst_effnet_stream_take (&self->stream, last)) != NULL)
    ret = gst_effnet_classify_take_up (self, job, frame->settings.max_errors);
  return ret;
}

/* ---- announce -------------------------------------------------------------------------------- */

/* What this buffer gets. A tensor goes with the caps that name it: a model with another number of
 * classes needs new ones first. */
static GstEffnetAttachMeta
carriers_of (GstEffnetClassify *self, const Frame *frame)
{
  guint n = self->tensor_classes;

  if (n == 0 || self->results.all == NULL)
    return self->attach_meta;
  if (frame->engine->info.n_classes != n)
    gst_base_transform_reconfigure_src (GST_BASE_TRANSFORM (self));
  if (gst_buffer_get_size (self->results.all) == n * sizeof (float))
    return self->attach_meta;
  return self->attach_meta & ~(guint)GST_EFFNET_ATTACH_META_TENSOR;
}

static void
announce (GstEffnetClassify *self, Frame *frame)
{
  const GstEffnetFrameSettings *settings = &frame->settings;
  GstEffnetView view = {
      .results = &self->results,
      .regions = &settings->inference.regions,
      .element = self->name,
      .top_k = settings->inference.wanted.top_k,
      .smooths = self->labels.smoothing.smoothing != GST_EFFNET_SMOOTHING_NONE,
      .fresh = frame->fresh,
  };
  GstMessage *message;

  if (self->attach_meta == 0 && settings->post_messages == GST_EFFNET_POST_MESSAGES_NONE &&
      !gst_effnet_classify_has_listener (self))
    return;
  if (gst_effnet_announcer_collect (&self->announcer, &view, frame->buffer) == 0)
    return;
  gst_effnet_announcer_attach (&self->announcer, &self->results, carriers_of (self, frame),
                               frame->buffer);
  gst_effnet_announcer_tell (&self->announcer, self->labels.states);
  gst_effnet_classify_emit_classified (self, frame->buffer);
  if (settings->post_messages == GST_EFFNET_POST_MESSAGES_NONE)
    return;
  message = gst_effnet_announcer_pop_message (
      &self->announcer, GST_OBJECT (self), &GST_BASE_TRANSFORM (self)->segment, frame->buffer,
      settings->post_messages == GST_EFFNET_POST_MESSAGES_ALL);
  if (message != NULL)
    gst_effnet_outbox_add (&self->outbox, message);
}

/* ---- the three ways -------------------------------------------------------------------------- */

/* The frame was kept for that long, which sinks of live pipelines have to know. */
static void
note_latency (GstEffnetClassify *self, const Frame *frame)
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
look_at_frame (GstEffnetClassify *self, Frame *frame)
{
  gboolean wanted;

  self->n_frames++;
  note_spacing (self, frame->load.time);
  self->last_pts = GST_BUFFER_PTS (frame->buffer);
  gst_effnet_classify_settle_labels (self, frame->engine);
  frame->settings.inference.wanted.filter = self->labels.filter;
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
  Frame frame;

  begin_frame (self, &frame, buffer);
  use_regions (self, &frame.settings.inference.regions);
  ret = take_up_finished (self, &frame, G_MAXUINT);
  if (look_at_frame (self, &frame) && ret == GST_FLOW_OK)
    ret = self->mode == GST_EFFNET_INFERENCE_MODE_SYNC ? infer (self, &frame)
                                                       : send_off (self, &frame);
  if (frame.cancelled)
    ret = GST_FLOW_FLUSHING;
  else if (ret == GST_FLOW_OK && !frame.bad && self->results.engine != NULL)
    announce (self, &frame);
  gst_effnet_classify_tell_of_scene (self, buffer);
  note_latency (self, &frame);
  count_frame (self, &frame);
  gst_effnet_outbox_send (&self->outbox, GST_ELEMENT (self));
  if (ret == GST_FLOW_OK && frame.dropped)
    ret = GST_BASE_TRANSFORM_FLOW_DROPPED;
  clear_frame (&frame);
  return ret;
}

static void
leave_way (GstEffnetClassify *self)
{
  GstEffnetOutbox news;

  gst_effnet_outbox_take (&self->outbox, &news);
  g_mutex_unlock (&self->way);
  gst_effnet_outbox_send (&news, GST_ELEMENT (self));
}

void
gst_effnet_classify_free_frame (gpointer frame)
{
  clear_frame (frame);
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
  Frame *frame = g_new (Frame, 1);

  self->holds_up = holds_up (self);
  if (self->holds_up) /* without the lock: what makes room needs it */
    gst_effnet_delay_wait_for_room (&self->delay);
  g_mutex_lock (&self->way);
  begin_frame (self, frame, buffer);
  if (look_at_frame (self, frame))
    ret = send_off (self, frame);
  if (frame->cancelled)
    ret = GST_FLOW_FLUSHING;
  else if (ret == GST_FLOW_OK && frame->dropped)
    ret = GST_BASE_TRANSFORM_FLOW_DROPPED;
  count_frame (self, frame);
  gst_effnet_classify_tell_of_scene (self, buffer);
  leave_way (self);
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
  Frame *frame = held->frame;
  GstFlowReturn ret;

  frame->buffer = held->buffer;
  g_mutex_lock (&self->way);
  use_regions (self, &frame->settings.inference.regions);
  ret = take_up_finished (self, frame, held->number);
  frame->fresh = frame->number > 0 && frame->number == self->results_number &&
                 self->results.pts == GST_BUFFER_PTS (held->buffer);
  frame->bad |= frame->number > 0 && frame->number == self->bad_number;
  if (ret == GST_FLOW_OK && !frame->bad && self->results.engine != NULL)
    announce (self, frame);
  leave_way (self);
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

void
gst_effnet_classify_finish_stream (GstEffnetClassify *self)
{
  GstBuffer *buffer;
  Frame frame;

  gst_effnet_delay_drain (&self->delay);
  if (self->mode != GST_EFFNET_INFERENCE_MODE_ASYNC ||
      gst_effnet_stream_count (&self->stream) == 0 ||
      !gst_effnet_stream_wait (&self->stream, g_get_monotonic_time () + LAST_RESULT))
    return;
  buffer = gst_buffer_new ();
  GST_BUFFER_PTS (buffer) = self->last_pts;
  begin_frame (self, &frame, buffer);
  use_regions (self, &frame.settings.inference.regions);
  if (take_up_finished (self, &frame, G_MAXUINT) == GST_FLOW_OK && self->results.engine != NULL)
    announce (self, &frame);
  GST_OBJECT_LOCK (self);
  self->running = NULL;
  GST_OBJECT_UNLOCK (self);
  gst_effnet_outbox_send (&self->outbox, GST_ELEMENT (self));
  clear_frame (&frame);
  gst_buffer_unref (buffer);
}
