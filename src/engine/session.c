/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A session: one arena, one front end, one thread at a time. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "engine/engine.h"
#include "engine/result.h"

static EffnetResizeMode
card_resize_mode (const EffnetCard *card)
{
  switch (card->crop_mode) {
  case EFFNET_CROP_SQUASH:
    return EFFNET_RESIZE_MODE_STRETCH;
  case EFFNET_CROP_BORDER:
    return EFFNET_RESIZE_MODE_LETTERBOX;
  default:
    return EFFNET_RESIZE_MODE_CENTER_CROP;
  }
}

static EffnetFilter
card_filter (const EffnetCard *card)
{
  static const EffnetFilter filters[] = {
      [EFFNET_INTERPOLATION_BILINEAR] = EFFNET_FILTER_BILINEAR,
      [EFFNET_INTERPOLATION_BICUBIC] = EFFNET_FILTER_BICUBIC,
      [EFFNET_INTERPOLATION_NEAREST] = EFFNET_FILTER_NEAREST,
      [EFFNET_INTERPOLATION_BOX] = EFFNET_FILTER_BOX,
      [EFFNET_INTERPOLATION_HAMMING] = EFFNET_FILTER_HAMMING,
      [EFFNET_INTERPOLATION_LANCZOS] = EFFNET_FILTER_LANCZOS,
  };

  return filters[card->interpolation];
}

static void
fill_spec (EffnetInputSpec *spec, const EffnetModel *model, const EffnetSessionOptions *options)
{
  const EffnetCard *card = model->card;
  gboolean is_auto = options->resize_mode == EFFNET_RESIZE_MODE_AUTO;

  spec->height = model->net->in_height;
  spec->width = model->net->in_width;
  spec->mode = is_auto ? card_resize_mode (card) : options->resize_mode;
  spec->squash = is_auto && card->crop_mode == EFFNET_CROP_SQUASH;
  spec->border = is_auto && card->crop_mode == EFFNET_CROP_BORDER;
  spec->crop_pct = card->crop_pct;
  spec->filter = card_filter (card);
  memcpy (spec->mean, card->mean, sizeof spec->mean);
  memcpy (spec->std, card->std, sizeof spec->std);
  spec->jpeg_full_scale = options->jpeg_full_scale;
  spec->sparse_rows = options->sparse_rows;
}

static gboolean
check_options (const EffnetSessionOptions *options, GError **error)
{
  if (options->threads > EFFNET_THREADS_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "%u threads asked for; expected 0 (all CPUs) to %d", options->threads,
                 EFFNET_THREADS_MAX);
    return FALSE;
  }
  if (options->resize_mode > EFFNET_RESIZE_MODE_LETTERBOX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "unknown resize mode %d",
                 (int)options->resize_mode);
    return FALSE;
  }
  if (options->activation > EFFNET_OUTPUT_ACTIVATION_NONE)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "unknown activation %d",
                        (int)options->activation);
  if (!(options->temperature >= 0.0 && options->temperature <= EFFNET_TEMPERATURE_MAX))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "a temperature of %g; expected a number above 0, at most %g, or 0 for the "
                        "card's",
                        options->temperature, EFFNET_TEMPERATURE_MAX);
  return TRUE;
}

/* For batches of up to @images. */
static gboolean
make_arena (EffnetSession *session, size_t images, GError **error)
{
  const EffnetPlan *plan = session->model->plan;
  size_t bytes = images * (plan->arena_bytes + session->tapped_bytes) + session->own_scratch;
  gboolean shares = effnet_pool_is_crew (session->pool);

  if (session->images >= images)
    return TRUE;
  effnet_arena_clear (&session->arena);
  session->images = 0;
  if (shares && session->scratch == NULL)
    session->scratch = effnet_pool_get_scratch (session->pool, plan->scratch_bytes);
  if ((!shares || session->scratch != NULL) && effnet_arena_init (&session->arena, bytes) == 0) {
    session->images = images;
    return TRUE;
  }
  g_autofree char *shown = effnet_printable (session->model->name);
  return effnet_fail (error, EFFNET_ERROR_IO,
                      "a session of %s needs %" G_GSIZE_FORMAT
                      " MB, which the system does not give",
                      shown, bytes >> 20);
}

/* Takes @pool. */
static EffnetSession *
session_new (EffnetModel *model, EffnetPool *pool, const EffnetSessionOptions *options,
             GError **error)
{
  g_autoptr (EffnetSession) session = g_new0 (EffnetSession, 1);
  const EffnetPlan *plan = model->plan;

  session->model = effnet_model_ref (model);
  session->pool = pool;
  if (!effnet_pool_is_crew (pool))
    session->own_scratch = effnet_pool_size (pool) * plan->scratch_bytes;
  if (!options->frontend_only &&
      (!effnet_session_tap (session, options->stages, error) || !make_arena (session, 1, error)))
    return NULL;
  session->resize_mode = options->resize_mode;
  fill_spec (&session->spec, model, options);
  session->frontend = effnet_frontend_new (&session->spec, error);
  if (session->frontend == NULL)
    return NULL;
  effnet_frontend_set_stop (session->frontend, &session->stop);
  session->activation = effnet_model_activation (model, options->activation);
  session->temperature = effnet_model_temperature (model, options->temperature);
  if (options->frontend_only)
    return g_steal_pointer (&session);
  session->probabilities = g_try_new0 (float, MAX (plan->n_classes, 1)); /* there: a network */
  session->profile = options->profile ? g_try_new0 (uint64_t, plan->n_steps) : NULL;
  if (session->probabilities == NULL || (options->profile && session->profile == NULL)) {
    effnet_fail_memory (error, "a session", plan->n_classes * sizeof (float));
    return NULL;
  }
  return g_steal_pointer (&session);
}

EffnetSession *
effnet_session_new (EffnetModel *model, const EffnetSessionOptions *options, GError **error)
{
  static const EffnetSessionOptions defaults = {0};

  if (options == NULL)
    options = &defaults;
  if (!check_options (options, error))
    return NULL;
  return session_new (model, effnet_pool_get (options->frontend_only ? 1 : options->threads),
                      options, error);
}

EffnetSession *
effnet_session_new_in (EffnetModel *model, EffnetPool *pool, GError **error)
{
  static const EffnetSessionOptions defaults = {0};

  return session_new (model, effnet_pool_ref (pool), &defaults, error);
}

void
effnet_session_free (EffnetSession *session)
{
  if (session == NULL)
    return;
  g_clear_pointer (&session->frontend, effnet_frontend_free);
  effnet_arena_clear (&session->arena);
  effnet_pool_put_scratch (session->pool, session->scratch);
  effnet_pool_unref (session->pool);
  g_free (session->probabilities);
  g_free (session->profile);
  effnet_measure_free (session->measure);
  effnet_model_unref (session->model);
  g_free (session);
}

void
effnet_session_set_resize_mode (EffnetSession *session, EffnetResizeMode mode)
{
  EffnetSessionOptions options = {.resize_mode = mode,
                                  .jpeg_full_scale = session->spec.jpeg_full_scale,
                                  .sparse_rows = session->spec.sparse_rows};

  g_return_if_fail (mode <= EFFNET_RESIZE_MODE_LETTERBOX);
  if (mode == session->resize_mode)
    return;
  session->resize_mode = mode;
  fill_spec (&session->spec, session->model, &options);
  effnet_frontend_set_spec (session->frontend, &session->spec);
}

void
effnet_session_set_sparse_rows (EffnetSession *session, gboolean sparse)
{
  if (!sparse == !session->spec.sparse_rows)
    return;
  session->spec.sparse_rows = sparse;
  effnet_frontend_set_spec (session->frontend, &session->spec);
}

void
effnet_session_set_activation (EffnetSession *session, EffnetOutputActivation activation)
{
  g_return_if_fail (activation <= EFFNET_OUTPUT_ACTIVATION_NONE);
  session->activation = effnet_model_activation (session->model, activation);
}

void
effnet_session_set_temperature (EffnetSession *session, double temperature)
{
  g_return_if_fail (temperature >= 0.0 && temperature <= EFFNET_TEMPERATURE_MAX);
  session->temperature = effnet_model_temperature (session->model, temperature);
}

void
effnet_session_set_input_func (EffnetSession *session, EffnetInputFunc func, void *user_data)
{
  session->input_func = func;
  session->input_data = user_data;
}

void
effnet_session_set_cancelled (EffnetSession *session, gboolean cancelled)
{
  atomic_store (&session->stop.asked, cancelled);
}

void
effnet_session_enter (EffnetSession *session)
{
  atomic_store (&session->stop.obeyed, 0);
  effnet_pool_enter (session->pool);
}

gboolean
effnet_session_leave (EffnetSession *session, gboolean ok, GError **error)
{
  effnet_pool_leave (session->pool);
  if (!atomic_load (&session->stop.obeyed))
    return ok;
  g_clear_error (error);
  return effnet_fail (error, EFFNET_ERROR_CANCELLED, "cancelled");
}

static gboolean
check_finite (const EffnetSession *session, const char *what, const float *values, unsigned n,
              GError **error)
{
  for (unsigned i = 0; i < n; i++) {
    if (isfinite (values[i]))
      continue;
    const EffnetModel *model = session->model;
    g_autofree char *shown = effnet_printable (model->path != NULL ? model->path : model->name);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s gives a result that is no number (%s %u is %g): it holds weights, or "
                        "was given an input, too large for it",
                        shown, what, i, (double)values[i]);
  }
  return TRUE;
}

/* Of image @i of a run of @images. */
static gboolean
take_result (EffnetSession *session, size_t i, size_t images, EffnetResult *result, GError **error)
{
  const EffnetPlan *plan = session->model->plan;

  memset (result, 0, sizeof *result);
  result->features = effnet_session_slot (session, plan->features, i, images);
  result->n_features = plan->n_features;
  if (plan->n_classes > 0) {
    result->logits = effnet_session_slot (session, plan->logits, i, images);
    result->probabilities = session->probabilities;
    result->n_classes = plan->n_classes;
  }
  if (!check_finite (session, "logit", result->logits, plan->n_classes, error) ||
      !check_finite (session, "feature", result->features, plan->n_features, error))
    return FALSE;
  if (plan->n_classes > 0) {
    effnet_result_activate (session->activation, session->temperature, result->logits,
                            session->probabilities, plan->n_classes);
    effnet_result_measure (result, session->activation);
  }
  effnet_session_give_taps (session, i, images, result);
  return TRUE;
}

/* Before the arena is written: a batch that got no memory left none, and what one left at hand
 * goes. */
static gboolean
begin_image (EffnetSession *session, GError **error)
{
  session->ahead.n = session->last.images = 0;
  return make_arena (session, 1, error);
}

/* Between effnet_session_enter() and effnet_session_leave(), after begin_image(). */
static gboolean
infer (EffnetSession *session, const float *nhwc, EffnetResult *result, GError **error)
{
  int64_t before = effnet_clock_ns ();

  effnet_run (session, &nhwc, 1);
  if (atomic_load (&session->stop.obeyed))
    return FALSE; /* effnet_session_leave() says why */
  if (!take_result (session, 0, 1, result, error))
    return FALSE;
  result->infer_ns = (uint64_t)(effnet_clock_ns () - before);
  return TRUE;
}

gboolean
effnet_session_run_ahead (EffnetSession *session, const float *const *inputs, unsigned n)
{
  int64_t before = effnet_clock_ns ();
  gboolean ok;

  session->ahead.n = session->last.images = 0;
  if (n > EFFNET_BATCH_MAX || !make_arena (session, n, NULL))
    return FALSE;
  effnet_session_enter (session);
  effnet_run (session, inputs, n);
  ok = effnet_session_leave (session, TRUE, NULL);
  if (!ok)
    return FALSE;
  memcpy (session->ahead.inputs, inputs, n * sizeof *inputs);
  session->ahead.n = session->ahead.end = n;
  session->ahead.first = 0;
  session->ahead.ns = (uint64_t)(effnet_clock_ns () - before) / n;
  return TRUE;
}

/* Which of the inputs that were run ahead @nhwc is; -1 for none. */
static int
find_ahead (const EffnetSession *session, const float *nhwc)
{
  for (unsigned i = session->ahead.first; session->ahead.n > 0 && i < session->ahead.end; i++) {
    if (session->ahead.inputs[i] == nhwc)
      return (int)i;
  }
  return -1;
}

/* Between effnet_session_enter() and effnet_session_leave(). */
static gboolean
take_ahead (EffnetSession *session, unsigned i, EffnetResult *result, GError **error)
{
  if (effnet_stop_now (&session->stop) ||
      !take_result (session, i, session->ahead.n, result, error))
    return FALSE;
  result->infer_ns = session->ahead.ns;
  return TRUE;
}

static gboolean
check_network (const EffnetSession *session, GError **error)
{
  return session->probabilities != NULL ||
         effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                      "the session was made with frontend_only, so it runs no network");
}

gboolean
effnet_session_run (EffnetSession *session, const float *nhwc, EffnetResult *result, GError **error)
{
  int i = find_ahead (session, nhwc);
  gboolean ok;

  if (!check_network (session, error))
    return FALSE;
  effnet_session_enter (session);
  ok = i >= 0 ? take_ahead (session, (unsigned)i, result, error)
              : begin_image (session, error) && infer (session, nhwc, result, error);
  return effnet_session_leave (session, ok, error);
}

gboolean
effnet_session_run_batch (EffnetSession *session, const float *nhwc, unsigned n,
                          EffnetRegionFunc func, void *user_data, GError **error)
{
  const float *inputs[EFFNET_BATCH_MAX];
  size_t per_image = (size_t)session->spec.height * session->spec.width * 3;
  EffnetResult result;
  gboolean ok = TRUE;

  if (n == 0)
    return TRUE;
  if (n > EFFNET_BATCH_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "a batch of %u; expected at most %d", n,
                        EFFNET_BATCH_MAX);
  if (!check_network (session, error) || !make_arena (session, n, error))
    return FALSE;
  for (unsigned i = 0; i < n; i++)
    inputs[i] = nhwc + i * per_image;
  if (!effnet_session_run_ahead (session, inputs, n))
    return effnet_fail (error, EFFNET_ERROR_CANCELLED, "cancelled");
  for (unsigned i = 0; ok && i < n; i++) {
    ok = effnet_session_run (session, inputs[i], &result, error);
    if (ok)
      func (i, &result, user_data);
  }
  session->ahead.n = 0;
  return ok;
}

gboolean
effnet_session_preprocess (EffnetSession *session, const EffnetImage *frame, float *nhwc,
                           GError **error)
{
  gboolean ok;

  effnet_session_enter (session);
  ok = effnet_frontend_run (session->frontend, frame, session->pool, nhwc, NULL, error);
  return effnet_session_leave (session, ok, error);
}

gboolean
effnet_session_preprocess_regions (EffnetSession *session, const EffnetImage *frame,
                                   const EffnetRegion *regions, unsigned n_regions, float *nhwc,
                                   GError **error)
{
  size_t input = (size_t)session->spec.height * session->spec.width * 3;
  EffnetFrontendTimes unread;
  gboolean ok;

  if (n_regions == 0)
    return TRUE;
  effnet_session_enter (session);
  ok = effnet_frontend_begin (session->frontend, frame, regions, n_regions, session->pool, &unread,
                              error);
  for (unsigned i = 0; ok && i < n_regions; i++)
    effnet_frontend_fill (session->frontend, i, session->pool, nhwc + i * input, &unread);
  return effnet_session_leave (session, ok, error);
}

/* Region @i of the frame that the front end has begun.
 * @watched: whether the caller's function is asked; then FALSE without an error is its answer */
static gboolean
classify_region (EffnetSession *session, unsigned i, gboolean watched, EffnetFrontendTimes *times,
                 EffnetResult *result, GError **error)
{
  const EffnetPlan *plan = session->model->plan;
  float *input;
  double damage;

  if (!begin_image (session, error))
    return FALSE;
  input = (float *)(void *)((char *)session->arena.base + plan->buffers[plan->input].offset);
  effnet_frontend_fill (session->frontend, i, session->pool, input, times);
  if (watched && session->input_func != NULL && !atomic_load (&session->stop.obeyed) &&
      !session->input_func (i, input, session->input_data))
    return FALSE;
  if (!infer (session, input, result, error))
    return FALSE;
  result->decode_ns = times->decode_ns;
  result->convert_ns = times->convert_ns;
  effnet_frontend_damage (session->frontend, &result->warnings, &damage);
  result->damage = (float)damage;
  return TRUE;
}

gboolean
effnet_session_classify (EffnetSession *session, const EffnetImage *frame, EffnetResult *result,
                         GError **error)
{
  EffnetFrontendTimes times = {0};
  gboolean ok;

  if (!check_network (session, error))
    return FALSE;
  effnet_session_enter (session);
  ok = effnet_frontend_begin (session->frontend, frame, NULL, 1, session->pool, &times, error) &&
       classify_region (session, 0, FALSE, &times, result, error);
  return effnet_session_leave (session, ok, error);
}

gboolean
effnet_session_classify_regions (EffnetSession *session, const EffnetImage *frame,
                                 const EffnetRegion *regions, unsigned n_regions,
                                 EffnetRegionFunc func, void *user_data, GError **error)
{
  EffnetFrontendTimes times;
  EffnetResult result;
  gboolean ok;

  if (n_regions == 0)
    return TRUE;
  if (!check_network (session, error))
    return FALSE;
  effnet_session_enter (session);
  ok = effnet_session_leave (session,
                             effnet_frontend_begin (session->frontend, frame, regions, n_regions,
                                                    session->pool, &times, error),
                             error);
  for (unsigned i = 0; ok && i < n_regions; i++) {
    GError *why = NULL;
    gboolean ran;

    effnet_session_enter (session);
    ran = effnet_session_leave (session, classify_region (session, i, TRUE, &times, &result, &why),
                                &why);
    if (ran)
      func (i, &result, user_data);
    ok = why == NULL;
    if (!ok)
      g_propagate_error (error, why);
    times = (EffnetFrontendTimes){0, 0};
  }
  return ok;
}

gboolean
effnet_session_get_frame_size (EffnetSession *session, const EffnetImage *frame, unsigned *width,
                               unsigned *height, GError **error)
{
  return effnet_frontend_size (session->frontend, frame, width, height, error);
}
