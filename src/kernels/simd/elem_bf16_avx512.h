/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = bf16 over simd/f32_avx512.h, with the names of elem_f32.h. Stores round to nearest even. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_BF16_AVX512_H
#define EFFNET_KERNELS_SIMD_ELEM_BF16_AVX512_H

#include "kernels/simd/bf16_avx512.h"

typedef uint16_t elem;

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return effnet_bf16_load (p, 0xffff);
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  return effnet_bf16_load (p, vf_tail_mask (n));
}

static EFFNET_INLINE void
elem_store (elem *p, vf v)
{
  effnet_bf16_store (p, 0xffff, v);
}

static EFFNET_INLINE void
elem_store_tail (elem *p, vf v, size_t n)
{
  effnet_bf16_store (p, vf_tail_mask (n), v);
}

#endif
