/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise convolution of int8: c = act (bias + step * scale * (start + a * b)) + residual, b
 * packed in panels of nr columns, four k to a group. Included by a file of isa/ with S8_NV (nr =
 * S8_NV vectors) and S8_KERNEL (the function's name) defined, after vector headers, an element type
 * and activation.h.
 *
 * S8_ACTIVATE (x, activation) is the activation of a vector; what it reads of S8_TABLES is loaded
 * once a block.
 *
 * A micro-tile of up to 6 rows by 1 .. S8_NV vectors of int32 stays in registers over the whole of
 * k, then goes to the stack, from where the epilogue takes it: both loops have all registers to
 * themselves. Sums are exact, and each output is finished by itself, so results do not depend on
 * how m is cut. */
#include "kernels/tmpl/rows.h"

#define S8_MR    6
#define S8_NR    (S8_NV * VF_LANES)
#define S8_GROUP (S8_NR * 4) /* bytes of b for four k */
#define S8_AHEAD 8           /* groups: weights come from L2 */
#ifndef S8_ACTIVATE
#  define S8_ACTIVATE(x, activation) vf_activate (x, activation)
#  define S8_TABLES                  ((void)0)
#endif

/* sums[mr][nv] = start + a[mr][k] * b[k][S8_NR], the first nv vectors of each group of b. */
static EFFNET_INLINE void
s8_tile (const EffnetGemmS8 *g, size_t i, size_t j, vi *sums, const unsigned mr, const unsigned nv)
{
  const int8_t *b = g->b + j * g->k;
  TileRows rows = tile_rows ((const uint8_t *)g->a + i * g->lda, g->lda, mr);
  vi acc[S8_MR][S8_NV];

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
      sums[r * nv + v] = acc[r][v];
  }
}

typedef void (*S8Tile) (const EffnetGemmS8 *g, size_t i, size_t j, vi *sums);

#define S8_TILE(mr, nv)                                                                            \
  static EFFNET_NOINLINE void s8_tile_##mr##x##nv (const EffnetGemmS8 *g, size_t i, size_t j,      \
                                                   vi *sums)                                       \
  {                                                                                                \
    s8_tile (g, i, j, sums, mr, nv);                                                               \
  }
#define S8_NAME(mr, nv)   s8_tile_##mr##x##nv,
#define S8_EACH_MR(M, nv) M (1, nv) M (2, nv) M (3, nv) M (4, nv) M (5, nv) M (6, nv)

S8_EACH_MR (S8_TILE, 1)
S8_EACH_MR (S8_TILE, 2)
#if S8_NV > 2
S8_EACH_MR (S8_TILE, 3)
S8_EACH_MR (S8_TILE, 4)
#endif

static const S8Tile s8_tiles[S8_NV][S8_MR] = {
    {S8_EACH_MR (S8_NAME, 1)},
    {S8_EACH_MR (S8_NAME, 2)},
#if S8_NV > 2
    {S8_EACH_MR (S8_NAME, 3)},
    {S8_EACH_MR (S8_NAME, 4)},
#endif
};

/* c[i ..][j ..] = act (bias + step * scale * sums) + residual; sums [rows][nv] */
static EFFNET_INLINE void
s8_finish (const EffnetGemmS8 *g, const vi *sums, size_t i, size_t rows, size_t j, size_t columns,
           const EffnetActivation activation)
{
  elem *c = (elem *)g->c + i * g->ldc + j;
  const elem *residual = g->residual;

  S8_TABLES;
  if (residual != NULL)
    residual += i * g->ldr + j;
  for (size_t r = 0; r < rows; r++) {
    vf step = vf_set1 (g->step[i + r]);

    for (size_t at = 0; at < columns; at += VF_LANES, sums++) {
      vf factor = vf_mul (step, vf_load (g->scale + j + at));
      vf y = vf_fma (factor, vf_from_int (*sums), vf_load (g->bias + j + at));

      y = S8_ACTIVATE (y, activation);
      if (columns - at >= VF_LANES) {
        if (residual != NULL)
          y = vf_add (y, elem_load (residual + at));
        elem_store (c + at, y);
      } else {
        if (residual != NULL)
          y = vf_add (y, elem_load_tail (residual + at, columns - at));
        elem_store_tail (c + at, y, columns - at);
      }
    }
    c += g->ldc;
    if (residual != NULL)
      residual += g->ldr;
  }
}

/* All rows of one panel. */
static EFFNET_INLINE void
s8_panel (const EffnetGemmS8 *g, size_t j, const EffnetActivation activation)
{
  size_t columns = g->n - j < S8_NR ? g->n - j : S8_NR, rows, blocks;
  size_t nv = (columns + VF_LANES - 1) / VF_LANES;
  vi sums[S8_MR * S8_NV];

  for (size_t i = 0; i < g->m; i += rows) {
    rows = tile_next_rows (g->m - i, S8_MR, &blocks);
    s8_tiles[nv - 1][rows - 1](g, i, j, sums);
    s8_finish (g, sums, i, rows, j, columns, activation);
  }
}

#define S8_PANEL(name, activation)                                                                 \
  static EFFNET_NOINLINE void s8_panel_##name (const EffnetGemmS8 *g, size_t j)                    \
  {                                                                                                \
    s8_panel (g, j, activation);                                                                   \
  }
S8_PANEL (none, EFFNET_ACTIVATION_NONE)
S8_PANEL (swish, EFFNET_ACTIVATION_SWISH)
S8_PANEL (relu, EFFNET_ACTIVATION_RELU)
S8_PANEL (relu6, EFFNET_ACTIVATION_RELU6)
S8_PANEL (sigmoid, EFFNET_ACTIVATION_SIGMOID)

void
S8_KERNEL (const EffnetGemmS8 *g)
{
  static void (*const panels[]) (const EffnetGemmS8 *g, size_t j) = {
      [EFFNET_ACTIVATION_NONE] = s8_panel_none,       [EFFNET_ACTIVATION_SWISH] = s8_panel_swish,
      [EFFNET_ACTIVATION_RELU] = s8_panel_relu,       [EFFNET_ACTIVATION_RELU6] = s8_panel_relu6,
      [EFFNET_ACTIVATION_SIGMOID] = s8_panel_sigmoid,
  };

  assert (g->m > 0 && g->n > 0 && g->k % 4 == 0 && g->k <= EFFNET_GEMM_S8_K_MAX);
  for (size_t j = 0; j < g->n; j += S8_NR)
    panels[g->activation](g, j);
}
