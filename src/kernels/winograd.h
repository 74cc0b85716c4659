/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * winograd: what the rows that convolve 3 x 3 windows at stride 1 by minimal filtering share with
 * the packing of their weights [Winograd, "Arithmetic complexity of computations", 1980; Lavin and
 * Gray, "Fast algorithms for convolutional neural networks", 2016]. A square of 4 x 4 outputs Y is
 * made of 6 x 6 inputs d and the window g by 36 multiplications instead of 144:
 *
 *   Y = A^T ((G g G^T) . (B^T d B)) A,  . element by element,
 *
 * where the sum over the channels is taken before A: 36 products of matrices.
 *
 * Along an axis, the transforms evaluate polynomials at 0, a, -a, b, -b and infinity (Toom and
 * Cook) and interpolate there, N_p = product over the other points q of p - q:
 *
 *   G    (1, p, p^2) / N_p for each p; (0, 0, 1)
 *   A^T  p^i for outputs i = 0 .. 3, with 0^0 = 1; at infinity 1 for i = 3, else 0
 *   B^T  at p the coefficients, lowest first, of the product over q of x - q; at infinity those of
 *        the product over all five
 *
 * a and b decide how large the numbers in between are beside the outputs, and so what rounding
 * costs [Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for
 * deep neural networks", 2020]. These cost little, and their powers are exact in float32: random
 * outputs of 48 channels are off by 7e-7 in relative L2, with the usual 1 and 2 by 1.5e-6, a plain
 * sum by 4e-7. */
#ifndef EFFNET_KERNELS_WINOGRAD_H
#define EFFNET_KERNELS_WINOGRAD_H

#include "kernels/kernels.h"

#define EFFNET_WINOGRAD_TILE   4
#define EFFNET_WINOGRAD_POINTS 6 /* along an axis */
#define EFFNET_WINOGRAD_A      0.625
#define EFFNET_WINOGRAD_B      1.5

#define EFFNET_WINOGRAD_BYTES (256u << 10) /* of transformed inputs that a call may keep in L2 */

/* Floats from one point to the next of a square's transformed input. */
static inline size_t
effnet_winograd_step (size_t channels)
{
  return (channels + 15) / 16 * 16;
}

/* Squares that are transformed at a time, a multiple of the micro-tile's rows. */
static inline size_t
effnet_winograd_squares (size_t channels, size_t mr)
{
  size_t square = EFFNET_WINOGRAD_POINTS * EFFNET_WINOGRAD_POINTS *
                  effnet_winograd_step (channels) * sizeof (float);
  size_t most = EFFNET_WINOGRAD_BYTES / square / mr * mr;

  return most > mr ? most : mr;
}

#endif
