/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's rows for AVX-512: the templates over simd/pixels_avx512.h. */
#include <assert.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/rows.h"
#include "kernels/simd/pixels_avx512.h"

#define IMAGE_KERNEL(op) effnet_##op##_avx512
#include "kernels/tmpl/image.h"
#include "kernels/tmpl/resample_h.h"
