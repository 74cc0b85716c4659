/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/run_rows.h"

#include <string.h>

#include "base/clock.h"

#define MAX_KERNEL 16 /* rows of a convolution window */

void
effnet_run_multiply (const EffnetPass *pass, const EffnetPackedLayer *layer, size_t channel,
                     const EffnetGemm *gemm, const float *steps)
{
  size_t panel = channel * effnet_packed_depth (layer) * effnet_dtype_size (layer->dtype);
  EffnetGemm g = *gemm;

  if (g.b == NULL)
    g.b = (const char *)effnet_weights_of (pass, layer) + panel;
  else
    g.b = (const char *)g.b + panel;
  g.k = layer->in;
  g.lda = layer->in;
  g.bias = effnet_bias_of (pass, layer) + channel;
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
      .start = (const int32_t *)(const void *)(pass->weights + layer->start) + channel,
      .scale = effnet_scale_of (pass, layer) + channel,
      .bias = g.bias,
      .residual = g.residual,
      .ldr = g.ldr,
      .c = g.c,
      .ldc = g.ldc,
      .activation = g.activation,
      .to_bytes = layer->out_digits,
  });
}

void
effnet_run_pointwise (const EffnetPass *pass, const EffnetPointwiseStep *s, const EffnetTile *tile,
                      const void *a)
{
  size_t n = s->layer->out;
  const float *steps = effnet_at (pass, s->steps);
  /* of the output and the residual */
  size_t corner = (tile->row * n + tile->channel) * pass->element;
  EffnetGemm gemm = {
      .m = tile->rows,
      .n = tile->channels,
      .a = a,
      .b = effnet_at (pass, s->scaled),
      .residual =
          s->residual != EFFNET_NO_SLOT ? (char *)effnet_at (pass, s->residual) + corner : NULL,
      .ldr = n,
      .c = (char *)effnet_at (pass, s->out) + corner,
      .ldc = n,
      .activation = s->activation,
  };

  effnet_run_multiply (pass, s->layer, tile->channel, &gemm,
                       steps != NULL ? steps + tile->row : NULL);
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

/* Output rows @y .. @end - 1 to @out. */
static void
stem_rows (const EffnetPass *pass, const EffnetStep *step, size_t y, size_t end, char *out)
{
  const EffnetStemStep *s = &step->stem;
  const EffnetWindow *w = &s->window;
  const void *rows[MAX_KERNEL];
  const char *input = (const char *)pass->inputs[pass->image];
  EffnetStem args = {
      .rows = (const float *const *)rows,
      .in_w = w->in_w,
      .out_w = w->out_w,
      .n = s->layer->out,
      .kernel = w->kernel,
      .stride = w->stride,
      .pad = w->pad_x,
      .weights = effnet_weights_of (pass, s->layer),
      .weight_stride = s->layer->stride,
      .bias = effnet_bias_of (pass, s->layer),
      .activation = s->activation,
  };

  for (; y < end; y++, out += w->out_w * s->layer->out * pass->element) {
    window_rows (w, input, w->in_w * s->layer->in * sizeof (float), y, rows);
    args.out = out;
    step->kernel->call.stem (&args);
  }
}

void
effnet_run_stem (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetStemStep *s = &pass->step->stem;
  size_t row = s->window.out_w * s->layer->out * pass->element;

  (void)worker;
  stem_rows (pass, pass->step, tile->row, tile->row + tile->rows,
             (char *)effnet_at (pass, s->out) + tile->row * row);
}

/* What is the same for all rows of a tile. */
static EffnetDepthwise
depthwise_args (const EffnetPass *pass, const EffnetDepthwiseStep *s, const EffnetTile *tile,
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
      .weights = (const float *)effnet_weights_of (pass, s->layer) + tile->channel,
      .weight_stride = s->layer->stride,
      .bias = effnet_bias_of (pass, s->layer) + tile->channel,
      .activation = s->activation,
      .digits = s->layer->digits,
  };
}

/* The zeroed channel sums of a band; NULL when nobody reads them. */
static float *
clear_sums (const EffnetPass *pass, const EffnetDepthwiseStep *s, const EffnetTile *tile,
            size_t band)
{
  float *sums = effnet_at (pass, s->sums); /* [bands][channels] */

  if (sums == NULL)
    return NULL;
  sums += band * s->layer->out + tile->channel;
  memset (sums, 0, tile->channels * sizeof (float));
  return sums;
}

static void *
depthwise_out (const EffnetPass *pass, const EffnetDepthwiseStep *s, const EffnetTile *tile,
               size_t y)
{
  size_t pixel = y * s->window.out_w;

  return (char *)effnet_at (pass, s->out) + (pixel * s->layer->out + tile->channel) * s->element;
}

void
effnet_run_depthwise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetDepthwiseStep *s = &pass->step->depthwise;
  const EffnetWindow *w = &s->window;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (pass, s, tile, rows);

  (void)worker;
  for (size_t band = tile->band; band < tile->band + tile->bands; band++) {
    size_t y, end;

    effnet_depthwise_band (s, band, &y, &end);
    args.pool = clear_sums (pass, s, tile, band);
    for (; y < end; y++) {
      window_rows (w, effnet_at (pass, s->in), w->in_w * s->layer->out * pass->element, y, rows);
      args.out = depthwise_out (pass, s, tile, y);
      pass->step->kernel->call.depthwise (&args);
    }
  }
}

/* Rows that a depthwise convolution reads, made as it comes to them: row r, once computed, is in
 * place r % places until row r + places is. */
typedef struct {
  const EffnetDepthwiseStep *reader;
  const EffnetKernel *kernel;      /* the reader's */
  const EffnetStep *stem;          /* makes them, or NULL: */
  const EffnetPackedLayer *expand; /* does */
  EffnetGemm gemm;                 /* as effnet_run_multiply() takes it */
  size_t channel;
  const float *steps; /* float [in_h][in_w], or NULL */
  char *rows;         /* T or digits [places][in_w][channels of the tile] */
  size_t places, row_bytes;
  size_t next, last; /* the first row not computed yet, and past the last one this tile reads */
} Ring;

/* The input rows that output rows @first .. @end - 1 read: *@from .. *@to - 1. */
static void
input_rows (const EffnetWindow *w, size_t first, size_t end, size_t *from, size_t *to)
{
  size_t bottom = (end - 1) * w->stride + w->kernel; /* + pad_y, as is first * stride */

  *from = first * w->stride > w->pad_y ? first * w->stride - w->pad_y : 0;
  *to = bottom > w->pad_y ? MIN (bottom - w->pad_y, w->in_h) : 0;
}

/* Computes what output row @y reads, and as many rows more as fit the ring: long matrices are
 * faster. */
static void
fill_ring (const EffnetPass *pass, Ring *ring, size_t y)
{
  const EffnetWindow *w = &ring->reader->window;
  size_t oldest, needed;

  input_rows (w, y, y + 1, &oldest, &needed);
  while (ring->next < needed) {
    size_t place = ring->next % ring->places, first = ring->next;
    size_t rows = MIN (ring->places - place, MIN (oldest + ring->places, ring->last) - first);
    char *to = ring->rows + place * ring->row_bytes;

    ring->next += rows;
    if (ring->stem != NULL) {
      stem_rows (pass, ring->stem, first, ring->next, to);
      continue;
    }
    ring->gemm.m = rows * w->in_w;
    ring->gemm.a = (const char *)effnet_at (pass, ring->reader->in) +
                   first * w->in_w * ring->expand->in * effnet_dtype_size (ring->expand->dtype);
    ring->gemm.c = to;
    effnet_run_multiply (pass, ring->expand, ring->channel, &ring->gemm,
                         ring->steps != NULL ? ring->steps + first * w->in_w : NULL);
  }
}

/* Output row @y, from a ring that has its rows. */
static void
convolve_row (const Ring *ring, size_t y, EffnetDepthwise *args, const void **rows)
{
  const EffnetWindow *w = &ring->reader->window;
  size_t row;

  for (unsigned i = 0; i < w->kernel; i++)
    rows[i] = window_row (w, y, i, &row) ? ring->rows + row % ring->places * ring->row_bytes : NULL;
  if (ring->reader->layer->in_digits)
    ring->kernel->call.depthwise_u8 (args);
  else
    ring->kernel->call.depthwise (args);
}

/* Of a fused step. */
static Ring
new_ring (const EffnetPass *pass, const EffnetStep *step, const EffnetTile *tile, char *rows,
          size_t places)
{
  const EffnetFusedStep *s = &step->fused;
  const EffnetWindow *w = &s->depthwise.window;
  Ring ring = {
      .reader = &s->depthwise,
      .kernel = step->kernel,
      .expand = s->expand,
      .gemm = {.n = tile->channels, .ldc = tile->channels, .activation = s->depthwise.activation},
      .channel = tile->channel,
      .steps = effnet_at (pass, s->steps),
      .rows = rows,
      .places = places,
      .row_bytes = w->in_w * tile->channels * s->depthwise.element,
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

void
effnet_run_expand_depthwise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker)
{
  const EffnetDepthwiseStep *s = &pass->step->fused.depthwise;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (pass, s, tile, rows);
  Ring ring = new_ring (pass, pass->step, tile, effnet_scratch_of (pass, worker),
                        pass->step->fused.ring_rows);

  prefetch_weights (&args); /* they come while the expanded rows are computed */
  for (size_t band = tile->band; band < tile->band + tile->bands; band++) {
    size_t y, end;

    effnet_depthwise_band (s, band, &y, &end);
    args.pool = clear_sums (pass, s, tile, band);
    for (; y < end; y++) {
      fill_ring (pass, &ring, y);
      args.out = depthwise_out (pass, s, tile, y);
      convolve_row (&ring, y, &args, rows);
    }
  }
}

/* ---- chains ---- */

/* Step @i of the chain has taken the time since this was called last. */
static void
count (EffnetPass *pass, size_t i)
{
  int64_t now;

  if (pass->profile == NULL)
    return;
  now = effnet_clock_ns ();
  pass->profile[i] += (uint64_t)(now - pass->counted);
  pass->counted = now;
}

/* All channels of what the depthwise step of a chain reads, in memory that its steps would use if
 * they ran one after the other. */
static Ring
chain_ring (const EffnetPass *pass, const EffnetStep *middle, const EffnetTile *all)
{
  const EffnetChain *chain = &pass->step->chain;
  const EffnetDepthwiseStep *d = &middle->depthwise;

  if (middle->kind == EFFNET_STEP_EXPAND_DEPTHWISE)
    return new_ring (pass, middle, all,
                     (char *)effnet_at (pass, middle->fused.depthwise.out) + chain->block,
                     chain->ring_rows);
  return (Ring){
      .reader = d,
      .kernel = middle->kernel,
      .stem = pass->step,
      .rows = effnet_at (pass, d->in),
      .places = chain->ring_rows,
      .row_bytes = d->window.in_w * d->layer->out * pass->element,
      .last = d->window.in_h,
  };
}

void
effnet_run_chain (EffnetPass *pass)
{
  const EffnetChain *chain = &pass->step->chain;
  const EffnetStep *last = pass->step + chain->steps - 1;
  const size_t middle = pass->step->kind == EFFNET_STEP_STEM;
  const EffnetDepthwiseStep *d = effnet_step_depthwise (pass->step + middle);
  const EffnetWindow *w = &d->window;
  const EffnetPointwiseStep *project =
      last->kind == EFFNET_STEP_POINTWISE ? &last->pointwise : NULL;
  const EffnetTile all = {.rows = w->out_h, .channels = d->layer->out};
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = depthwise_args (pass, d, &all, rows);
  Ring ring = chain_ring (pass, pass->step + middle, &all);

  pass->counted = effnet_clock_ns ();
  for (size_t y = 0; y < w->out_h && !effnet_stop_now (pass->stop); y++) {
    size_t in = y % chain->rows; /* row of the block that the project will read */

    if (y % d->band == 0)
      args.pool = clear_sums (pass, d, &all, y / d->band);
    args.out = depthwise_out (pass, d, &all, project != NULL ? in : y);
    fill_ring (pass, &ring, y);
    count (pass, 0);
    convolve_row (&ring, y, &args, rows);
    count (pass, middle);
    if (project != NULL && (in + 1 == chain->rows || y + 1 == w->out_h)) {
      const EffnetTile part = {
          .row = (y - in) * w->out_w, .rows = (in + 1) * w->out_w, .channels = project->layer->out};

      effnet_run_pointwise (pass, project, &part, effnet_at (pass, d->out));
      count (pass, chain->steps - 1);
    }
  }
}
