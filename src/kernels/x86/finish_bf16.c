/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finishing of bf16 pointwise convolutions with AVX-512, one function for each activation. */
#include "kernels/x86/finish_bf16.h"

#include "kernels/x86/bf16_avx512.h"

enum {
  PANEL = 32,
};

/* @two vectors of columns or one; @residual added or not */
EFFNET_INLINE void
finish_rows (const EffnetGemm *g, const float *sums, size_t row, size_t column, unsigned rows,
             EffnetActivation activation, int two, int residual)
{
  EffnetQ q = effnet_q_load ();
  uint16_t *c = (uint16_t *)g->c + row * g->ldc + column;
  const uint16_t *add = residual ? (const uint16_t *)g->residual + row * g->ldr + column : NULL;
  size_t ldc = g->ldc, ldr = g->ldr;
  __mmask32 mask = effnet_mask32 (g->n - column);
  __mmask16 mask0 = (__mmask16)mask, mask1 = (__mmask16)(mask >> 16);
  __m512 bias0 = _mm512_loadu_ps (g->bias + column); /* zero past n, up to 32 */
  __m512 bias1 = _mm512_loadu_ps (g->bias + column + 16);

  for (size_t r = 0; r < rows; r++) {
    __m512 x0 = _mm512_add_ps (_mm512_load_ps (sums + r * PANEL), bias0), x1;

    x0 = effnet_bf16_activate (&q, x0, activation);
    if (residual)
      x0 = _mm512_add_ps (x0, effnet_bf16_load (add + r * ldr, mask0));
    if (!two) {
      effnet_bf16_store (c + r * ldc, mask0, x0);
      continue;
    }
    x1 = _mm512_add_ps (_mm512_load_ps (sums + r * PANEL + 16), bias1);
    x1 = effnet_bf16_activate (&q, x1, activation);
    if (residual)
      x1 = _mm512_add_ps (x1, effnet_bf16_load (add + r * ldr + 16, mask1));
    effnet_bf16_store2 (c + r * ldc, mask, x0, x1);
  }
}

#define FINISH(name, activation)                                                                   \
  static void finish_##name (const EffnetGemm *g, const float *sums, size_t row, size_t column,    \
                             unsigned rows)                                                        \
  {                                                                                                \
    if (g->residual == NULL && g->n - column > 16)                                                 \
      finish_rows (g, sums, row, column, rows, activation, 1, 0);                                  \
    else if (g->residual == NULL)                                                                  \
      finish_rows (g, sums, row, column, rows, activation, 0, 0);                                  \
    else if (g->n - column > 16)                                                                   \
      finish_rows (g, sums, row, column, rows, activation, 1, 1);                                  \
    else                                                                                           \
      finish_rows (g, sums, row, column, rows, activation, 0, 1);                                  \
  }
FINISH (none, EFFNET_ACTIVATION_NONE)
FINISH (swish, EFFNET_ACTIVATION_SWISH)
FINISH (relu, EFFNET_ACTIVATION_RELU)
FINISH (relu6, EFFNET_ACTIVATION_RELU6)
FINISH (sigmoid, EFFNET_ACTIVATION_SIGMOID)

const EffnetBf16Finish effnet_bf16_finishers[5] = {
    [EFFNET_ACTIVATION_NONE] = finish_none,       [EFFNET_ACTIVATION_SWISH] = finish_swish,
    [EFFNET_ACTIVATION_RELU] = finish_relu,       [EFFNET_ACTIVATION_RELU6] = finish_relu6,
    [EFFNET_ACTIVATION_SIGMOID] = finish_sigmoid,
};
