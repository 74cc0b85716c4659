/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Epilogues of bf16 pointwise convolutions with AVX-512, one function for each activation. Part of
 * the avx512bf16 bundle; the AMX row uses them, too. */
#include "kernels/simd/epilogue_bf16_avx512.h"
#include "kernels/simd/bf16_avx512.h"

enum {
  PANEL = 32,
};

/* @two vectors of columns or one; @residual added or not */
static EFFNET_INLINE void
epilogue_rows (const EffnetGemm *g, const float *sums, size_t row, size_t column, unsigned rows,
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

#define EPILOGUE(name, activation)                                                                 \
  static void epilogue_##name (const EffnetGemm *g, const float *sums, size_t row, size_t column,  \
                               unsigned rows)                                                      \
  {                                                                                                \
    if (g->residual == NULL && g->n - column > 16)                                                 \
      epilogue_rows (g, sums, row, column, rows, activation, 1, 0);                                \
    else if (g->residual == NULL)                                                                  \
      epilogue_rows (g, sums, row, column, rows, activation, 0, 0);                                \
    else if (g->n - column > 16)                                                                   \
      epilogue_rows (g, sums, row, column, rows, activation, 1, 1);                                \
    else                                                                                           \
      epilogue_rows (g, sums, row, column, rows, activation, 0, 1);                                \
  }
EPILOGUE (none, EFFNET_ACTIVATION_NONE)
EPILOGUE (swish, EFFNET_ACTIVATION_SWISH)
EPILOGUE (relu, EFFNET_ACTIVATION_RELU)
EPILOGUE (relu6, EFFNET_ACTIVATION_RELU6)
EPILOGUE (sigmoid, EFFNET_ACTIVATION_SIGMOID)

const EffnetBf16Epilogue effnet_bf16_epilogues[5] = {
    [EFFNET_ACTIVATION_NONE] = epilogue_none,       [EFFNET_ACTIVATION_SWISH] = epilogue_swish,
    [EFFNET_ACTIVATION_RELU] = epilogue_relu,       [EFFNET_ACTIVATION_RELU6] = epilogue_relu6,
    [EFFNET_ACTIVATION_SIGMOID] = epilogue_sigmoid,
};
