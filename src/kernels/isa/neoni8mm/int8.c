/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * int8 for AArch64 with products of matrices: the template over simd/int8_neon.h. */
#include "kernels/rows.h"
#include "kernels/simd/int8_neon.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

#define S8_KERNEL effnet_gemm_s8_f32_6x16_neoni8mm
#include "kernels/tmpl/gemm_s8_mmla.h"
