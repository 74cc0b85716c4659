/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening, warming up and closing. When to open and to swap is model.c's business, what is run on a
 * frame inference.c's. */
#include "classify/engine.h"

#include <string.h>

#include "memory.h"

#define FNV_START G_GUINT64_CONSTANT (0xcbf29ce484222325)

GST_DEBUG_CATEGORY (gst_effnet_engine_debug);
GST_DEBUG_CATEGORY (gst_effnet_model_debug);

/* Models that had a result, by address, with the number of engines that hold each. */
G_LOCK_DEFINE_STATIC (warm);
static GHashTable *warm;

static gboolean
is_warm (EffnetModel *model)
{
  gboolean found;

  G_LOCK (warm);
  found = warm != NULL && g_hash_table_contains (warm, model);
  G_UNLOCK (warm);
  return found;
}

static void
join_warm (EffnetModel *model)
{
  guint n;

  G_LOCK (warm);
  if (warm == NULL)
    warm = g_hash_table_new (NULL, NULL);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (warm, model));
  g_hash_table_insert (warm, model, GUINT_TO_POINTER (n + 1));
  G_UNLOCK (warm);
}

static void
leave_warm (EffnetModel *model)
{
  guint n;

  G_LOCK (warm);
  n = GPOINTER_TO_UINT (g_hash_table_lookup (warm, model));
  if (n > 1)
    g_hash_table_insert (warm, model, GUINT_TO_POINTER (n - 1));
  else
    g_hash_table_remove (warm, model);
  if (g_hash_table_size (warm) == 0)
    g_clear_pointer (&warm, g_hash_table_unref);
  G_UNLOCK (warm);
}

static void
init_debug (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (gst_effnet_engine_debug, "effnetengine", 0,
                             "effnet: runs and their times");
    GST_DEBUG_CATEGORY_INIT (gst_effnet_model_debug, "effnetmodel", 0, "effnet: opening of models");
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
  to->instance_id = g_strdup (from->instance_id);
}

void
gst_effnet_model_settings_clear (GstEffnetModelSettings *settings)
{
  g_clear_pointer (&settings->variant, g_free);
  g_clear_pointer (&settings->model_file, g_free);
  g_clear_pointer (&settings->labels_file, g_free);
  g_clear_pointer (&settings->instance_id, g_free);
}

/* FNV-1a, of a name with its end. */
static guint64
add_name (guint64 sum, const char *label)
{
  do {
    sum ^= label != NULL ? (guchar)*label : 1;
    sum *= G_GUINT64_CONSTANT (0x100000001b3);
  } while (label != NULL && *label++ != '\0');
  return sum;
}

guint64
gst_effnet_class_list_of (const char *const *labels, guint n)
{
  guint64 sum = FNV_START;

  for (guint i = 0; i < n; i++)
    sum = add_name (sum, labels[i]);
  return MAX (sum, 1);
}

/* As gst_effnet_class_list_of(). */
static guint64
checksum_of_classes (const EffnetModel *model, guint n)
{
  guint64 sum = FNV_START;

  for (guint i = 0; i < n; i++)
    sum = add_name (sum, effnet_model_get_label (model, i));
  return MAX (sum, 1);
}

gboolean
gst_effnet_engine_fits (const GstEffnetEngine *engine, const EffnetHead *head, GError **error)
{
  EffnetHeadInfo info;

  effnet_head_get_info (head, &info);
  if (info.n_features == engine->info.n_features &&
      (info.backbone_sha256 == NULL || strcmp (info.backbone_sha256, engine->backbone) == 0))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
               "it was trained on %u features of %s, weights %.8s...; the model in use is %s, %u "
               "features, weights %.8s...: set model-file to that model, or train it again with "
               "\"effnet train DIR --model %s\"",
               info.n_features, info.backbone != NULL ? info.backbone : "another model",
               info.backbone_sha256 != NULL ? info.backbone_sha256 : "", engine->info.name,
               engine->info.n_features, engine->backbone,
               engine->settings.model_file != NULL ? engine->settings.model_file
                                                   : engine->info.variant);
  return FALSE;
}

/* What the card of a model that was trained as a head says of its classes and its backbone; others
 * say nothing. FALSE when it is broken. */
static gboolean
open_card (GstEffnetEngine *engine, GError **error)
{
  EffnetHeadInfo info = {0};
  GError *failure = NULL;

  engine->backbone = engine->sha256;
  if (engine->info.path == NULL)
    return TRUE;
  engine->card = effnet_head_open (engine->info.path, &failure);
  if (engine->card == NULL && !g_error_matches (failure, EFFNET_ERROR, EFFNET_ERROR_MISMATCH)) {
    g_propagate_error (error, failure);
    return FALSE;
  }
  g_clear_error (&failure);
  if (engine->card != NULL)
    effnet_head_get_info (engine->card, &info);
  if (info.backbone_sha256 != NULL)
    engine->backbone = info.backbone_sha256;
  else
    g_clear_pointer (&engine->card, effnet_head_unref);
  return TRUE;
}

GstEffnetEngine *
gst_effnet_engine_new (const GstEffnetModelSettings *settings, GError **error)
{
  static guint last_serial;
  GstEffnetEngine *engine;
  EffnetModelOptions model_options = {.variant = settings->variant,
                                      .labels_file = settings->labels_file,
                                      .precision = settings->precision,
                                      .input_size = settings->input_size};
  EffnetSessionOptions session_options = {.frontend_only = TRUE};

  init_debug ();
  if (!gst_effnet_check_memory ("Opening a model", 0, error))
    return NULL;
  engine = g_new0 (GstEffnetEngine, 1);
  g_atomic_ref_count_init (&engine->refs);
  engine->serial = (guint)g_atomic_int_add (&last_serial, 1) + 1;
  gst_effnet_model_settings_copy (&engine->settings, settings);
  engine->model = effnet_model_open (settings->model_file, &model_options, error);
  if (engine->model == NULL)
    goto failed;
  engine->scheduler = effnet_scheduler_new (settings->threads, settings->instance_id, error);
  if (engine->scheduler == NULL)
    goto failed;
  engine->session = effnet_session_new (engine->model, &session_options, error);
  if (engine->session == NULL)
    goto failed;
  effnet_model_get_info (engine->model, &engine->info);
  if (engine->info.n_classes == 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                 "%s has no classifier (num_classes 0): `effnet train --model` makes one on it, "
                 "`effnet embed` writes its features",
                 engine->info.path);
    goto failed;
  }
  engine->class_list = checksum_of_classes (engine->model, engine->info.n_classes);
  engine->sha256 = effnet_model_get_sha256 (engine->model); /* slow: once */
  engine->identity = engine->class_list ^ g_str_hash (engine->sha256);
  if (!open_card (engine, error))
    goto failed;
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
  if (engine->warm)
    leave_warm (engine->model);
  g_clear_pointer (&engine->session, effnet_session_free);
  g_clear_pointer (&engine->scheduler, effnet_scheduler_unref);
  g_clear_pointer (&engine->model, effnet_model_unref);
  g_clear_pointer (&engine->card, effnet_head_unref);
  gst_effnet_model_settings_clear (&engine->settings);
  g_free (engine);
}

typedef struct {
  GstEffnetEngine *engine;
  float *nhwc;
  gboolean ok;
  GError *error;
} WarmUp;

static void
warm_up (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  WarmUp *w = data;
  EffnetResult result;

  (void)executor;
  if (session != NULL)
    w->ok = effnet_session_run (session, w->nhwc, &result, &w->error);
  else
    w->error = g_error_copy (error);
}

/* In one executor, and all of its threads if they have nothing else to do. */
static gboolean
run_in_executor (WarmUp *w)
{
  EffnetStream *stream = effnet_stream_new (w->engine->scheduler, 1, 1);
  EffnetJob job = {.model = w->engine->model, .run = warm_up, .data = w};

  effnet_stream_submit (stream, &job, EFFNET_SUBMIT_REPLACE);
  effnet_stream_wait (stream);
  effnet_stream_free (stream);
  return w->ok;
}

/* Noise, since a grey picture may have next to no features, and then all weights have results. */
static gboolean
run_on_noise (GstEffnetEngine *engine, GError **error)
{
  gsize n = (gsize)engine->info.input_height * engine->info.input_width * 3;
  GstClockTime start = gst_util_get_timestamp ();
  WarmUp w = {.engine = engine, .nhwc = g_try_new (float, n)};
  guint32 seed = 1;

  if (w.nhwc == NULL)
    return TRUE; /* frames need no such memory */
  for (gsize i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223; /* Numerical Recipes' generator */
    w.nhwc[i] = (float)(seed >> 16) / 32768.0f - 1.0f;
  }
  if (!run_in_executor (&w) && w.error == NULL)
    g_set_error (&w.error, EFFNET_ERROR, EFFNET_ERROR_IO, "the system gives no thread to run %s",
                 engine->info.name);
  g_free (w.nhwc);
  GST_CAT_DEBUG (gst_effnet_engine_debug, "%s: warm after %" GST_TIME_FORMAT, engine->info.name,
                 GST_TIME_ARGS (gst_util_get_timestamp () - start));
  if (w.error != NULL)
    g_propagate_error (error, w.error);
  return w.ok;
}

gboolean
gst_effnet_engine_warm_up (GstEffnetEngine *engine, GError **error)
{
  if (engine->warm)
    return TRUE;
  if (!is_warm (engine->model) && !run_on_noise (engine, error))
    return FALSE;
  join_warm (engine->model);
  engine->warm = TRUE;
  return TRUE;
}

GstStructure *
gst_effnet_engine_get_info (GstEffnetEngine *engine)
{
  const EffnetModelInfo *i = &engine->info;

  return gst_structure_new (
      "effnet-model-info", "name", G_TYPE_STRING, i->name, "variant", G_TYPE_STRING, i->variant,
      "path", G_TYPE_STRING, i->path, "notice", G_TYPE_STRING, i->notice, "sha256", G_TYPE_STRING,
      engine->sha256, "classes", G_TYPE_UINT, i->n_classes, "features", G_TYPE_UINT, i->n_features,
      "has-labels", G_TYPE_BOOLEAN, effnet_model_get_label (engine->model, 0) != NULL,
      "input-width", G_TYPE_UINT, i->input_width, "input-height", G_TYPE_UINT, i->input_height,
      "isa", G_TYPE_STRING, i->isa, "precision", G_TYPE_STRING, i->precision, "bias-correction",
      G_TYPE_STRING, i->bias_correction, "padding", G_TYPE_STRING, i->padding, "activation",
      G_TYPE_STRING, i->activation, "parameters", G_TYPE_UINT64, i->parameters, "multiply-adds",
      G_TYPE_UINT64, i->multiply_adds, "weight-bytes", G_TYPE_UINT64, (guint64)i->weight_bytes,
      "arena-bytes", G_TYPE_UINT64, (guint64)i->arena_bytes, NULL);
}

void
gst_effnet_engine_set_run (GstEffnetEngine *engine, const GstEffnetRunSettings *run)
{
  if (engine->run.resize_mode != run->resize_mode)
    effnet_session_set_resize_mode (engine->session, run->resize_mode);
  if (engine->run.sparse_rows != run->sparse_rows)
    effnet_session_set_sparse_rows (engine->session, run->sparse_rows);
  if (engine->run.activation != run->activation)
    effnet_session_set_activation (engine->session, run->activation);
  engine->run = *run;
}

void
gst_effnet_run_settings_apply (const GstEffnetRunSettings *run, EffnetSession *session)
{
  effnet_session_set_resize_mode (session, run->resize_mode);
  effnet_session_set_sparse_rows (session, run->sparse_rows);
  effnet_session_set_activation (session, run->activation);
  effnet_session_set_temperature (session, run->temperature);
}
