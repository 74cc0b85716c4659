/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fully connected layers with int8 weights for AArch64: the template over simd/int8_neon.h. */
#include "kernels/rows.h"
#include "kernels/simd/int8_neon.h"
#include "kernels/simd/elem_byte.h"
#include "kernels/tmpl/activation.h"

#define FC_SCALED
#define FC_KERNEL effnet_fc_s8_neon
#include "kernels/tmpl/fc.h"
