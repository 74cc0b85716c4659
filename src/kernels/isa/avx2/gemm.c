/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolutions in float32 for AVX2. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx2.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

/* 12 accumulators, two vectors of weights, two broadcasts: all 16 registers. */
#define GEMM_MR           6
#define GEMM_NV           2
#define GEMM_SWISH_DIRECT 1
#define GEMM_L1_BYTES     (16u << 10)
#define GEMM_L2_BYTES     (256u << 10)
#define GEMM_KERNEL       effnet_gemm_f32_6x16_avx2
#define CONV_KERNEL       effnet_conv_f32_6x16_avx2
#include "kernels/tmpl/gemm.h"

#define WINOGRAD_KERNEL effnet_conv_f32_winograd_avx2
#include "kernels/tmpl/winograd.h"
