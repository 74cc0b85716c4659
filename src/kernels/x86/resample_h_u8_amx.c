/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The horizontal filter on AMX tiles: 32 rows x 64 bytes of the picture as they lie in memory times
 * banded tiles of int8 weights, so what is interleaved comes apart in the product. A group's sums
 * are finished by the vector units while the tile unit works on the next.
 *
 * No load leaves the rows: where a whole tile is not there, its bytes go by way of the stack. */
#include <immintrin.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/rows.h"
#include "kernels/simd/inline.h"

enum { TILE = 16, CHUNK = EFFNET_TILE_CHUNK, BYTES = EFFNET_TILE_BYTES };

/* [row tile][high, low][16 rows][16 columns] */
typedef int32_t Sums[2][2][TILE][TILE];

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

/* Tiles 0..3 += a chunk; 4 and 5 are rows, 6 and 7 high and low weights. */
static EFFNET_INLINE void
add_chunk (const EffnetResampleH *h, size_t at, const int8_t *weights)
{
  uint8_t tile[TILE][CHUNK] __attribute__ ((aligned (64)));
  const uint8_t *rows = h->rows + at;
  size_t bytes = h->bytes - at < CHUNK ? h->bytes - at : CHUNK;

  _tile_loadd (6, weights, 64);
  _tile_loadd (7, weights + BYTES, 64);
  if (bytes == CHUNK && h->n_rows >= TILE) {
    _tile_loadd (4, rows, h->row_stride);
  } else {
    copy_tile (rows, h->row_stride, h->n_rows < TILE ? h->n_rows : TILE, bytes, tile);
    _tile_loadd (4, tile, CHUNK);
  }
  _tile_dpbusd (0, 4, 6);
  _tile_dpbusd (1, 4, 7);
  if (h->n_rows <= TILE)
    return;
  rows += TILE * h->row_stride;
  if (bytes == CHUNK && h->n_rows == 2 * TILE) {
    _tile_loadd (5, rows, h->row_stride);
  } else {
    copy_tile (rows, h->row_stride, h->n_rows - TILE, bytes, tile);
    _tile_loadd (5, tile, CHUNK);
  }
  _tile_dpbusd (2, 5, 6);
  _tile_dpbusd (3, 5, 7);
}

static EFFNET_INLINE void
multiply (const EffnetResampleH *h, const EffnetTileGroup *group, const int8_t *tiles, Sums sums)
{
  _tile_zero (0);
  _tile_zero (1);
  _tile_zero (2);
  _tile_zero (3);
  for (size_t c = 0; c < group->chunks; c++)
    add_chunk (h, (group->chunk + c) * CHUNK, tiles + c * 2 * BYTES);
  _tile_stored (0, sums[0][0], 64);
  _tile_stored (1, sums[0][1], 64);
  _tile_stored (2, sums[1][0], 64);
  _tile_stored (3, sums[1][1], 64);
}

/* @rows <= TILE rows of sums, the high and the low ones, to @out. */
static EFFNET_INLINE void
finish_tile (const EffnetResampleH *h, int32_t sums[2][TILE][TILE], size_t rows, float *out,
             const int all, __mmask16 mask)
{
  __m512 scale = _mm512_set1_ps (h->scale), low = _mm512_set1_ps (h->low);
  __m512 high = _mm512_set1_ps (h->high);
  size_t stride = h->out_stride;

  for (size_t r = 0; r < rows; r++, out += stride) {
    __m512i sum = _mm512_slli_epi32 (_mm512_load_si512 (sums[0][r]), 8);
    __m512 v = _mm512_cvtepi32_ps (_mm512_add_epi32 (sum, _mm512_load_si512 (sums[1][r])));

    v = _mm512_min_ps (high, _mm512_max_ps (low, _mm512_mul_ps (v, scale)));
    if (all)
      _mm512_storeu_ps (out, v);
    else
      _mm512_mask_storeu_ps (out, mask, v);
  }
}

static EFFNET_INLINE void
finish (const EffnetResampleH *h, Sums sums, size_t g)
{
  size_t rest = h->columns->n * h->columns->kinds - g * TILE;
  float *out = h->out + g * TILE;

  for (unsigned t = 0; t * TILE < h->n_rows; t++) {
    size_t rows = h->n_rows - t * TILE < TILE ? h->n_rows - t * TILE : TILE;

    if (rest >= TILE)
      finish_tile (h, sums[t], rows, out, 1, 0);
    else
      finish_tile (h, sums[t], rows, out, 0, (__mmask16)((1u << rest) - 1));
    out += TILE * h->out_stride;
  }
}

void
effnet_resample_h_u8_amx (const EffnetResampleH *h)
{
  Sums sums[2] __attribute__ ((aligned (64)));
  size_t n = (h->columns->n * h->columns->kinds + TILE - 1) / TILE;
  const EffnetTileGroup *groups = h->packed;
  const int8_t *tiles = (const int8_t *)h->packed + (n * sizeof (EffnetTileGroup) + 63) / 64 * 64;

  configure_tiles ();
  for (size_t g = 0; g < n; g++) {
    multiply (h, &groups[g], tiles, sums[g % 2]);
    tiles += groups[g].chunks * (size_t)(2 * BYTES);
    if (g > 0)
      finish (h, sums[(g - 1) % 2], g - 1);
  }
  finish (h, sums[(n - 1) % 2], n - 1);
  _tile_release ();
}
