/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forward pass: each step of the plan, its tiles over the worker pool. Nothing is decided,
 * allocated or checked here; which part a tile is, plan/tile.h says. */
#include <string.h>

#include "base/clock.h"
#include "engine/engine.h"

typedef struct {
  const EffnetStep *step;
  const EffnetBuffer *buffers;
  char *arena, *scratch;
  size_t scratch_bytes; /* of each worker */
  const char *weights;
  const float *const *inputs; /* [images] */
  size_t element;             /* bytes of T */
  size_t images, image;
  gboolean alone; /* no other worker takes tiles of this step */
  EffnetStop *stop;
} Job;

#define MAX_KERNEL 16 /* rows of a convolution window */

static void *
at (const Job *job, EffnetSlot slot)
{
  const EffnetBuffer *buffer;

  if (slot == EFFNET_NO_SLOT)
    return NULL;
  buffer = &job->buffers[slot];
  return job->arena + job->images * buffer->offset + job->image * buffer->stride;
}

static void *
scratch_of (const Job *job, unsigned worker)
{
  return job->scratch + worker * job->scratch_bytes;
}

static const void *
weights_of (const Job *job, const EffnetPackedLayer *layer)
{
  return job->weights + layer->weights;
}

static const float *
bias_of (const Job *job, const EffnetPackedLayer *layer)
{
  return (const float *)(const void *)(job->weights + layer->bias);
}

/* Of S8. */
static const float *
scale_of (const Job *job, const EffnetPackedLayer *layer)
{
  return (const float *)(const void *)(job->weights + layer->scale);
}

/* A part of a pointwise convolution: the channels of @layer from @channel on, as @gemm says;
 * @steps: of its digits, where it reads such. */
static void
multiply (const Job *job, const EffnetPackedLayer *layer, size_t channel, const EffnetGemm *gemm,
          const float *steps)
{
  size_t panel = channel * effnet_packed_depth (layer) * effnet_dtype_size (layer->dtype);
  EffnetGemm g = *gemm;

  if (g.b == NULL)
    g.b = (const char *)weights_of (job, layer) + panel;
  else
    g.b = (const char *)g.b + panel;
  g.k = layer->in;
  g.lda = layer->in;
  g.bias = bias_of (job, layer) + channel;
  if (layer->dtype != EFFNET_DTYPE_S8) {
    layer->gemm->call.gemm (&g);
    return;
  }
  layer->gemm->call.gemm_s8 (&(EffnetGemmS8){
      .m = g.m,
      .n = g.n,
      .k = g.k,
      .a = g.a,
      .lda = g.lda,
      .step = steps,
      .b = g.b,
      .start = (const int32_t *)(const void *)(job->weights + layer->start) + channel,
      .scale = scale_of (job, layer) + channel,
      .bias = g.bias,
      .residual = g.residual,
      .ldr = g.ldr,
      .c = g.c,
      .ldc = g.ldc,
      .activation = g.activation,
  });
}

/* Which input row is row @i of the window of output row @y; FALSE outside the image. */
static gboolean
window_row (const EffnetWindow *w, size_t y, unsigned i, size_t *row)
{
  *row = y * w->stride + i - w->pad_y; /* wraps around above the image */
  return *row < w->in_h;
}

/* The input rows of output row @y, @row_bytes each; NULL outside the image. */
static void
window_rows (const EffnetWindow *w, const char *in, size_t row_bytes, size_t y, const void **rows)
{
  for (unsigned i = 0; i < w->kernel; i++) {
    size_t row;

    rows[i] = window_row (w, y, i, &row) ? in + row * row_bytes : NULL;
  }
}

static void
run_stem (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetStemStep *s = &job->step->stem;
  const EffnetWindow *w = &s->window;
  const void *rows[MAX_KERNEL];
  const char *input = (const char *)job->inputs[job->image];
  EffnetStem args = {
      .rows = (const float *const *)rows,
      .in_w = w->in_w,
      .out_w = w->out_w,
      .n = s->layer->out,
      .kernel = w->kernel,
      .stride = w->stride,
      .pad = w->pad_x,
      .weights = weights_of (job, s->layer),
      .weight_stride = s->layer->stride,
      .bias = bias_of (job, s->layer),
      .activation = s->activation,
  };

  (void)worker;
  for (size_t y = tile->row; y < tile->row + tile->rows; y++) {
    window_rows (w, input, w->in_w * s->layer->in * sizeof (float), y, rows);
    args.out = (char *)at (job, s->out) + y * w->out_w * s->layer->out * job->element;
    job->step->kernel->call.stem (&args);
  }
}

/* What is the same for all rows of a tile. */
static EffnetDepthwise
depthwise_args (const Job *job, const EffnetDepthwiseStep *s, const EffnetTile *tile,
                const void **rows)
{
  return (EffnetDepthwise){
      .rows = rows,
      .channels = tile->channels,
      .in_w = s->window.in_w,
      .out_w = s->window.out_w,
      .in_stride = tile->channels,
      .out_stride = s->layer->out,
      .kernel = s->window.kernel,
      .stride = s->window.stride,
      .pad = s->window.pad_x,
      .weights = (const float *)weights_of (job, s->layer) + tile->channel,
      .weight_stride = s->layer->stride,
      .bias = bias_of (job, s->layer) + tile->channel,
      .activation = s->activation,
  };
}

/* The zeroed channel sums of a band; NULL when nobody reads them. */
static float *
clear_sums (const Job *job, const EffnetDepthwiseStep *s, const EffnetTile *tile, size_t band)
{
  float *sums = at (job, s->sums); /* [bands][channels] */

  if (sums == NULL)
    return NULL;
  sums += band * s->layer->out + tile->channel;
  memset (sums, 0, tile->channels * sizeof (float));
  return sums;
}

static void *
depthwise_out (const Job *job, const EffnetDepthwiseStep *s, const EffnetTile *tile, size_t y)
{
  size_t pixel = y * s->window.out_w;

  return (char *)at (job, s->out) + (pixel * s->layer->out + tile->channel) * job->element;
}

static void
run_depthwise (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetDepthwiseStep *s = &job->step->depthwise;
  const EffnetWindow *w = &s->window;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (job, s, tile, rows);

  (void)worker;
  for (size_t band = tile->band; band < tile->band + tile->bands; band++) {
    size_t y, end;

    effnet_depthwise_band (s, band, &y, &end);
    args.pool = clear_sums (job, s, tile, band);
    for (; y < end; y++) {
      window_rows (w, at (job, s->in), w->in_w * s->layer->out * job->element, y, rows);
      args.out = depthwise_out (job, s, tile, y);
      job->step->kernel->call.depthwise (&args);
    }
  }
}

/* The expanded rows of a fused tile: input row r, once computed, is in place r % ring_rows until
 * row r + ring_rows is. */
typedef struct {
  const EffnetFusedStep *step;
  EffnetGemm gemm; /* as multiply() takes it */
  size_t channel;
  const float *steps; /* float [in_h][in_w], or NULL */
  char *rows;         /* T [ring_rows][in_w][slice] */
  size_t row_bytes;
  size_t next, last; /* the first row not computed yet, and past the last one this tile reads */
} Ring;

/* Computes the rows up to @needed, and as many more as fit the ring without overwriting @oldest:
 * long matrices are faster. */
static void
fill_ring (const Job *job, Ring *ring, size_t oldest, size_t needed)
{
  const EffnetFusedStep *s = ring->step;
  const EffnetWindow *w = &s->depthwise.window;
  size_t in_row = w->in_w * s->expand->in * effnet_dtype_size (s->expand->dtype);

  while (ring->next < needed) {
    size_t place = ring->next % s->ring_rows;
    size_t rows = MIN (s->ring_rows - place, MIN (oldest + s->ring_rows, ring->last) - ring->next);

    ring->gemm.m = rows * w->in_w;
    ring->gemm.a = (const char *)at (job, s->depthwise.in) + ring->next * in_row;
    ring->gemm.c = ring->rows + place * ring->row_bytes;
    multiply (job, s->expand, ring->channel, &ring->gemm,
              ring->steps != NULL ? ring->steps + ring->next * w->in_w : NULL);
    ring->next += rows;
  }
}

/* The input rows that output rows @first .. @end - 1 read: *@from .. *@to - 1. */
static void
input_rows (const EffnetWindow *w, size_t first, size_t end, size_t *from, size_t *to)
{
  size_t bottom = (end - 1) * w->stride + w->kernel; /* + pad_y, as is first * stride */

  *from = first * w->stride > w->pad_y ? first * w->stride - w->pad_y : 0;
  *to = bottom > w->pad_y ? MIN (bottom - w->pad_y, w->in_h) : 0;
}

static Ring
new_ring (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetFusedStep *s = &job->step->fused;
  const EffnetWindow *w = &s->depthwise.window;
  Ring ring = {
      .step = s,
      .gemm = {.n = tile->channels, .ldc = tile->channels, .activation = s->depthwise.activation},
      .channel = tile->channel,
      .steps = at (job, s->steps),
      .rows = scratch_of (job, worker),
      .row_bytes = w->in_w * tile->channels * job->element,
  };

  input_rows (w, tile->row, tile->row + tile->rows, &ring.next, &ring.last);
  return ring;
}

/* The weights of a tile's channels, a few lines of each tap, which no hardware foresees. */
static void
prefetch_weights (const EffnetDepthwise *d)
{
  for (size_t tap = 0; tap < (size_t)d->kernel * d->kernel; tap++)
    for (size_t c = 0; c < d->channels; c += EFFNET_ALIGN / sizeof (float))
      __builtin_prefetch (d->weights + tap * d->weight_stride + c);
}

static void
run_expand_depthwise (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetDepthwiseStep *s = &job->step->fused.depthwise;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (job, s, tile, rows);
  Ring ring = new_ring (job, tile, worker);

  prefetch_weights (&args); /* they come while the expanded rows are computed */
  for (size_t band = tile->band; band < tile->band + tile->bands; band++) {
    size_t y, end;

    effnet_depthwise_band (s, band, &y, &end);
    args.pool = clear_sums (job, s, tile, band);
    for (; y < end; y++) {
      size_t oldest, needed, row;

      input_rows (&s->window, y, y + 1, &oldest, &needed);
      fill_ring (job, &ring, oldest, needed);
      for (unsigned i = 0; i < s->window.kernel; i++)
        rows[i] = window_row (&s->window, y, i, &row)
                      ? ring.rows + row % ring.step->ring_rows * ring.row_bytes
                      : NULL;
      args.out = depthwise_out (job, s, tile, y);
      job->step->kernel->call.depthwise (&args);
    }
  }
}

/* @n outputs from @first on, whose weights begin at element @w and lie @stride apart. */
static void
run_fc (const Job *job, const EffnetFcStep *s, size_t first, size_t n, const float *x, size_t w,
        size_t stride)
{
  const EffnetPackedLayer *layer = s->layer;
  const char *weights = weights_of (job, layer);
  const EffnetFc fc = {
      .n = n,
      .k = layer->in,
      .x = x,
      .w = weights + w * effnet_dtype_size (layer->dtype),
      .w_stride = stride,
      .bias = bias_of (job, layer) + first,
      .y = (float *)at (job, s->out) + first,
      .activation = s->activation,
      .scale = scale_of (job, layer) + first,
  };

  if (layer->dtype == EFFNET_DTYPE_S8)
    job->step->kernel->call.fc_s8 (&fc);
  else
    job->step->kernel->call.fc (&fc);
}

static void
run_squeeze (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetSqueezeStep *s = &job->step->squeeze;
  size_t channels = s->fc.layer->in;
  const float *sums = at (job, s->fc.in);
  float *mean = scratch_of (job, worker); /* [channels] */

  memcpy (mean, sums, channels * sizeof (float));
  for (size_t band = 1; band < s->bands; band++) {
    for (size_t c = 0; c < channels; c++)
      mean[c] += sums[band * channels + c];
  }
  for (size_t c = 0; c < channels; c++)
    mean[c] *= 1.0f / (float)s->pixels;
  run_fc (job, &s->fc, tile->channel, tile->channels, mean, tile->channel, s->fc.layer->stride);
}

static void
scale_weights (const Job *job, const EffnetTile *tile, const float *gate)
{
  const EffnetExciteStep *s = &job->step->excite;
  const EffnetScaledPart part = effnet_excite_scaled (s, tile);

  s->scale->call.scale_panels (&(EffnetScalePanels){
      .packed = (const char *)weights_of (job, s->project) + part.offset * job->element,
      .out = (char *)at (job, s->scaled) + part.offset * job->element,
      .panels = part.panels,
      .k = tile->channels,
      .panel_stride = part.stride,
      .nr = effnet_packed_width (s->project),
      .kr = s->project->gemm->kr,
      .gate = gate,
  });
}

static void
scale_rows (const Job *job, const EffnetTile *tile, const float *gate)
{
  const EffnetExciteStep *s = &job->step->excite;

  s->scale->call.scale_rows (&(EffnetScaleRows){
      .x = (char *)at (job, s->rows) + tile->channel * job->element,
      .pixels = s->pixels,
      .channels = tile->channels,
      .stride = s->fc.layer->out,
      .gate = gate,
      .residual = s->residual != EFFNET_NO_SLOT
                      ? (char *)at (job, s->residual) + tile->channel * job->element
                      : NULL,
  });
}

static void
run_excite (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetExciteStep *s = &job->step->excite;
  const float *gate = (const float *)at (job, s->fc.out) + tile->channel;

  (void)worker;
  run_fc (job, &s->fc, tile->channel, tile->channels, at (job, s->fc.in), tile->channel,
          s->fc.layer->stride);
  if (s->scaled != EFFNET_NO_SLOT)
    scale_weights (job, tile, gate);
  else if (s->rows != EFFNET_NO_SLOT)
    scale_rows (job, tile, gate);
}

static void
run_pointwise (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetPointwiseStep *s = &job->step->pointwise;
  size_t n = s->layer->out;
  const float *steps = at (job, s->steps);
  /* of the output and the residual */
  size_t corner = (tile->row * n + tile->channel) * job->element;
  EffnetGemm gemm = {
      .m = tile->rows,
      .n = tile->channels,
      .a = (char *)at (job, s->in) + tile->row * s->layer->in * effnet_dtype_size (s->layer->dtype),
      .b = at (job, s->scaled),
      .residual = s->residual != EFFNET_NO_SLOT ? (char *)at (job, s->residual) + corner : NULL,
      .ldr = n,
      .c = (char *)at (job, s->out) + corner,
      .ldc = n,
      .activation = s->activation,
  };

  (void)worker;
  multiply (job, s->layer, tile->channel, &gemm, steps != NULL ? steps + tile->row : NULL);
}

static void
run_conv (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetConvStep *s = &job->step->conv;
  const EffnetWindow *w = &s->window;
  size_t in = s->layer->in, n = s->layer->out;
  size_t panel = tile->channel * effnet_packed_depth (s->layer) * job->element;
  /* of the output and the residual */
  size_t corner = (tile->row * w->out_w * n + tile->channel) * job->element;
  float *sums = at (job, s->sums); /* [bands][n] */
  char *out = (char *)at (job, s->out) + corner;

  s->layer->gemm->call.conv (&(EffnetConvolution){
      .in = at (job, s->in),
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
      .b = (const char *)weights_of (job, s->layer) + panel,
      .bias = bias_of (job, s->layer) + tile->channel,
      .residual = s->residual != EFFNET_NO_SLOT ? (char *)at (job, s->residual) + corner : NULL,
      .ldr = n,
      .residual_row = w->out_w * n,
      .out = out,
      .ldc = n,
      .out_row = w->out_w * n,
      .activation = s->activation,
      .scratch = scratch_of (job, worker),
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
run_quantise (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetQuantiseStep *s = &job->step->quantise;
  size_t channels = s->layer->in, corner = tile->row * channels;

  (void)worker;
  job->step->kernel->call.quantise (&(EffnetQuantise){
      .x = (char *)at (job, s->in) + corner * job->element,
      .pixels = tile->rows,
      .channels = channels,
      .stride = channels,
      .gate = at (job, s->gate),
      .range = s->layer->range,
      .low = s->layer->low,
      .top = s->layer->top,
      .digits = s->layer->gemm->digits,
      .q = (char *)at (job, s->out) + corner,
      .q_stride = channels,
      .step = (float *)at (job, s->steps) + tile->row,
  });
}

static void
run_average_pool (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetAveragePoolStep *s = &job->step->average_pool;
  float *out = (float *)at (job, s->out) + tile->channel;

  (void)worker;
  memset (out, 0, tile->channels * sizeof (float));
  job->step->kernel->call.pool (&(EffnetPoolSum){
      .x = (char *)at (job, s->in) + tile->channel * job->element,
      .pixels = s->pixels,
      .channels = tile->channels,
      .stride = s->channels,
      .sum = out,
  });
  for (size_t c = 0; c < tile->channels; c++)
    out[c] *= 1.0f / (float)s->pixels;
}

static void
run_classifier (const Job *job, const EffnetTile *tile, unsigned worker)
{
  const EffnetFcStep *s = &job->step->classifier;

  const size_t end = tile->channel + tile->channels;

  (void)worker;
  for (size_t c = tile->channel, stride; c < end; c += EFFNET_CLASSIFIER_PANEL) {
    size_t w = effnet_classifier_column (s->layer, c, &stride);

    run_fc (job, s, c, MIN (EFFNET_CLASSIFIER_PANEL, end - c), at (job, s->in), w, stride);
  }
}

typedef void (*StepFunc) (const Job *job, const EffnetTile *tile, unsigned worker);

static const StepFunc step_funcs[] = {
    [EFFNET_STEP_STEM] = run_stem,
    [EFFNET_STEP_POINTWISE] = run_pointwise,
    [EFFNET_STEP_DEPTHWISE] = run_depthwise,
    [EFFNET_STEP_EXPAND_DEPTHWISE] = run_expand_depthwise,
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
  const Job *job = user;
  const EffnetTile tile = effnet_step_tile (job->step, index, job->images, job->alone);
  Job own;

  if (effnet_stop_now (job->stop))
    return;
  if (tile.image > 0) {
    own = *job;
    own.image = tile.image;
    job = &own;
  }
  step_funcs[job->step->kind](job, &tile, worker);
}

void
effnet_run (EffnetSession *session, const float *const *inputs, size_t images)
{
  const EffnetModel *model = session->model;
  const EffnetPlan *plan = model->plan;
  Job job = {
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

  for (size_t i = 0; i < plan->n_steps && !effnet_stop_now (job.stop); i++) {
    int64_t before = session->profile != NULL ? effnet_clock_ns () : 0;

    job.step = &plan->steps[i];
    job.alone = effnet_pool_is_alone (session->pool);
    if (session->measure != NULL)
      effnet_session_measure_step (session, i, images);
    effnet_pool_run (session->pool, effnet_step_tiles (job.step, images, job.alone), run_tile,
                     &job);
    if (session->tapped != 0)
      effnet_session_keep_taps (session, i, images);
    if (session->profile != NULL)
      session->profile[i] = (uint64_t)(effnet_clock_ns () - before);
  }
}
