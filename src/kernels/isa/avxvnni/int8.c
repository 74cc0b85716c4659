/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * int8 for AVX2 with VNNI: the template over simd/int8_avx2.h. Compiled twice, the second time with
 * AVXVNNI_KERNEL naming the row whose VNNI is encoded as AVX-512, which stands in where this one
 * cannot be measured. */
#include "kernels/rows.h"
#include "kernels/simd/int8_avx2.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

#ifndef AVXVNNI_KERNEL
#  define AVXVNNI_KERNEL effnet_gemm_s8_f32_6x16_avxvnni
#endif

/* 12 accumulators, two vectors of weights, two broadcasts: all 16 registers. */
#define S8_NV     2
#define S8_KERNEL AVXVNNI_KERNEL
#include "kernels/tmpl/gemm_s8.h"
