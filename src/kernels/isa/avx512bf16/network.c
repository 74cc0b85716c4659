/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The bf16 rows that are templates: over simd/f32_avx512.h, with simd/elem_bf16_avx512.h. */
#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/elem_bf16_avx512.h"
#include "kernels/tmpl/activation.h"

#define POOL_KERNEL effnet_pool_bf16_avx512bf16
#include "kernels/tmpl/pool.h"

#define FC_KERNEL effnet_fc_bf16_avx512bf16
#include "kernels/tmpl/fc.h"

#define SCALE_ROWS_KERNEL effnet_scale_rows_bf16_avx512bf16
#include "kernels/tmpl/scale.h"
