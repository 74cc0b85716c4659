/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Kernels that are wrong on purpose, one mistake each, of the kinds people make: the checker must
 * catch all of them. Most are the reference with something spoilt around it; the pointwise and the
 * depthwise convolution have loops of their own here, with a switch for each mistake. */
#include "sabotage.h"

#include <math.h>
#include <string.h>

static volatile float sink;

static float
activate (float x, EffnetActivation activation)
{
  if (activation == EFFNET_ACTIVATION_SWISH)
    return x / (1.0f + expf (-x));
  if (activation == EFFNET_ACTIVATION_SIGMOID)
    return 1.0f / (1.0f + expf (-x));
  if (activation == EFFNET_ACTIVATION_NONE)
    return x;
  return fmaxf (activation == EFFNET_ACTIVATION_RELU6 ? fminf (x, 6.0f) : x, 0.0f);
}

/* ---- pointwise ---- */

typedef enum {
  GEMM_RIGHT,
  GEMM_LAST_K,
  GEMM_NO_BIAS,
  GEMM_TAIL_ROWS,
  GEMM_TAIL_COLUMNS,
  GEMM_RELU_FOR_SWISH,
  GEMM_NO_CLAMP,
  GEMM_COARSE_SWISH,
  GEMM_RESIDUAL_FIRST,
  GEMM_NO_RESIDUAL,
  GEMM_RESIDUAL_STRIDE,
  GEMM_COARSE_SUM,
} GemmMistake;

static void
gemm_loops (const EffnetGemm *g, GemmMistake mistake)
{
  const float *a = g->a, *b = g->b, *residual = g->residual;
  size_t m = mistake == GEMM_TAIL_ROWS ? g->m / 4 * 4 : g->m;
  size_t n = mistake == GEMM_TAIL_COLUMNS ? g->n / 4 * 4 : g->n;
  size_t ldr = mistake == GEMM_RESIDUAL_STRIDE ? g->n : g->ldr;
  EffnetActivation act = g->activation;

  if (mistake == GEMM_RELU_FOR_SWISH && act == EFFNET_ACTIVATION_SWISH)
    act = EFFNET_ACTIVATION_RELU;
  if (mistake == GEMM_NO_CLAMP && act == EFFNET_ACTIVATION_RELU6)
    act = EFFNET_ACTIVATION_RELU;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < n; j++) {
      float sum = mistake == GEMM_NO_BIAS ? 0.0f : g->bias[j];
      float r = residual != NULL && mistake != GEMM_NO_RESIDUAL ? residual[i * ldr + j] : 0.0f;

      for (size_t k = 0; k + (mistake == GEMM_LAST_K) < g->k; k++) {
        sum += a[i * g->lda + k] * b[j * g->k + k];
        if (mistake == GEMM_COARSE_SUM)
          sum = effnet_float_from_bf16 (effnet_bf16_from_float (sum));
      }
      sum = mistake == GEMM_RESIDUAL_FIRST ? activate (sum + r, act) : activate (sum, act) + r;
      if (mistake == GEMM_COARSE_SWISH && act == EFFNET_ACTIVATION_SWISH)
        sum *= 1.0f + 0x1p-17f;
      ((float *)g->c)[i * g->ldc + j] = sum;
    }
}

#define GEMM_SWITCH(name, mistake)                                                                 \
  static void name (const EffnetGemm *g)                                                           \
  {                                                                                                \
    gemm_loops (g, mistake);                                                                       \
  }
GEMM_SWITCH (gemm_right, GEMM_RIGHT)
GEMM_SWITCH (gemm_forgets_last_k, GEMM_LAST_K)
GEMM_SWITCH (gemm_forgets_bias, GEMM_NO_BIAS)
GEMM_SWITCH (gemm_forgets_tail_rows, GEMM_TAIL_ROWS)
GEMM_SWITCH (gemm_forgets_tail_columns, GEMM_TAIL_COLUMNS)
GEMM_SWITCH (gemm_takes_relu_for_swish, GEMM_RELU_FOR_SWISH)
GEMM_SWITCH (gemm_takes_relu_for_relu6, GEMM_NO_CLAMP)
GEMM_SWITCH (gemm_swish_too_coarse, GEMM_COARSE_SWISH)
GEMM_SWITCH (gemm_adds_residual_first, GEMM_RESIDUAL_FIRST)
GEMM_SWITCH (gemm_forgets_residual, GEMM_NO_RESIDUAL)
GEMM_SWITCH (gemm_confuses_residual_stride, GEMM_RESIDUAL_STRIDE)
GEMM_SWITCH (gemm_sums_in_bf16, GEMM_COARSE_SUM)

/* Right results, and one access out of bounds. */
#define GEMM_TRESPASS(name, statement)                                                             \
  static void name (const EffnetGemm *g)                                                           \
  {                                                                                                \
    const float *a = g->a, *b = g->b, *residual = g->residual;                                     \
    float *c = g->c;                                                                               \
                                                                                                   \
    gemm_loops (g, GEMM_RIGHT);                                                                    \
    statement;                                                                                     \
    (void)a, (void)b, (void)c, (void)residual;                                                     \
  }
GEMM_TRESPASS (gemm_reads_past_a, sink = a[(g->m - 1) * g->lda + g->k])
GEMM_TRESPASS (gemm_reads_before_a, sink = *(a - 1))
GEMM_TRESPASS (gemm_reads_past_b, sink = b[g->n * g->k])
GEMM_TRESPASS (gemm_reads_past_bias, sink = g->bias[g->n])
GEMM_TRESPASS (gemm_reads_past_residual,
               sink = residual ? residual[(g->m - 1) * g->ldr + g->n] : 0.0f)
GEMM_TRESPASS (gemm_writes_past_c, c[(g->m - 1) * g->ldc + g->n] = 0.0f)
GEMM_TRESPASS (gemm_writes_before_c, *(c - 1) = 0.0f)
GEMM_TRESPASS (gemm_writes_into_gap, if (g->ldc > g->n && g->m > 1) c[g->n] = 0.0f)
GEMM_TRESPASS (gemm_writes_its_input, *(volatile float *)g->a = 0.0f)

static void
gemm_differs_each_time (const EffnetGemm *g)
{
  static unsigned calls;

  gemm_loops (g, GEMM_RIGHT);
  if (calls++ % 2 == 0)
    ((float *)g->c)[0] = nextafterf (((float *)g->c)[0], INFINITY);
}

static void
gemm_illegal_instruction (const EffnetGemm *g)
{
  gemm_loops (g, GEMM_RIGHT);
  __builtin_trap ();
}

/* bf16 by cutting off instead of rounding. */
static void
gemm_truncates (const EffnetGemm *g)
{
  const uint16_t *a = g->a, *b = g->b, *residual = g->residual;

  for (size_t i = 0; i < g->m; i++)
    for (size_t j = 0; j < g->n; j++) {
      float sum = g->bias[j];
      uint32_t bits;

      for (size_t k = 0; k < g->k; k++)
        sum +=
            effnet_float_from_bf16 (a[i * g->lda + k]) * effnet_float_from_bf16 (b[j * g->k + k]);
      sum = activate (sum, g->activation);
      sum += residual != NULL ? effnet_float_from_bf16 (residual[i * g->ldr + j]) : 0.0f;
      memcpy (&bits, &sum, sizeof bits);
      ((uint16_t *)g->c)[i * g->ldc + j] = (uint16_t)(bits >> 16);
    }
}

/* ---- depthwise: the reference on a spoilt contract, or spoilt afterwards ---- */

static void
depthwise_shifts_pad (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.pad = d->pad > 0 ? d->pad - 1 : 0;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_reads_behind_the_row (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.in_w++;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_forgets_last_pixel (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.out_w--;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_forgets_tail_channels (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.channels = d->channels / 8 * 8;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_writes_whole_vectors (const EffnetDepthwise *d)
{
  effnet_depthwise_f32_ref (d);
  for (size_t c = d->channels; c % 8 != 0; c++)
    ((float *)d->out)[(d->out_w - 1) * d->out_stride + c] = 0.0f;
}

static void
depthwise_ignores_missing_rows (const EffnetDepthwise *d)
{
  const void *rows[7];
  EffnetDepthwise spoilt = *d;

  for (unsigned i = 0; i < d->kernel; i++)
    rows[i] = d->rows[i] != NULL ? d->rows[i] : i > 0 ? rows[i - 1] : NULL;
  spoilt.rows = rows;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_starts_pool_anew (const EffnetDepthwise *d)
{
  for (size_t c = 0; d->pool != NULL && c < d->channels; c++)
    d->pool[c] = 0.0f;
  effnet_depthwise_f32_ref (d);
}

static void
depthwise_forgets_pool (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.pool = NULL;
  effnet_depthwise_f32_ref (&spoilt);
}

static void
depthwise_pools_rounded (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.pool = NULL;
  effnet_depthwise_bf16_ref (&spoilt);
  for (size_t c = 0; d->pool != NULL && c < d->channels; c++)
    for (size_t x = 0; x < d->out_w; x++)
      d->pool[c] += effnet_float_from_bf16 (((uint16_t *)d->out)[x * d->out_stride + c]);
}

static void
depthwise_confuses_weight_stride (const EffnetDepthwise *d)
{
  EffnetDepthwise spoilt = *d;

  spoilt.weight_stride = d->channels;
  effnet_depthwise_f32_ref (&spoilt);
}

/* ---- the others ---- */

static void
stem_swaps_rgb (const EffnetStem *s)
{
  float *out = s->out;

  effnet_stem_f32_ref (s);
  if (s->kernel == 1 && s->rows[0] != NULL && s->pad == 0)
    for (size_t n = 0; n < s->n; n++) {
      float sum = s->bias[n];

      for (unsigned c = 0; c < 3; c++)
        sum += s->rows[0][2 - c] * s->weights[c * s->weight_stride + n];
      out[n] = activate (sum, s->activation);
    }
}

static void
stem_forgets_tail_channels (const EffnetStem *s)
{
  float last = ((float *)s->out)[s->out_w * s->n - 1];

  effnet_stem_f32_ref (s);
  if (s->n % 16 != 0)
    ((float *)s->out)[s->out_w * s->n - 1] = last;
}

static void
pool_forgets_last_pixel (const EffnetPoolSum *p)
{
  EffnetPoolSum spoilt = *p;

  spoilt.pixels--;
  effnet_pool_f32_ref (&spoilt);
}

static void
pool_reads_behind (const EffnetPoolSum *p)
{
  effnet_pool_f32_ref (p);
  sink = ((const float *)p->x)[(p->pixels - 1) * p->stride + p->channels];
}

static void
fc_forgets_activation (const EffnetFc *f)
{
  EffnetFc spoilt = *f;
  spoilt.activation = EFFNET_ACTIVATION_NONE;
  effnet_fc_f32_ref (&spoilt);
}

static void
fc_forgets_last_k (const EffnetFc *f)
{
  EffnetFc spoilt = *f;
  spoilt.k--;
  effnet_fc_f32_ref (&spoilt);
}

#define SCALE_ROWS(name, change)                                                                   \
  static void name (const EffnetScaleRows *rows)                                                   \
  {                                                                                                \
    EffnetScaleRows s = *rows;                                                                     \
    change;                                                                                        \
    effnet_scale_rows_f32_ref (&s);                                                                \
  }
SCALE_ROWS (scale_rows_forgets_last, s.channels--)
SCALE_ROWS (scale_rows_forgets_residual, s.residual = NULL)

/* Exact is to the bit. */
static void
scale_rows_off_by_an_ulp (const EffnetScaleRows *s)
{
  effnet_scale_rows_f32_ref (s);
  ((float *)s->x)[0] = nextafterf (((float *)s->x)[0], 0.0f);
}

static void
scale_panels_forgets_kr (const EffnetScalePanels *s)
{
  EffnetScalePanels spoilt = *s;

  spoilt.nr *= s->kr;
  spoilt.kr = 1;
  spoilt.k = (s->k + s->kr - 1) / s->kr;
  effnet_scale_panels_f32_ref (&spoilt);
}

#define ROW(op, dtype, numerics, name) SABOTAGE_ROW (op, dtype, numerics, 4, name)
#define GEMM(name)                     ROW (gemm, F32, BOUNDED, name)
#define DEPTHWISE(name)                ROW (depthwise, F32, BOUNDED, name)

static const EffnetKernel rows[] = {
    GEMM (gemm_right),
    GEMM (gemm_forgets_last_k),
    GEMM (gemm_forgets_bias),
    GEMM (gemm_forgets_tail_rows),
    GEMM (gemm_forgets_tail_columns),
    GEMM (gemm_takes_relu_for_swish),
    GEMM (gemm_takes_relu_for_relu6),
    GEMM (gemm_swish_too_coarse),
    GEMM (gemm_adds_residual_first),
    GEMM (gemm_forgets_residual),
    GEMM (gemm_confuses_residual_stride),
    GEMM (gemm_sums_in_bf16),
    GEMM (gemm_reads_past_a),
    GEMM (gemm_reads_before_a),
    GEMM (gemm_reads_past_b),
    GEMM (gemm_reads_past_bias),
    GEMM (gemm_reads_past_residual),
    GEMM (gemm_writes_past_c),
    GEMM (gemm_writes_before_c),
    GEMM (gemm_writes_into_gap),
    GEMM (gemm_writes_its_input),
    GEMM (gemm_differs_each_time),
    GEMM (gemm_illegal_instruction),
    ROW (gemm, BF16, BOUNDED, gemm_truncates),
    DEPTHWISE (depthwise_shifts_pad),
    DEPTHWISE (depthwise_reads_behind_the_row),
    DEPTHWISE (depthwise_forgets_last_pixel),
    DEPTHWISE (depthwise_forgets_tail_channels),
    DEPTHWISE (depthwise_writes_whole_vectors),
    DEPTHWISE (depthwise_ignores_missing_rows),
    DEPTHWISE (depthwise_starts_pool_anew),
    DEPTHWISE (depthwise_forgets_pool),
    DEPTHWISE (depthwise_confuses_weight_stride),
    ROW (depthwise, BF16, BOUNDED, depthwise_pools_rounded),
    ROW (stem, F32, BOUNDED, stem_swaps_rgb),
    ROW (stem, F32, BOUNDED, stem_forgets_tail_channels),
    ROW (pool, F32, BOUNDED, pool_forgets_last_pixel),
    ROW (pool, F32, BOUNDED, pool_reads_behind),
    ROW (fc, F32, BOUNDED, fc_forgets_activation),
    ROW (fc, F32, BOUNDED, fc_forgets_last_k),
    ROW (scale_rows, F32, EXACT, scale_rows_forgets_last),
    ROW (scale_rows, F32, EXACT, scale_rows_forgets_residual),
    ROW (scale_rows, F32, EXACT, scale_rows_off_by_an_ulp),
    ROW (scale_panels, F32, EXACT, scale_panels_forgets_kr),
};

const EffnetKernel *
sabotage_rows (gsize *n, gsize *n_right)
{
  *n = G_N_ELEMENTS (rows);
  *n_right = 1;
  return rows;
}
