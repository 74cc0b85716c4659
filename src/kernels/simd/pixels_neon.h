/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AArch64 NEON: bytes and words of the front end in and out of float vectors. */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_NEON_H
#define EFFNET_KERNELS_SIMD_PIXELS_NEON_H

#include "kernels/simd/f32_neon.h"

static EFFNET_INLINE vf
px_load_u8 (const uint8_t *p)
{
  uint32_t four;

  memcpy (&four, p, sizeof four);
  return vcvtq_f32_u32 (
      vmovl_u16 (vget_low_u16 (vmovl_u8 (vreinterpret_u8_u32 (vdup_n_u32 (four))))));
}

static EFFNET_INLINE vf
px_load_u16 (const uint8_t *p)
{
  uint16_t four[4];

  memcpy (four, p, sizeof four);
  return vcvtq_f32_u32 (vmovl_u16 (vld1_u16 (four)));
}

static EFFNET_INLINE vf
px_floor (vf x)
{
  return vrndmq_f32 (x);
}

#include "kernels/simd/pixels.h"

#endif
