/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of bf16 with the dot products of AVX-512, for CPUs without tiles, in the
 * packing of the AMX row. Sums are float32. The instructions take denormals for zero. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"
#include "kernels/simd/epilogue_bf16_avx512.h"

enum {
  ROWS = 8,   /* of a block of c */
  PANEL = 32, /* nr */
};

/* Two neighbouring k of a row, in every pair of lanes; the second is zero past k. */
static EFFNET_INLINE __m512i
broadcast_pair (const uint16_t *a, int both)
{
  uint32_t pair = a[0];

  if (both)
    memcpy (&pair, a, sizeof pair);
  return _mm512_set1_epi32 ((int)pair);
}

static EFFNET_INLINE void
add_pair (const uint16_t *a, size_t lda, const uint16_t *b, __m512 sums[ROWS][2], unsigned rows,
          int both)
{
  __m512bh b0 = (__m512bh)_mm512_loadu_si512 (b);
  __m512bh b1 = (__m512bh)_mm512_loadu_si512 (b + PANEL);

#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++) {
    __m512bh x = (__m512bh)broadcast_pair (a + r * lda, both);

    sums[r][0] = _mm512_dpbf16_ps (sums[r][0], x, b0);
    sums[r][1] = _mm512_dpbf16_ps (sums[r][1], x, b1);
  }
}

/* rows x 32 outputs at (row, column) */
static EFFNET_INLINE void
multiply_block (const EffnetGemm *g, size_t row, size_t column, unsigned rows)
{
  const uint16_t *a = (const uint16_t *)g->a + row * g->lda;
  const uint16_t *b = (const uint16_t *)g->b + (g->k + 1) / 2 * 2 * column;
  float out[ROWS][PANEL] __attribute__ ((aligned (64)));
  __m512 sums[ROWS][2];
  size_t k = 0;

#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++)
    sums[r][0] = sums[r][1] = _mm512_setzero_ps ();
  for (; k + 2 <= g->k; k += 2)
    add_pair (a + k, g->lda, b + k * PANEL, sums, rows, 1);
  if (k < g->k)
    add_pair (a + k, g->lda, b + k * PANEL, sums, rows, 0);
#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++) {
    _mm512_store_ps (out[r], sums[r][0]);
    _mm512_store_ps (out[r] + 16, sums[r][1]);
  }
  effnet_bf16_epilogues[g->activation](g, out[0], row, column, rows);
}

void
effnet_gemm_bf16_8x32_avx512bf16 (const EffnetGemm *g)
{
  assert (g->m > 0 && g->n > 0 && g->k > 0);
  for (size_t column = 0; column < g->n; column += PANEL) {
    size_t row = 0;

    for (; row + ROWS <= g->m; row += ROWS)
      multiply_block (g, row, column, ROWS);
    for (; row < g->m; row++)
      multiply_block (g, row, column, 1);
  }
}
