/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolutions in float32 for AVX2. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx2.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

#define DEPTHWISE_SWISH_PIXELS 5
#include "kernels/tmpl/depthwise.h"
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s1_avx2, 3, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s2_avx2, 3, 2)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s1_avx2, 5, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s2_avx2, 5, 2)
DEPTHWISE_ANY_KERNEL (effnet_depthwise_f32_avx2)
