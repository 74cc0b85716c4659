/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Fully connected layers with int8 weights for AVX-512: the template over simd/int8_avx512.h. */
#include "kernels/rows.h"
#include "kernels/simd/int8_avx512.h"
#include "kernels/simd/elem_byte.h"
#include "kernels/tmpl/activation.h"

#define FC_SCALED
#define FC_KERNEL effnet_fc_s8_avx512
#include "kernels/tmpl/fc.h"
