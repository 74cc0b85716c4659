/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of float32 for AArch64. The names, and what they promise, are those of
 * simd/f32_avx512.h; tails go through a vector on the stack. */
#ifndef EFFNET_KERNELS_SIMD_F32_NEON_H
#define EFFNET_KERNELS_SIMD_F32_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

#define VF_LANES     4
#define VF_REGISTERS 32

typedef float32x4_t vf;

static EFFNET_INLINE vf
vf_load (const float *p)
{
  return vld1q_f32 (p);
}

static EFFNET_INLINE vf
vf_load_tail (const float *p, size_t n)
{
  float lanes[VF_LANES] = {0};

  for (size_t i = 0; i < n; i++)
    lanes[i] = p[i];
  return vld1q_f32 (lanes);
}

static EFFNET_INLINE void
vf_store (float *p, vf v)
{
  vst1q_f32 (p, v);
}

static EFFNET_INLINE void
vf_store_tail (float *p, vf v, size_t n)
{
  float lanes[VF_LANES];

  vst1q_f32 (lanes, v);
  for (size_t i = 0; i < n; i++)
    p[i] = lanes[i];
}

static EFFNET_INLINE vf
vf_set1 (float x)
{
  return vdupq_n_f32 (x);
}

static EFFNET_INLINE vf
vf_zero (void)
{
  return vdupq_n_f32 (0.0f);
}

static EFFNET_INLINE vf
vf_add (vf a, vf b)
{
  return vaddq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_sub (vf a, vf b)
{
  return vsubq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_mul (vf a, vf b)
{
  return vmulq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_fma (vf a, vf b, vf c)
{
  return vfmaq_f32 (c, a, b);
}

static EFFNET_INLINE void
vf_accumulate (vf *acc, vf a, vf b)
{
  *acc = vf_fma (a, b, *acc);
}

static EFFNET_INLINE vf
vf_fms (vf a, vf b, vf c)
{
  return vnegq_f32 (vfmsq_f32 (c, a, b));
}

static EFFNET_INLINE vf
vf_min (vf a, vf b)
{
  return vminq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_max (vf a, vf b)
{
  return vmaxq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_clamp_magnitude (vf x, float limit)
{
  return vf_min (vf_set1 (limit), vf_max (vf_set1 (-limit), x));
}

static EFFNET_INLINE vf
vf_divide (vf a, vf b)
{
  return vdivq_f32 (a, b);
}

static EFFNET_INLINE vf
vf_add_shifted_bits (vf x, vf n, int shift)
{
  return vreinterpretq_f32_s32 (vaddq_s32 (
      vreinterpretq_s32_f32 (x), vshlq_s32 (vreinterpretq_s32_f32 (n), vdupq_n_s32 (shift))));
}

static EFFNET_INLINE vf
vf_keep (vf x)
{
  __asm__("" : "+w"(x));
  return x;
}

/* What two pairs of columns, each 2x2, have of a row: [low halves], or [high halves]. */
static EFFNET_INLINE vf
vf_pair_row (vf a, vf b, int second)
{
  float64x2_t x = vreinterpretq_f64_f32 (a), y = vreinterpretq_f64_f32 (b);

  return vreinterpretq_f32_f64 (second ? vtrn2q_f64 (x, y) : vtrn1q_f64 (x, y));
}

static EFFNET_INLINE void
vf_prefetch (const void *p)
{
  __builtin_prefetch (p);
}

#endif
