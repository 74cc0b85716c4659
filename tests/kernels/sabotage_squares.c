/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Full convolutions by squares of outputs (kernels/winograd.h): plain loops over matrices of the
 * tests' own and the weights as they are packed. The first row is right, the others are not. */
#include "sabotage.h"

#include "check.h"
#include "squares.h"

enum { MR = 2, NR = 4 };

/* B^T d B of channel @channel, the square's first output being (@y, @x). */
static void
to_points (const EffnetConvolution *c, const Squares *m, size_t y, size_t x, size_t channel,
           float *v)
{
  for (int p = 0; p < SIDE * SIDE; p++) {
    double sum = 0.0;

    for (int i = 0; i < SIDE * SIDE; i++) {
      size_t row = (size_t)(c->top + (ptrdiff_t)y + i / SIDE);
      size_t column = (size_t)(c->left + (ptrdiff_t)x + i % SIDE);

      if (row < c->in_h && column < c->in_w) /* and not negative */
        sum += m->b[p / SIDE][i / SIDE] * m->b[p % SIDE][i % SIDE] *
               (double)((const float *)c->in)[row * c->in_row + column * c->channels + channel];
    }
    v[(size_t)p * c->channels + channel] = (float)sum;
  }
}

/* Output @j of a square, from its sums at the points. */
static void
from_points (const EffnetConvolution *c, const Squares *m, size_t y, size_t x, size_t j,
             const double *sums)
{
  for (size_t i = 0; i < SQUARE * SQUARE; i++) {
    size_t row = y + i / SQUARE, column = x + i % SQUARE;
    double sum = c->bias[j];

    if (row >= c->out_h || column >= c->out_w)
      continue;
    for (int p = 0; p < SIDE * SIDE; p++)
      sum += m->a[p / SIDE][i / SQUARE] * m->a[p % SIDE][i % SQUARE] * sums[p];
    sum = check_activate (sum, c->activation);
    if (c->residual != NULL)
      sum += ((const float *)c->residual)[row * c->residual_row + column * c->ldr + j];
    ((float *)c->out)[row * c->out_row + column * c->ldc + j] = (float)sum;
  }
}

static void
by_squares (const EffnetConvolution *c, const Squares *m)
{
  float *v = c->scratch; /* [points][channels] */
  const float *b = c->b; /* [panels][points][channels][NR] */
  double sums[SIDE * SIDE];

  for (size_t y = 0; y < c->out_h; y += SQUARE)
    for (size_t x = 0; x < c->out_w; x += SQUARE) {
      for (size_t channel = 0; channel < c->channels; channel++)
        to_points (c, m, y, x, channel, v);
      for (size_t j = 0; j < c->n; j++) {
        const float *u = b + j / NR * SIDE * SIDE * c->channels * NR + j % NR;

        for (size_t p = 0; p < SIDE * SIDE; p++) {
          sums[p] = 0.0;
          for (size_t i = p * c->channels; i < (p + 1) * c->channels; i++)
            sums[p] += (double)v[i] * (double)u[i * NR];
        }
        from_points (c, m, y, x, j, sums);
      }
    }
}

#define SQUARES(name, change)                                                                      \
  static void name (const EffnetConvolution *conv)                                                 \
  {                                                                                                \
    EffnetConvolution c = *conv;                                                                   \
    Squares m = squares_new ();                                                                    \
                                                                                                   \
    change;                                                                                        \
    by_squares (&c, &m);                                                                           \
  }
SQUARES (squares_right, )
SQUARES (squares_transform_inputs_wrong, m.b[3][2] *= 1.01)
SQUARES (squares_transform_sums_wrong, m.a[2][3] *= -1.0)
SQUARES (squares_forget_infinity, m.a[SIDE - 1][SQUARE - 1] = 0.0)
SQUARES (squares_shift_left, c.left++)
SQUARES (squares_read_behind_the_row, c.in_w++)
SQUARES (squares_read_behind_the_image, c.in_h++)
SQUARES (squares_confuse_rows, c.in_row = c.in_w * c.channels)
SQUARES (squares_forget_the_last_row, c.out_h -= c.out_h > 1)
SQUARES (squares_fill_the_last_row, c.out_h = (c.out_h + SQUARE - 1) / SQUARE * SQUARE)
SQUARES (squares_forget_residual, c.residual = NULL)
SQUARES (squares_write_past_scratch,
         ((float *)c.scratch)[(effnet_winograd_squares (c.channels, MR) *
                                   effnet_winograd_step (c.channels) +
                               MR * NR) *
                              SIDE * SIDE] = 0.0f)

#define ROW(name_)                                                                                 \
  {                                                                                                \
    .op = EFFNET_OP_CONV, .dtype = EFFNET_DTYPE_F32, .isa = EFFNET_ISA_REF,                        \
    .numerics = EFFNET_NUMERICS_BOUNDED, .name = #name_, .packing = EFFNET_PACKING_PANELS,         \
    .kernel = WINDOW, .stride = 1, .mr = MR, .nr = NR, .kr = 1, .k_multiple = 1, .square = SQUARE, \
    .call.conv = name_                                                                             \
  }

static const EffnetKernel rows[] = {
    ROW (squares_right),
    ROW (squares_transform_inputs_wrong),
    ROW (squares_transform_sums_wrong),
    ROW (squares_forget_infinity),
    ROW (squares_shift_left),
    ROW (squares_read_behind_the_row),
    ROW (squares_read_behind_the_image),
    ROW (squares_confuse_rows),
    ROW (squares_forget_the_last_row),
    ROW (squares_fill_the_last_row),
    ROW (squares_forget_residual),
    ROW (squares_write_past_scratch),
};

const EffnetKernel *
sabotage_squares_rows (gsize *n)
{
  *n = G_N_ELEMENTS (rows);
  return rows;
}
