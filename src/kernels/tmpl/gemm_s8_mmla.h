/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of int8 by AArch64's products of matrices: gemm_groups.h, the instruction
 * multiplying two rows by two columns over eight k. Included like gemm_s8.h. Both factors are
 * signed; sums are exact. */
#include "kernels/tmpl/rows.h"
#include "kernels/tmpl/value_s8.h"

/* 24 accumulators of 2x2 sums, three pairs of rows, up to five pairs of columns: all 32 registers.
 */
#define GROUPS_MR          6
#define GROUPS_NV          4
#define GROUPS_K           8
#define GROUPS_STRIP       EffnetGemmS8
#define GROUPS_CONTRACT(g) (g)

/* sums[mr][nv] = start + a[mr][k] * b[k][16]; of an odd mr the last row is multiplied twice. */
static EFFNET_INLINE void
groups_tile (const EffnetGemmS8 *g, size_t i, size_t j, vi *sums, const unsigned mr,
             const unsigned nv)
{
  const int8_t *b = g->b + j * g->k, *a[GROUPS_MR];
  vi acc[GROUPS_MR / 2][2 * GROUPS_NV]; /* [0, 0], [0, 1], [1, 0], [1, 1] of rows and columns */
  const unsigned pairs = (mr + 1) / 2;

  EFFNET_UNROLL
  for (unsigned r = 0; r < 2 * pairs; r++)
    a[r] = (const int8_t *)g->a + (i + (r < mr ? r : mr - 1)) * g->lda;
  EFFNET_UNROLL
  for (unsigned c = 0; c < 2 * nv; c++) {
    int32x2_t start = vld1_s32 (g->start + j + 2 * c);

    EFFNET_UNROLL
    for (unsigned p = 0; p < pairs; p++)
      acc[p][c] = vcombine_s32 (start, start);
  }
  for (size_t k = 0; k < g->k; k += GROUPS_K, b += 4 * GROUPS_NV * GROUPS_K) {
    int8x16_t x[GROUPS_MR / 2];

    EFFNET_UNROLL
    for (unsigned p = 0; p < pairs; p++)
      x[p] = vcombine_s8 (vld1_s8 (a[2 * p] + k), vld1_s8 (a[2 * p + 1] + k));
    EFFNET_UNROLL
    for (unsigned c = 0; c < 2 * nv; c++) {
      int8x16_t w = vld1q_s8 (b + 2 * GROUPS_K * c);

      EFFNET_UNROLL
      for (unsigned p = 0; p < pairs; p++)
        acc[p][c] = vmmlaq_s32 (acc[p][c], x[p], w);
      if (c % 2 == 1)
        EFFNET_FENCE ();
    }
    vf_prefetch (b + 8 * 4 * GROUPS_NV * GROUPS_K);
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sums[r * nv + v] = vi_pair_row (acc[r / 2][2 * v], acc[r / 2][2 * v + 1], r % 2);
  }
}

#include "kernels/tmpl/gemm_groups.h"

void
S8_KERNEL (const EffnetGemmS8 *g)
{
  groups_multiply (g);
}
