/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * 3 x 3 convolution of bf16 by squares, multiplied in float32: a quarter of the products at half
 * the rate of bf16. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/elem_bf16_avx512.h"
#include "kernels/tmpl/activation.h"

#define GEMM_MR 14
#define GEMM_NV 2
#include "kernels/tmpl/gemm.h"

#define WINOGRAD_KERNEL effnet_conv_bf16_winograd_avx512bf16
#include "kernels/tmpl/winograd.h"
