/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counts, and warns of frames that are bad and of settings that come to nothing. The object lock is
 * taken for the counters only. */
#include "classify/takeup.h"

#include "classify/adapt.h"
#include "classify/learn.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

#define WARNING_INTERVAL (5 * GST_SECOND) /* between two warnings about bad frames */

/* From a frame's arrival to its results, which may then lie about until the next buffer. */
static guint64
latency_of (const GstEffnetJob *job)
{
  return job->submitted - job->arrived + job->queue_ns + job->results.ran_ns;
}

static void
count_results (GstEffnetClassify *self, const GstEffnetJob *job)
{
  const GstEffnetResults *results = &job->results;
  guint n = gst_effnet_results_length (results), step = results->lineup->n;

  if (n > 0)
    self->job_ns = results->ran_ns;
  GST_OBJECT_LOCK (self);
  self->stats.rois_skipped += results->outside;
  for (guint i = 0; i < n; i += step) /* an inference for each part, whatever its heads */
    gst_effnet_stats_add (&self->stats, gst_effnet_results_get (results, i)->ns);
  if (n > 0) {
    gst_effnet_stats_add_latency (&self->stats, latency_of (job));
    self->qos.processed++;
    self->qos.inferred_at = gst_util_get_timestamp ();
  } else {
    gst_effnet_stats_skip (&self->stats, gst_effnet_job_get_reason (job));
  }
  GST_OBJECT_UNLOCK (self);
  if (n > 0)
    gst_effnet_classify_adapt_to (self, job, latency_of (job));
  else if (!job->no_picture)
    gst_effnet_load_retry (&self->load);
}

/* Warns now and then; the stream goes on until there are too many. */
static GstFlowReturn
bad_frame (GstEffnetClassify *self, int max_errors, const GError *error)
{
  GstClockTime now = gst_util_get_timestamp ();

  GST_OBJECT_LOCK (self);
  self->stats.errors++;
  GST_OBJECT_UNLOCK (self);
  self->n_unreported++;
  self->n_bad++;
  gst_effnet_load_retry (&self->load);
  if (max_errors > 0 && self->n_bad >= (guint)max_errors) {
    gst_effnet_outbox_add_problem (
        &self->outbox, self, GST_MESSAGE_ERROR, GST_STREAM_ERROR, GST_STREAM_ERROR_DECODE, NULL,
        "%u frame(s) in a row could not be classified, max-errors is %d: %s", self->n_bad,
        max_errors, error->message);
    return GST_FLOW_ERROR;
  }
  if (!GST_CLOCK_TIME_IS_VALID (self->warned_at) || now - self->warned_at >= WARNING_INTERVAL) {
    gst_effnet_outbox_add_problem (&self->outbox, self, GST_MESSAGE_WARNING, GST_STREAM_ERROR,
                                   GST_STREAM_ERROR_DECODE, "the buffer goes on without a result",
                                   "%u frame(s) could not be classified: %s", self->n_unreported,
                                   error->message);
    self->n_unreported = 0;
    self->warned_at = now;
  }
  return GST_FLOW_OK;
}

/* Counts the label of each part: the stable one where there is one. */
static void
tally (GstEffnetClassify *self)
{
  for (guint i = 0; i < gst_effnet_results_length (&self->results); i++) {
    const GstEffnetResult *r = gst_effnet_results_get (&self->results, i);
    double score = g_array_index (self->results.entries, GstEffnetEntry, r->first).score;
    int id = self->labels.smoothing.smoothing != 0 ? r->state.id : r->answer;

    if (!r->kept)
      gst_effnet_tally_add (&self->tally, r->pick.name, r->head->name,
                            gst_effnet_head_name (r->head, id, score).label, score);
  }
}

/* The newest results and those of @job change places. */
static void
use_results (GstEffnetClassify *self, GstEffnetJob *job)
{
  GstEffnetResults before = self->results;

  for (guint i = 0; i < job->kept->len; i++) {
    const GstEffnetKept *kept = &g_array_index (job->kept, GstEffnetKept, i);

    gst_effnet_results_keep (&job->results, &before, &kept->pick, kept->at);
  }
  self->results = job->results;
  job->results = before;
  self->results_number = job->number;
  gst_effnet_classify_compare (self, job, &self->results);
  if (job->picture != NULL)
    gst_effnet_classify_shadow (self, &job->picture_format, job->picture, self->results.frame,
                                &job->settings);
  gst_effnet_announcer_keep (&self->announcer, &self->results);
  gst_effnet_classify_feed_states (self);
  tally (self);
  if (job->settings.keep.teaches || job->frame_copy != NULL)
    gst_effnet_classify_learn (self, job, &job->results);
}

GstFlowReturn
gst_effnet_classify_take_up (GstEffnetClassify *self, GstEffnetJob *job, int max_errors)
{
  GstFlowReturn ret = GST_FLOW_OK;

  if (g_error_matches (job->error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED)) {
    GST_LOG_OBJECT (self, "%" GST_TIME_FORMAT ": cancelled", GST_TIME_ARGS (job->results.pts));
  } else if (job->error != NULL) {
    GST_LOG_OBJECT (self, "%" GST_TIME_FORMAT ": not classified: %s",
                    GST_TIME_ARGS (job->results.pts), job->error->message);
    self->bad_number = job->number;
    ret = bad_frame (self, max_errors, job->error);
  } else if (job->still) {
    self->n_bad = 0;
    gst_effnet_load_undo (&self->load);
    GST_OBJECT_LOCK (self);
    gst_effnet_stats_skip (&self->stats, GST_EFFNET_REASON_TRIGGER);
    GST_OBJECT_UNLOCK (self);
  } else {
    self->n_bad = 0;
    count_results (self, job);
    if (!job->no_picture && job->settings.regions.serial == self->regions_serial &&
        (job->picks->len > 0 || self->mode == GST_EFFNET_INFERENCE_MODE_SYNC))
      use_results (self, job);
  }
  gst_effnet_stream_give_back (&self->stream, job);
  return ret;
}

void
gst_effnet_classify_announce_scene (GstEffnetClassify *self, GstBuffer *buffer)
{
  GstEffnetMoment moment = gst_effnet_moment_of (&self->segment, buffer);
  GstEffnetPostMessages wanted;
  GstStructure *news;

  GST_OBJECT_LOCK (self);
  wanted = self->frame_settings.post_messages;
  GST_OBJECT_UNLOCK (self);
  news = wanted != GST_EFFNET_POST_MESSAGES_NONE ? gst_effnet_watch_take_news (&self->watch) : NULL;
  if (news == NULL)
    return;
  gst_structure_set (news, "timestamp", G_TYPE_UINT64, moment.timestamp, NULL);
  if (self->segment.format == GST_FORMAT_TIME)
    gst_structure_set (news, "running-time", G_TYPE_UINT64, moment.running_time, "stream-time",
                       G_TYPE_UINT64, moment.stream_time, NULL);
  gst_effnet_outbox_add (&self->outbox, gst_message_new_element (GST_OBJECT (self), news));
}

static void
warn (GstEffnetClassify *self, const char *text)
{
  gst_effnet_outbox_add_problem (&self->outbox, self, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR,
                                 GST_RESOURCE_ERROR_SETTINGS, NULL, "%s", text);
}

void
gst_effnet_classify_warn_of_regions (GstEffnetClassify *self,
                                     const GstEffnetRegionSettings *regions)
{
  g_autofree char *text = NULL;

  if (regions->mode == GST_EFFNET_INFERENCE_REGION_REGIONS && regions->named->len == 0)
    warn (self, "inference-region is regions, but the property regions names none: nothing is "
                "classified. Set it, as in regions=gate:0.1,0.2,0.3,0.4");
  if (regions->mode != GST_EFFNET_INFERENCE_REGION_REGIONS && regions->named->len > 0 &&
      !self->warned_of_regions) {
    self->warned_of_regions = TRUE;
    text =
        g_strdup_printf ("regions names %u part(s) of the frame, but they are not classified: set "
                         "inference-region=regions, or regions to nothing",
                         regions->named->len);
    warn (self, text);
  }
  if (regions->mode != GST_EFFNET_INFERENCE_REGION_ROI_LIST && regions->object_class != NULL &&
      !self->warned_of_class) {
    self->warned_of_class = TRUE;
    g_free (text);
    text = g_strdup_printf ("object-class is %s, but it is for regions of interest, which are not "
                            "looked at: set inference-region=roi-list, or object-class to nothing",
                            regions->object_class);
    warn (self, text);
  }
}
