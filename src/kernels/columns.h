/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * columns: how the kernels of the horizontal filter deinterleave lines of bytes and split weights;
 * shared between them and the packing. What a line holds is said by EffnetColumns in kernels.h. */
#ifndef EFFNET_KERNELS_COLUMNS_H
#define EFFNET_KERNELS_COLUMNS_H

#include "kernels/kernels.h"

/* EFFNET_PACKING_WORDS. A line is a row of units of 16 bytes, or 12 where the step is 3, and a unit
 * four quads: four samples of one kind that follow one another. Packed are the weights of the quads
 * from first / 4 on of each column, int16 [n * kinds][most quads][4], those of samples 0, 2, 1, 3
 * of a quad in this order. */
enum {
  EFFNET_UNIT_ROWS = 16,                          /* rows deinterleaved together */
  EFFNET_QUAD_SCRATCH = EFFNET_UNIT_ROWS * 4 * 2, /* bytes: words of a quad of them */
  EFFNET_UNIT_SCRATCH = 4 * EFFNET_QUAD_SCRATCH,
};

/* Units deinterleaved at once where that is enough: 32 kB of scratch. */
#define EFFNET_UNITS_KEPT 64

static inline unsigned
effnet_unit_bytes (const EffnetColumns *columns)
{
  return columns->kind[0].step == 3 ? 12 : 16;
}

/* Quads of a kind in a unit. */
static inline unsigned
effnet_unit_quads (const EffnetSamples *kind)
{
  return kind->step == 3 ? 1 : 4 / kind->step;
}

/* What up to EFFNET_UNIT_ROWS columns read: units [first, first + units). */
typedef struct {
  uint32_t first, units;
} EffnetWordBlock;

/* The head of packed words. Every column has @most quads, the unused ones with weight 0;
 * behind the head lie the blocks, each column's first quad (uint32), and the weights. */
typedef struct {
  uint64_t most;
  uint64_t blocks_at, quads_at, weights_at; /* bytes */
} EffnetWordHead;

/* EFFNET_PACKING_TILES. Columns go in groups of 16; a group reads whole chunks of 64 bytes of a
 * line. Weights are split, w = 256 high + low, into int8 tiles [16][16 columns][4]. Packed are the
 * groups, then, aligned to 64 bytes, the tiles: of each chunk the high one, then the low one. */
enum { EFFNET_TILE_CHUNK = 64, EFFNET_TILE_BYTES = 1024, EFFNET_TILE_COLUMNS = 16 };

typedef struct {
  uint32_t chunk, chunks; /* the first, and how many */
} EffnetTileGroup;

#endif
