/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolutions of bytes for AVX-512. */
#include "kernels/rows.h"
#include "kernels/simd/int8_avx512.h"

#define ELEM_UNSIGNED
#include "kernels/simd/elem_byte.h"
#include "kernels/tmpl/activation.h"

#define DEPTHWISE_DIGITS
#include "kernels/tmpl/depthwise.h"
DEPTHWISE_KERNEL (effnet_depthwise_u8_k3s1_avx512, 3, 1)
DEPTHWISE_KERNEL (effnet_depthwise_u8_k3s2_avx512, 3, 2)
DEPTHWISE_KERNEL (effnet_depthwise_u8_k5s1_avx512, 5, 1)
DEPTHWISE_KERNEL (effnet_depthwise_u8_k5s2_avx512, 5, 2)
