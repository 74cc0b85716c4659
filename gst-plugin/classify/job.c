/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs the parts of a frame one after the other. Arrays only grow, so that a frame like those
 * before allocates nothing. */
#include "classify/job.h"

gpointer
gst_effnet_room_reserve (GstEffnetRoom *room, gsize size, GError **error)
{
  size = MAX (size, 1);
  if (size > room->size) {
    g_free (room->data);
    room->data = g_try_malloc (size);
    room->size = room->data != NULL ? size : 0;
  }
  if (size > room->size)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "what is classified of a frame needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 size);
  return size > room->size ? NULL : room->data;
}

GstEffnetJob *
gst_effnet_job_new (GstObject *element)
{
  GstEffnetJob *job = g_new0 (GstEffnetJob, 1);

  job->link.data = job;
  job->element = element;
  job->picks = g_array_new (FALSE, FALSE, sizeof (GstEffnetPick));
  job->rects = g_array_new (FALSE, FALSE, sizeof (EffnetRegion));
  job->views = g_array_new (FALSE, FALSE, sizeof (EffnetView));
  job->recent = g_array_new (FALSE, FALSE, sizeof (GstEffnetPick));
  job->kept = g_array_new (FALSE, FALSE, sizeof (GstEffnetKept));
  job->inputs = g_ptr_array_new_with_free_func ((GDestroyNotify)g_bytes_unref);
  gst_effnet_results_init (&job->results);
  return job;
}

void
gst_effnet_job_free (GstEffnetJob *job)
{
  gst_effnet_job_reset (job);
  gst_effnet_results_clear (&job->results);
  g_array_unref (job->picks);
  g_array_unref (job->rects);
  g_array_unref (job->views);
  g_array_unref (job->recent);
  g_array_unref (job->kept);
  g_free (job->tensors.data);
  g_free (job->bytes.data);
  g_ptr_array_unref (job->inputs);
  g_free (job);
}

void
gst_effnet_job_begin (GstEffnetJob *job, GstEffnetEngine *engine,
                      const GstEffnetInferenceSettings *settings)
{
  gst_effnet_job_reset (job);
  job->settings = *settings;
  gst_effnet_region_settings_copy (&job->settings.regions, &settings->regions);
  job->results.engine = gst_effnet_engine_ref (engine);
}

void
gst_effnet_job_note_recent (GstEffnetJob *job, const GstEffnetResults *newest)
{
  guint interval = job->settings.reclassify_interval;

  if (interval <= 1 || job->settings.regions.mode != GST_EFFNET_INFERENCE_REGION_ROI_LIST ||
      newest->lineup != job->results.lineup)
    return;
  for (guint i = 0; i < gst_effnet_results_length (newest); i++) {
    const GstEffnetResult *old = gst_effnet_results_get (newest, i);

    if (old->pick.unique && job->results.frame - old->frame < interval)
      g_array_append_val (job->recent, old->pick);
  }
}

static gboolean
is_recent (const GstEffnetJob *job, const GstEffnetPick *pick)
{
  for (guint i = 0; pick->unique && i < job->recent->len; i++) {
    const GstEffnetPick *recent = &g_array_index (job->recent, GstEffnetPick, i);

    if (recent->roi_id == pick->roi_id && gst_effnet_region_is_named (recent->name, pick->name))
      return TRUE;
  }
  return FALSE;
}

static void
keep_recent (GstEffnetJob *job)
{
  guint n = 0;

  for (guint i = 0; i < job->picks->len; i++) {
    GstEffnetKept kept = {g_array_index (job->picks, GstEffnetPick, i), i};

    if (is_recent (job, &kept.pick))
      g_array_append_val (job->kept, kept);
    else
      g_array_index (job->picks, GstEffnetPick, n++) = kept.pick;
  }
  g_array_set_size (job->picks, n);
}

void
gst_effnet_job_set_rects (GstEffnetJob *job)
{
  guint n;

  keep_recent (job);
  n = job->picks->len;
  g_array_set_size (job->rects, n);
  for (guint i = 0; i < n; i++)
    g_array_index (job->rects, EffnetRegion, i) = g_array_index (job->picks, GstEffnetPick, i).rect;
}

gboolean
gst_effnet_job_note_views (GstEffnetJob *job, EffnetSession *session, GError **error)
{
  g_array_set_size (job->views, job->settings.wanted.activation_maps ? job->rects->len : 0);
  for (guint i = 0; i < job->views->len; i++) {
    if (!effnet_session_get_view (session, &job->image,
                                  &g_array_index (job->rects, EffnetRegion, i),
                                  &g_array_index (job->views, EffnetView, i), error))
      return FALSE;
  }
  return TRUE;
}

void
gst_effnet_job_drop_input (GstEffnetJob *job)
{
  if (job->input == GST_EFFNET_INPUT_FRAME)
    gst_effnet_frame_unmap (&job->frame);
  gst_clear_buffer (&job->copy);
  g_clear_pointer (&job->coded, gst_effnet_coded_input_free);
  job->input = GST_EFFNET_INPUT_NONE;
}

void
gst_effnet_job_reset (GstEffnetJob *job)
{
  gst_effnet_job_drop_input (job);
  gst_effnet_results_reset (&job->results);
  gst_effnet_region_settings_clear (&job->settings.regions);
  g_array_set_size (job->picks, 0);
  g_array_set_size (job->views, 0);
  g_array_set_size (job->recent, 0);
  g_array_set_size (job->kept, 0);
  g_ptr_array_set_size (job->inputs, 0);
  gst_clear_buffer (&job->picture);
  g_clear_pointer (&job->frame_copy, gst_effnet_picture_unref);
  g_clear_error (&job->error);
  job->ran = job->no_picture = job->still = job->keeps_picture = FALSE;
  job->watch = NULL;
  job->convert_ns = job->decode_ns = job->queue_ns = 0;
}

/* ---- look ------------------------------------------------------------------------------------ */

gboolean
gst_effnet_job_look (GstEffnetJob *job, const float *nhwc)
{
  if (job->watch == NULL)
    return TRUE;
  job->still = !gst_effnet_watch_see (job->watch, &job->results.engine->info, nhwc,
                                      job->results.running_time, job->trigger, job->wanted);
  return !job->still;
}

static gboolean
is_full_frame (const GstEffnetJob *job)
{
  return job->settings.regions.mode == GST_EFFNET_INFERENCE_REGION_FULL_FRAME;
}

gboolean
gst_effnet_job_wants_frame (const GstEffnetJob *job)
{
  return job->watch != NULL && !is_full_frame (job) && !(job->trigger & GST_EFFNET_TRIGGER_ALWAYS);
}

gboolean
gst_effnet_job_look_at_frame (GstEffnetJob *job, EffnetSession *session, GError **error)
{
  const EffnetModelInfo *info = &job->results.engine->info;
  gsize n = (gsize)info->input_height * info->input_width * 3;
  float *nhwc = gst_effnet_room_reserve (&job->tensors, n * sizeof *nhwc, error);

  return nhwc != NULL && effnet_session_preprocess (session, &job->image, nhwc, error) &&
         gst_effnet_job_look (job, nhwc);
}

static void
keep_input (GstEffnetJob *job, const float *nhwc)
{
  guint step = job->settings.keep.input_step;
  GBytes *picture = NULL;

  if (step > 0)
    picture = gst_effnet_picture_of_input (nhwc, &job->results.engine->info, step);
  if (picture != NULL) {
    g_ptr_array_add (job->inputs, picture);
  } else if (step > 0) { /* no memory: none of this frame is taught */
    g_ptr_array_set_size (job->inputs, 0);
    job->settings.keep.input_step = 0;
  }
}

static gboolean
look_at_input (unsigned region, const float *nhwc, void *user_data)
{
  GstEffnetJob *job = user_data;

  (void)region;
  keep_input (job, nhwc);
  return !is_full_frame (job) || gst_effnet_job_look (job, nhwc);
}

/* ---- run ------------------------------------------------------------------------------------- */

typedef struct {
  GstEffnetJob *job;
  EffnetSession *session;
  GstClockTime since; /* the last result, or the submission */
} Run;

/* The weights that @result's class has in its head; NULL = the model's own. */
static const float *
class_weights (const GstEffnetResult *result)
{
  EffnetHeadInfo info;

  if (result->head->head == NULL)
    return NULL;
  effnet_head_get_info (result->head->head, &info);
  return info.weights + MIN ((guint)result->answer, info.n_classes - 1) * (gsize)info.n_features;
}

static void
add_map (Run *run, unsigned region, GstEffnetResult *result)
{
  const EffnetRegion *rect = &g_array_index (run->job->rects, EffnetRegion, region);
  const EffnetView *view = &g_array_index (run->job->views, EffnetView, region);
  EffnetStage stages[EFFNET_STAGES_MAX], *last;
  double w = rect->width != 0 ? rect->width : view->frame_width;
  double h = rect->height != 0 ? rect->height : view->frame_height;
  float *map;

  last = &stages[effnet_model_get_stages (run->job->results.engine->model, stages) - 1];
  map = result->answer >= 0 ? g_try_new (float, last->height * last->width) : NULL;
  if (map == NULL || !effnet_session_activation_map (run->session, class_weights (result),
                                                     (guint)result->answer, map, NULL)) {
    g_free (map);
    return;
  }
  result->activation_map = (GstEffnetActivationMap){
      .values = gst_buffer_new_wrapped (map, last->height * last->width * sizeof *map),
      .height = last->height,
      .width = last->width,
      .box = {(view->x - rect->x) / w, (view->y - rect->y) / h, view->width / w, view->height / h},
  };
}

static void
add_result (unsigned region, const EffnetResult *r, void *user_data)
{
  Run *run = user_data;
  GstEffnetJob *job = run->job;
  GstClockTime now = gst_util_get_timestamp ();
  guint64 decode_ns = r->decode_ns + (region == 0 ? job->decode_ns : 0);
  guint64 elapsed = now - run->since, explained = decode_ns + r->convert_ns + r->infer_ns;
  const guint64 ns[GST_EFFNET_N_TIMES] = {
      [GST_EFFNET_TIME_WAIT] = elapsed > explained ? elapsed - explained : 0,
      [GST_EFFNET_TIME_DECODE] = decode_ns,
      [GST_EFFNET_TIME_CONVERT] = r->convert_ns + job->convert_ns / job->picks->len,
      [GST_EFFNET_TIME_INFER] = r->infer_ns,
  };
  const GstEffnetResult *first =
      gst_effnet_results_add (&job->results, &g_array_index (job->picks, GstEffnetPick, region), r,
                              &job->settings.run, &job->settings.wanted, ns);
  const GstEffnetEntry *best = &g_array_index (job->results.entries, GstEffnetEntry, first->first);

  for (guint i = job->results.results->len - job->results.lineup->n;
       region < job->views->len && i < job->results.results->len; i++)
    add_map (run, region, &g_array_index (job->results.results, GstEffnetResult, i));
  run->since = gst_util_get_timestamp ();
  GST_CAT_LOG_OBJECT (gst_effnet_engine_debug, job->element,
                      "%" GST_TIME_FORMAT " %s %d: class %d %.3f, decode %" G_GUINT64_FORMAT
                      " convert %" G_GUINT64_FORMAT " infer %" G_GUINT64_FORMAT " ns",
                      GST_TIME_ARGS (job->results.pts), first->pick.name, first->pick.roi_id,
                      best->id, best->score, decode_ns, ns[GST_EFFNET_TIME_CONVERT], r->infer_ns);
}

static gboolean
run_tensors (Run *run, EffnetSession *session, GError **error)
{
  const EffnetModelInfo *info = &run->job->results.engine->info;
  gsize size = (gsize)info->input_height * info->input_width * 3;

  for (guint i = 0; i < run->job->picks->len; i++) {
    const float *nhwc = (const float *)run->job->tensors.data + i * size;
    EffnetResult result;

    keep_input (run->job, nhwc);
    if (!effnet_session_run (session, nhwc, &result, error))
      return FALSE;
    add_result (i, &result, run);
  }
  return TRUE;
}

static gboolean
run_image (Run *run, EffnetSession *session, GError **error)
{
  const GArray *rects = run->job->rects;
  gboolean ok;

  if (gst_effnet_job_wants_frame (run->job) &&
      !gst_effnet_job_look_at_frame (run->job, session, error))
    return FALSE;
  if ((run->job->watch != NULL && is_full_frame (run->job)) ||
      run->job->settings.keep.input_step > 0)
    effnet_session_set_input_func (session, look_at_input, run->job);
  ok = effnet_session_classify_regions (session, &run->job->image,
                                        (const EffnetRegion *)(void *)rects->data, rects->len,
                                        add_result, run, error);
  effnet_session_set_input_func (session, NULL, NULL);
  return ok;
}

static gboolean
is_cancelled (gpointer executor)
{
  return effnet_executor_is_cancelled (executor);
}

/* From the stream's time stamps to the picture's, which B-frames may set apart. */
static void
set_times (GstEffnetResults *results, GstClockTime pts)
{
  GstClockTimeDiff later = GST_CLOCK_DIFF (results->pts, pts);

  if (!GST_CLOCK_TIME_IS_VALID (pts) || !GST_CLOCK_TIME_IS_VALID (results->pts))
    return;
  results->pts = pts;
  if (GST_CLOCK_TIME_IS_VALID (results->running_time))
    results->running_time = (GstClockTime)MAX ((GstClockTimeDiff)results->running_time + later, 0);
}

/* @picture: what was decoded */
static gboolean
run_picture (Run *run, EffnetSession *session, const GstEffnetFormat *format, GstBuffer *picture,
             GError **error)
{
  GstEffnetJob *job = run->job;
  GstEffnetResults *results = &job->results;
  gboolean ok;

  set_times (results, GST_BUFFER_PTS (picture));
  if (!gst_effnet_frame_map (&job->frame, format, picture, error))
    return FALSE;
  job->frame.image.orientation = job->image.orientation;
  job->frame.image.bits = job->image.bits;
  job->image = job->frame.image;
  results->storage.is_field = gst_effnet_format_is_field (format);
  ok = effnet_session_get_frame_size (session, &job->image, &results->width, &results->height,
                                      error);
  if (ok) {
    results->outside = gst_effnet_regions_pick (
        &job->settings.regions, gst_effnet_coded_input_get_places (job->coded), results->width,
        results->height, &results->storage, job->picks);
    gst_effnet_job_set_rects (job);
    if (job->settings.keep.picture)
      job->frame_copy = gst_effnet_picture_new (picture, &format->info, job->image.orientation);
    ok = job->picks->len == 0 ||
         (gst_effnet_job_note_views (job, session, error) && run_image (run, session, error));
  }
  gst_effnet_frame_unmap (&job->frame);
  if (job->keeps_picture) {
    job->picture = gst_effnet_coded_input_place (job->coded, picture);
    job->picture_format = *format;
  }
  return ok;
}

static gboolean
run_coded (Run *run, EffnetExecutor *executor, EffnetSession *session, GError **error)
{
  GstEffnetJob *job = run->job;
  GstClockTime start = gst_util_get_timestamp ();
  GError *failure = NULL;
  GstEffnetFormat format;
  GstBuffer *picture =
      gst_effnet_coded_input_decode (job->coded, &format, is_cancelled, executor, &failure);
  gboolean ok;

  job->decode_ns = gst_util_get_timestamp () - start;
  if (picture == NULL) {
    job->no_picture = failure == NULL;
    if (failure != NULL)
      g_propagate_error (error, failure);
    return job->no_picture;
  }
  ok = run_picture (run, session, &format, picture, error);
  gst_buffer_unref (picture);
  return ok;
}

void
gst_effnet_job_run (GstEffnetJob *job, EffnetExecutor *executor, EffnetSession *session)
{
  GstClockTime start = gst_util_get_timestamp ();
  Run run = {job, session, job->submitted};

  job->ran = TRUE;
  job->queue_ns = start - job->submitted;
  gst_effnet_run_settings_apply (&job->settings.run, session);
  if (job->input == GST_EFFNET_INPUT_TENSORS)
    run_tensors (&run, session, &job->error);
  else if (job->input == GST_EFFNET_INPUT_CODED)
    run_coded (&run, executor, session, &job->error);
  else
    run_image (&run, session, &job->error);
  job->results.ran_ns = gst_util_get_timestamp () - start;
}

void
gst_effnet_job_fail (GstEffnetJob *job, GError *error)
{
  gst_effnet_job_drop_input (job);
  g_clear_error (&job->error);
  job->error = error;
  job->ran = TRUE;
}

GstEffnetReason
gst_effnet_job_get_reason (const GstEffnetJob *job)
{
  if (job->still)
    return GST_EFFNET_REASON_TRIGGER;
  if (job->no_picture)
    return GST_EFFNET_REASON_NO_PICTURE;
  if (job->picks->len > 0)
    return GST_EFFNET_REASON_NONE;
  return job->kept->len > 0 ? GST_EFFNET_REASON_TRACKED : GST_EFFNET_REASON_NO_REGION;
}
