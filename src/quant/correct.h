/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Bias correction (Nagel et al., 2019, section 4.2): rounding the weights of a layer moves the mean
 * of each output by what can be told beforehand, and the bias takes it back. */
#ifndef EFFNET_QUANT_CORRECT_H
#define EFFNET_QUANT_CORRECT_H

#include <stddef.h>

/* bias[o] -= sum_c (rounded[o][c] - w[o][c]) * mean[c], o < rows, c < n, both [rows][n]. A bias
 * that would not be finite is left as it is. */
void effnet_correct_bias (const float *w, const float *rounded, size_t rows, size_t n,
                          const float *mean, float *bias);

#endif
