/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libeffnet as the element sees it. When to open, run and swap is gsteffnetclassify.c's business.
 */
#include "gsteffnetengine.h"

GST_DEBUG_CATEGORY_STATIC (effnet_engine_debug);
GST_DEBUG_CATEGORY_STATIC (effnet_model_debug);

static void
init_debug (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (effnet_engine_debug, "effnetengine", 0,
                             "effnet: runs and their times");
    GST_DEBUG_CATEGORY_INIT (effnet_model_debug, "effnetmodel", 0, "effnet: opening of models");
    g_once_init_leave (&once, 1);
  }
}

void
gst_effnet_model_settings_copy (GstEffnetModelSettings *to, const GstEffnetModelSettings *from)
{
  *to = *from;
  to->variant = g_strdup (from->variant);
  to->model_file = g_strdup (from->model_file);
  to->labels_file = g_strdup (from->labels_file);
}

void
gst_effnet_model_settings_clear (GstEffnetModelSettings *settings)
{
  g_clear_pointer (&settings->variant, g_free);
  g_clear_pointer (&settings->model_file, g_free);
  g_clear_pointer (&settings->labels_file, g_free);
}

GstEffnetEngine *
gst_effnet_engine_new (const GstEffnetModelSettings *settings, GError **error)
{
  static guint last_serial;
  GstEffnetEngine *engine = g_new0 (GstEffnetEngine, 1);
  EffnetModelOptions model_options = {.variant = settings->variant,
                                      .labels_file = settings->labels_file,
                                      .precision = settings->precision};
  EffnetSessionOptions session_options = {.threads = settings->threads};

  init_debug ();
  g_atomic_ref_count_init (&engine->refs);
  engine->serial = (guint)g_atomic_int_add (&last_serial, 1) + 1;
  gst_effnet_model_settings_copy (&engine->settings, settings);
  engine->model = effnet_model_open (settings->model_file, &model_options, error);
  if (engine->model == NULL)
    goto failed;
  engine->session = effnet_session_new (engine->model, &session_options, error);
  if (engine->session == NULL)
    goto failed;
  effnet_model_get_info (engine->model, &engine->info);
  effnet_model_get_sha256 (engine->model); /* hashes now, not in the first frame */
  GST_CAT_INFO (effnet_model_debug, "%s from %s: %s on %s, %u threads asked for", engine->info.name,
                engine->info.path, engine->info.precision, engine->info.isa, settings->threads);
  return engine;

  /* ERRORS */
failed : {
  gst_effnet_engine_unref (engine);
  return NULL;
}
}

GstEffnetEngine *
gst_effnet_engine_ref (GstEffnetEngine *engine)
{
  g_atomic_ref_count_inc (&engine->refs);
  return engine;
}

void
gst_effnet_engine_unref (GstEffnetEngine *engine)
{
  if (!g_atomic_ref_count_dec (&engine->refs))
    return;
  g_clear_pointer (&engine->session, effnet_session_free);
  g_clear_pointer (&engine->model, effnet_model_unref);
  gst_effnet_model_settings_clear (&engine->settings);
  g_free (engine);
}

void
gst_effnet_engine_warm_up (GstEffnetEngine *engine)
{
  EffnetResult result;
  float *nhwc; /* [input_height][input_width][3] */
  GstClockTime start = gst_util_get_timestamp ();

  if (engine->warm)
    return;
  nhwc = g_new0 (float, (gsize)engine->info.input_height * engine->info.input_width * 3);
  effnet_session_run (engine->session, nhwc, &result);
  g_free (nhwc);
  engine->warm = TRUE;
  GST_CAT_DEBUG (effnet_engine_debug, "warm after %" GST_TIME_FORMAT,
                 GST_TIME_ARGS (gst_util_get_timestamp () - start));
}

GstStructure *
gst_effnet_engine_get_info (GstEffnetEngine *engine)
{
  const EffnetModelInfo *i = &engine->info;

  return gst_structure_new (
      "effnet-model-info", "name", G_TYPE_STRING, i->name, "variant", G_TYPE_STRING, i->variant,
      "path", G_TYPE_STRING, i->path, "sha256", G_TYPE_STRING,
      effnet_model_get_sha256 (engine->model), "classes", G_TYPE_UINT, i->n_classes, "features",
      G_TYPE_UINT, i->n_features, "has-labels", G_TYPE_BOOLEAN,
      effnet_model_get_label (engine->model, 0) != NULL, "input-width", G_TYPE_UINT, i->input_width,
      "input-height", G_TYPE_UINT, i->input_height, "isa", G_TYPE_STRING, i->isa, "precision",
      G_TYPE_STRING, i->precision, "padding", G_TYPE_STRING, i->padding, "parameters",
      G_TYPE_UINT64, i->parameters, "multiply-adds", G_TYPE_UINT64, i->multiply_adds,
      "weight-bytes", G_TYPE_UINT64, (guint64)i->weight_bytes, "arena-bytes", G_TYPE_UINT64,
      (guint64)i->arena_bytes, NULL);
}

static void
free_result (gpointer data)
{
  GstEffnetResult *result = data;

  gst_effnet_engine_unref (result->engine);
  g_free (result->top);
  g_free (result);
}

/* What the calls for one frame share. */
typedef struct {
  GstEffnetEngine *engine;
  const GArray *picks; /* of GstEffnetPick */
  GPtrArray *results;  /* of GstEffnetResult */
  guint top_k;
  GstClockTime pts;
  GstClockTime since; /* the last result, or the start */
} Frame;

static void
take_result (unsigned region, const EffnetResult *r, void *user_data)
{
  Frame *frame = user_data;
  GstEffnetResult *result = g_new0 (GstEffnetResult, 1);
  GstClockTime now = gst_util_get_timestamp ();
  guint64 elapsed = now - frame->since, explained = r->decode_ns + r->convert_ns + r->infer_ns;
  guint n = CLAMP (frame->top_k, 1, GST_EFFNET_TOP_K_MAX);

  result->pick = g_array_index (frame->picks, GstEffnetPick, region);
  result->top = g_new (EffnetScore, n);
  result->n_top = effnet_result_top_k (r, n, result->top);
  result->margin = r->margin;
  result->entropy = r->entropy;
  result->pts = frame->pts;
  result->ns[GST_EFFNET_TIME_WAIT] = elapsed > explained ? elapsed - explained : 0;
  result->ns[GST_EFFNET_TIME_DECODE] = r->decode_ns;
  result->ns[GST_EFFNET_TIME_CONVERT] = r->convert_ns;
  result->ns[GST_EFFNET_TIME_INFER] = r->infer_ns;
  result->engine = gst_effnet_engine_ref (frame->engine);
  g_ptr_array_add (frame->results, result);
  frame->since = gst_util_get_timestamp ();
  GST_CAT_LOG (effnet_engine_debug,
               "%" GST_TIME_FORMAT " %s %d: class %u %.3f, decode %" G_GUINT64_FORMAT
               " convert %" G_GUINT64_FORMAT " infer %" G_GUINT64_FORMAT " ns",
               GST_TIME_ARGS (result->pts), g_quark_to_string (result->pick.name),
               result->pick.roi_id, result->top[0].id, (double)result->top[0].score, r->decode_ns,
               r->convert_ns, r->infer_ns);
}

static gboolean
classify_picks (const EffnetImage *image, Frame *frame, GError **error)
{
  guint n = frame->picks->len;
  EffnetRegion *rects = g_new (EffnetRegion, n);
  gboolean ok;

  for (guint i = 0; i < n; i++)
    rects[i] = g_array_index (frame->picks, GstEffnetPick, i).rect;
  ok = effnet_session_classify_regions (frame->engine->session, image, rects, n, take_result, frame,
                                        error);
  g_free (rects);
  return ok;
}

/* Adds to @results what the mapped frame gives. */
static gboolean
classify_image (GstEffnetEngine *engine, const EffnetImage *image, GstBuffer *buffer,
                const GstEffnetRegionSettings *regions, guint top_k, GstEffnetResults *results,
                GError **error)
{
  Frame frame = {.engine = engine,
                 .results = results->all,
                 .top_k = top_k,
                 .pts = GST_BUFFER_PTS (buffer),
                 .since = gst_util_get_timestamp ()};
  GArray *picks;
  gboolean ok;

  if (regions->mode != GST_EFFNET_INFERENCE_REGION_FULL_FRAME &&
      !effnet_session_get_frame_size (engine->session, image, &results->width, &results->height,
                                      error))
    return FALSE;
  frame.picks = picks =
      gst_effnet_regions_pick (regions, buffer, results->width, results->height, &results->outside);
  ok = classify_picks (image, &frame, error);
  g_array_unref (picks);
  return ok;
}

gboolean
gst_effnet_engine_classify (GstEffnetEngine *engine, const GstEffnetFormat *format,
                            GstBuffer *buffer, const GstEffnetRegionSettings *regions,
                            const GstEffnetScaling *scaling, guint top_k, GstEffnetResults *results,
                            GError **error)
{
  GstEffnetResults fresh = {.all = g_ptr_array_new_with_free_func (free_result)};
  GstEffnetFrame frame;
  gboolean ok = TRUE;

  if (engine->scaling.resize_mode != scaling->resize_mode)
    effnet_session_set_resize_mode (engine->session, scaling->resize_mode);
  if (engine->scaling.sparse_rows != scaling->sparse_rows)
    effnet_session_set_sparse_rows (engine->session, scaling->sparse_rows);
  engine->scaling = *scaling;
  if (gst_effnet_regions_wants (regions, buffer)) { /* else there is no need to map it */
    ok = gst_effnet_frame_map (&frame, format, buffer, error);
    if (ok) {
      ok = classify_image (engine, &frame.image, buffer, regions, top_k, &fresh, error);
      gst_effnet_frame_unmap (&frame);
    }
  }
  if (ok) {
    gst_effnet_results_clear (results);
    *results = fresh;
  } else {
    gst_effnet_results_clear (&fresh);
  }
  return ok;
}

void
gst_effnet_results_clear (GstEffnetResults *results)
{
  g_clear_pointer (&results->all, g_ptr_array_unref);
  *results = (GstEffnetResults){0};
}
