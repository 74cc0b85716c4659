/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AVX2. The names, and what they promise, are those of simd/pixels_avx512.h; what lies
 * past the end of a line goes through a buffer on the stack. */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_AVX2_H
#define EFFNET_KERNELS_SIMD_PIXELS_AVX2_H

#include <string.h>

#include "kernels/simd/f32_avx2.h"

typedef __m256i px_sum;

static EFFNET_INLINE vf
px_floor (vf x)
{
  return _mm256_floor_ps (x);
}

static EFFNET_INLINE void
px_transpose (vf r[8])
{
  vf t[8];

  EFFNET_UNROLL
  for (unsigned i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps (r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps (r[i], r[i + 1]);
  }
  EFFNET_UNROLL
  for (unsigned i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps (t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps (t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps (t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps (t[i + 1], t[i + 3], 0xee);
  }
  EFFNET_UNROLL
  for (unsigned k = 0; k < 4; k++) {
    vf low = r[k], high = r[4 + k];

    r[k] = _mm256_permute2f128_ps (low, high, 0x20);
    r[4 + k] = _mm256_permute2f128_ps (low, high, 0x31);
  }
}

/* Units at @p and @p + @unit, all there. */
static EFFNET_INLINE vf
px_whole_units (const uint8_t *p, const unsigned unit, const uint8_t pattern[16])
{
  const __m256i spots =
      _mm256_broadcastsi128_si256 (_mm_loadu_si128 ((const __m128i *)(const void *)pattern));
  __m256i v;

  if (unit == 16)
    v = _mm256_loadu_si256 ((const __m256i *)(const void *)p);
  else
    v = _mm256_loadu2_m128i ((const __m128i *)(const void *)(p + unit),
                             (const __m128i *)(const void *)p);
  return _mm256_castsi256_ps (_mm256_shuffle_epi8 (v, spots));
}

static EFFNET_NOINLINE vf
px_part_units (const uint8_t *p, size_t left, unsigned unit, const uint8_t pattern[16])
{
  uint8_t copy[32] = {0};

  memcpy (copy, p, left);
  return px_whole_units (copy, unit, pattern);
}

static EFFNET_INLINE vf
px_units (const uint8_t *p, size_t left, const unsigned unit, const uint8_t pattern[16])
{
  return left >= 32 ? px_whole_units (p, unit, pattern) : px_part_units (p, left, unit, pattern);
}

static EFFNET_INLINE void
px_store_words (void *p, vf v)
{
  __m256i bytes = _mm256_castps_si256 (v), *out = p;

  _mm256_store_si256 (out, _mm256_and_si256 (bytes, _mm256_set1_epi16 (0xff)));
  _mm256_store_si256 (out + 1, _mm256_srli_epi16 (bytes, 8));
}

static EFFNET_INLINE px_sum
px_sum_zero (void)
{
  return _mm256_setzero_si256 ();
}

static EFFNET_INLINE px_sum
px_sum_add (px_sum sum, const void *words, const int16_t weights[2])
{
  int32_t pair;

  memcpy (&pair, weights, sizeof pair);
  return _mm256_add_epi32 (sum, _mm256_madd_epi16 (_mm256_load_si256 ((const __m256i *)words),
                                                   _mm256_set1_epi32 (pair)));
}

static EFFNET_INLINE vf
px_sum_float (px_sum a, px_sum b)
{
  return _mm256_cvtepi32_ps (_mm256_add_epi32 (a, b));
}

static EFFNET_INLINE vf
px_load_step (const float *p, size_t step, size_t n)
{
  __m256i at = _mm256_mullo_epi32 (_mm256_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7),
                                   _mm256_set1_epi32 ((int)step));

  if (step == 1 && n == 8)
    return vf_load (p);
  return _mm256_mask_i32gather_ps (vf_zero (), p, at, _mm256_castsi256_ps (vf_tail_mask (n)), 4);
}

static EFFNET_INLINE void
px_store_rgb (float *out, vf r, vf g, vf b)
{
  /* out[8 q + i] is a third of it, of r, g or b by what is left over */
  static const int32_t third[3][8] = {
      {0, 0, 0, 1, 1, 1, 2, 2}, {2, 3, 3, 3, 4, 4, 4, 5}, {5, 5, 6, 6, 6, 7, 7, 7}};
  __m256i at = _mm256_loadu_si256 ((const __m256i *)(const void *)third[0]);
  vf v = _mm256_blend_ps (_mm256_permutevar8x32_ps (r, at), _mm256_permutevar8x32_ps (g, at), 0x92);

  vf_store (out, _mm256_blend_ps (v, _mm256_permutevar8x32_ps (b, at), 0x24));
  at = _mm256_loadu_si256 ((const __m256i *)(const void *)third[1]);
  v = _mm256_blend_ps (_mm256_permutevar8x32_ps (r, at), _mm256_permutevar8x32_ps (g, at), 0x24);
  vf_store (out + 8, _mm256_blend_ps (v, _mm256_permutevar8x32_ps (b, at), 0x49));
  at = _mm256_loadu_si256 ((const __m256i *)(const void *)third[2]);
  v = _mm256_blend_ps (_mm256_permutevar8x32_ps (r, at), _mm256_permutevar8x32_ps (g, at), 0x49);
  vf_store (out + 16, _mm256_blend_ps (v, _mm256_permutevar8x32_ps (b, at), 0x92));
}

#endif
