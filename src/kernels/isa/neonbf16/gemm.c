/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution of bf16 for AArch64: tmpl/gemm_groups.h, BFMMLA multiplying two
 * rows by two columns over four k. It rounds the sum of two products, and that to the sums, to odd,
 * and takes denormals for zero: two roundings of twice the unit for every two terms. */
#include "kernels/rows.h"
#include "kernels/simd/elem_bf16_neon.h"
#include "kernels/strips.h"
#include "kernels/tmpl/activation.h"
#include "kernels/tmpl/rows.h"

#define FINISH_CONTRACT          EffnetGemm
#define FINISH_SUM               vf
#define FINISH_VALUE(g, i, j, x) vf_add (x, vf_load ((g)->bias + (j)))

/* Registers as in tmpl/gemm_s8_mmla.h. */
#define GROUPS_MR          6
#define GROUPS_NV          4
#define GROUPS_K           4
#define GROUPS_STRIP       EffnetStrip
#define GROUPS_CONTRACT(s) ((s)->gemm)

#define PANEL       (GROUPS_NV * VF_LANES)
#define PANEL_GROUP (PANEL * GROUPS_K) /* elements of b for four k */

static EFFNET_INLINE bfloat16x8_t
two_rows (const uint16_t *row, const uint16_t *next)
{
  return vreinterpretq_bf16_u16 (vcombine_u16 (vld1_u16 (row), vld1_u16 (next)));
}

/* acc[pairs][columns] += a[2 * pairs][k] * b[k][16], of which @columns pairs of columns; acc holds
 * [0, 0], [0, 1], [1, 0], [1, 1] of two rows and two columns. */
static EFFNET_INLINE void
multiply_segment (const uint16_t *const a[GROUPS_MR], const uint16_t *b, size_t depth,
                  vf acc[GROUPS_MR / 2][2 * GROUPS_NV], const unsigned pairs,
                  const unsigned columns)
{
  for (size_t k = 0; k < depth; k += GROUPS_K, b += PANEL_GROUP) {
    bfloat16x8_t x[GROUPS_MR / 2];

    EFFNET_UNROLL
    for (unsigned p = 0; p < pairs; p++)
      x[p] = two_rows (a[2 * p] + k, a[2 * p + 1] + k);
    EFFNET_UNROLL
    for (unsigned c = 0; c < columns; c++) {
      bfloat16x8_t w = vreinterpretq_bf16_u16 (vld1q_u16 (b + 2 * GROUPS_K * c));

      EFFNET_UNROLL
      for (unsigned p = 0; p < pairs; p++)
        acc[p][c] = vbfmmlaq_f32 (acc[p][c], x[p], w);
      if (c % 2 == 1)
        EFFNET_FENCE ();
    }
    vf_prefetch (b + 8 * PANEL_GROUP);
  }
}

/* sums[mr][nv] = a[mr][k] * b[k][16] over all segments; of an odd mr the last row is multiplied
 * twice. */
static EFFNET_INLINE void
groups_tile (const EffnetStrip *s, size_t i, size_t j, vf *sums, const unsigned mr,
             const unsigned nv)
{
  const EffnetGemm *g = s->gemm;
  const uint16_t *b = (const uint16_t *)g->b + j / PANEL * s->panel_step, *a[GROUPS_MR];
  vf acc[GROUPS_MR / 2][2 * GROUPS_NV];
  const unsigned pairs = (mr + 1) / 2;

  EFFNET_UNROLL
  for (unsigned r = 0; r < 2 * pairs; r++)
    a[r] = (const uint16_t *)g->a + (i + (r < mr ? r : mr - 1)) * g->lda;
  EFFNET_UNROLL
  for (unsigned c = 0; c < 2 * nv; c++) {
    EFFNET_UNROLL
    for (unsigned p = 0; p < pairs; p++)
      acc[p][c] = vf_zero ();
  }
  for (size_t left = s->segments; left > 0; left--, b += s->b_step) {
    multiply_segment (a, b, g->k, acc, pairs, 2 * nv);
    EFFNET_UNROLL
    for (unsigned r = 0; r < 2 * pairs; r++)
      a[r] += s->a_step;
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sums[r * nv + v] = vf_pair_row (acc[r / 2][2 * v], acc[r / 2][2 * v + 1], r % 2);
  }
}

#include "kernels/tmpl/gemm_groups.h"

void
effnet_gemm_bf16_6x16_neonbf16 (const EffnetGemm *g)
{
  groups_multiply (&(EffnetStrip){.gemm = g, .segments = 1, .panel_step = g->k * PANEL});
}

void
effnet_conv_bf16_6x16_neonbf16 (const EffnetConvolution *c)
{
  effnet_conv_strips (c, sizeof (uint16_t), PANEL, groups_multiply);
}
