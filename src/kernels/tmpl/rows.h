/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The rows of a micro-tile of a pointwise convolution, reached from three bases, each five rows
 * apart, by 0, 1, 2, 3 or 4 strides: index registers serve all of them. */
#ifndef EFFNET_KERNELS_TMPL_ROWS_H
#define EFFNET_KERNELS_TMPL_ROWS_H

typedef struct {
  const char *base[3];
  size_t stride, stride3; /* bytes */
} TileRows;

static EFFNET_INLINE TileRows
tile_rows (const void *first, size_t stride, const unsigned n)
{
  const char *base = first;
  TileRows rows = {{base, base, base}, stride, 3 * stride};

  rows.base[1] += n > 5 ? 5 * stride : 0;
  rows.base[2] += n > 10 ? 10 * stride : 0;
  EFFNET_OPAQUE (rows.stride3);
  return rows;
}

static EFFNET_INLINE const void *
tile_row (const TileRows *rows, const unsigned r)
{
  return rows->base[r / 5] + (r % 5 == 3 ? rows->stride3 : r % 5 * rows->stride);
}

/* The bases are opaque again after each step, else GCC keeps base + index of the next step in
 * registers and spills. */
static EFFNET_INLINE void
tile_rows_advance (TileRows *rows, size_t bytes)
{
  EFFNET_UNROLL
  for (unsigned i = 0; i < 3; i++) {
    rows->base[i] += bytes;
    EFFNET_OPAQUE (rows->base[i]);
  }
}

/* Full micro-tiles while two fit, then what is left in equal halves: no tile of one row. */
static inline size_t
tile_next_rows (size_t left, size_t mr, size_t *blocks)
{
  *blocks = left >= 2 * mr ? left / mr - 1 : 1;
  return left >= 2 * mr ? mr : left > mr ? (left + 1) / 2 : left;
}

#endif
