/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rows for any CPU: C whose inner loops have fixed lengths, so that the compiler
 * vectorises them for the baseline. Tails go through the same loops on a zeroed block of the stack:
 * nothing is read or written past the contract. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/activation_generic.h"
#include "kernels/strips.h"

#define MR 4
#define NR 8 /* MR * NR is EFFNET_GENERIC_BLOCK */

static inline size_t
smaller (size_t a, size_t b)
{
  return a < b ? a : b;
}

typedef float Vector __attribute__ ((vector_size (16)));

static inline Vector
load4 (const float *p)
{
  Vector v;

  memcpy (&v, p, sizeof v);
  return v;
}

/* tile[MR][NR] = bias + a * panel; rows past the last valid one repeat it. */
static void
gemm_tile (const EffnetStrip *strip, size_t i0, const float *panel, const float *bias, float *tile)
{
  const EffnetGemm *g = strip->gemm;
  const float *a[MR]; /* [k] each */
  Vector acc[MR][2];

  for (size_t i = 0; i < MR; i++) {
    a[i] = (const float *)g->a + smaller (i0 + i, g->m - 1) * g->lda;
    acc[i][0] = load4 (bias);
    acc[i][1] = load4 (bias + 4);
  }
  for (size_t left = strip->segments; left > 0; left--, panel += strip->b_step) {
    for (size_t k = 0; k < g->k; k++) {
      Vector b0 = load4 (panel + k * NR), b1 = load4 (panel + k * NR + 4);

      for (size_t i = 0; i < MR; i++) {
        acc[i][0] += a[i][k] * b0;
        acc[i][1] += a[i][k] * b1;
      }
    }
    for (size_t i = 0; i < MR && left > 1; i++)
      a[i] += strip->a_step;
  }
  memcpy (tile, acc, sizeof acc);
}

static void
gemm_strip (const EffnetStrip *strip)
{
  const EffnetGemm *g = strip->gemm;
  const float *b = g->b; /* panels of 8 columns */
  const float *residual = g->residual;
  float *c = g->c;

  for (size_t j0 = 0; j0 < g->n; j0 += NR) {
    size_t columns = smaller (NR, g->n - j0);

    for (size_t i0 = 0; i0 < g->m; i0 += MR) {
      size_t rows = smaller (MR, g->m - i0);
      float tile[MR * NR];

      gemm_tile (strip, i0, b + j0 / NR * strip->panel_step, g->bias + j0, tile);
      effnet_generic_activate (tile, g->activation);
      for (size_t i = 0; i < rows; i++) {
        float *to = c + (i0 + i) * g->ldc + j0;

        if (residual != NULL)
          for (size_t j = 0; j < columns; j++)
            tile[i * NR + j] += residual[(i0 + i) * g->ldr + j0 + j];
        memcpy (to, tile + i * NR, columns * sizeof *to);
      }
    }
  }
}

void
effnet_gemm_f32_4x8_generic (const EffnetGemm *g)
{
  gemm_strip (&(EffnetStrip){.gemm = g, .segments = 1, .panel_step = g->k * NR});
}

void
effnet_conv_f32_4x8_generic (const EffnetConvolution *c)
{
  effnet_conv_strips (c, sizeof (float), NR, gemm_strip);
}

/* acc[c] += x[c] * w[c]: the whole block with a length the compiler knows, else the tail. */
static inline void
multiply_add (float *restrict acc, const float *restrict x, const float *restrict w, size_t n)
{
  if (n == EFFNET_GENERIC_BLOCK)
    for (size_t c = 0; c < EFFNET_GENERIC_BLOCK; c++)
      acc[c] += x[c] * w[c];
  else
    for (size_t c = 0; c < n; c++)
      acc[c] += x[c] * w[c];
}

static inline void
multiply_add_scalar (float *restrict acc, float x, const float *restrict w, size_t n)
{
  if (n == EFFNET_GENERIC_BLOCK)
    for (size_t c = 0; c < EFFNET_GENERIC_BLOCK; c++)
      acc[c] += x * w[c];
  else
    for (size_t c = 0; c < n; c++)
      acc[c] += x * w[c];
}

/* One output pixel, channels c0 to c0 + n. */
static void
depthwise_pixel (const EffnetDepthwise *d, size_t x, size_t c0, size_t n, float *restrict acc)
{
  memset (acc, 0, EFFNET_GENERIC_BLOCK * sizeof *acc);
  memcpy (acc, d->bias + c0, n * sizeof *acc);
  for (unsigned i = 0; i < d->kernel; i++) {
    const float *row = d->rows[i];

    if (row == NULL)
      continue;
    for (unsigned j = 0; j < d->kernel; j++) {
      size_t column = x * d->stride + j; /* counted from the left pad */

      if (column < d->pad || column - d->pad >= d->in_w)
        continue;
      multiply_add (acc, row + (column - d->pad) * d->in_stride + c0,
                    d->weights + (i * d->kernel + j) * d->weight_stride + c0, n);
    }
  }
  effnet_generic_activate (acc, d->activation);
}

void
effnet_depthwise_f32_generic (const EffnetDepthwise *d)
{
  float *out = d->out;

  for (size_t c0 = 0; c0 < d->channels; c0 += EFFNET_GENERIC_BLOCK) {
    size_t n = smaller (EFFNET_GENERIC_BLOCK, d->channels - c0);
    float sum[EFFNET_GENERIC_BLOCK] = {0};

    for (size_t x = 0; x < d->out_w; x++) {
      float acc[EFFNET_GENERIC_BLOCK];

      depthwise_pixel (d, x, c0, n, acc);
      for (size_t c = 0; c < EFFNET_GENERIC_BLOCK; c++)
        sum[c] += acc[c];
      memcpy (out + x * d->out_stride + c0, acc, n * sizeof *acc);
    }
    for (size_t c = 0; d->pool != NULL && c < n; c++)
      d->pool[c0 + c] += sum[c];
  }
}

static void
stem_pixel (const EffnetStem *s, size_t x, size_t n0, size_t n, float *restrict acc)
{
  memset (acc, 0, EFFNET_GENERIC_BLOCK * sizeof *acc);
  memcpy (acc, s->bias + n0, n * sizeof *acc);
  for (unsigned i = 0; i < s->kernel; i++) {
    const float *row = s->rows[i];

    if (row == NULL)
      continue;
    for (unsigned j = 0; j < s->kernel; j++) {
      size_t column = x * s->stride + j; /* counted from the left pad */

      if (column < s->pad || column - s->pad >= s->in_w)
        continue;
      for (unsigned c = 0; c < 3; c++)
        multiply_add_scalar (acc, row[(column - s->pad) * 3 + c],
                             s->weights + ((i * s->kernel + j) * 3 + c) * s->weight_stride + n0, n);
    }
  }
  effnet_generic_activate (acc, s->activation);
}

void
effnet_stem_f32_generic (const EffnetStem *s)
{
  float *out = s->out;

  for (size_t x = 0; x < s->out_w; x++)
    for (size_t n0 = 0; n0 < s->n; n0 += EFFNET_GENERIC_BLOCK) {
      size_t n = smaller (EFFNET_GENERIC_BLOCK, s->n - n0);
      float acc[EFFNET_GENERIC_BLOCK];

      stem_pixel (s, x, n0, n, acc);
      memcpy (out + x * s->n + n0, acc, n * sizeof *acc);
    }
}

void
effnet_pool_f32_generic (const EffnetPoolSum *p)
{
  const float *x = p->x;
  float *restrict sum = p->sum;

  for (size_t i = 0; i < p->pixels; i++)
    for (size_t c = 0; c < p->channels; c++)
      sum[c] += x[i * p->stride + c];
}

void
effnet_fc_f32_generic (const EffnetFc *f)
{
  for (size_t j0 = 0; j0 < f->n; j0 += EFFNET_GENERIC_BLOCK) {
    size_t n = smaller (EFFNET_GENERIC_BLOCK, f->n - j0);
    const float *w = (const float *)f->w + j0;
    float acc[EFFNET_GENERIC_BLOCK] = {0};

    memcpy (acc, f->bias + j0, n * sizeof *acc);
    for (size_t k = 0; k < f->k; k++)
      multiply_add_scalar (acc, f->x[k], w + k * f->w_stride, n);
    effnet_generic_activate (acc, f->activation);
    memcpy (f->y + j0, acc, n * sizeof *acc);
  }
}

void
effnet_fc_s8_generic (const EffnetFc *f)
{
  for (size_t j0 = 0; j0 < f->n; j0 += EFFNET_GENERIC_BLOCK) {
    size_t n = smaller (EFFNET_GENERIC_BLOCK, f->n - j0);
    const int8_t *w = (const int8_t *)f->w + j0;
    float acc[EFFNET_GENERIC_BLOCK] = {0};

    for (size_t k = 0; k < f->k; k++)
      for (size_t j = 0; j < n; j++)
        acc[j] += f->x[k] * w[k * f->w_stride + j];
    for (size_t j = 0; j < n; j++)
      acc[j] = f->bias[j0 + j] + f->scale[j0 + j] * acc[j];
    effnet_generic_activate (acc, f->activation);
    memcpy (f->y + j0, acc, n * sizeof *acc);
  }
}

void
effnet_scale_rows_f32_generic (const EffnetScaleRows *s)
{
  float *restrict x = s->x;
  const float *r = s->residual;

  for (size_t i = 0; i < s->pixels; i++) {
    for (size_t c = 0; c < s->channels; c++)
      x[i * s->stride + c] *= s->gate[c];
    for (size_t c = 0; r != NULL && c < s->channels; c++)
      x[i * s->stride + c] += r[i * s->stride + c];
  }
}

void
effnet_scale_panels_f32_generic (const EffnetScalePanels *s)
{
  const float *packed = s->packed; /* [panels][blocks][nr][kr] */
  float *out = s->out;
  size_t blocks = (s->k + s->kr - 1) / s->kr;

  for (size_t p = 0; p < s->panels; p++)
    for (size_t at = p * s->panel_stride, block = 0; block < blocks; block++)
      for (size_t j = 0; j < s->nr; j++)
        for (size_t k = block * s->kr; k < (block + 1) * s->kr; k++, at++)
          out[at] = k < s->k ? packed[at] * s->gate[k] : 0.0f;
}
