/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's rows for AVX-512: the template over simd/pixels_avx512.h. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/pixels_avx512.h"

#define IMAGE_KERNEL(op) effnet_##op##_f32_avx512
#include "kernels/tmpl/image.h"
