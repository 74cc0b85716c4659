/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The other rows for AVX2: the templates over simd/f32_avx2.h. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/f32_avx2.h"
#include "kernels/simd/int8_avx2.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

/* 12 accumulators, two vectors of weights, two broadcasts: all 16 registers. */
#define STEM_PIXELS 6
#include "kernels/tmpl/stem.h"
STEM_KERNEL (effnet_stem_f32_k3s2_avx2, 3, 2)

#define POOL_KERNEL effnet_pool_f32_avx2
#include "kernels/tmpl/pool.h"

#define FC_KERNEL effnet_fc_f32_avx2
#include "kernels/tmpl/fc.h"

#define SCALE_ROWS_KERNEL   effnet_scale_rows_f32_avx2
#define SCALE_PANELS_KERNEL effnet_scale_panels_f32_avx2
#include "kernels/tmpl/scale.h"

/* 12 accumulators, ones, a broadcast, two products: all 16 registers. */
#define S8_NV     2
#define S8_KERNEL effnet_gemm_s8_f32_6x16_avx2
#include "kernels/tmpl/gemm_s8.h"

#define QUANTISE_KERNEL effnet_quantise_f32_avx2
#include "kernels/tmpl/quantise.h"
