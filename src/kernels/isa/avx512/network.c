/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The other float32 rows for AVX-512: the templates over simd/f32_avx512.h. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/int8_avx512.h"
#include "kernels/simd/elem_f32.h"
#include "kernels/tmpl/activation.h"

#include "kernels/tmpl/stem.h"
STEM_KERNEL (effnet_stem_f32_k3s2_avx512, 3, 2)

#define POOL_KERNEL effnet_pool_f32_avx512
#include "kernels/tmpl/pool.h"

#define FC_KERNEL effnet_fc_f32_avx512
#include "kernels/tmpl/fc.h"

#define SCALE_ROWS_KERNEL   effnet_scale_rows_f32_avx512
#define SCALE_PANELS_KERNEL effnet_scale_panels_f32_avx512
#include "kernels/tmpl/scale.h"

#define QUANTISE_KERNEL effnet_quantise_f32_avx512
#include "kernels/tmpl/quantise.h"
