/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The other bf16 rows for AArch64: the templates over simd/f32_neon.h with
 * simd/elem_bf16_neon.h. Sums and taps are float32, and activations as exact as float32's. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/elem_bf16_neon.h"
#include "kernels/tmpl/activation.h"

#include "kernels/tmpl/depthwise.h"
DEPTHWISE_KERNEL (effnet_depthwise_bf16_k3s1_neonbf16, 3, 1)
DEPTHWISE_KERNEL (effnet_depthwise_bf16_k3s2_neonbf16, 3, 2)
DEPTHWISE_KERNEL (effnet_depthwise_bf16_k5s1_neonbf16, 5, 1)
DEPTHWISE_KERNEL (effnet_depthwise_bf16_k5s2_neonbf16, 5, 2)
DEPTHWISE_ANY_KERNEL (effnet_depthwise_bf16_neonbf16)

#include "kernels/tmpl/stem.h"
STEM_KERNEL (effnet_stem_bf16_k3s2_neonbf16, 3, 2)

#define POOL_KERNEL effnet_pool_bf16_neonbf16
#include "kernels/tmpl/pool.h"

#define FC_KERNEL effnet_fc_bf16_neonbf16
#include "kernels/tmpl/fc.h"

#define SCALE_ROWS_KERNEL effnet_scale_rows_bf16_neonbf16
#include "kernels/tmpl/scale.h"
