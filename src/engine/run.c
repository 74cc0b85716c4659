/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forward pass: each step of the plan, its tiles over the worker pool. Nothing is decided,
 * allocated or checked here; which part a tile is, plan/tile.h says. */
#include "engine/run_rows.h"

#include <string.h>

#include "base/clock.h"

/* @n outputs from @first on, whose weights begin at element @w and lie @stride apart. */
static void
run_fc (const EffnetPass *pass, const EffnetFcStep *s, size_t first, size_t n, const float *x,
        size_t w, size_t stride)
{
  const EffnetPackedLayer *layer = s->layer;
  const char *weights = effnet_weights_of (pass, layer);
  const EffnetFc fc = {
      .n = n,
      .k = layer->in,
      .x = x,
      .w = weights + w * effnet_dtype_size (layer->dtype),
      .w_stride = stride,
      .bias = effnet_bias_of (pass, layer) + first,
      .y = (float *)effnet_at (pass, s->out) + first,
      .activation = s->activation,
      .scale = effnet_scale_of (pass, layer) + first,
  };

  if (layer->dtype == EFFNET_DTYPE_S8)
    pass->step->kernel->call.fc_s8 (&fc);
  else
    pass->step->kernel->call.fc (&fc);
}

static void
run_squeeze (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetSqueezeStep *s = &pass->step->squeeze;
  size_t channels = s->fc.layer->in;
  const float *sums = effnet_at (pass, s->fc.in);
  float *mean = effnet_scratch_of (pass, worker); /* [channels] */

  memcpy (mean, sums, channels * sizeof (float));
  for (size_t band = 1; band < s->bands; band++) {
    for (size_t c = 0; c < channels; c++)
      mean[c] += sums[band * channels + c];
  }
  for (size_t c = 0; c < channels; c++)
    mean[c] *= 1.0f / (float)s->pixels;
  run_fc (pass, &s->fc, tile->channel, tile->channels, mean, tile->channel, s->fc.layer->stride);
}

static void
scale_weights (const EffnetPass *pass, const EffnetTile *tile, const float *gate)
{
  const EffnetExciteStep *s = &pass->step->excite;
  const EffnetScaledPart part = effnet_excite_scaled (s, tile);

  s->scale->call.scale_panels (&(EffnetScalePanels){
      .packed = (const char *)effnet_weights_of (pass, s->project) + part.offset * pass->element,
      .out = (char *)effnet_at (pass, s->scaled) + part.offset * pass->element,
      .panels = part.panels,
      .k = tile->channels,
      .panel_stride = part.stride,
      .nr = effnet_packed_width (s->project),
      .kr = s->project->gemm->kr,
      .gate = gate,
  });
}

static void
scale_rows (const EffnetPass *pass, const EffnetTile *tile, const float *gate)
{
  const EffnetExciteStep *s = &pass->step->excite;

  s->scale->call.scale_rows (&(EffnetScaleRows){
      .x = (char *)effnet_at (pass, s->rows) + tile->channel * pass->element,
      .pixels = s->pixels,
      .channels = tile->channels,
      .stride = s->fc.layer->out,
      .gate = gate,
      .residual = s->residual != EFFNET_NO_SLOT
                      ? (char *)effnet_at (pass, s->residual) + tile->channel * pass->element
                      : NULL,
  });
}

static void
run_excite (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetExciteStep *s = &pass->step->excite;
  const float *gate = (const float *)effnet_at (pass, s->fc.out) + tile->channel;

  (void)worker;
  run_fc (pass, &s->fc, tile->channel, tile->channels, effnet_at (pass, s->fc.in), tile->channel,
          s->fc.layer->stride);
  if (s->scaled != EFFNET_NO_SLOT)
    scale_weights (pass, tile, gate);
  else if (s->rows != EFFNET_NO_SLOT)
    scale_rows (pass, tile, gate);
}

static void
run_pointwise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetPointwiseStep *s = &pass->step->pointwise;
  size_t row = s->layer->in * effnet_dtype_size (s->layer->dtype);

  (void)worker;
  effnet_run_pointwise (pass, s, tile, (char *)effnet_at (pass, s->in) + tile->row * row);
}

static void
run_conv (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetConvStep *s = &pass->step->conv;
  const EffnetWindow *w = &s->window;
  size_t in = s->layer->in, n = s->layer->out;
  size_t panel =
      tile->channel * effnet_packed_depth (s->layer) * effnet_dtype_size (s->layer->dtype);
  /* of the output and the residual */
  size_t corner = (tile->row * w->out_w * n + tile->channel) * pass->element;
  float *sums = effnet_at (pass, s->sums); /* [bands][n] */
  char *out = (char *)effnet_at (pass, s->out) + corner;

  s->layer->gemm->call.conv (&(EffnetConvolution){
      .in = effnet_at (pass, s->in),
      .in_h = w->in_h,
      .in_w = w->in_w,
      .channels = in,
      .in_row = w->in_w * in,
      .kernel = w->kernel,
      .stride = w->stride,
      .top = (ptrdiff_t)(tile->row * w->stride) - (ptrdiff_t)w->pad_y,
      .left = -(ptrdiff_t)w->pad_x,
      .out_h = tile->rows,
      .out_w = w->out_w,
      .n = tile->channels,
      .b = (const char *)effnet_weights_of (pass, s->layer) + panel,
      .bias = effnet_bias_of (pass, s->layer) + tile->channel,
      .residual =
          s->residual != EFFNET_NO_SLOT ? (char *)effnet_at (pass, s->residual) + corner : NULL,
      .ldr = n,
      .residual_row = w->out_w * n,
      .out = out,
      .ldc = n,
      .out_row = w->out_w * n,
      .activation = s->activation,
      .scratch = effnet_scratch_of (pass, worker),
  });
  if (sums == NULL)
    return;
  sums += tile->band * n + tile->channel;
  memset (sums, 0, tile->channels * sizeof (float));
  s->pool->call.pool (&(EffnetPoolSum){.x = out,
                                       .pixels = tile->rows * w->out_w,
                                       .channels = tile->channels,
                                       .stride = n,
                                       .sum = sums});
}

static void
run_quantise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetQuantiseStep *s = &pass->step->quantise;
  size_t channels = s->layer->in, corner = tile->row * channels;

  (void)worker;
  pass->step->kernel->call.quantise (&(EffnetQuantise){
      .x = (char *)effnet_at (pass, s->in) + corner * pass->element,
      .pixels = tile->rows,
      .channels = channels,
      .stride = channels,
      .gate = effnet_at (pass, s->gate),
      .range = s->layer->range,
      .low = s->layer->low,
      .top = s->layer->top,
      .digits = s->layer->gemm->digits,
      .q = (char *)effnet_at (pass, s->out) + corner,
      .q_stride = channels,
      .step = (float *)effnet_at (pass, s->steps) + tile->row,
  });
}

static void
run_average_pool (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetAveragePoolStep *s = &pass->step->average_pool;
  float *out = (float *)effnet_at (pass, s->out) + tile->channel;

  (void)worker;
  memset (out, 0, tile->channels * sizeof (float));
  pass->step->kernel->call.pool (&(EffnetPoolSum){
      .x = (char *)effnet_at (pass, s->in) + tile->channel * pass->element,
      .pixels = s->pixels,
      .channels = tile->channels,
      .stride = s->channels,
      .sum = out,
  });
  for (size_t c = 0; c < tile->channels; c++)
    out[c] *= 1.0f / (float)s->pixels;
}

static void
run_classifier (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetFcStep *s = &pass->step->classifier;

  const size_t end = tile->channel + tile->channels;

  (void)worker;
  for (size_t c = tile->channel, stride; c < end; c += EFFNET_CLASSIFIER_PANEL) {
    size_t w = effnet_classifier_column (s->layer, c, &stride);

    run_fc (pass, s, c, MIN (EFFNET_CLASSIFIER_PANEL, end - c), effnet_at (pass, s->in), w, stride);
  }
}

typedef void (*StepFunc) (const EffnetPass *pass, const EffnetTile *tile, unsigned worker);

static const StepFunc step_funcs[] = {
    [EFFNET_STEP_STEM] = effnet_run_stem,
    [EFFNET_STEP_POINTWISE] = run_pointwise,
    [EFFNET_STEP_DEPTHWISE] = effnet_run_depthwise,
    [EFFNET_STEP_EXPAND_DEPTHWISE] = effnet_run_expand_depthwise,
    [EFFNET_STEP_SQUEEZE] = run_squeeze,
    [EFFNET_STEP_EXCITE] = run_excite,
    [EFFNET_STEP_AVERAGE_POOL] = run_average_pool,
    [EFFNET_STEP_CLASSIFIER] = run_classifier,
    [EFFNET_STEP_QUANTISE] = run_quantise,
    [EFFNET_STEP_CONV] = run_conv,
};

static void
run_tile (void *user, size_t index, unsigned worker)
{
  const EffnetPass *pass = user;
  const EffnetTile tile = effnet_step_tile (pass->step, index, pass->images, pass->alone);
  EffnetPass own;

  if (effnet_stop_now (pass->stop))
    return;
  if (tile.image > 0) {
    own = *pass;
    own.image = tile.image;
    pass = &own;
  }
  step_funcs[pass->step->kind](pass, &tile, worker);
}

static void
run_chain (void *user, size_t image, unsigned worker)
{
  EffnetPass own = *(const EffnetPass *)user;

  (void)worker;
  own.image = image;
  effnet_run_chain (&own);
}

/* From step @i of the plan on. Returns the step after those that ran. */
static size_t
run_steps (EffnetSession *session, EffnetPass *pass, size_t i)
{
  int64_t before = session->profile != NULL ? effnet_clock_ns () : 0;

  pass->step = &session->model->plan->steps[i];
  pass->alone = effnet_pool_is_alone (session->pool);
  /* what is between the steps of a chain nobody else gets to see */
  if (pass->step->chain.steps > 0 && pass->alone && session->measure == NULL &&
      session->tapped == 0) {
    pass->profile = session->profile != NULL ? session->profile + i : NULL;
    if (pass->profile != NULL)
      memset (pass->profile, 0, pass->step->chain.steps * sizeof *pass->profile);
    effnet_pool_run (session->pool, pass->images, run_chain, pass);
    return i + pass->step->chain.steps;
  }
  if (session->measure != NULL)
    effnet_session_measure_step (session, i, pass->images);
  effnet_pool_run (session->pool, effnet_step_tiles (pass->step, pass->images, pass->alone),
                   run_tile, pass);
  if (session->tapped != 0)
    effnet_session_keep_taps (session, i, pass->images);
  if (session->profile != NULL)
    session->profile[i] = (uint64_t)(effnet_clock_ns () - before);
  return i + 1;
}

void
effnet_run (EffnetSession *session, const float *const *inputs, size_t images)
{
  const EffnetModel *model = session->model;
  const EffnetPlan *plan = model->plan;
  EffnetPass pass = {
      .buffers = plan->buffers,
      .arena = session->arena.base,
      .scratch = session->scratch != NULL
                     ? session->scratch->arena.base
                     : (char *)session->arena.base + session->images * plan->arena_bytes,
      .scratch_bytes = session->scratch != NULL ? session->scratch->bytes : plan->scratch_bytes,
      .weights = model->weights.base,
      .inputs = inputs,
      .element = effnet_dtype_size (plan->dtype),
      .images = images,
      .stop = &session->stop,
  };

  for (size_t i = 0; i < plan->n_steps && !effnet_stop_now (pass.stop);)
    i = run_steps (session, &pass, i);
}
