/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of int8 for any CPU: the fallback where no vector row serves, not fast.
 * Activations become digits by the reference, which nothing may round otherwise. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/activation_generic.h"

#define MR 4
#define NR 8 /* MR * NR is EFFNET_GENERIC_BLOCK */
#define KR 4

static inline size_t
smaller (size_t a, size_t b)
{
  return a < b ? a : b;
}

/* sums[MR][NR] = start + a * panel; rows past the last one repeat it. */
static void
multiply_tile (const EffnetGemmS8 *g, size_t i0, size_t j0, int32_t sums[MR][NR])
{
  const int8_t *panel = g->b + j0 * ((g->k + KR - 1) / KR * KR);

  for (size_t i = 0; i < MR; i++) {
    const uint8_t *a = (const uint8_t *)g->a + smaller (i0 + i, g->m - 1) * g->lda;

    memcpy (sums[i], g->start + j0, NR * sizeof **sums);
    for (size_t k = 0; k < g->k; k++) {
      const int8_t *w = panel + k / KR * NR * KR + k % KR;

      for (size_t j = 0; j < NR; j++)
        sums[i][j] += a[k] * w[j * KR];
    }
  }
}

/* Digits of 0 .. levels. Adding 1.5 * 2^23 leaves no bits below one. */
static inline void
store_bytes (const float *x, size_t n, EffnetDigits digits, uint8_t *out)
{
  const float ROUND = 12582912.0f;
  const float levels = (float)effnet_digits_levels (digits, EFFNET_RANGE_FIXED);
  const int zero = effnet_digits_zero (digits, EFFNET_RANGE_FIXED);

  for (size_t i = 0; i < n; i++) {
    float y = effnet_generic_min (effnet_generic_max (x[i], 0.0f), levels);

    out[i] = (uint8_t)((int)((y + ROUND) - ROUND) + zero);
  }
}

static inline float
load_f32 (const void *from, size_t at)
{
  return ((const float *)from)[at];
}

static inline void
store_f32 (void *to, size_t at, float x)
{
  ((float *)to)[at] = x;
}

static inline float
load_bf16 (const void *from, size_t at)
{
  return effnet_float_from_bf16 (((const uint16_t *)from)[at]);
}

static inline void
store_bf16 (void *to, size_t at, float x)
{
  ((uint16_t *)to)[at] = effnet_bf16_from_float (x);
}

#define GEMM(name, load, store)                                                                    \
  void name (const EffnetGemmS8 *g)                                                                \
  {                                                                                                \
    assert (g->k <= EFFNET_GEMM_S8_K_MAX);                                                         \
    for (size_t j0 = 0; j0 < g->n; j0 += NR)                                                       \
      for (size_t i0 = 0; i0 < g->m; i0 += MR) {                                                   \
        size_t rows = smaller (MR, g->m - i0), columns = smaller (NR, g->n - j0);                  \
        int32_t sums[MR][NR];                                                                      \
        float tile[MR * NR] = {0};                                                                 \
                                                                                                   \
        multiply_tile (g, i0, j0, sums);                                                           \
        for (size_t i = 0; i < rows; i++)                                                          \
          for (size_t j = 0; j < NR; j++)                                                          \
            tile[i * NR + j] = g->bias[j0 + j] + effnet_gemm_s8_step (g, i0 + i) *                 \
                                                     g->scale[j0 + j] * (float)sums[i][j];         \
        if (g->to_bytes) {                                                                         \
          for (size_t i = 0; i < rows; i++)                                                        \
            store_bytes (tile + i * NR, columns, EFFNET_DIGITS_U8,                                 \
                         (uint8_t *)g->c + (i0 + i) * g->ldc + j0);                                \
          continue;                                                                                \
        }                                                                                          \
        effnet_generic_activate (tile, g->activation);                                             \
        for (size_t i = 0; i < rows; i++)                                                          \
          for (size_t j = 0; j < columns; j++) {                                                   \
            float y = tile[i * NR + j];                                                            \
                                                                                                   \
            if (g->residual != NULL)                                                               \
              y += load (g->residual, (i0 + i) * g->ldr + j0 + j);                                 \
            store (g->c, (i0 + i) * g->ldc + j0 + j, y);                                           \
          }                                                                                        \
      }                                                                                            \
  }

GEMM (effnet_gemm_s8_f32_4x8_generic, load_f32, store_f32)
GEMM (effnet_gemm_s8_bf16_4x8_generic, load_bf16, store_bf16)

void
effnet_depthwise_u8_generic (const EffnetDepthwise *d)
{
  for (size_t x = 0; x < d->out_w; x++)
    for (size_t c0 = 0; c0 < d->channels; c0 += EFFNET_GENERIC_BLOCK) {
      size_t n = smaller (EFFNET_GENERIC_BLOCK, d->channels - c0);
      float sums[EFFNET_GENERIC_BLOCK];

      memcpy (sums, d->bias + c0, n * sizeof *sums);
      for (unsigned tap = 0; tap < d->kernel * d->kernel; tap++) {
        const uint8_t *row = d->rows[tap / d->kernel];
        const float *w = d->weights + tap * d->weight_stride + c0;
        size_t column = x * d->stride + tap % d->kernel; /* counted from the left pad */

        if (row == NULL || column < d->pad || column - d->pad >= d->in_w)
          continue;
        row += (column - d->pad) * d->in_stride + c0;
        for (size_t c = 0; c < n; c++)
          sums[c] += (float)row[c] * w[c];
      }
      store_bytes (sums, n, d->digits, (uint8_t *)d->out + x * d->out_stride + c0);
    }
}
