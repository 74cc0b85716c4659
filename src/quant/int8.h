/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Weights in int8, a scale for each output (Krishnamoorthi, 2018, "Quantizing deep convolutional
 * networks for efficient inference", section 3): the least that holds the row's largest weight. */
#ifndef EFFNET_QUANT_INT8_H
#define EFFNET_QUANT_INT8_H

#include <stddef.h>
#include <stdint.h>

/* scale[o] = max_c |w[o][c]| / 127, q[o][c] = rint (w[o][c] / scale[o]), sum[o] = sum_c q[o][c],
 * o < rows, c < n; w and q [rows][n], w finite. A row of zeros has scale 0. */
void effnet_int8_weights (const float *w, size_t rows, size_t n, int8_t *q, float *scale,
                          int32_t *sum);

#endif
