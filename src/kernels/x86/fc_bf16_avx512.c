/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fully connected layers with weights of bf16: the template over AVX-512. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/elem_bf16_avx512.h"
#include "kernels/tmpl/activation.h"

#define FC_KERNEL effnet_fc_bf16_avx512bf16
#include "kernels/tmpl/fc.h"
