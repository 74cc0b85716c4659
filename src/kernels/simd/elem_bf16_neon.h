/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = bf16 over simd/f32_neon.h, with the names of elem_f32.h, for files compiled with bf16. Stores
 * round to nearest even. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_BF16_NEON_H
#define EFFNET_KERNELS_SIMD_ELEM_BF16_NEON_H

#include "kernels/simd/f32_neon.h"

typedef uint16_t elem;

static EFFNET_INLINE vf
elem_widen (uint16x4_t x)
{
  return vreinterpretq_f32_u32 (vshll_n_u16 (x, 16));
}

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return elem_widen (vld1_u16 (p));
}

static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  elem lanes[VF_LANES] = {0};

  for (size_t i = 0; i < n; i++)
    lanes[i] = p[i];
  return elem_load (lanes);
}

static EFFNET_INLINE void
elem_store (elem *p, vf v)
{
  vst1_u16 (p, vreinterpret_u16_bf16 (vcvt_bf16_f32 (v)));
}

static EFFNET_INLINE void
elem_store_tail (elem *p, vf v, size_t n)
{
  elem lanes[VF_LANES];

  elem_store (lanes, v);
  for (size_t i = 0; i < n; i++)
    p[i] = lanes[i];
}

#endif
