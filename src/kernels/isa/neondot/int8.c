/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * int8 for AArch64 with dot products: the template over simd/int8_neon.h. */
#include "kernels/rows.h"
#include "kernels/simd/int8_neon.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

/* 24 accumulators, four vectors of weights, up to four broadcasts: all 32 registers. */
#define S8_NV     4
#define S8_KERNEL effnet_gemm_s8_f32_6x16_neondot
#include "kernels/tmpl/gemm_s8.h"
