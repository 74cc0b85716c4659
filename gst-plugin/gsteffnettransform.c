/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer's way through the element: run, repeat or skip, and tell. All of it is the streaming
 * thread's; the lock is taken for settings and counters only. */
#include "gsteffnetclassify.h"

#define STARVED_AFTER    (1 * GST_SECOND) /* late or not, a frame is classified after this */
#define WARNING_INTERVAL (5 * GST_SECOND) /* between two warnings about bad frames */

/* ---- whether --------------------------------------------------------------------------------- */

/* TRUE when the sink has said that a frame of this time will be too late. Posts GST_MESSAGE_QOS. */
static gboolean
is_late (GstEffnetClassify *self, GstBuffer *buffer)
{
  GstBaseTransform *base = GST_BASE_TRANSFORM (self);
  GstClockTime pts = GST_BUFFER_PTS (buffer), running_time, stream_time;
  GstEffnetQos qos;
  GstMessage *message;

  if (base->segment.format != GST_FORMAT_TIME || !gst_base_transform_is_qos_enabled (base))
    return FALSE;
  running_time = gst_segment_to_running_time (&base->segment, GST_FORMAT_TIME, pts);
  if (!GST_CLOCK_TIME_IS_VALID (running_time))
    return FALSE;
  GST_OBJECT_LOCK (self);
  qos = self->qos;
  GST_OBJECT_UNLOCK (self);
  if (!GST_CLOCK_TIME_IS_VALID (qos.earliest_time) || running_time > qos.earliest_time)
    return FALSE;
  if (gst_util_get_timestamp () - self->inferred_at >= STARVED_AFTER)
    return FALSE;

  GST_OBJECT_LOCK (self);
  self->qos.skipped++;
  qos = self->qos;
  GST_OBJECT_UNLOCK (self);
  stream_time = gst_segment_to_stream_time (&base->segment, GST_FORMAT_TIME, pts);
  message = gst_message_new_qos (GST_OBJECT (self), FALSE, running_time, stream_time, pts,
                                 GST_BUFFER_DURATION (buffer));
  gst_message_set_qos_values (message, GST_CLOCK_DIFF (running_time, qos.earliest_time),
                              qos.proportion, 1000000);
  gst_message_set_qos_stats (message, GST_FORMAT_BUFFERS, qos.processed, qos.skipped);
  gst_element_post_message (GST_ELEMENT (self), message);
  return TRUE;
}

static gboolean
wants_inference (GstEffnetClassify *self, GstBuffer *buffer, guint interval)
{
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP))
    return FALSE;
  if (self->results.all == NULL)
    return TRUE; /* the stream's first */
  if (self->since_inference < interval)
    return FALSE;
  return !is_late (self, buffer);
}

/* Other parts are asked for than the results are of: they do not count any more. */
static void
use_regions (GstEffnetClassify *self, const GstEffnetRegionSettings *regions)
{
  if (self->regions_serial == regions->serial)
    return;
  self->regions_serial = regions->serial;
  gst_effnet_results_clear (&self->results);
  g_array_set_size (self->told, 0);
  if (regions->mode == GST_EFFNET_INFERENCE_REGION_REGIONS && regions->named->len == 0)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
                         ("inference-region is regions, but the property regions names none: "
                          "nothing is classified. Set it, as in regions=gate:0.1,0.2,0.3,0.4"),
                         (NULL));
}

/* ---- run ------------------------------------------------------------------------------------- */

/* Counts the frame, tells about it now and then; the stream goes on until there are too many. */
static GstFlowReturn
bad_frame (GstEffnetClassify *self, int max_errors, const GError *error)
{
  GstClockTime now = gst_util_get_timestamp ();

  self->n_unreported++;
  self->n_bad++;
  GST_OBJECT_LOCK (self);
  self->stats.errors++;
  GST_OBJECT_UNLOCK (self);
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

/* Counts what the frame gave. */
static void
count (GstEffnetClassify *self)
{
  const GstEffnetResults *results = &self->results;

  GST_OBJECT_LOCK (self);
  self->stats.rois_skipped += results->outside;
  for (guint i = 0; i < results->all->len; i++)
    gst_effnet_stats_add (&self->stats, ((GstEffnetResult *)results->all->pdata[i])->ns);
  if (results->all->len > 0)
    self->qos.processed++;
  else
    self->stats.skipped++;
  GST_OBJECT_UNLOCK (self);
}

/* FALSE: the frame has no result; @ret says whether the stream goes on. */
static gboolean
infer (GstEffnetClassify *self, const GstEffnetFrameSettings *settings, GstBuffer *buffer,
       GstFlowReturn *ret)
{
  GstEffnetEngine *engine = gst_effnet_classify_ref_engine (self);
  GError *error = NULL;
  gboolean ok;

  ok = gst_effnet_engine_classify (engine, &self->format, buffer, &settings->regions,
                                   &settings->scaling, settings->top_k, &self->results, &error);
  gst_effnet_engine_unref (engine);
  if (!ok) {
    *ret = bad_frame (self, settings->max_errors, error);
    g_error_free (error);
    return FALSE;
  }
  self->n_bad = 0;
  gst_effnet_told_keep (self->told, &self->results);
  if (self->results.all->len > 0) {
    self->since_inference = 0;
    self->inferred_at = gst_util_get_timestamp ();
  } else { /* nothing was used up: the next frame is tried */
    self->since_inference = G_MAXUINT;
  }
  count (self);
  return TRUE;
}

/* ---- tell ------------------------------------------------------------------------------------ */

static GstClockTime
age_of (const GstEffnetResult *result, GstBuffer *buffer)
{
  GstClockTime pts = GST_BUFFER_PTS (buffer);

  if (!GST_CLOCK_TIME_IS_VALID (pts) || !GST_CLOCK_TIME_IS_VALID (result->pts))
    return GST_CLOCK_TIME_NONE;
  return pts > result->pts ? pts - result->pts
                           : result->pts - pts; /* backwards at negative rates */
}

static void
show (GArray *shown, const GstEffnetResult *result, const EffnetRegion *rect, GstClockTime age)
{
  GstEffnetShown s = {result, *rect, age};

  g_array_append_val (shown, s);
}

/* The result of the part that @pick is again; NULL when that is not certain. */
static const GstEffnetResult *
find_again (const GstEffnetResults *results, const GstEffnetPick *pick)
{
  for (guint i = 0; pick->unique && i < results->all->len; i++) {
    const GstEffnetResult *result = results->all->pdata[i];

    if (result->pick.unique && result->pick.name == pick->name &&
        result->pick.roi_id == pick->roi_id)
      return result;
  }
  return NULL;
}

/* Regions of interest are where this buffer says, and only those that it still has. */
static void
show_again (GstEffnetClassify *self, const GstEffnetRegionSettings *regions, GstBuffer *buffer,
            GArray *shown)
{
  GArray *picks =
      gst_effnet_regions_pick (regions, buffer, self->results.width, self->results.height, NULL);

  for (guint i = 0; i < picks->len; i++) {
    const GstEffnetPick *pick = &g_array_index (picks, GstEffnetPick, i);
    const GstEffnetResult *result = find_again (&self->results, pick);

    if (result != NULL)
      show (shown, result, &pick->rect, age_of (result, buffer));
  }
  g_array_unref (picks);
}

/* Messages carry all that is shown, or what is new of it. */
static void
post (GstEffnetClassify *self, const GstEffnetFrameSettings *settings, GstBuffer *buffer,
      const GstEffnetView *view, GArray *shown)
{
  guint n = 0;

  for (guint i = 0; i < shown->len; i++) {
    GstEffnetShown *s = &g_array_index (shown, GstEffnetShown, i);
    gboolean news = gst_effnet_told_update (self->told, view, s->result);

    if (news || settings->post_messages == GST_EFFNET_POST_MESSAGES_ALL)
      g_array_index (shown, GstEffnetShown, n++) = *s;
  }
  if (n > 0)
    gst_element_post_message (
        GST_ELEMENT (self),
        gst_effnet_message_new (GST_OBJECT (self), buffer, &GST_BASE_TRANSFORM (self)->segment,
                                view, &g_array_index (shown, GstEffnetShown, 0), n));
}

static void
tell (GstEffnetClassify *self, const GstEffnetFrameSettings *settings, GstBuffer *buffer,
      gboolean fresh)
{
  GArray *shown = g_array_new (FALSE, FALSE, sizeof (GstEffnetShown));
  GstEffnetView view = {
      .top_k = settings->top_k,
      .threshold = settings->threshold,
      .fresh = fresh,
      .whole = settings->regions.mode == GST_EFFNET_INFERENCE_REGION_FULL_FRAME,
  };

  if (!fresh && settings->regions.mode == GST_EFFNET_INFERENCE_REGION_ROI_LIST) {
    show_again (self, &settings->regions, buffer, shown);
  } else {
    for (guint i = 0; i < self->results.all->len; i++) {
      const GstEffnetResult *result = self->results.all->pdata[i];

      show (shown, result, &result->pick.rect, fresh ? 0 : age_of (result, buffer));
    }
  }
  if (shown->len > 0 && settings->attach_meta & GST_EFFNET_ATTACH_META_CUSTOM)
    gst_effnet_meta_attach (buffer, &view, &g_array_index (shown, GstEffnetShown, 0), shown->len);
  if (settings->post_messages != GST_EFFNET_POST_MESSAGES_NONE)
    post (self, settings, buffer, &view, shown);
  g_array_unref (shown);
}

GstFlowReturn
gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY (base);
  GstFlowReturn ret = GST_FLOW_OK;
  GstEffnetFrameSettings settings;
  gboolean fresh, ok = TRUE;

  GST_OBJECT_LOCK (self);
  settings = self->frame_settings;
  g_array_ref (settings.regions.named);
  self->stats.frames++;
  GST_OBJECT_UNLOCK (self);

  use_regions (self, &settings.regions);
  fresh = wants_inference (self, buffer, settings.inference_interval);
  if (fresh) {
    ok = infer (self, &settings, buffer, &ret);
  } else {
    GST_OBJECT_LOCK (self);
    self->stats.skipped++;
    GST_OBJECT_UNLOCK (self);
  }
  self->since_inference = MIN (self->since_inference, G_MAXUINT - 1) + 1;
  if (ok && self->results.all != NULL)
    tell (self, &settings, buffer, fresh);
  g_array_unref (settings.regions.named);
  return ret;
}
