/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's rows for NEON: the templates over simd/pixels_neon.h. */
#include <assert.h>
#include <string.h>

#include "kernels/columns.h"
#include "kernels/rows.h"
#include "kernels/simd/pixels_neon.h"

#define IMAGE_KERNEL(op) effnet_##op##_neon
#include "kernels/tmpl/image.h"
#include "kernels/tmpl/resample_h.h"
