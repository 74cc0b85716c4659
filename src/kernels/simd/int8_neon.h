/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of int32 and of bytes for AArch64. The names, and what they promise, are those of
 * simd/int8_avx512.h; vi_dot, for files compiled with dot products, takes signed digits. */
#ifndef EFFNET_KERNELS_SIMD_INT8_NEON_H
#define EFFNET_KERNELS_SIMD_INT8_NEON_H

#include <string.h>

#include "kernels/kernels.h"

#include "kernels/simd/f32_neon.h"

typedef int32x4_t vi;

typedef struct {
  int16x8_t add;
  uint8x16_t flip;
} ViDigits;

static EFFNET_INLINE vi
vi_load (const void *p)
{
  return vreinterpretq_s32_s8 (vld1q_s8 (p));
}

static EFFNET_INLINE vi
vi_zero (void)
{
  return vdupq_n_s32 (0);
}

static EFFNET_INLINE vi
vi_broadcast (const void *four)
{
  int32_t word;

  memcpy (&word, four, sizeof word);
  return vdupq_n_s32 (word);
}

#ifdef __ARM_FEATURE_DOTPROD
static EFFNET_INLINE vi
vi_dot (vi acc, vi a, vi b)
{
  return vdotq_s32 (acc, vreinterpretq_s8_s32 (a), vreinterpretq_s8_s32 (b));
}
#endif

static EFFNET_INLINE vi
vi_pair_row (vi a, vi b, int second)
{
  return vreinterpretq_s32_f32 (
      vf_pair_row (vreinterpretq_f32_s32 (a), vreinterpretq_f32_s32 (b), second));
}

static EFFNET_INLINE vf
vf_load_s8 (const int8_t *p)
{
  int16x8_t words = vmovl_s8 (vreinterpret_s8_s32 (vget_low_s32 (vi_broadcast (p))));

  return vcvtq_f32_s32 (vmovl_s16 (vget_low_s16 (words)));
}

static EFFNET_INLINE vf
vf_from_int (vi x)
{
  return vcvtq_f32_s32 (x);
}

static EFFNET_INLINE vi
vi_from_float (vf x)
{
  return vcvtnq_s32_f32 (x);
}

static EFFNET_INLINE vf
vf_abs (vf x)
{
  return vabsq_f32 (x);
}

static EFFNET_INLINE float
vf_largest (vf x)
{
  return vmaxvq_f32 (x);
}

static EFFNET_INLINE ViDigits
vi_digits (EffnetDigits digits, EffnetRange range)
{
  const int flip = digits == EFFNET_DIGITS_S8 ? 128 : 0;

  return (ViDigits){vdupq_n_s16 ((int16_t)(effnet_digits_zero (digits, range) + flip)),
                    vdupq_n_u8 ((uint8_t)flip)};
}

/* Eight digits but for @flip. */
static EFFNET_INLINE uint8x8_t
vi_narrow_digits (vi low, vi high, const ViDigits *d)
{
  return vqmovun_s16 (vqaddq_s16 (vqmovn_high_s32 (vqmovn_s32 (low), high), d->add));
}

static EFFNET_INLINE void
vi_store_digits (uint8_t *q, const vi x[4], const ViDigits *d)
{
  uint8x16_t bytes =
      vcombine_u8 (vi_narrow_digits (x[0], x[1], d), vi_narrow_digits (x[2], x[3], d));

  vst1q_u8 (q, veorq_u8 (bytes, d->flip));
}

static EFFNET_INLINE void
vi_store_digits_tail (uint8_t *q, const vi x[4], const ViDigits *d, size_t n)
{
  uint8_t bytes[4 * VF_LANES];

  vi_store_digits (bytes, x, d);
  memcpy (q, bytes, n);
}

#endif
