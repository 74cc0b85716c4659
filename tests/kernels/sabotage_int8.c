/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Wrong kernels of int8, one mistake each: those that vector instructions make easy. */
#include "sabotage.h"

#include <math.h>
#include <string.h>

/* Two products added in 16 bits, as vpmaddubsw does with digits of 8. */
static void
gemm_s8_saturates_pairs (const EffnetGemmS8 *g)
{
  const guint8 *a = g->a;
  float *c = g->c;
  EffnetGemmS8 one = *g;

  if (g->to_bytes) {
    effnet_gemm_s8_f32_ref (g);
    return;
  }
  one.m = one.n = 1;
  for (gsize i = 0; i < g->m; i++)
    for (gsize j = 0; j < g->n; j++) {
      int32_t start = g->start[j];

      for (gsize k = 0; k + 1 < g->k; k += 2) {
        int pair =
            a[i * g->lda + k] * g->b[j * g->k + k] + a[i * g->lda + k + 1] * g->b[j * g->k + k + 1];

        start += CLAMP (pair, G_MININT16, G_MAXINT16) - pair;
      }
      one.a = a + i * g->lda;
      one.step = g->step != NULL ? g->step + i : NULL;
      one.b = g->b + j * g->k;
      one.start = &start;
      one.scale = g->scale + j;
      one.bias = g->bias + j;
      one.residual = g->residual != NULL ? (const float *)g->residual + i * g->ldr + j : NULL;
      one.c = c + i * g->ldc + j;
      effnet_gemm_s8_f32_ref (&one);
    }
}

/* Every pixel with the step of the first. */
static void
gemm_s8_one_step (const EffnetGemmS8 *g, gsize element)
{
  EffnetGemmS8 row = *g;

  row.m = 1;
  for (gsize i = 0; i < g->m; i++) {
    row.a = (const guint8 *)g->a + i * g->lda;
    row.residual = g->residual != NULL ? (const float *)g->residual + i * g->ldr : NULL;
    row.c = (guint8 *)g->c + i * g->ldc * element;
    effnet_gemm_s8_f32_ref (&row);
  }
}

static void
gemm_s8_takes_one_step (const EffnetGemmS8 *g)
{
  if (g->to_bytes)
    effnet_gemm_s8_f32_ref (g);
  else
    gemm_s8_one_step (g, sizeof (float));
}

static void
gemm_s8_takes_one_step_to_bytes (const EffnetGemmS8 *g)
{
  if (g->to_bytes)
    gemm_s8_one_step (g, 1);
  else
    effnet_gemm_s8_f32_ref (g);
}

static void
gemm_s8_forgets_last_k (const EffnetGemmS8 *g)
{
  EffnetGemmS8 column = *g;

  if (g->to_bytes) {
    effnet_gemm_s8_f32_ref (g);
    return;
  }
  column.n = 1;
  column.k = g->k - 1;
  for (gsize j = 0; j < g->n; j++) {
    column.b = g->b + j * g->k;
    column.start = g->start + j;
    column.scale = g->scale + j;
    column.bias = g->bias + j;
    column.residual = g->residual != NULL ? (const float *)g->residual + j : NULL;
    column.c = (float *)g->c + j;
    effnet_gemm_s8_f32_ref (&column);
  }
}

static void
quantise_forgets_gate (const EffnetQuantise *s)
{
  EffnetQuantise spoilt = *s;

  spoilt.gate = NULL;
  effnet_quantise_f32_ref (&spoilt);
}

/* A step for all pixels. */
static void
quantise_ranges_over_all (const EffnetQuantise *s)
{
  effnet_quantise_f32_ref (s);
  for (gsize p = 1; p < s->pixels; p++)
    s->step[p] = s->step[0];
}

static void
quantise_writes_into_gap (const EffnetQuantise *s)
{
  effnet_quantise_f32_ref (s);
  if (s->q_stride > s->channels)
    ((guint8 *)s->q)[(s->pixels - 1) * s->q_stride + s->channels] = 0;
}

/* Cuts the fraction off. */
static void
quantise_truncates (const EffnetQuantise *s)
{
  float per;

  effnet_quantise_f32_ref (s);
  if (s->range == EFFNET_RANGE_SIGNED)
    return;
  for (gsize p = 0; p < s->pixels; p++)
    for (gsize c = 0; c < s->channels; c++) {
      float v = ((const float *)s->x)[p * s->stride + c] * (s->gate != NULL ? s->gate[c] : 1.0f);
      int levels = effnet_digits_levels (s->digits, s->range);
      int digit;

      per = 1.0f / s->step[p];
      digit = (int)floorf (CLAMP ((v - s->low) * per, 0.0f, (float)levels));
      ((guint8 *)s->q)[p * s->q_stride + c] =
          (guint8)(digit + effnet_digits_zero (s->digits, s->range));
    }
}

/* As where the scale is taken for part of the weights' own type. */
static void
fc_s8_scales_bias (const EffnetFc *f)
{
  effnet_fc_s8_ref (f);
  for (gsize j = 0; j < f->n && f->activation == EFFNET_ACTIVATION_NONE; j++)
    f->y[j] += (f->scale[j] - 1.0f) * f->bias[j];
}

/* @x of 0 .. 255 as a byte, by another rounding or none at the ends. */
static void
gemm_s8_bytes (const EffnetGemmS8 *g, guint8 (*byte) (double x))
{
  effnet_gemm_s8_f32_ref (g);
  for (gsize i = 0; g->to_bytes && i < g->m; i++)
    for (gsize j = 0; j < g->n; j++) {
      int32_t sum = g->start[j];

      for (gsize k = 0; k < g->k; k++)
        sum += ((const guint8 *)g->a)[i * g->lda + k] * g->b[j * g->k + k];
      ((guint8 *)g->c)[i * g->ldc + j] =
          byte (g->bias[j] + (double)effnet_gemm_s8_step (g, i) * g->scale[j] * sum);
    }
}

static guint8
rounded_up (double x)
{
  return (guint8)CLAMP (floor (x + 0.5), 0.0, 255.0);
}

static guint8
wrapped (double x)
{
  return (guint8)(int32_t)CLAMP (rint (x), -1e6, 1e6);
}

static void
gemm_s8_rounds_halves_up (const EffnetGemmS8 *g)
{
  gemm_s8_bytes (g, rounded_up);
}

static void
gemm_s8_wraps_bytes (const EffnetGemmS8 *g)
{
  gemm_s8_bytes (g, wrapped);
}

/* Digits of 8 bits for those that take 7, and unsigned ones for all. */
static void
depthwise_u8_knows_one_kind (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.digits = EFFNET_DIGITS_U8;
  effnet_depthwise_u8_ref (&spoilt);
}

/* A border of the digit in the middle, as where bytes are taken for signed ones. */
static void
depthwise_u8_pads_with_a_digit (const EffnetDepthwise *d)
{
  g_autofree guint8 *border = g_malloc (d->in_w * d->in_stride);
  const void *rows[7];
  EffnetDepthwise spoilt = *d;

  memset (border, 128, d->in_w * d->in_stride);
  for (unsigned i = 0; i < d->kernel; i++)
    rows[i] = d->rows[i] != NULL ? d->rows[i] : border;
  spoilt.rows = rows;
  effnet_depthwise_u8_ref (&spoilt);
}

static void
depthwise_u8_writes_whole_vectors (const EffnetDepthwise *d)
{
  effnet_depthwise_u8_ref (d);
  if (d->channels % 8 != 0)
    ((guint8 *)d->out)[(d->out_w - 1) * d->out_stride + d->channels] = 0;
}

#define ROW(op, numerics, name) SABOTAGE_ROW (op, F32, numerics, 1, name)

static const EffnetKernel rows[] = {
    ROW (gemm_s8, BOUNDED, gemm_s8_saturates_pairs),
    ROW (gemm_s8, BOUNDED, gemm_s8_takes_one_step),
    ROW (gemm_s8, BOUNDED, gemm_s8_takes_one_step_to_bytes),
    ROW (gemm_s8, BOUNDED, gemm_s8_forgets_last_k),
    ROW (gemm_s8, BOUNDED, gemm_s8_rounds_halves_up),
    ROW (gemm_s8, BOUNDED, gemm_s8_wraps_bytes),
    ROW (depthwise_u8, BOUNDED, depthwise_u8_knows_one_kind),
    ROW (depthwise_u8, BOUNDED, depthwise_u8_pads_with_a_digit),
    ROW (depthwise_u8, BOUNDED, depthwise_u8_writes_whole_vectors),
    ROW (fc_s8, BOUNDED, fc_s8_scales_bias),
    ROW (quantise, EXACT, quantise_forgets_gate),
    ROW (quantise, EXACT, quantise_ranges_over_all),
    ROW (quantise, EXACT, quantise_writes_into_gap),
    ROW (quantise, EXACT, quantise_truncates),
};

const EffnetKernel *
sabotage_int8_rows (gsize *n)
{
  *n = G_N_ELEMENTS (rows);
  return rows;
}
