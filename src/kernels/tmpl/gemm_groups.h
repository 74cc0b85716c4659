/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolution, b packed in panels of nr columns with several k to a group, which one instruction
 * multiplies: groups_multiply (). Included after groups_tile (), which computes a micro-tile of
 * sums, with the macros of finish.h and these defined:
 *   GROUPS_MR, GROUPS_NV   rows and vectors of columns of a micro-tile
 *   GROUPS_K               of a group; k is a multiple
 *   GROUPS_STRIP           what is multiplied: FINISH_CONTRACT, or a struct that leads to one
 *   GROUPS_CONTRACT (s)    the FINISH_CONTRACT of s
 *
 * groups_tile (s, i, j, sums, mr, nv) computes sums [mr][nv] of rows i .. and columns j .., mr and
 * nv being constants. A micro-tile stays in registers over the whole of k, then goes to the stack,
 * from where the epilogue takes it: both loops have all registers to themselves. Each output is
 * finished by itself, so results do not depend on how m is cut. */
#include "kernels/tmpl/finish.h"

typedef void (*GroupsTile) (const GROUPS_STRIP *s, size_t i, size_t j, FINISH_SUM *sums);

#define GROUPS_TILE(mr, nv)                                                                        \
  static EFFNET_NOINLINE void groups_tile_##mr##x##nv (const GROUPS_STRIP *s, size_t i, size_t j,  \
                                                       FINISH_SUM *sums)                           \
  {                                                                                                \
    groups_tile (s, i, j, sums, mr, nv);                                                           \
  }
#define GROUPS_NAME(mr, nv)   groups_tile_##mr##x##nv,
#define GROUPS_EACH_MR(M, nv) M (1, nv) M (2, nv) M (3, nv) M (4, nv) M (5, nv) M (6, nv)

GROUPS_EACH_MR (GROUPS_TILE, 1)
GROUPS_EACH_MR (GROUPS_TILE, 2)
#if GROUPS_NV > 2
GROUPS_EACH_MR (GROUPS_TILE, 3)
GROUPS_EACH_MR (GROUPS_TILE, 4)
#endif

static const GroupsTile groups_tiles[GROUPS_NV][GROUPS_MR] = {
    {GROUPS_EACH_MR (GROUPS_NAME, 1)},
    {GROUPS_EACH_MR (GROUPS_NAME, 2)},
#if GROUPS_NV > 2
    {GROUPS_EACH_MR (GROUPS_NAME, 3)},
    {GROUPS_EACH_MR (GROUPS_NAME, 4)},
#endif
};

/* All rows of one panel. */
static EFFNET_INLINE void
groups_panel (const GROUPS_STRIP *s, size_t j, const EffnetActivation activation)
{
  const FINISH_CONTRACT *g = GROUPS_CONTRACT (s);
  size_t columns = g->n - j < GROUPS_NV * VF_LANES ? g->n - j : GROUPS_NV * VF_LANES;
  size_t nv = (columns + VF_LANES - 1) / VF_LANES, rows, blocks;
  FINISH_SUM sums[GROUPS_MR * GROUPS_NV];

  for (size_t i = 0; i < g->m; i += rows) {
    rows = tile_next_rows (g->m - i, GROUPS_MR, &blocks);
    groups_tiles[nv - 1][rows - 1](s, i, j, sums);
    finish_rows (g, sums, nv, i, rows, j, columns, activation);
  }
}

#define GROUPS_PANEL(name, activation)                                                             \
  static EFFNET_NOINLINE void groups_panel_##name (const GROUPS_STRIP *s, size_t j)                \
  {                                                                                                \
    groups_panel (s, j, activation);                                                               \
  }
GROUPS_PANEL (none, EFFNET_ACTIVATION_NONE)
GROUPS_PANEL (swish, EFFNET_ACTIVATION_SWISH)
GROUPS_PANEL (relu, EFFNET_ACTIVATION_RELU)
GROUPS_PANEL (relu6, EFFNET_ACTIVATION_RELU6)
GROUPS_PANEL (sigmoid, EFFNET_ACTIVATION_SIGMOID)

static void
groups_multiply (const GROUPS_STRIP *s)
{
  static void (*const panels[]) (const GROUPS_STRIP *s, size_t j) = {
      [EFFNET_ACTIVATION_NONE] = groups_panel_none,
      [EFFNET_ACTIVATION_SWISH] = groups_panel_swish,
      [EFFNET_ACTIVATION_RELU] = groups_panel_relu,
      [EFFNET_ACTIVATION_RELU6] = groups_panel_relu6,
      [EFFNET_ACTIVATION_SIGMOID] = groups_panel_sigmoid,
  };
  const FINISH_CONTRACT *g = GROUPS_CONTRACT (s);

  assert (g->m > 0 && g->n > 0 && g->k > 0 && g->k % GROUPS_K == 0);
  for (size_t j = 0; j < g->n; j += GROUPS_NV * VF_LANES)
    panels[g->activation](s, j);
}
