/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is done with a buffer, one thing at a time. Messages and signals leave in the order of the
 * results, whichever thread sends them: in async mode one thread at a time empties the outbox. */
#include "classify/pass.h"

#include "classify/takeup.h"

void
gst_effnet_pass_begin (GstEffnetClassify *self, GstEffnetPass *frame, GstBuffer *buffer)
{
  *frame = (GstEffnetPass){.buffer = buffer,
                           .arrived = gst_util_get_timestamp (),
                           .load.time = gst_effnet_moment_of (&self->segment, buffer).running_time};
  GST_OBJECT_LOCK (self);
  frame->settings = self->frame_settings;
  gst_effnet_region_settings_copy (&frame->settings.inference.regions,
                                   &self->frame_settings.inference.regions);
  frame->engine = self->running = gst_effnet_engine_ref (self->engine);
  effnet_session_set_cancelled (frame->engine->session, self->cancelled);
  GST_OBJECT_UNLOCK (self);
}

void
gst_effnet_pass_clear (GstEffnetPass *frame)
{
  gst_effnet_region_settings_clear (&frame->settings.inference.regions);
  gst_effnet_engine_unref (frame->engine);
}

/* Whatever keeps a name of theirs forgets it here, before the names go with the last settings that
 * have them. */
void
gst_effnet_classify_use_regions (GstEffnetClassify *self, const GstEffnetRegionSettings *regions)
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
capture (GstEffnetClassify *self, GstEffnetPass *frame, gboolean own)
{
  static const GstEffnetResults none;
  gboolean delayed = self->mode == GST_EFFNET_INFERENCE_MODE_DELAYED;
  GstClockTime start = gst_util_get_timestamp (), budget = frame->settings.load.latency_budget;
  GstEffnetJob *job = gst_effnet_stream_get_job (&self->stream);
  GError *error = NULL;

  if (job == NULL)
    return NULL;
  gst_effnet_job_begin (job, frame->engine, &frame->settings.inference);
  job->results.lineup = gst_effnet_lineup_ref (self->labels.lineup);
  job->results.pts = GST_BUFFER_PTS (frame->buffer);
  job->results.running_time = frame->load.time;
  job->results.frame = self->n_frames;
  job->arrived = start;
  job->deadline = budget != 0 ? start + budget : 0;
  job->watch = &self->watch;
  job->trigger = frame->settings.load.trigger;
  job->wanted = self->results.engine != frame->engine; /* of another model, or none */
  if (job->results.lineup->is_starved)
    gst_effnet_job_fail (job, g_error_new_literal (EFFNET_ERROR, EFFNET_ERROR_IO,
                                                   "there is no memory for its classes"));
  else if (!gst_effnet_inference_capture (&self->inference, &self->format, &self->coded,
                                          frame->buffer, own, delayed ? &none : &self->results, job,
                                          &error))
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
finish (GstEffnetClassify *self, GstEffnetPass *frame, GstEffnetJob *job)
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

GstFlowReturn
gst_effnet_pass_infer (GstEffnetClassify *self, GstEffnetPass *frame)
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

GstFlowReturn
gst_effnet_pass_send_off (GstEffnetClassify *self, GstEffnetPass *frame)
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

GstFlowReturn
gst_effnet_pass_take_up (GstEffnetClassify *self, const GstEffnetPass *frame, guint last)
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
carriers_of (GstEffnetClassify *self, const GstEffnetPass *frame)
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

/* What is collected goes into signals and messages. */
static void
tell (GstEffnetClassify *self, const GstEffnetPass *frame)
{
  GstEffnetPostMessages wanted = frame->settings.post_messages;
  GstMessage *message;

  gst_effnet_classify_emit_classified (self, frame->buffer);
  if (wanted == GST_EFFNET_POST_MESSAGES_NONE)
    return;
  message =
      gst_effnet_announcer_pop_message (&self->announcer, GST_OBJECT (self), &self->segment,
                                        frame->buffer, wanted == GST_EFFNET_POST_MESSAGES_ALL);
  if (message != NULL)
    gst_effnet_outbox_add (&self->outbox, message);
}

/* @alone: not for a buffer. FALSE when there is nothing that anybody wants to hear of. */
static gboolean
collect (GstEffnetClassify *self, const GstEffnetPass *frame, gboolean alone)
{
  const GstEffnetFrameSettings *settings = &frame->settings;
  GstEffnetView view = {
      .results = &self->results,
      .regions = &settings->inference.regions,
      .element = self->name,
      .top_k = settings->inference.wanted.top_k,
      .embeddings = settings->inference.keep.embeddings,
      .smooths = self->labels.smoothing.smoothing != GST_EFFNET_SMOOTHING_NONE,
      .fresh = frame->fresh,
      .alone = alone,
  };

  if ((alone || self->attach_meta == 0) &&
      settings->post_messages == GST_EFFNET_POST_MESSAGES_NONE &&
      !gst_effnet_classify_has_listener (self))
    return FALSE;
  return gst_effnet_announcer_collect (&self->announcer, &view, frame->buffer) > 0;
}

void
gst_effnet_pass_tell (GstEffnetClassify *self, const GstEffnetPass *frame)
{
  if (collect (self, frame, TRUE))
    tell (self, frame);
}

void
gst_effnet_pass_announce (GstEffnetClassify *self, GstEffnetPass *frame)
{
  if (!collect (self, frame, FALSE))
    return;
  gst_effnet_announcer_attach (&self->announcer, &self->results, carriers_of (self, frame),
                               frame->buffer);
  gst_effnet_announcer_tell (&self->announcer, self->labels.states);
  tell (self, frame);
}

void
gst_effnet_classify_leave_way (GstEffnetClassify *self)
{
  gboolean in_turn = self->mode == GST_EFFNET_INFERENCE_MODE_ASYNC;
  GstEffnetOutbox news;

  if (in_turn && self->notifying) { /* that thread tells of these as well */
    g_mutex_unlock (&self->way);
    return;
  }
  self->notifying = in_turn;
  do {
    gst_effnet_outbox_take (&self->outbox, &news);
    g_mutex_unlock (&self->way);
    gst_effnet_outbox_send (&news, GST_ELEMENT (self));
    if (!in_turn)
      return;
    g_mutex_lock (&self->way);
  } while (!g_queue_is_empty (&self->outbox.items));
  self->notifying = FALSE;
  g_mutex_unlock (&self->way);
}
