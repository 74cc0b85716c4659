/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of int8: c = act (bias + step * scale * (start + a * b)) + residual, by
 * gemm_groups.h. Included by a file of isa/ with S8_NV (nr = S8_NV vectors) and S8_KERNEL (the
 * function's name) defined, after vector headers, an element type and activation.h, with FINISH_
 * macros for another activation than that. Four k to a group; sums are exact. */
#include "kernels/tmpl/rows.h"
#include "kernels/tmpl/value_s8.h"

#define GROUPS_MR          6
#define GROUPS_NV          S8_NV
#define GROUPS_K           4
#define GROUPS_STRIP       EffnetGemmS8
#define GROUPS_CONTRACT(g) (g)
#define S8_GROUP           (S8_NV * VF_LANES * 4) /* bytes of b for four k */
#define S8_AHEAD           8                      /* groups: weights come from L2 */

/* sums[mr][nv] = start + a[mr][k] * b[k][nr], the first nv vectors of each group of b. */
static EFFNET_INLINE void
groups_tile (const EffnetGemmS8 *g, size_t i, size_t j, vi *sums, const unsigned mr,
             const unsigned nv)
{
  const int8_t *b = g->b + j * g->k;
  TileRows rows = tile_rows ((const uint8_t *)g->a + i * g->lda, g->lda, mr);
  vi acc[GROUPS_MR][S8_NV];

  EFFNET_UNROLL
  for (unsigned v = 0; v < nv; v++) {
    EFFNET_UNROLL
    for (unsigned r = 0; r < mr; r++)
      acc[r][v] = vi_load (g->start + j + v * VF_LANES);
  }
  for (size_t k = 0; k < g->k; k += 4) {
    vi w[S8_NV];

    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++) {
      w[v] = vi_load (b + v * VF_LANES * 4);
      if (v * VF_LANES * 4 % 64 == 0)
        vf_prefetch (b + S8_AHEAD * S8_GROUP + v * VF_LANES * 4);
    }
    EFFNET_UNROLL
    for (unsigned r = 0; r < mr; r++) {
      vi x = vi_broadcast (tile_row (&rows, r));

      EFFNET_UNROLL
      for (unsigned v = 0; v < nv; v++)
        acc[r][v] = vi_dot (acc[r][v], x, w[v]);
    }
    b += S8_GROUP;
    tile_rows_advance (&rows, 4);
    EFFNET_FENCE ();
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sums[r * nv + v] = vi_keep (acc[r][v]);
  }
}

#include "kernels/tmpl/gemm_groups.h"

void
S8_KERNEL (const EffnetGemmS8 *g)
{
  groups_multiply (g);
}
