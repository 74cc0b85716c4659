/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The matrices of minimal filtering (kernels/winograd.h), made again from its two points, for the
 * tests of whatever is packed for it or bounded by it. */
#ifndef EFFNET_TESTS_KERNELS_SQUARES_H
#define EFFNET_TESTS_KERNELS_SQUARES_H

#include "kernels/winograd.h"

#define SQUARE EFFNET_WINOGRAD_TILE
#define SIDE   EFFNET_WINOGRAD_POINTS
#define WINDOW 3

typedef struct {
  double g[SIDE][WINDOW], b[SIDE][SIDE], a[SIDE][SQUARE]; /* G, B^T, A */
} Squares;

/* G, B^T and A of the last point, infinity, are the limits for p -> infinity of what they are of a
 * number p, scaled: the highest power counts. */
static inline Squares
squares_new (void)
{
  const double a = EFFNET_WINOGRAD_A, b = EFFNET_WINOGRAD_B, points[] = {0.0, a, -a, b, -b};
  Squares s = {.g[SIDE - 1][WINDOW - 1] = 1.0, .a[SIDE - 1][SQUARE - 1] = 1.0};

  for (int p = 0; p < SIDE; p++) {
    double product = 1.0, power = 1.0;

    s.b[p][0] = 1.0; /* times (x - q), for each q */
    for (int q = 0; q < SIDE - 1; q++) {
      if (q == p)
        continue;
      for (int i = SIDE - 1; i >= 0; i--)
        s.b[p][i] = (i > 0 ? s.b[p][i - 1] : 0.0) - points[q] * s.b[p][i];
      product *= p < SIDE - 1 ? points[p] - points[q] : 1.0;
    }
    for (int i = 0; p < SIDE - 1 && i < SQUARE; i++, power *= points[p]) {
      s.a[p][i] = power;
      if (i < WINDOW)
        s.g[p][i] = power / product;
    }
  }
  return s;
}

#endif
