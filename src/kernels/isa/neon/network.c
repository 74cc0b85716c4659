/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * float32 rows for AArch64: the templates over simd/f32_neon.h. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/f32_neon.h"
#include "kernels/simd/int8_neon.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

/* 24 accumulators, three vectors of weights, up to five broadcasts: all 32 registers. */
#define GEMM_MR     8
#define GEMM_NV     3
#define GEMM_KERNEL effnet_gemm_f32_8x12_neon
#define CONV_KERNEL effnet_conv_f32_8x12_neon
#include "kernels/tmpl/gemm.h"

#define WINOGRAD_KERNEL effnet_conv_f32_winograd_neon
#include "kernels/tmpl/winograd.h"

#include "kernels/tmpl/depthwise.h"
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s1_neon, 3, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k3s2_neon, 3, 2)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s1_neon, 5, 1)
DEPTHWISE_KERNEL (effnet_depthwise_f32_k5s2_neon, 5, 2)
DEPTHWISE_ANY_KERNEL (effnet_depthwise_f32_neon)

#include "kernels/tmpl/stem.h"
STEM_KERNEL (effnet_stem_f32_k3s2_neon, 3, 2)

#define POOL_KERNEL effnet_pool_f32_neon
#include "kernels/tmpl/pool.h"

#define FC_KERNEL effnet_fc_f32_neon
#include "kernels/tmpl/fc.h"

#define SCALE_ROWS_KERNEL   effnet_scale_rows_f32_neon
#define SCALE_PANELS_KERNEL effnet_scale_panels_f32_neon
#include "kernels/tmpl/scale.h"

#define QUANTISE_KERNEL effnet_quantise_f32_neon
#include "kernels/tmpl/quantise.h"
