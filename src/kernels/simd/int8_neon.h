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
  uint8x16_t flip, top;
} ViDigits;

static EFFNET_INLINE vi
vi_load (const void *p)
{
  return vreinterpretq_s32_s8 (vld1q_s8 (p));
}

static EFFNET_INLINE vi
vi_keep (vi x)
{
  __asm__("" : "+w"(x));
  return x;
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
vf_load_u8 (const uint8_t *p)
{
  uint16x8_t words = vmovl_u8 (vreinterpret_u8_s32 (vget_low_s32 (vi_broadcast (p))));

  return vcvtq_f32_u32 (vmovl_u16 (vget_low_u16 (words)));
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
                    vdupq_n_u8 ((uint8_t)flip),
                    vdupq_n_u8 (digits == EFFNET_DIGITS_U7 ? 127 : 255)};
}

/* Eight digits but for @flip. */
static EFFNET_INLINE uint8x8_t
vi_narrow_digits (vi low, vi high, const ViDigits *d)
{
  return vqmovun_s16 (vqaddq_s16 (vqmovn_high_s32 (vqmovn_s32 (low), high), d->add));
}

static EFFNET_INLINE uint8x16_t
vi_pack_digits (const vi x[4], const ViDigits *d)
{
  uint8x16_t bytes =
      vcombine_u8 (vi_narrow_digits (x[0], x[1], d), vi_narrow_digits (x[2], x[3], d));

  return veorq_u8 (bytes, d->flip);
}

static EFFNET_INLINE void
vi_store_digits (uint8_t *q, const vi x[4], const ViDigits *d)
{
  vst1q_u8 (q, vi_pack_digits (x, d));
}

static EFFNET_INLINE void
vi_store_digits_each (uint8_t *q[4], const vi x[4], const ViDigits *d)
{
  const uint32x4_t words = vreinterpretq_u32_u8 (vminq_u8 (vi_pack_digits (x, d), d->top));
  const uint32_t each[4] = {vgetq_lane_u32 (words, 0), vgetq_lane_u32 (words, 1),
                            vgetq_lane_u32 (words, 2), vgetq_lane_u32 (words, 3)};

  for (unsigned i = 0; i < 4; i++)
    memcpy (q[i], &each[i], VF_LANES);
}

static EFFNET_INLINE void
vi_store_digits_tail (uint8_t *q, const vi x[4], const ViDigits *d, size_t n)
{
  uint8_t bytes[4 * VF_LANES];

  vi_store_digits (bytes, x, d);
  memcpy (q, bytes, n);
}

#endif
