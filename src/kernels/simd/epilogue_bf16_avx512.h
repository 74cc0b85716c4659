/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The epilogue of every bf16 pointwise convolution: bias, activation, residual and rounding. Apart
 * from the multiplications, so that the AMX row can issue it between them. */
#ifndef EFFNET_KERNELS_SIMD_EPILOGUE_BF16_AVX512_H
#define EFFNET_KERNELS_SIMD_EPILOGUE_BF16_AVX512_H

#include "kernels/kernels.h"

/* c[row + i][column + j] = act (bias[column + j] + sums[i][j]) + residual, i < rows, j < 32 and
 * inside c */
typedef void (*EffnetBf16Epilogue) (const EffnetGemm *g,
                                    const float *sums /* [rows][32], aligned to 64 */, size_t row,
                                    size_t column, unsigned rows);

/* by EffnetActivation */
extern const EffnetBf16Epilogue effnet_bf16_epilogues[5];

#endif
