/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Packs the weights of the horizontal filter; columns.h has the layouts. */
#include <assert.h>
#include <string.h>

#include "kernels/columns.h"

static size_t
min_size (size_t a, size_t b)
{
  return a < b ? a : b;
}

/* ---- words ---- */

enum { BLOCK = EFFNET_UNIT_ROWS }; /* columns */

static size_t
most_quads (const EffnetColumns *c)
{
  size_t most = 0;

  for (unsigned k = 0; k < c->kinds; k++)
    for (size_t i = 0; i < c->n; i++) {
      const EffnetSamples *s = &c->kind[k];
      size_t quads = (s->first[i] + s->count[i] + 3) / 4 - s->first[i] / 4;

      most = quads > most ? quads : most;
    }
  return most;
}

static EffnetWordHead
word_head (const EffnetColumns *c)
{
  size_t blocks = (c->n * c->kinds + BLOCK - 1) / BLOCK;
  EffnetWordHead head = {.most = most_quads (c), .blocks_at = sizeof head};

  head.quads_at = head.blocks_at + blocks * sizeof (EffnetWordBlock);
  head.weights_at = (head.quads_at + c->n * c->kinds * sizeof (uint32_t) + 63) / 64 * 64;
  return head;
}

static size_t
words_size (const EffnetColumns *c)
{
  EffnetWordHead head = word_head (c);

  return head.weights_at + c->n * c->kinds * head.most * 4 * sizeof (int16_t);
}

/* What outputs [from, to) of any kind look at. */
static EffnetWordBlock
units_of (const EffnetColumns *c, size_t from, size_t to)
{
  size_t lo = SIZE_MAX, hi = 0;

  for (size_t i = from; i < to; i++)
    for (unsigned k = 0; k < c->kinds; k++) {
      const EffnetSamples *s = &c->kind[k];
      size_t samples = effnet_unit_quads (s) * 4;
      size_t end = (s->first[i] + s->count[i] + samples - 1) / samples;

      lo = min_size (lo, s->first[i] / samples);
      hi = end > hi ? end : hi;
    }
  return (EffnetWordBlock){(uint32_t)lo, (uint32_t)(hi - lo)};
}

static EffnetWordBlock
word_block (const EffnetColumns *c, size_t column)
{
  size_t end = min_size (column + BLOCK, c->n * c->kinds);

  return units_of (c, column / c->kinds, (end + c->kinds - 1) / c->kinds);
}

static void
words_pack (const EffnetColumns *c, uint8_t *packed)
{
  static const unsigned place[4] = {0, 2, 1, 3};
  EffnetWordHead head = word_head (c);
  EffnetWordBlock *blocks = (EffnetWordBlock *)(void *)(packed + head.blocks_at);
  uint32_t *quads = (uint32_t *)(void *)(packed + head.quads_at);
  int16_t *weights = (int16_t *)(void *)(packed + head.weights_at);

  memset (packed, 0, words_size (c));
  memcpy (packed, &head, sizeof head);
  for (size_t j = 0; j < c->n * c->kinds; j += BLOCK)
    blocks[j / BLOCK] = word_block (c, j);
  for (size_t i = 0; i < c->n; i++)
    for (unsigned k = 0; k < c->kinds; k++) {
      const EffnetSamples *s = &c->kind[k];
      int16_t *column = weights + (i * c->kinds + k) * head.most * 4;

      quads[i * c->kinds + k] = s->first[i] / 4;
      for (unsigned t = 0; t < s->count[i]; t++) {
        unsigned x = s->first[i] % 4 + t;

        column[x / 4 * 4 + place[x % 4]] = s->weight[i * s->stride + t];
      }
    }
}

size_t
effnet_columns_scratch (const EffnetColumns *c)
{
  size_t most = EFFNET_UNITS_KEPT;

  for (size_t j = 0; j < c->n * c->kinds; j += BLOCK) {
    size_t units = word_block (c, j).units;

    most = units > most ? units : most;
  }
  /* vectors hold up to four units, so the last may stand out by three; and columns are given quads
   * past their own */
  return (most + 3) * EFFNET_UNIT_SCRATCH + most_quads (c) * EFFNET_QUAD_SCRATCH;
}

/* ---- tiles ---- */

/* Chunks of group @g. */
static EffnetTileGroup
tile_group (const EffnetColumns *c, size_t g)
{
  size_t columns = c->n * c->kinds, lo = SIZE_MAX, hi = 0;
  size_t from = g * EFFNET_TILE_COLUMNS, to = min_size (columns, from + EFFNET_TILE_COLUMNS);

  for (size_t j = from; j < to; j++) {
    const EffnetSamples *s = &c->kind[j % c->kinds];
    size_t i = j / c->kinds, last = s->first[i] + s->count[i] - 1;

    lo = min_size (lo, (size_t)s->first[i] * s->step + s->offset);
    hi = last * s->step + s->offset > hi ? last * s->step + s->offset : hi;
  }
  lo /= EFFNET_TILE_CHUNK;
  hi /= EFFNET_TILE_CHUNK;
  return (EffnetTileGroup){(uint32_t)lo, (uint32_t)(hi - lo + 1)};
}

static size_t
tile_groups (const EffnetColumns *c)
{
  return (c->n * c->kinds + EFFNET_TILE_COLUMNS - 1) / EFFNET_TILE_COLUMNS;
}

static size_t
tiles_at (const EffnetColumns *c)
{
  return (tile_groups (c) * sizeof (EffnetTileGroup) + 63) / 64 * 64;
}

static size_t
tiles_size (const EffnetColumns *c)
{
  size_t size = tiles_at (c);

  for (size_t g = 0; g < tile_groups (c); g++)
    size += tile_group (c, g).chunks * (size_t)(2 * EFFNET_TILE_BYTES);
  return size;
}

/* Column @j of the group's tiles. */
static void
tile_column (const EffnetColumns *c, size_t j, const EffnetTileGroup *group, int8_t *tiles)
{
  const EffnetSamples *s = &c->kind[j % c->kinds];
  size_t i = j / c->kinds, column = j % EFFNET_TILE_COLUMNS;

  for (size_t t = 0; t < s->count[i]; t++) {
    size_t byte =
        (s->first[i] + t) * s->step + s->offset - (size_t)group->chunk * EFFNET_TILE_CHUNK;
    int w = s->weight[i * s->stride + t], low = ((w + 128) & 255) - 128;
    int8_t *tile = tiles + byte / EFFNET_TILE_CHUNK * (size_t)(2 * EFFNET_TILE_BYTES);
    size_t at = byte % EFFNET_TILE_CHUNK / 4 * 64 + column * 4 + byte % 4;

    assert (w >= -32512 && w <= 32512);
    tile[at] = (int8_t)((w - low) / 256);
    tile[EFFNET_TILE_BYTES + at] = (int8_t)low;
  }
}

static void
tiles_pack (const EffnetColumns *c, uint8_t *packed)
{
  EffnetTileGroup *groups = (EffnetTileGroup *)(void *)packed;
  int8_t *tiles = (int8_t *)(packed + tiles_at (c));

  memset (packed, 0, tiles_size (c));
  for (size_t g = 0; g < tile_groups (c); g++) {
    size_t from = g * EFFNET_TILE_COLUMNS;

    groups[g] = tile_group (c, g);
    for (size_t j = from; j < min_size (c->n * c->kinds, from + EFFNET_TILE_COLUMNS); j++)
      tile_column (c, j, &groups[g], tiles);
    tiles += groups[g].chunks * (size_t)(2 * EFFNET_TILE_BYTES);
  }
}

/* ---- both ---- */

size_t
effnet_columns_packed_size (const EffnetKernel *resample_h, const EffnetColumns *columns)
{
  assert (resample_h->op == EFFNET_OP_RESAMPLE_H);
  switch (resample_h->packing) {
  case EFFNET_PACKING_TILES:
    return tiles_size (columns);
  case EFFNET_PACKING_WORDS:
    return words_size (columns);
  default:
    return 0;
  }
}

void
effnet_columns_pack (const EffnetKernel *resample_h, const EffnetColumns *columns, void *packed)
{
  assert (resample_h->op == EFFNET_OP_RESAMPLE_H);
  if (resample_h->packing == EFFNET_PACKING_TILES)
    tiles_pack (columns, packed);
  else if (resample_h->packing == EFFNET_PACKING_WORDS)
    words_pack (columns, packed);
}
