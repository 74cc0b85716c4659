/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution of bf16 on AMX tiles: blocks of 32 pixels x 32 channels, two by
 * two tiles. While the tile unit multiplies one block, the vector units finish the one before it
 * (activation, residual, rounding), so every step over k issues its share of finished rows in
 * between.
 *
 * One tile configuration serves a whole strip. Where m or k is no multiple of the tile, the last
 * tile is moved back to end at the edge: rows seen twice are finished once, and k seen twice meets
 * zero weights. No call reads past k in a row or past row m. A tile row is made of
 * pairs of k: k is even. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"
#include "kernels/simd/epilogue_bf16_avx512.h"
#include "kernels/strips.h"

enum {
  TILE = 16,          /* rows of a tile */
  DEPTH = 32,         /* bf16 of k in a tile row */
  PANEL = 32,         /* nr */
  PAIR = 2 * PANEL,   /* elements of one pair of k in a panel */
  GROUP = 8,          /* panels walked together under one block of rows */
  GROUP_BYTES = 16384 /* of weights, a third of L1 */
};

/* Rows first .. rows-1 of the 32x32 sums belong to c at (row, column) and still need the epilogue.
 */
typedef struct {
  size_t row, column;
  unsigned first, rows;
} Block;

/* What every block of a call shares. */
typedef struct {
  const EffnetStrip *strip;
  const EffnetGemm *g; /* of the strip */
  EffnetBf16Epilogue epilogue;
  float *sums;    /* [32][32] */
  size_t steps;   /* ceil (k / DEPTH), of a segment */
  size_t tail;    /* k left for the last step when it is not a whole one, else 0 */
  unsigned share; /* rows of the epilogue issued in a step */
} Call;

/* Tiles 0..3 hold sums [row tile][column tile], 4 and 5 rows of a, 6 and 7 columns of b. */
static void
configure_tiles (const EffnetGemm *g)
{
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
  } config;
  size_t rows = g->m < TILE ? g->m : TILE, depth = g->k < DEPTH ? g->k : DEPTH;

  memset (&config, 0, sizeof config);
  config.palette = 1;
  for (int t = 0; t < 8; t++) {
    config.bytes[t] = t == 4 || t == 5 ? (uint16_t)(2 * depth) : 64;
    config.rows[t] = (uint8_t)(t < 6 ? rows : depth / 2);
  }
  __asm__ volatile("" ::: "memory"); /* the intrinsic names only a part of what it reads */
  _tile_loadconfig (&config);
}

/* sums += a[DEPTH of k] * b for one step; a at the first row's k, b at the panel's pair of k. */
static EFFNET_INLINE void
multiply_step (const uint16_t *a, size_t lda, const uint16_t *b, int row_tiles, int column_tiles)
{
  _tile_loadd (6, b, PAIR * 2);
  _tile_loadd (4, a, lda * 2);
  _tile_dpbf16ps (0, 4, 6);
  if (column_tiles == 2) {
    _tile_loadd (7, b + PAIR / 2, PAIR * 2);
    _tile_dpbf16ps (1, 4, 7);
  }
  if (row_tiles == 2) {
    _tile_loadd (5, a + TILE * lda, lda * 2);
    _tile_dpbf16ps (2, 5, 6);
    if (column_tiles == 2)
      _tile_dpbf16ps (3, 5, 7);
  }
}

/* The epilogue of the next @rows rows of @block, or of as many as are left. */
static EFFNET_INLINE void
epilogue_rows (const Call *call, Block *block, unsigned rows)
{
  unsigned to = rows < block->rows - block->first ? block->first + rows : block->rows;

  if (block->first < to)
    call->epilogue (call->g, call->sums + block->first * PANEL, block->row + block->first,
                    block->column, to - block->first);
  block->first = to;
}

/* sums = a * b at @block, with the epilogue of @before, whose sums they were, on the way. */
static EFFNET_INLINE void
multiply (const Call *call, const Block *block, const uint16_t *b, const uint16_t *b_tail,
          Block *before, int row_tiles, int column_tiles)
{
  const EffnetGemm *g = call->g;
  const EffnetStrip *strip = call->strip;
  const uint16_t *a = (const uint16_t *)g->a + block->row * g->lda;
  float *sums = call->sums;

  _tile_zero (0);
  if (column_tiles == 2)
    _tile_zero (1);
  if (row_tiles == 2) {
    _tile_zero (2);
    if (column_tiles == 2)
      _tile_zero (3);
  }
  for (size_t left = strip->segments; left > 0; left--) {
    for (size_t s = 0; s < call->steps; s++) {
      if (call->tail != 0 && s + 1 == call->steps)
        multiply_step (a + g->k - DEPTH, g->lda, b_tail, row_tiles, column_tiles);
      else
        multiply_step (a + s * DEPTH, g->lda, b + s * DEPTH * PANEL, row_tiles, column_tiles);
      epilogue_rows (call, before, call->share);
    }
    a += strip->a_step;
    b += strip->b_step;
    b_tail += DEPTH * PANEL;
  }
  epilogue_rows (call, before, 2 * TILE);
  _tile_stored (0, sums, PANEL * 4);
  if (column_tiles == 2)
    _tile_stored (1, sums + 16, PANEL * 4);
  if (row_tiles == 2) {
    _tile_stored (2, sums + TILE * PANEL, PANEL * 4);
    if (column_tiles == 2)
      _tile_stored (3, sums + TILE * PANEL + 16, PANEL * 4);
  }
}

/* A segment's last step's weights: the pairs of k that the step before has seen are zero. */
static void
make_tail (const Call *call, const uint16_t *b, uint16_t *tail /* [DEPTH / 2][PANEL][2] */)
{
  size_t pairs = call->tail / 2, seen = DEPTH / 2 - pairs;

  memset (tail, 0, seen * PAIR * 2);
  memcpy (tail + seen * PAIR, b + (call->g->k - call->tail) * PANEL, pairs * PAIR * 2);
  __asm__ volatile("" ::: "memory"); /* tile loads do not tell the compiler what they read */
}

/* Places the tiles of the next rows from @row on, and says which rows of them are new. */
static int
place_rows (size_t m, size_t row, Block *block)
{
  size_t left = m - row;
  int row_tiles = left >= 2 * TILE || (left > TILE && m >= 2 * TILE) ? 2 : 1;
  size_t height = m < TILE ? m : (size_t)row_tiles * TILE;

  block->row = row + height <= m ? row : m - height;
  block->first = (unsigned)(row - block->row);
  block->rows = (unsigned)height;
  return row_tiles;
}

/* Panels from .. to-1 of b against all rows. */
static void
multiply_group (const Call *call, size_t from, size_t to, Block *before)
{
  const EffnetGemm *g = call->g;
  const EffnetStrip *strip = call->strip;
  const uint16_t *b = g->b;
  uint16_t tails[GROUP][DEPTH * PANEL] __attribute__ ((aligned (64))); /* [panel][segment] */
  Block block;

  for (size_t p = from, at = 0; p < to && call->tail != 0; p++)
    for (size_t s = 0; s < strip->segments; s++, at++)
      make_tail (call, b + p * strip->panel_step + s * strip->b_step, tails[at]);
  for (size_t row = 0; row < g->m; row = block.row + block.rows) {
    int row_tiles = place_rows (g->m, row, &block);

    for (size_t p = from; p < to; p++) {
      const uint16_t *panel = b + p * strip->panel_step;
      const uint16_t *tail = tails[(p - from) * strip->segments];
      int two;

      block.column = p * PANEL;
      two = g->n - block.column > TILE;
      if (row_tiles == 2 && two)
        multiply (call, &block, panel, tail, before, 2, 2);
      else if (row_tiles == 2)
        multiply (call, &block, panel, tail, before, 2, 1);
      else if (two)
        multiply (call, &block, panel, tail, before, 1, 2);
      else
        multiply (call, &block, panel, tail, before, 1, 1);
      *before = block;
    }
  }
}

static void
multiply_strip (const EffnetStrip *strip)
{
  const EffnetGemm *g = strip->gemm;
  const size_t segments = strip->segments > 0 ? strip->segments : 1;
  float sums[2 * TILE * PANEL] __attribute__ ((aligned (64)));
  Call call = {
      .strip = strip,
      .g = g,
      .epilogue = effnet_bf16_epilogues[g->activation],
      .sums = sums,
  };
  Block before = {.first = 0, .rows = 0};
  size_t panels = (g->n + PANEL - 1) / PANEL, group;

  assert (g->m > 0 && g->n > 0 && g->k > 0 && g->k % 2 == 0);
  call.steps = (g->k + DEPTH - 1) / DEPTH;
  call.tail = g->k > DEPTH ? g->k % DEPTH : 0;
  call.share =
      (2 * TILE + (unsigned)(call.steps * segments) - 1) / (unsigned)(call.steps * segments);
  call.share = call.share < 2 ? 2 : call.share;
  group = GROUP_BYTES / (strip->panel_step * 2);
  group = group < 1 ? 1 : group > GROUP / segments ? GROUP / segments : group;
  configure_tiles (g);
  for (size_t p = 0; p < panels; p += group)
    multiply_group (&call, p, p + group < panels ? p + group : panels, &before);
  _tile_release ();
  epilogue_rows (&call, &before, 2 * TILE);
}

void
effnet_gemm_bf16_32x32_amx (const EffnetGemm *g)
{
  multiply_strip (&(EffnetStrip){.gemm = g, .segments = 1, .panel_step = g->k * PANEL});
}

void
effnet_conv_bf16_32x32_amx (const EffnetConvolution *c)
{
  assert (c->channels % 2 == 0 && c->kernel <= GROUP); /* tails for each kernel row */
  effnet_conv_strips (c, sizeof (uint16_t), PANEL, multiply_strip);
}
