/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights in int8, a scale for each output (Krishnamoorthi, 2018, "Quantizing deep convolutional
 * networks for efficient inference", section 3): the least that holds the row's largest weight. */
#ifndef EFFNET_QUANT_INT8_H
#define EFFNET_QUANT_INT8_H

#include "arch/layers.h"

/* Whether the weights of @layer are rounded to int8: those of pointwise convolutions and of the
 * classifier; but not of the first blocks, which are few multiplications, and what is rounded there
 * reaches all that follows: on a trained B0 a fifth of int8's error. */
gboolean effnet_int8_rounds (const EffnetLayer *layer);

/* scale[o] = max_c |w[o][c]| / 127, q[o][c] = rint (w[o][c] / scale[o]), sum[o] = sum_c q[o][c],
 * o < rows, c < n; w and q [rows][n], w finite; sum (nullable). A row of zeros has scale 0. */
void effnet_int8_weights (const float *w, size_t rows, size_t n, int8_t *q, float *scale,
                          int32_t *sum);

#endif
