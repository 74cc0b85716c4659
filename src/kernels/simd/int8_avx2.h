/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of int32 and of bytes for AVX2, with VNNI where the file is compiled for it. The names,
 * and what they promise, are those of simd/int8_avx512.h. */
#ifndef EFFNET_KERNELS_SIMD_INT8_AVX2_H
#define EFFNET_KERNELS_SIMD_INT8_AVX2_H

#include <string.h>

#include "kernels/kernels.h"

#include "kernels/simd/f32_avx2.h"

typedef __m256i vi;

typedef struct {
  vi add, flip, top;
} ViDigits;

static EFFNET_INLINE vi
vi_load (const void *p)
{
  return _mm256_loadu_si256 ((const __m256i *)p);
}

static EFFNET_INLINE vi
vi_keep (vi x)
{
  __asm__("" : "+x"(x));
  return x;
}

static EFFNET_INLINE vi
vi_zero (void)
{
  return _mm256_setzero_si256 ();
}

static EFFNET_INLINE vi
vi_broadcast (const void *four)
{
  int32_t word;

  memcpy (&word, four, sizeof word);
  return _mm256_set1_epi32 (word);
}

/* Without VNNI digits are of 7 bits, so that no sum of two products saturates. With VNNI in
 * AVX-512's encoding the constraints keep to the 16 registers that others have. */
static EFFNET_INLINE vi
vi_dot (vi acc, vi a, vi b)
{
#ifdef __AVX512VNNI__
  __asm__("vpdpbusd %2, %1, %0" : "+x"(acc) : "x"(a), "x"(b));
  return acc;
#elif defined(__AVXVNNI__)
  return _mm256_dpbusd_avx_epi32 (acc, a, b);
#else
  vi pairs = _mm256_madd_epi16 (_mm256_maddubs_epi16 (a, b), _mm256_set1_epi16 (1));

  return _mm256_add_epi32 (acc, pairs);
#endif
}

/* VF_LANES numbers. */
static EFFNET_INLINE vf
vf_load_s8 (const int8_t *p)
{
  return _mm256_cvtepi32_ps (
      _mm256_cvtepi8_epi32 (_mm_loadl_epi64 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
vf_load_u8 (const uint8_t *p)
{
  return _mm256_cvtepi32_ps (
      _mm256_cvtepu8_epi32 (_mm_loadl_epi64 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
vf_from_int (vi x)
{
  return _mm256_cvtepi32_ps (x);
}

static EFFNET_INLINE vi
vi_from_float (vf x)
{
  return _mm256_cvtps_epi32 (x);
}

static EFFNET_INLINE vf
vf_abs (vf x)
{
  return _mm256_andnot_ps (vf_set1 (-0.0f), x);
}

static EFFNET_INLINE float
vf_largest (vf x)
{
  __m128 y = _mm_max_ps (_mm256_castps256_ps128 (x), _mm256_extractf128_ps (x, 1));

  y = _mm_max_ps (y, _mm_movehl_ps (y, y));
  return _mm_cvtss_f32 (_mm_max_ss (y, _mm_movehdup_ps (y)));
}

static EFFNET_INLINE ViDigits
vi_digits (EffnetDigits digits, EffnetRange range)
{
  const int flip = digits == EFFNET_DIGITS_S8 ? 128 : 0;

  return (ViDigits){_mm256_set1_epi16 ((short)(effnet_digits_zero (digits, range) + flip)),
                    _mm256_set1_epi8 ((char)flip),
                    _mm256_set1_epi8 (digits == EFFNET_DIGITS_U7 ? 127 : -1)};
}

static EFFNET_INLINE vi
vi_pack_digits (const vi x[4], const ViDigits *d)
{
  vi low = _mm256_add_epi16 (_mm256_packs_epi32 (x[0], x[1]), d->add);
  vi high = _mm256_add_epi16 (_mm256_packs_epi32 (x[2], x[3]), d->add);
  vi bytes = _mm256_xor_si256 (_mm256_packus_epi16 (low, high), d->flip);

  return _mm256_permutevar8x32_epi32 (bytes, _mm256_setr_epi32 (0, 4, 1, 5, 2, 6, 3, 7));
}

static EFFNET_INLINE void
vi_store_digits (uint8_t *q, const vi x[4], const ViDigits *d)
{
  _mm256_storeu_si256 ((__m256i *)(void *)q, vi_pack_digits (x, d));
}

static EFFNET_INLINE void
vi_store_digits_each (uint8_t *q[4], const vi x[4], const ViDigits *d)
{
  vi bytes = _mm256_min_epu8 (vi_pack_digits (x, d), d->top);
  __m128i low = _mm256_castsi256_si128 (bytes), high = _mm256_extracti128_si256 (bytes, 1);

  _mm_storel_epi64 ((__m128i *)(void *)q[0], low);
  _mm_storeh_pi ((__m64 *)(void *)q[1], _mm_castsi128_ps (low));
  _mm_storel_epi64 ((__m128i *)(void *)q[2], high);
  _mm_storeh_pi ((__m64 *)(void *)q[3], _mm_castsi128_ps (high));
}

static EFFNET_INLINE void
vi_store_digits_tail (uint8_t *q, const vi x[4], const ViDigits *d, size_t n)
{
  vi packed = vi_pack_digits (x, d);

  if (n == 2 * VF_LANES) /* two vectors are as wide as a panel */
    _mm_storeu_si128 ((__m128i *)(void *)q, _mm256_castsi256_si128 (packed));
  else
    memcpy (q, &packed, n);
}

#endif
