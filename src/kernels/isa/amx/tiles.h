/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution on AMX tiles, of bf16 or int8: blocks of 32 pixels x 32 channels,
 * two by two tiles. While the tile unit multiplies one block, the vector units finish the one
 * before it (scales, activation, residual, rounding), so every step over k issues its share of
 * finished rows in between. Included with these defined:
 *
 *   TILES_CONTRACT                  EffnetGemm or EffnetGemmS8
 *   TILES_ELEMENT, TILES_SUM        the type of a's and b's elements, and of their sums
 *   TILES_DOT (sums, a, b)          the instruction
 *   TILES_CLEAR (tile, g, column)   before the first step; the tile is of the 16 columns from there
 *
 * One tile configuration serves a whole strip. Where m or k is no multiple of the tile, the last
 * tile is moved back to end at the edge: rows seen twice are finished once, and k seen twice meets
 * zero weights. No call reads past k in a row or past row m. A tile row is made of four bytes of k
 * of each column: k is a multiple of that. */
#include <assert.h>
#include <string.h>

enum {
  TILE = 16,                               /* rows of a tile */
  GROUP_OF_K = 4 / sizeof (TILES_ELEMENT), /* of k in four bytes */
  DEPTH = 64 / sizeof (TILES_ELEMENT),     /* of k in a tile row */
  PANEL = 32,                              /* nr */
  PANEL_ROW = PANEL * GROUP_OF_K,          /* elements of a group of k in a panel */
  PANEL_BYTES = PANEL_ROW * (int)sizeof (TILES_ELEMENT),
  GROUP = 8,          /* panels walked together under one block of rows */
  GROUP_BYTES = 16384 /* of weights, a third of L1 */
};

/* c of @rows rows from @row on and the 32 columns from @column on, from their sums [rows][32] */
typedef void (*TilesEpilogue) (const TILES_CONTRACT *g, const TILES_SUM *sums, size_t row,
                               size_t column, unsigned rows);

/* Rows first .. rows-1 of the 32x32 sums belong to c at (row, column) and still need the epilogue.
 */
typedef struct {
  size_t row, column;
  unsigned first, rows;
} Block;

/* What strips.h calls a strip, of this contract. */
typedef struct {
  const TILES_CONTRACT *g;
  size_t segments, a_step, b_step, panel_step;
} Strip;

/* What every block of a strip shares. */
typedef struct {
  const Strip *strip;
  const TILES_CONTRACT *g; /* of the strip */
  TilesEpilogue epilogue;
  TILES_SUM *sums; /* [32][32] */
  size_t steps;    /* ceil (k / DEPTH), of a segment */
  size_t tail;     /* k left for the last step when it is not a whole one, else 0 */
  unsigned share;  /* rows of the epilogue issued in a step */
} Call;

/* Tiles 0..3 hold sums [row tile][column tile], 4 and 5 rows of a, 6 and 7 columns of b. */
static void
configure_tiles (size_t m, size_t k)
{
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
  } config;
  size_t rows = m < TILE ? m : TILE, depth = k < DEPTH ? k : DEPTH;

  memset (&config, 0, sizeof config);
  config.palette = 1;
  for (int t = 0; t < 8; t++) {
    config.bytes[t] = t == 4 || t == 5 ? (uint16_t)(depth * sizeof (TILES_ELEMENT)) : 64;
    config.rows[t] = (uint8_t)(t < 6 ? rows : depth / GROUP_OF_K);
  }
  __asm__ volatile("" ::: "memory"); /* the intrinsic names only a part of what it reads */
  _tile_loadconfig (&config);
}

/* sums += a[DEPTH of k] * b for one step; a at the first row's k, b at the panel's group of k. */
static EFFNET_INLINE void
multiply_step (const TILES_ELEMENT *a, size_t lda, const TILES_ELEMENT *b, int row_tiles,
               int column_tiles)
{
  const size_t row = lda * sizeof *a;

  _tile_loadd (6, b, PANEL_BYTES);
  _tile_loadd (4, a, row);
  TILES_DOT (0, 4, 6);
  if (column_tiles == 2) {
    _tile_loadd (7, b + PANEL_ROW / 2, PANEL_BYTES);
    TILES_DOT (1, 4, 7);
  }
  if (row_tiles == 2) {
    _tile_loadd (5, a + TILE * lda, row);
    TILES_DOT (2, 5, 6);
    if (column_tiles == 2)
      TILES_DOT (3, 5, 7);
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
multiply (const Call *call, const Block *block, const TILES_ELEMENT *b, const TILES_ELEMENT *b_tail,
          Block *before, int row_tiles, int column_tiles)
{
  const TILES_CONTRACT *g = call->g;
  const Strip *strip = call->strip;
  const TILES_ELEMENT *a = (const TILES_ELEMENT *)g->a + block->row * g->lda;
  TILES_SUM *sums = call->sums;

  TILES_CLEAR (0, g, block->column);
  if (column_tiles == 2)
    TILES_CLEAR (1, g, block->column + TILE);
  if (row_tiles == 2) {
    TILES_CLEAR (2, g, block->column);
    if (column_tiles == 2)
      TILES_CLEAR (3, g, block->column + TILE);
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

/* A segment's last step's weights: the k that the step before has seen are zero. */
static void
make_tail (const Call *call, const TILES_ELEMENT *b, TILES_ELEMENT *tail /* [DEPTH * PANEL] */)
{
  size_t seen = (DEPTH - call->tail) * PANEL;

  memset (tail, 0, seen * sizeof *tail);
  memcpy (tail + seen, b + (call->g->k - call->tail) * PANEL, call->tail * PANEL * sizeof *tail);
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
  const TILES_CONTRACT *g = call->g;
  const Strip *strip = call->strip;
  const TILES_ELEMENT *b = (const TILES_ELEMENT *)g->b;
  /* [panel][segment] */
  TILES_ELEMENT tails[GROUP][DEPTH * PANEL] __attribute__ ((aligned (64)));
  Block block;

  for (size_t p = from, at = 0; p < to && call->tail != 0; p++)
    for (size_t s = 0; s < strip->segments; s++, at++)
      make_tail (call, b + p * strip->panel_step + s * strip->b_step, tails[at]);
  for (size_t row = 0; row < g->m; row = block.row + block.rows) {
    int row_tiles = place_rows (g->m, row, &block);

    for (size_t p = from; p < to; p++) {
      const TILES_ELEMENT *panel = b + p * strip->panel_step;
      const TILES_ELEMENT *tail = tails[(p - from) * strip->segments];
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
multiply_tiles (const Strip *strip, TilesEpilogue epilogue)
{
  const TILES_CONTRACT *g = strip->g;
  const size_t segments = strip->segments > 0 ? strip->segments : 1;
  TILES_SUM sums[2 * TILE * PANEL] __attribute__ ((aligned (64)));
  Call call = {.strip = strip, .g = g, .epilogue = epilogue, .sums = sums};
  Block before = {.first = 0, .rows = 0};
  size_t panels = (g->n + PANEL - 1) / PANEL, group;

  assert (g->m > 0 && g->n > 0 && g->k > 0 && g->k % GROUP_OF_K == 0);
  call.steps = (g->k + DEPTH - 1) / DEPTH;
  call.tail = g->k > DEPTH ? g->k % DEPTH : 0;
  call.share =
      (2 * TILE + (unsigned)(call.steps * segments) - 1) / (unsigned)(call.steps * segments);
  call.share = call.share < 2 ? 2 : call.share;
  group = GROUP_BYTES / (strip->panel_step * sizeof (TILES_ELEMENT));
  group = group < 1 ? 1 : group > GROUP / segments ? GROUP / segments : group;
  configure_tiles (g->m, g->k);
  for (size_t p = 0; p < panels; p += group)
    multiply_group (&call, p, p + group < panels ? p + group : panels, &before);
  _tile_release ();
  epilogue_rows (&call, &before, 2 * TILE);
}
