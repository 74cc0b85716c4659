/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's rows for NEON: the template over simd/pixels_neon.h. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/pixels_neon.h"

#define IMAGE_KERNEL(op) effnet_##op##_f32_neon
#include "kernels/tmpl/image.h"
