/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The forward pass: each step of the plan, its tiles over the pool. Nothing is decided, allocated
 * or checked here. */
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "engine/engine.h"

typedef struct {
  const EffnetStep *step;
  char *arena, *scratch;
  size_t scratch_bytes; /* of each worker */
  const float *input;
  size_t element; /* bytes of T */
  gboolean alone; /* no other worker takes tiles of this step */
} Job;

#define MAX_KERNEL 16 /* rows of a convolution window */

static void *
at (const Job *job, EffnetSlot slot)
{
  return slot == EFFNET_NO_SLOT ? NULL : job->arena + slot;
}

/* Which input row is row @i of the window of output row @y; FALSE outside the image. */
static gboolean
window_row (const EffnetStep *s, size_t y, unsigned i, size_t *row)
{
  *row = y * s->stride + i - s->pad_y; /* wraps round above the image */
  return *row < s->in_h;
}

/* The kernel_size input rows of output row @y; NULL outside the image. */
static void
window (const EffnetStep *s, const char *in, size_t row_bytes, size_t y, const void **rows)
{
  for (unsigned i = 0; i < s->kernel_size; i++) {
    size_t row;

    rows[i] = window_row (s, y, i, &row) ? in + row * row_bytes : NULL;
  }
}

static void
run_stem (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t end = MIN ((tile + 1) * s->per_tile, s->out_h);
  const void *rows[MAX_KERNEL];
  EffnetStem args = {
      .rows = (const float *const *)rows,
      .in_w = s->in_w,
      .out_w = s->out_w,
      .n = s->out_channels,
      .kernel = s->kernel_size,
      .stride = s->stride,
      .pad = s->pad_x,
      .weights = s->weights,
      .weight_stride = s->weight_stride,
      .bias = s->bias,
      .activation = s->activation,
  };

  (void)worker;
  for (size_t y = tile * s->per_tile; y < end; y++) {
    window (s, (const char *)job->input, s->in_w * 3 * sizeof (float), y, rows);
    args.out = (char *)at (job, s->out) + y * s->out_w * s->out_channels * job->element;
    s->kernel->call.stem (&args);
  }
}

/* What is the same for all rows of a depthwise convolution's tile. */
static EffnetDepthwise
depthwise_args (const EffnetStep *s, size_t first_channel, size_t channels, const void **rows)
{
  return (EffnetDepthwise){
      .rows = rows,
      .channels = channels,
      .in_w = s->in_w,
      .out_w = s->out_w,
      .in_stride = channels,
      .out_stride = s->out_channels,
      .kernel = s->kernel_size,
      .stride = s->stride,
      .pad = s->pad_x,
      .weights = (const float *)s->weights + first_channel,
      .weight_stride = s->weight_stride,
      .bias = s->bias + first_channel,
      .activation = s->activation,
  };
}

/* Before the first row of each band its sums for the pool begin. */
static void
begin_band (const Job *job, size_t y, size_t first_channel, EffnetDepthwise *args)
{
  const EffnetStep *s = job->step;
  float *partial = at (job, s->partial); /* [bands][out_channels] */

  if (partial == NULL || y % s->per_tile != 0)
    return;
  args->pool = partial + y / s->per_tile * s->out_channels + first_channel;
  memset (args->pool, 0, args->channels * sizeof (float));
}

static void
run_depthwise (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t end = MIN ((tile + 1) * s->per_tile, s->out_h), channels = s->out_channels;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (s, 0, channels, rows);

  (void)worker;
  for (size_t y = tile * s->per_tile; y < end; y++) {
    begin_band (job, y, 0, &args);
    window (s, at (job, s->in), s->in_w * channels * job->element, y, rows);
    args.out = (char *)at (job, s->out) + y * s->out_w * channels * job->element;
    s->kernel->call.depthwise (&args);
  }
}

/* The expanded rows of a fused tile: input row r, once computed, is in place r % ring_rows until
 * row r + ring_rows is. */
typedef struct {
  EffnetGemm gemm;
  char *rows; /* T [ring_rows][in_w][slice] */
  size_t row_bytes;
  size_t next, last; /* the first row not computed yet, and past the last one this tile reads */
} Ring;

/* Computes the rows up to @needed, and further ones as long as @oldest keeps its place: the longer
 * the matrix, the better. */
static void
fill_ring (const Job *job, Ring *ring, size_t oldest, size_t needed)
{
  const EffnetStep *s = job->step;
  size_t in_row = s->in_w * s->in_channels * job->element, ring_rows = s->expand.ring_rows;

  while (ring->next < needed) {
    size_t place = ring->next % ring_rows;
    size_t rows = MIN (ring_rows - place, MIN (oldest + ring_rows, ring->last) - ring->next);

    ring->gemm.m = rows * s->in_w;
    ring->gemm.a = (const char *)at (job, s->in) + ring->next * in_row;
    ring->gemm.c = ring->rows + place * ring->row_bytes;
    s->expand.gemm->call.gemm (&ring->gemm);
    ring->next += rows;
  }
}

/* The input rows that output rows @first .. @end - 1 read: *@from .. *@to - 1. */
static void
input_rows (const EffnetStep *s, size_t first, size_t end, size_t *from, size_t *to)
{
  size_t bottom = (end - 1) * s->stride + s->kernel_size; /* + pad_y, as is first * stride */

  *from = first * s->stride > s->pad_y ? first * s->stride - s->pad_y : 0;
  *to = bottom > s->pad_y ? MIN (bottom - s->pad_y, s->in_h) : 0;
}

/* Which slice of channels, and which output rows *begin .. *end - 1. */
static size_t
fused_tile (const Job *job, size_t tile, size_t *begin, size_t *end)
{
  const EffnetStep *s = job->step;
  size_t slices = effnet_div_up (s->out_channels, s->expand.slice), middle = slices / 2;

  *begin = 0;
  *end = s->out_h;
  if (job->alone)
    return tile;
  if (s->expand.odd && tile != middle && tile != slices)
    return tile < middle ? tile : tile - 1;
  if (s->expand.odd) /* the last slice's top and bottom */
    tile = tile == middle ? slices - 1 : 2 * slices - 1;
  *begin = tile / slices * s->per_tile;
  *end = MIN (*begin + s->per_tile, s->out_h);
  return tile % slices;
}

static void
run_expand_depthwise (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  const EffnetKernel *gemm = s->expand.gemm;
  size_t begin, end, first = fused_tile (job, tile, &begin, &end) * s->expand.slice; /* channel */
  size_t channels = MIN (s->expand.slice, s->out_channels - first);
  size_t k_packed = effnet_div_up (s->in_channels, gemm->kr) * gemm->kr;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (s, first, channels, rows);
  Ring ring = {
      .gemm = {.n = channels,
               .k = s->in_channels,
               .lda = s->in_channels,
               .b = (const char *)s->expand.weights + first * k_packed * job->element,
               .bias = s->expand.bias + first,
               .ldc = channels,
               .activation = s->activation},
      .rows = job->scratch + worker * job->scratch_bytes,
      .row_bytes = s->in_w * channels * job->element,
  };

  input_rows (s, begin, end, &ring.next, &ring.last);
  for (size_t y = begin; y < end; y++) {
    size_t oldest, needed;

    begin_band (job, y, first, &args);
    input_rows (s, y, y + 1, &oldest, &needed);
    fill_ring (job, &ring, oldest, needed);
    for (unsigned i = 0; i < s->kernel_size; i++) {
      size_t row;

      rows[i] = window_row (s, y, i, &row) ? ring.rows + row % s->expand.ring_rows * ring.row_bytes
                                           : NULL;
    }
    args.out = (char *)at (job, s->out) + (y * s->out_w * s->out_channels + first) * job->element;
    s->kernel->call.depthwise (&args);
  }
}

/* Outputs @first .. of a fully connected layer. */
static void
run_fc (const Job *job, size_t first, size_t n, const float *x, float *y)
{
  const EffnetStep *s = job->step;
  const char *weights = (const char *)s->weights + first * job->element;

  s->kernel->call.fc (&(EffnetFc){n, s->in_channels, x, weights, s->weight_stride, s->bias + first,
                                  y + first, s->activation});
}

static void
run_squeeze (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t first = tile * s->per_tile, channels = s->in_channels;
  const float *partial = at (job, s->partial);
  float *mean = (float *)(void *)(job->scratch + worker * job->scratch_bytes); /* [channels] */

  memcpy (mean, partial, channels * sizeof (float));
  for (size_t p = 1; p < s->partials; p++) {
    for (size_t c = 0; c < channels; c++)
      mean[c] += partial[p * channels + c];
  }
  for (size_t c = 0; c < channels; c++)
    mean[c] *= 1.0f / (float)(s->in_h * s->in_w);
  run_fc (job, first, MIN (s->per_tile, s->out_channels - first), mean, at (job, s->out));
}

/* The rows of the project's packed weights that read @channels channels from @first on. */
static void
scale_weights (const Job *job, size_t first, size_t channels, const float *gate)
{
  const EffnetStep *s = job->step;
  size_t nr = effnet_gemm_panel_width (s->project_gemm, s->project_channels);
  unsigned kr = s->project_gemm->kr;

  s->scale->call.scale_panels (&(EffnetScalePanels){
      .packed = (const char *)s->project + first * nr * job->element,
      .out = (char *)at (job, s->scaled) + first * nr * job->element,
      .panels = s->project_panels,
      .k = channels,
      .panel_stride = effnet_align_up (s->out_channels, kr) * nr,
      .nr = nr,
      .kr = kr,
      .gate = gate,
  });
}

static void
run_excite (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t first = tile * s->per_tile, channels = MIN (s->per_tile, s->out_channels - first);
  float *gate = at (job, s->gate);

  (void)worker;
  run_fc (job, first, channels, at (job, s->in), gate);
  if (s->scaled != EFFNET_NO_SLOT)
    scale_weights (job, first, channels, gate + first);
  else
    s->scale->call.scale_rows (&(EffnetScaleRows){(char *)at (job, s->out) + first * job->element,
                                                  s->out_h * s->out_w, channels, s->out_channels,
                                                  gate + first});
}

static void
run_pointwise (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  const EffnetKernel *gemm = s->kernel;
  size_t pixels = s->out_h * s->out_w, k = s->in_channels, n = s->out_channels;
  size_t row_tiles = effnet_div_up (pixels, s->per_tile), panel_tiles = s->n_tiles / row_tiles;
  size_t row_tile = s->by_panels ? tile % row_tiles : tile / panel_tiles;
  size_t panel_tile = s->by_panels ? tile / row_tiles : tile % panel_tiles;
  size_t first = row_tile * s->per_tile, m = MIN (s->per_tile, pixels - first);
  size_t column = panel_tile * s->panels_per_tile * effnet_gemm_panel_width (gemm, n);
  size_t columns = MIN (s->panels_per_tile * effnet_gemm_panel_width (gemm, n), n - column);
  const char *weights = s->scaled != EFFNET_NO_SLOT ? at (job, s->scaled) : s->weights;
  size_t corner = (first * n + column) * job->element; /* of the output and the residual */

  (void)worker;
  gemm->call.gemm (&(EffnetGemm){
      .m = m,
      .n = columns,
      .k = k,
      .a = (char *)at (job, s->in) + first * k * job->element,
      .lda = k,
      .b = weights + column * effnet_div_up (k, gemm->kr) * gemm->kr * job->element,
      .bias = s->bias + column,
      .residual = s->residual != EFFNET_NO_SLOT ? (char *)at (job, s->residual) + corner : NULL,
      .ldr = n,
      .c = (char *)at (job, s->out) + corner,
      .ldc = n,
      .activation = s->activation,
  });
}

static void
run_pool (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t first = tile * s->per_tile, channels = MIN (s->per_tile, s->in_channels - first);
  size_t pixels = s->in_h * s->in_w;
  float *out = (float *)at (job, s->out) + first;

  (void)worker;
  memset (out, 0, channels * sizeof (float));
  s->kernel->call.pool (&(EffnetPoolSum){(char *)at (job, s->in) + first * job->element, pixels,
                                         channels, s->in_channels, out});
  for (size_t c = 0; c < channels; c++)
    out[c] *= 1.0f / (float)pixels;
}

static void
run_classifier (void *user, size_t tile, unsigned worker)
{
  const Job *job = user;
  const EffnetStep *s = job->step;
  size_t first = tile * s->per_tile;

  (void)worker;
  run_fc (job, first, MIN (s->per_tile, s->out_channels - first), at (job, s->in),
          at (job, s->out));
}

static const EffnetTileFunc step_funcs[] = {
    [EFFNET_STEP_STEM] = run_stem,           [EFFNET_STEP_POINTWISE] = run_pointwise,
    [EFFNET_STEP_DEPTHWISE] = run_depthwise, [EFFNET_STEP_EXPAND_DEPTHWISE] = run_expand_depthwise,
    [EFFNET_STEP_SQUEEZE] = run_squeeze,     [EFFNET_STEP_EXCITE] = run_excite,
    [EFFNET_STEP_POOL] = run_pool,           [EFFNET_STEP_CLASSIFIER] = run_classifier,
};

void
effnet_run (EffnetSession *session, const float *input)
{
  const EffnetPlan *plan = session->model->plan;
  Job job = {
      .arena = session->arena.base,
      .scratch = (char *)session->arena.base + plan->arena_bytes,
      .scratch_bytes = plan->scratch_bytes,
      .input = input,
      .element = effnet_dtype_size (plan->dtype),
  };

  effnet_pool_enter (session->pool);
  for (size_t i = 0; i < plan->n_steps; i++) {
    gint64 before = session->profile != NULL ? effnet_clock_ns () : 0;
    const EffnetStep *s = job.step = &plan->steps[i];
    size_t n_tiles = s->n_tiles;

    job.alone = s->kind == EFFNET_STEP_EXPAND_DEPTHWISE && effnet_pool_is_alone (session->pool);
    if (job.alone)
      n_tiles = effnet_div_up (s->out_channels, s->expand.slice);
    effnet_pool_run (session->pool, n_tiles, step_funcs[s->kind], &job);
    if (session->profile != NULL)
      session->profile[i] = (uint64_t)(effnet_clock_ns () - before);
  }
  effnet_pool_leave (session->pool);
}
