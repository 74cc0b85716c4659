/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolutions in float32 for AVX-512. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

/* 28 accumulators, two vectors of weights, two broadcasts: all 32 registers. Late, up to 14 and as
 * many sums of the block before. */
#define GEMM_MR         14
#define GEMM_NV         2
#define GEMM_LATE_K     64
#define GEMM_LATE_CLAMP 7
#define GEMM_LATE_SWISH 6
#define GEMM_KERNEL     effnet_gemm_f32_14x32_avx512
#define CONV_KERNEL     effnet_conv_f32_14x32_avx512
#include "kernels/tmpl/gemm.h"

#define WINOGRAD_KERNEL effnet_conv_f32_winograd_avx512
#include "kernels/tmpl/winograd.h"
