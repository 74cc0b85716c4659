/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Full convolution of 3 x 3 windows at stride 1 by Winograd's minimal filtering (winograd.h).
 * Included after gemm.h, whose micro-tiles multiply, with WINOGRAD_KERNEL defined. Whatever T is,
 * transformed inputs and weights are float32: rounded, they would be off by more than T is.
 *
 * Some squares at a time: their inputs are transformed, [squares][36][step] floats; then for each
 * panel of outputs GEMM_MR squares at a time are multiplied, [36][rows][nv] vectors, and their
 * sums transformed and finished.
 *
 * The one invariant: an output is made of its square's inputs by the same operations whichever
 * squares are beside it, so results do not depend on how a multiple of a square is cut. */

#include "kernels/winograd.h"

#define WINOGRAD_SIDE EFFNET_WINOGRAD_POINTS
#define WINOGRAD_ALL  (WINOGRAD_SIDE * WINOGRAD_SIDE)
#define WINOGRAD_A    EFFNET_WINOGRAD_A
#define WINOGRAD_B    EFFNET_WINOGRAD_B
#define WINOGRAD_A2   (WINOGRAD_A * WINOGRAD_A)
#define WINOGRAD_B2   (WINOGRAD_B * WINOGRAD_B)

/* B^T d, in place. */
static EFFNET_INLINE void
winograd_in (vf d[WINOGRAD_SIDE])
{
  const vf a = vf_set1 ((float)WINOGRAD_A), b = vf_set1 ((float)WINOGRAD_B);
  const vf minus_a = vf_set1 ((float)-WINOGRAD_A), minus_b = vf_set1 ((float)-WINOGRAD_B);
  const vf minus_a2 = vf_set1 ((float)-WINOGRAD_A2), minus_b2 = vf_set1 ((float)-WINOGRAD_B2);
  const vf product = vf_set1 ((float)(WINOGRAD_A2 * WINOGRAD_B2));
  const vf minus_sum = vf_set1 ((float)-(WINOGRAD_A2 + WINOGRAD_B2));
  vf even_a = vf_fma (d[2], minus_b2, d[4]), odd_a = vf_fma (d[1], minus_b2, d[3]);
  vf even_b = vf_fma (d[2], minus_a2, d[4]), odd_b = vf_fma (d[1], minus_a2, d[3]);

  d[0] = vf_fma (d[0], product, vf_fma (d[2], minus_sum, d[4]));
  d[5] = vf_fma (d[1], product, vf_fma (d[3], minus_sum, d[5]));
  d[1] = vf_fma (odd_a, a, even_a);
  d[2] = vf_fma (odd_a, minus_a, even_a);
  d[3] = vf_fma (odd_b, b, even_b);
  d[4] = vf_fma (odd_b, minus_b, even_b);
}

/* A^T m */
static EFFNET_INLINE void
winograd_out (const vf m[WINOGRAD_SIDE], vf y[EFFNET_WINOGRAD_TILE])
{
  vf sum_a = vf_add (m[1], m[2]), sum_b = vf_add (m[3], m[4]);
  vf odd_a = vf_sub (m[1], m[2]), odd_b = vf_sub (m[3], m[4]);

  y[0] = vf_add (m[0], vf_add (sum_a, sum_b));
  y[1] = vf_fma (odd_b, vf_set1 ((float)WINOGRAD_B), vf_mul (odd_a, vf_set1 ((float)WINOGRAD_A)));
  y[2] = vf_fma (sum_b, vf_set1 ((float)WINOGRAD_B2), vf_mul (sum_a, vf_set1 ((float)WINOGRAD_A2)));
  y[3] = vf_fma (odd_b, vf_set1 ((float)(WINOGRAD_B * WINOGRAD_B2)),
                 vf_fma (odd_a, vf_set1 ((float)(WINOGRAD_A * WINOGRAD_A2)), m[5]));
}

/* Where a square reads. */
typedef struct {
  const elem *in; /* of its first pixel, which may lie outside */
  size_t row, channels;
  unsigned rows, columns; /* a bit for each that is inside the image */
} WinogradFrom;

/* Bits of those of WINOGRAD_SIDE pixels from @first on that are among @size. */
static inline unsigned
winograd_inside (ptrdiff_t first, size_t size)
{
  unsigned bits = 0;

  for (ptrdiff_t i = 0; i < WINOGRAD_SIDE; i++)
    bits |= (first + i >= 0 && first + i < (ptrdiff_t)size ? 1u : 0u) << i;
  return bits;
}

/* @lanes channels of a square to v [36][step]; all lanes where @whole. */
static EFFNET_INLINE void
winograd_transform (const WinogradFrom *from, size_t channel, size_t lanes, float *v, size_t step,
                    const int whole)
{
  vf d[WINOGRAD_SIDE][WINOGRAD_SIDE], column[WINOGRAD_SIDE];

  EFFNET_UNROLL
  for (unsigned s = 0; s < WINOGRAD_SIDE; s++) {
    EFFNET_UNROLL
    for (unsigned r = 0; r < WINOGRAD_SIDE; r++) {
      const elem *in = from->in + r * from->row + s * from->channels + channel;

      if (whole)
        column[r] = elem_load (in);
      else
        column[r] = (from->rows >> r & from->columns >> s & 1) != 0 ? elem_load_tail (in, lanes)
                                                                    : vf_zero ();
    }
    winograd_in (column);
    EFFNET_UNROLL
    for (unsigned r = 0; r < WINOGRAD_SIDE; r++)
      d[r][s] = column[r];
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < WINOGRAD_SIDE; r++) {
    winograd_in (d[r]);
    EFFNET_UNROLL
    for (unsigned s = 0; s < WINOGRAD_SIDE; s++, v += step)
      vf_store (v, d[r][s]);
  }
}

/* Square @square of the call to v [36][step]; channels past the last are zero. */
static EFFNET_NOINLINE void
winograd_square (const EffnetConvolution *c, size_t square, float *v, size_t step)
{
  size_t across = (c->out_w + EFFNET_WINOGRAD_TILE - 1) / EFFNET_WINOGRAD_TILE;
  ptrdiff_t y = c->top + (ptrdiff_t)(square / across * EFFNET_WINOGRAD_TILE);
  ptrdiff_t x = c->left + (ptrdiff_t)(square % across * EFFNET_WINOGRAD_TILE);
  WinogradFrom from = {
      .in = (const elem *)c->in + y * (ptrdiff_t)c->in_row + x * (ptrdiff_t)c->channels,
      .row = c->in_row,
      .channels = c->channels,
      .rows = winograd_inside (y, c->in_h),
      .columns = winograd_inside (x, c->in_w),
  };
  const int inside = (from.rows & from.columns) + 1 == 1u << WINOGRAD_SIDE;

  for (size_t channel = 0; channel < c->channels; channel += VF_LANES) {
    size_t left = c->channels - channel, lanes = left < VF_LANES ? left : VF_LANES;

    if (inside && lanes == VF_LANES)
      winograd_transform (&from, channel, lanes, v + channel, step, 1);
    else
      winograd_transform (&from, channel, lanes, v + channel, step, 0);
  }
}

/* m [36][rows][nv] = v [rows][36][step] * u [36][k][GEMM_NR] */
static EFFNET_NOINLINE void
winograd_multiply (const float *v, size_t step, const float *u, size_t k, size_t rows,
                   size_t columns, vf *m)
{
  static const float zeros[GEMM_NR];
  size_t nv = (columns + VF_LANES - 1) / VF_LANES;
  GemmTile compute = gemm_tiles[nv - 1][rows - 1];
  GemmFrom from = {
      .a = v, .lda = WINOGRAD_ALL * step, .b = u, .k = k, .segments = 1, .bias = zeros};
  GemmTo to = {.tile = m, .c = (float *)(void *)m}; /* nothing is stored at c */

#ifdef VF_HALF
  if (columns - (nv - 1) * VF_LANES <= VF_HALF)
    compute = gemm_half_tiles[nv - 1][rows - 1];
#endif
  for (unsigned p = 0; p < WINOGRAD_ALL; p++) {
    compute (&from, &to, 1);
    from.a += step;
    from.b += k * GEMM_NR;
    to.tile += rows * nv;
  }
}

/* Outputs of a square, channels @j .. of them, of m [36][point] vectors. */
static EFFNET_INLINE void
winograd_finish_square (const EffnetConvolution *c, size_t square, size_t j, size_t lanes,
                        const vf *m, size_t point, const EffnetActivation activation)
{
  size_t across = (c->out_w + EFFNET_WINOGRAD_TILE - 1) / EFFNET_WINOGRAD_TILE;
  size_t y = square / across * EFFNET_WINOGRAD_TILE, x = square % across * EFFNET_WINOGRAD_TILE;
  const elem *residual = c->residual;
  elem *out = (elem *)c->out + y * c->out_row + x * c->ldc + j;
  const vf bias = vf_load (c->bias + j);
  vf t[EFFNET_WINOGRAD_TILE][WINOGRAD_SIDE], column[WINOGRAD_SIDE], row[EFFNET_WINOGRAD_TILE];

  EFFNET_UNROLL
  for (unsigned s = 0; s < WINOGRAD_SIDE; s++) {
    EFFNET_UNROLL
    for (unsigned r = 0; r < WINOGRAD_SIDE; r++)
      column[r] = m[(r * WINOGRAD_SIDE + s) * point];
    winograd_out (column, row);
    EFFNET_UNROLL
    for (unsigned r = 0; r < EFFNET_WINOGRAD_TILE; r++)
      t[r][s] = row[r];
  }
  if (residual != NULL)
    residual += y * c->residual_row + x * c->ldr + j;
  EFFNET_UNROLL
  for (unsigned r = 0; r < EFFNET_WINOGRAD_TILE; r++) {
    if (y + r >= c->out_h)
      break;
    winograd_out (t[r], row);
    EFFNET_UNROLL
    for (unsigned s = 0; s < EFFNET_WINOGRAD_TILE; s++) {
      vf v = vf_activate (vf_add (row[s], bias), activation);

      if (x + s >= c->out_w)
        break;
      if (residual != NULL)
        v = vf_add (v, lanes == VF_LANES ? elem_load (residual + s * c->ldr)
                                         : elem_load_tail (residual + s * c->ldr, lanes));
      if (lanes == VF_LANES)
        elem_store (out + s * c->ldc, v);
      else
        elem_store_tail (out + s * c->ldc, v, lanes);
    }
    out += c->out_row;
    if (residual != NULL)
      residual += c->residual_row;
  }
}

/* Channels @j .. @j + @columns - 1 of @rows squares from @square on; m [36][rows][nv]. */
static EFFNET_NOINLINE void
winograd_finish (const EffnetConvolution *c, size_t square, size_t rows, size_t j, size_t columns,
                 const vf *m)
{
  size_t nv = (columns + VF_LANES - 1) / VF_LANES;

#define BODY(activation)                                                                           \
  for (size_t i = 0; i < rows * nv; i++) {                                                         \
    size_t at = i % nv * VF_LANES, left = columns - at;                                            \
                                                                                                   \
    winograd_finish_square (c, square + i / nv, j + at, left < VF_LANES ? left : VF_LANES, m + i,  \
                            rows * nv, activation);                                                \
  }
  EFFNET_FOR_ACTIVATION (c->activation, BODY);
#undef BODY
}

void
WINOGRAD_KERNEL (const EffnetConvolution *c)
{
  size_t squares = (c->out_h + EFFNET_WINOGRAD_TILE - 1) / EFFNET_WINOGRAD_TILE *
                   ((c->out_w + EFFNET_WINOGRAD_TILE - 1) / EFFNET_WINOGRAD_TILE);
  size_t most = effnet_winograd_squares (c->channels, GEMM_MR);
  size_t calls = (squares + most - 1) / most, at_once = (squares + calls - 1) / calls;
  size_t step = effnet_winograd_step (c->channels), rows, blocks;
  float *v = c->scratch;
  vf *m = (vf *)(void *)(v + most * WINOGRAD_ALL * step);

  assert (c->kernel == 3 && c->stride == 1 && v != NULL);
  for (size_t first = 0, end; first < squares; first = end) {
    end = squares - first < at_once ? squares : first + at_once;
    for (size_t i = first; i < end; i++)
      winograd_square (c, i, v + (i - first) * WINOGRAD_ALL * step, step);
    for (size_t j = 0; j < c->n; j += GEMM_NR) {
      size_t columns = c->n - j < GEMM_NR ? c->n - j : GEMM_NR;
      const float *u = (const float *)c->b + j * WINOGRAD_ALL * c->channels;

      for (size_t i = first; i < end; i += rows) {
        rows = tile_next_rows (end - i, GEMM_MR, &blocks);
        winograd_multiply (v + (i - first) * WINOGRAD_ALL * step, step, u, c->channels, rows,
                           columns, m);
        winograd_finish (c, i, rows, j, columns, m);
      }
    }
  }
}
