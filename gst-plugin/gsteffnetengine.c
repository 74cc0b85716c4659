/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * libeffnet as the element sees it. When to open, run and swap is gsteffnetclassify.c's business.
 */
#include "gsteffnetengine.h"

#include <math.h>

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

/* H = -sum p ln p, nats */
static double
entropy_of (const float *p /* [n] */, guint n)
{
  double h = 0.0;

  for (guint i = 0; i < n; i++) {
    if (p[i] > 0.0f)
      h -= (double)p[i] * log ((double)p[i]);
  }
  return MAX (h, 0.0);
}

static void
result_take (GstEffnetResult *result, GstEffnetEngine *engine, const EffnetResult *r, guint top_k,
             GstBuffer *buffer, guint64 elapsed)
{
  GstEffnetEngine *old = result->engine;
  guint64 explained = r->decode_ns + r->convert_ns + r->infer_ns;

  /* two at least: the margin needs the second */
  result->n_top = effnet_result_top_k (r, CLAMP (top_k, 2, GST_EFFNET_TOP_K_MAX), result->top);
  result->margin = (double)result->top[0].score;
  if (result->n_top > 1)
    result->margin -= (double)result->top[1].score;
  result->entropy = entropy_of (r->probabilities, r->n_classes);
  result->pts = GST_BUFFER_PTS (buffer);
  result->ns[GST_EFFNET_TIME_WAIT] = elapsed > explained ? elapsed - explained : 0;
  result->ns[GST_EFFNET_TIME_DECODE] = r->decode_ns;
  result->ns[GST_EFFNET_TIME_CONVERT] = r->convert_ns;
  result->ns[GST_EFFNET_TIME_INFER] = r->infer_ns;
  result->engine = gst_effnet_engine_ref (engine);
  if (old != NULL)
    gst_effnet_engine_unref (old);
}

gboolean
gst_effnet_engine_classify (GstEffnetEngine *engine, const GstEffnetFormat *format,
                            GstBuffer *buffer, EffnetResizeMode resize_mode, guint top_k,
                            GstEffnetResult *result, GError **error)
{
  GstEffnetFrame frame;
  EffnetResult r;
  GstClockTime start, elapsed;
  gboolean ok;

  if (engine->resize_mode != resize_mode) {
    effnet_session_set_resize_mode (engine->session, resize_mode);
    engine->resize_mode = resize_mode;
  }
  if (!gst_effnet_frame_map (&frame, format, buffer, error))
    return FALSE;
  start = gst_util_get_timestamp ();
  ok = effnet_session_classify (engine->session, &frame.image, &r, error);
  elapsed = gst_util_get_timestamp () - start;
  gst_effnet_frame_unmap (&frame);
  if (!ok)
    return FALSE;
  result_take (result, engine, &r, top_k, buffer, elapsed);
  GST_CAT_LOG (effnet_engine_debug,
               "%" GST_TIME_FORMAT ": class %u %.3f, decode %" G_GUINT64_FORMAT
               " convert %" G_GUINT64_FORMAT " infer %" G_GUINT64_FORMAT " ns",
               GST_TIME_ARGS (result->pts), result->top[0].id, (double)result->top[0].score,
               r.decode_ns, r.convert_ns, r.infer_ns);
  return TRUE;
}

void
gst_effnet_result_clear (GstEffnetResult *result)
{
  g_clear_pointer (&result->engine, gst_effnet_engine_unref);
  result->n_top = 0;
}
