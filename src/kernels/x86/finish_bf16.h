/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The end of every bf16 pointwise convolution: sums to c. Apart from the multiplications so that
 * they can be done elsewhere and at another time. */
#ifndef EFFNET_KERNELS_X86_FINISH_BF16_H
#define EFFNET_KERNELS_X86_FINISH_BF16_H

#include "kernels/kernels.h"

/* c[row + i][column + j] = act (bias[column + j] + sums[i][j]) + residual, i < rows, j < 32 and
 * inside c */
typedef void (*EffnetBf16Finish) (const EffnetGemm *g,
                                  const float *sums /* [rows][32], aligned to 64 */, size_t row,
                                  size_t column, unsigned rows);

/* by EffnetActivation */
extern const EffnetBf16Finish effnet_bf16_finishers[5];

#endif
