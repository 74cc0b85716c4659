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

#define GROUPS_EACH_MR(M, nv) M (1, nv) M (2, nv) M (3, nv) M (4, nv) M (5, nv) M (6, nv)
#define GROUPS_ROW(M, nv)                                                                          \
  {                                                                                                \
    GROUPS_EACH_MR (M, nv)                                                                         \
  }
#if GROUPS_NV > 2
#  define GROUPS_EACH(M)                                                                           \
    GROUPS_EACH_MR (M, 1) GROUPS_EACH_MR (M, 2) GROUPS_EACH_MR (M, 3) GROUPS_EACH_MR (M, 4)
#  define GROUPS_ROWS(M) GROUPS_ROW (M, 1), GROUPS_ROW (M, 2), GROUPS_ROW (M, 3), GROUPS_ROW (M, 4)
#else
#  define GROUPS_EACH(M) GROUPS_EACH_MR (M, 1) GROUPS_EACH_MR (M, 2)
#  define GROUPS_ROWS(M) GROUPS_ROW (M, 1), GROUPS_ROW (M, 2)
#endif

#define GROUPS_TILE(mr, nv)                                                                        \
  static EFFNET_NOINLINE void groups_tile_##mr##x##nv (const GROUPS_STRIP *s, size_t i, size_t j,  \
                                                       FINISH_SUM *sums)                           \
  {                                                                                                \
    groups_tile (s, i, j, sums, mr, nv);                                                           \
  }
#define GROUPS_NAME(mr, nv) groups_tile_##mr##x##nv,

GROUPS_EACH (GROUPS_TILE)
static const GroupsTile groups_tiles[GROUPS_NV][GROUPS_MR] = {GROUPS_ROWS (GROUPS_NAME)};

/* All rows of one panel. @finishes: the tiles do that themselves, else by @activation. */
static EFFNET_INLINE void
groups_panel (const GROUPS_STRIP *s, size_t j, const GroupsTile tiles[GROUPS_NV][GROUPS_MR],
              const int finishes, const EffnetActivation activation)
{
  const FINISH_CONTRACT *g = GROUPS_CONTRACT (s);
  size_t columns = g->n - j < GROUPS_NV * VF_LANES ? g->n - j : GROUPS_NV * VF_LANES;
  size_t nv = (columns + VF_LANES - 1) / VF_LANES, rows, blocks;
  FINISH_SUM sums[GROUPS_MR * GROUPS_NV];

  for (size_t i = 0; i < g->m; i += rows) {
    rows = tile_next_rows (g->m - i, GROUPS_MR, &blocks);
    tiles[nv - 1][rows - 1](s, i, j, sums);
    if (!finishes)
      finish_rows (g, sums, nv, i, rows, j, columns, activation);
  }
}

#define GROUPS_PANEL(name, tiles, finishes, activation)                                            \
  static EFFNET_NOINLINE void groups_panel_##name (const GROUPS_STRIP *s, size_t j)                \
  {                                                                                                \
    groups_panel (s, j, tiles, finishes, activation);                                              \
  }
GROUPS_PANEL (none, groups_tiles, 0, EFFNET_ACTIVATION_NONE)
GROUPS_PANEL (swish, groups_tiles, 0, EFFNET_ACTIVATION_SWISH)
GROUPS_PANEL (relu, groups_tiles, 0, EFFNET_ACTIVATION_RELU)
GROUPS_PANEL (relu6, groups_tiles, 0, EFFNET_ACTIVATION_RELU6)
GROUPS_PANEL (sigmoid, groups_tiles, 0, EFFNET_ACTIVATION_SIGMOID)

#ifdef FINISH_DIGITS

/* To bytes there is so little to do and to store that it is done in registers. */
#  define GROUPS_BYTES(mr, nv)                                                                     \
    static EFFNET_NOINLINE void groups_bytes_##mr##x##nv (const GROUPS_STRIP *s, size_t i,         \
                                                          size_t j, FINISH_SUM *unused)            \
    {                                                                                              \
      FINISH_SUM sums[(mr) * (nv)];                                                                \
                                                                                                   \
      (void)unused;                                                                                \
      groups_tile (s, i, j, sums, mr, nv);                                                         \
      EFFNET_UNROLL                                                                                \
      for (unsigned r = 0; r < (mr); r++)                                                          \
        finish_bytes (GROUPS_CONTRACT (s), sums + r * (nv), i + r, j, nv);                         \
    }
#  define GROUPS_BYTES_NAME(mr, nv) groups_bytes_##mr##x##nv,

GROUPS_EACH (GROUPS_BYTES)
static const GroupsTile groups_bytes[GROUPS_NV][GROUPS_MR] = {GROUPS_ROWS (GROUPS_BYTES_NAME)};
GROUPS_PANEL (bytes, groups_bytes, 1, EFFNET_ACTIVATION_NONE)

#endif

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
  void (*panel) (const GROUPS_STRIP *s, size_t j) = panels[g->activation];

#ifdef FINISH_DIGITS
  if (g->to_bytes)
    panel = groups_panel_bytes;
#endif
  assert (g->m > 0 && g->n > 0 && g->k > 0 && g->k % GROUPS_K == 0);
  for (size_t j = 0; j < g->n; j += GROUPS_NV * VF_LANES)
    panel (s, j);
}
