/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * int8 with bf16 activations: the templates over simd/int8_neon.h. */
#include "kernels/rows.h"
#include "kernels/simd/int8_neon.h"
#include "kernels/simd/elem_bf16_neon.h"
#include "kernels/tmpl/activation.h"

#define S8_KERNEL effnet_gemm_s8_bf16_6x16_neonbf16
#include "kernels/tmpl/gemm_s8_mmla.h"

#define QUANTISE_KERNEL effnet_quantise_bf16_neonbf16
#include "kernels/tmpl/quantise.h"
