/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AArch64 NEON. The names, and what they promise, are those of simd/pixels_avx512.h;
 * what lies past the end of a line goes through a buffer on the stack. */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_NEON_H
#define EFFNET_KERNELS_SIMD_PIXELS_NEON_H

#include <string.h>

#include "kernels/simd/f32_neon.h"

/* The two words of a dword add up only at the end: rows 0 and 1, rows 2 and 3. */
typedef int32x4x2_t px_sum;

static EFFNET_INLINE vf
px_floor (vf x)
{
  return vrndmq_f32 (x);
}

static EFFNET_INLINE void
px_transpose (vf r[4])
{
  float32x4x2_t low = vzipq_f32 (r[0], r[2]), high = vzipq_f32 (r[1], r[3]);
  float32x4x2_t left = vzipq_f32 (low.val[0], high.val[0]);
  float32x4x2_t right = vzipq_f32 (low.val[1], high.val[1]);

  r[0] = left.val[0];
  r[1] = left.val[1];
  r[2] = right.val[0];
  r[3] = right.val[1];
}

static EFFNET_INLINE vf
px_units (const uint8_t *p, size_t left, const unsigned unit, const uint8_t pattern[16])
{
  uint8_t copy[16] = {0};

  (void)unit; /* there is one, and a pattern for 12 bytes looks at no more */
  if (left < 16) {
    memcpy (copy, p, left);
    p = copy;
  }
  return vreinterpretq_f32_u8 (vqtbl1q_u8 (vld1q_u8 (p), vld1q_u8 (pattern)));
}

static EFFNET_INLINE void
px_store_words (void *p, vf v)
{
  uint16x8_t bytes = vreinterpretq_u16_f32 (v);
  uint16_t *out = (uint16_t *)p;

  vst1q_u16 (out, vandq_u16 (bytes, vdupq_n_u16 (0xff)));
  vst1q_u16 (out + 8, vshrq_n_u16 (bytes, 8));
}

static EFFNET_INLINE px_sum
px_sum_zero (void)
{
  px_sum zero = {{vdupq_n_s32 (0), vdupq_n_s32 (0)}};

  return zero;
}

static EFFNET_INLINE px_sum
px_sum_add (px_sum sum, const void *words, const int16_t weights[2])
{
  int16x8_t v = vld1q_s16 ((const int16_t *)words);
  int32_t pair;

  memcpy (&pair, weights, sizeof pair);
  int16x8_t w = vreinterpretq_s16_s32 (vdupq_n_s32 (pair));
  sum.val[0] = vmlal_s16 (sum.val[0], vget_low_s16 (v), vget_low_s16 (w));
  sum.val[1] = vmlal_high_s16 (sum.val[1], v, w);
  return sum;
}

static EFFNET_INLINE vf
px_sum_float (px_sum a, px_sum b)
{
  return vcvtq_f32_s32 (
      vpaddq_s32 (vaddq_s32 (a.val[0], b.val[0]), vaddq_s32 (a.val[1], b.val[1])));
}

static EFFNET_INLINE vf
px_load_step (const float *p, size_t step, size_t n)
{
  float lanes[VF_LANES] = {0};

  if (step == 1)
    return n == VF_LANES ? vf_load (p) : vf_load_tail (p, n);
  for (size_t i = 0; i < n; i++)
    lanes[i] = p[i * step];
  return vld1q_f32 (lanes);
}

static EFFNET_INLINE void
px_store_rgb (float *out, vf r, vf g, vf b)
{
  float32x4x3_t rgb = {{r, g, b}};

  vst3q_f32 (out, rgb);
}

#endif
