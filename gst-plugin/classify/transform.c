/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer's way through the element: infer, repeat or skip, then announce. All of it is the
 * streaming thread's. The lock is taken for a copy of what others may set, for lateness and for the
 * counters, and never while anything runs or is posted. */
#include "classify/transform.h"

#include "classify/model.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

#define WARNING_INTERVAL (5 * GST_SECOND) /* between two warnings about bad frames */

/* What one buffer's way knows. */
typedef struct {
  GstBuffer *buffer;
  GstEffnetFrameSettings settings;
  GstEffnetEngine *engine;
  GstEffnetLoadFrame load;
  gboolean fresh;         /* the inference is of this very buffer */
  GstEffnetReason reason; /* why there was none */
  gboolean cancelled;     /* the inference was */
  GError *error;          /* of the inference */
} Frame;

static void
begin_frame (GstEffnetClassify *self, Frame *frame, GstBuffer *buffer)
{
  *frame = (Frame){.buffer = buffer};
  GST_OBJECT_LOCK (self);
  frame->settings = self->frame_settings;
  gst_effnet_region_settings_copy (&frame->settings.inference.regions,
                                   &self->frame_settings.inference.regions);
  frame->engine = self->running = gst_effnet_engine_ref (self->engine);
  effnet_session_set_cancelled (frame->engine->session, self->cancelled);
  GST_OBJECT_UNLOCK (self);
}

static void
end_frame (Frame *frame)
{
  gst_effnet_region_settings_clear (&frame->settings.inference.regions);
  gst_effnet_engine_unref (frame->engine);
  g_clear_error (&frame->error);
}

void
gst_effnet_classify_set_cancelled (GstEffnetClassify *self, gboolean cancelled)
{
  GST_OBJECT_LOCK (self);
  self->cancelled = cancelled;
  if (self->running != NULL)
    effnet_session_set_cancelled (self->running->session, cancelled);
  GST_OBJECT_UNLOCK (self);
}

/* ---- whether --------------------------------------------------------------------------------- */

static GstClockTime
running_time_of (GstEffnetClassify *self, GstBuffer *buffer)
{
  const GstSegment *segment = &GST_BASE_TRANSFORM (self)->segment;

  if (segment->format != GST_FORMAT_TIME)
    return GST_CLOCK_TIME_NONE;
  return gst_segment_to_running_time (segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
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
    gst_element_post_message (GST_ELEMENT (self),
                              gst_effnet_qos_message_new (&qos, base, frame->buffer));
  if (answer == GST_EFFNET_QOS_LATE)
    return GST_EFFNET_REASON_LATE;
  return answer == GST_EFFNET_QOS_THROTTLED ? GST_EFFNET_REASON_THROTTLED : GST_EFFNET_REASON_NONE;
}

static gboolean
wants_inference (GstEffnetClassify *self, Frame *frame)
{
  frame->load = (GstEffnetLoadFrame){
      .gap = GST_BUFFER_FLAG_IS_SET (frame->buffer, GST_BUFFER_FLAG_GAP),
      .first = self->results.engine == NULL,
      .time = running_time_of (self, frame->buffer),
      .slower = 1,
  };
  frame->reason = gst_effnet_load_ask (&self->load, &frame->settings.load, &frame->load);
  if (frame->reason == GST_EFFNET_REASON_NONE && !frame->load.first)
    frame->reason = ask_qos (self, frame);
  return frame->reason == GST_EFFNET_REASON_NONE;
}

/* About settings that come to nothing. What is not looked at is said once: an application may
 * change between the modes. */
static void
warn_of_regions (GstEffnetClassify *self, const GstEffnetRegionSettings *regions)
{
  if (regions->mode == GST_EFFNET_INFERENCE_REGION_REGIONS && regions->named->len == 0)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("inference-region is regions, but the property regions names none: "
                          "nothing is classified. Set it, as in regions=gate:0.1,0.2,0.3,0.4"),
                         (NULL));
  if (regions->mode != GST_EFFNET_INFERENCE_REGION_REGIONS && regions->named->len > 0 &&
      !self->warned_of_regions) {
    self->warned_of_regions = TRUE;
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("regions names %u part(s) of the frame, but they are not classified: "
                          "set inference-region=regions, or regions to nothing",
                          regions->named->len),
                         (NULL));
  }
  if (regions->mode != GST_EFFNET_INFERENCE_REGION_ROI_LIST && regions->object_class != NULL &&
      !self->warned_of_class) {
    self->warned_of_class = TRUE;
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("object-class is %s, but it is for regions of interest, which are not "
                          "looked at: set inference-region=roi-list, or object-class to nothing",
                          regions->object_class),
                         (NULL));
  }
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
  warn_of_regions (self, regions);
}

/* ---- infer ----------------------------------------------------------------------------------- */

/* Results that cannot be had leave those before. */
static void
infer (GstEffnetClassify *self, Frame *frame)
{
  GstEffnetResults before = self->results;

  if (gst_effnet_inference_run (&self->inference, frame->engine, &frame->settings.inference,
                                &self->format, frame->buffer, &self->spare, &frame->error)) {
    self->results = self->spare;
    self->results.running_time = running_time_of (self, frame->buffer);
    self->spare = before;
    self->n_bad = 0;
    gst_effnet_announcer_keep (&self->announcer, &self->results);
    gst_effnet_classify_feed_states (self);
    if (gst_effnet_results_length (&self->results) == 0)
      frame->reason = GST_EFFNET_REASON_NO_REGION;
  }
  if (frame->error != NULL || frame->reason != GST_EFFNET_REASON_NONE)
    gst_effnet_load_retry (&self->load);
  if (g_error_matches (frame->error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED)) {
    frame->cancelled = TRUE;
    g_clear_error (&frame->error);
  }
  gst_effnet_results_reset (&self->spare); /* an engine that was replaced goes now */
}

static void
count_results (GstEffnetClassify *self, GstEffnetReason reason)
{
  guint n = gst_effnet_results_length (&self->results);

  self->stats.rois_skipped += self->results.outside;
  for (guint i = 0; i < n; i++)
    gst_effnet_stats_add (&self->stats, gst_effnet_results_get (&self->results, i)->ns);
  if (n > 0) {
    self->qos.processed++;
    self->qos.inferred_at = gst_util_get_timestamp ();
  } else {
    gst_effnet_stats_skip (&self->stats, reason);
  }
}

/* With the object lock. */
static void
count_frame (GstEffnetClassify *self, const Frame *frame)
{
  self->stats.frames++;
  if (frame->error != NULL)
    self->stats.errors++;
  else if (frame->fresh)
    count_results (self, frame->reason);
  else
    gst_effnet_stats_skip (&self->stats, frame->reason);
}

/* A frame that was cancelled does not go on, and does not count. */
static void
finish_inference (GstEffnetClassify *self, const Frame *frame)
{
  GST_OBJECT_LOCK (self);
  self->running = NULL;
  if (frame->cancelled)
    self->stats.cancelled++;
  else
    count_frame (self, frame);
  GST_OBJECT_UNLOCK (self);
}

/* Warns now and then; the stream goes on until there are too many. */
static GstFlowReturn
bad_frame (GstEffnetClassify *self, int max_errors, const GError *error)
{
  GstClockTime now = gst_util_get_timestamp ();

  self->n_unreported++;
  self->n_bad++;
  if (max_errors > 0 && self->n_bad >= (guint)max_errors) {
    GST_ELEMENT_ERROR (self, STREAM, DECODE,
                       ("%u frame(s) in a row could not be classified, max-errors is %d: %s",
                        self->n_bad, max_errors, error->message),
                       (NULL));
    return GST_FLOW_ERROR;
  }
  if (!GST_CLOCK_TIME_IS_VALID (self->warned_at) || now - self->warned_at >= WARNING_INTERVAL) {
    GST_ELEMENT_WARNING (
        self, STREAM, DECODE,
        ("%u frame(s) could not be classified: %s", self->n_unreported, error->message),
        ("the buffer goes on without a result"));
    self->n_unreported = 0;
    self->warned_at = now;
  }
  return GST_FLOW_OK;
}

/* ---- announce -------------------------------------------------------------------------------- */

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
  gst_effnet_announcer_attach (&self->announcer, &self->results, self->attach_meta, frame->buffer);
  gst_effnet_announcer_tell (&self->announcer, self->labels.states);
  gst_effnet_classify_emit_classified (self, frame->buffer);
  if (settings->post_messages == GST_EFFNET_POST_MESSAGES_NONE)
    return;
  message = gst_effnet_announcer_pop_message (
      &self->announcer, GST_OBJECT (self), &GST_BASE_TRANSFORM (self)->segment, frame->buffer,
      settings->post_messages == GST_EFFNET_POST_MESSAGES_ALL);
  if (message != NULL)
    gst_element_post_message (GST_ELEMENT (self), message);
}

GstFlowReturn
gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (base);
  GstFlowReturn ret = GST_FLOW_OK;
  Frame frame;

  begin_frame (self, &frame, buffer);
  use_regions (self, &frame.settings.inference.regions);
  gst_effnet_classify_settle_labels (self, frame.engine);
  frame.settings.inference.wanted.filter = self->labels.filter;
  frame.fresh = wants_inference (self, &frame);
  gst_effnet_load_pass (&self->load, &frame.settings.load, &frame.load, frame.fresh);
  if (frame.fresh)
    infer (self, &frame);
  if (frame.error != NULL || frame.reason != GST_EFFNET_REASON_NONE)
    GST_LOG_OBJECT (
        self, "%" GST_TIME_FORMAT ": not classified: %s", GST_TIME_ARGS (GST_BUFFER_PTS (buffer)),
        frame.error != NULL ? frame.error->message : gst_effnet_reason_text (frame.reason));
  finish_inference (self, &frame);
  if (frame.cancelled)
    ret = GST_FLOW_FLUSHING;
  else if (frame.error != NULL)
    ret = bad_frame (self, frame.settings.max_errors, frame.error);
  else if (self->results.engine != NULL)
    announce (self, &frame);
  end_frame (&frame);
  return ret;
}
