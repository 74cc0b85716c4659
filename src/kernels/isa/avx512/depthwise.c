/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolutions in float32 for AVX-512. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

#define DEPTHWISE_SWISH_PIXELS 4
#include "kernels/tmpl/depthwise.h"
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s1_avx512, 3, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s2_avx512, 3, 2)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s1_avx512, 5, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s2_avx512, 5, 2)
DEPTHWISE_ANY_KERNEL (effnet_depthwise_f32_avx512)
