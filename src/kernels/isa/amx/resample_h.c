/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The horizontal filter on AMX tiles: 16 rows x 64 bytes of the picture as they lie in memory times
 * banded tiles of int8 weights, so what is interleaved comes apart in the product. A block's sums
 * are finished by the vector units while the tile unit works on the next. Two groups of columns at
 * a time go down the rows: their weights stay in first-level cache, and 16 rows are read at once,
 * as many streams as the prefetcher follows.
 *
 * No load leaves the rows: where a whole tile is not there, its bytes go through a buffer on the
 * stack. */
#include <immintrin.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/rows.h"
#include "kernels/simd/inline.h"

enum {
  TILE = 16,
  CHUNK = EFFNET_TILE_CHUNK,
  BYTES = EFFNET_TILE_BYTES,
  TOGETHER = 2, /* groups */
};

/* The sums of some rows and columns, of the high and the low weights; still to be finished. */
typedef struct {
  int32_t sums[2][TILE][TILE] __attribute__ ((aligned (64)));
  float *out;
  size_t rows, columns;
} Block;

static void
configure_tiles (void)
{
  struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16]; /* of a row */
    uint8_t rows[16];
  } config;

  memset (&config, 0, sizeof config);
  config.palette = 1;
  for (int t = 0; t < 8; t++) {
    config.bytes[t] = 64;
    config.rows[t] = TILE;
  }
  __asm__ volatile("" ::: "memory"); /* the intrinsic names only a part of what it reads */
  _tile_loadconfig (&config);
}

/* @bytes <= CHUNK of each of @rows <= TILE rows, zeros around them. */
static EFFNET_INLINE void
copy_tile (const uint8_t *from, ptrdiff_t stride, size_t rows, size_t bytes,
           uint8_t tile[TILE][CHUNK])
{
  __mmask64 mask = bytes == CHUNK ? ~(__mmask64)0 : ((__mmask64)1 << bytes) - 1;

  for (size_t r = 0; r < TILE; r++, from += stride)
    _mm512_store_si512 (tile[r], _mm512_maskz_loadu_epi8 (r < rows ? mask : 0, from));
  EFFNET_FENCE (); /* the intrinsic that loads the tile does not say what it reads */
}

/* Tiles 0 and 1 += a chunk of rows [row, row + n), n <= TILE, times high and low weights. */
static EFFNET_INLINE void
add_chunk (const EffnetResampleH *h, size_t row, size_t n, size_t at, const int8_t *weights)
{
  uint8_t tile[TILE][CHUNK] __attribute__ ((aligned (64)));
  const uint8_t *rows = h->rows + (ptrdiff_t)row * h->row_stride + at;
  size_t bytes = h->bytes - at < CHUNK ? h->bytes - at : CHUNK;

  if (bytes == CHUNK && n == TILE) {
    _tile_loadd (4, rows, h->row_stride);
  } else {
    copy_tile (rows, h->row_stride, n, bytes, tile);
    _tile_loadd (4, tile, CHUNK);
  }
  _tile_loadd (6, weights, 64);
  _tile_dpbusd (0, 4, 6);
  _tile_loadd (7, weights + BYTES, 64);
  _tile_dpbusd (1, 4, 7);
}

static EFFNET_INLINE void
multiply (const EffnetResampleH *h, size_t row, size_t g, const EffnetTileGroup *group,
          const int8_t *tiles, Block *block)
{
  size_t left = h->columns->n * h->columns->kinds - g * TILE;

  block->out = h->out + row * h->out_stride + g * TILE;
  block->rows = h->n_rows - row < TILE ? h->n_rows - row : TILE;
  block->columns = left < TILE ? left : TILE;
  _tile_zero (0);
  _tile_zero (1);
  for (size_t c = 0; c < group->chunks; c++)
    add_chunk (h, row, block->rows, (group->chunk + c) * CHUNK, tiles + c * 2 * BYTES);
  _tile_stored (0, block->sums[0], 64);
  _tile_stored (1, block->sums[1], 64);
}

static EFFNET_INLINE void
finish_rows (const EffnetResampleH *h, const Block *block, const int all, __mmask16 mask)
{
  __m512 scale = _mm512_set1_ps (h->scale), low = _mm512_set1_ps (h->low);
  __m512 high = _mm512_set1_ps (h->high);
  float *out = block->out;

  for (size_t r = 0; r < block->rows; r++, out += h->out_stride) {
    __m512i sum = _mm512_slli_epi32 (_mm512_load_si512 (block->sums[0][r]), 8);
    __m512 v = _mm512_cvtepi32_ps (_mm512_add_epi32 (sum, _mm512_load_si512 (block->sums[1][r])));

    v = _mm512_min_ps (high, _mm512_max_ps (low, _mm512_mul_ps (v, scale)));
    if (all)
      _mm512_storeu_ps (out, v);
    else
      _mm512_mask_storeu_ps (out, mask, v);
  }
}

static EFFNET_INLINE void
finish (const EffnetResampleH *h, const Block *block)
{
  if (block->columns == TILE)
    finish_rows (h, block, 1, 0);
  else
    finish_rows (h, block, 0, (__mmask16)((1u << block->columns) - 1));
}

void
effnet_resample_h_u8_amx (const EffnetResampleH *h)
{
  Block blocks[2];
  size_t n = (h->columns->n * h->columns->kinds + TILE - 1) / TILE, done = 0;
  const EffnetTileGroup *groups = h->packed;
  const int8_t *first = (const int8_t *)h->packed + (n * sizeof (EffnetTileGroup) + 63) / 64 * 64;
  const int8_t *tiles = first;

  configure_tiles ();
  for (size_t from = 0; from < n; from += TOGETHER, first = tiles) {
    size_t to = n - from < TOGETHER ? n : from + TOGETHER;

    for (size_t row = 0; row < h->n_rows; row += TILE) {
      tiles = first;
      for (size_t g = from; g < to; g++) {
        multiply (h, row, g, &groups[g], tiles, &blocks[done % 2]);
        tiles += groups[g].chunks * (size_t)(2 * BYTES);
        if (done++ > 0)
          finish (h, &blocks[done % 2]);
      }
    }
  }
  finish (h, &blocks[(done - 1) % 2]);
  _tile_release ();
}
