/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of int32 and of bytes for AVX-512, beside those of simd/f32_avx512.h. The same names mean
 * the same in every int8_<isa>.h.
 *
 * vi_dot is acc[i] + sum of a[4 i + l] * b[4 i + l], l < 4, exact: a has the digits that the row
 * takes, b weights.
 *
 * vi_store_digits writes the digits of 4 * VF_LANES numbers, which are at most the levels of the
 * range, and of a signed one at least their negative: it saturates the others to 0. Its tail form
 * writes the first n. vi_store_digits_each writes those of each vector to a place of its own, and
 * saturates to the levels, too. */
#ifndef EFFNET_KERNELS_SIMD_INT8_AVX512_H
#define EFFNET_KERNELS_SIMD_INT8_AVX512_H

#include <string.h>

#include "kernels/kernels.h"

#include "kernels/simd/f32_avx512.h"

typedef __m512i vi;

/* What makes digits of numbers: @add to each 16-bit lane leaves none below 0, and what is then an
 * unsigned byte differs from the digit in the bits of @flip; @top: the largest byte. */
typedef struct {
  vi add, flip, top;
} ViDigits;

static EFFNET_INLINE vi
vi_load (const void *p)
{
  return _mm512_loadu_si512 (p);
}

static EFFNET_INLINE vi
vi_keep (vi x)
{
  __asm__("" : "+v"(x));
  return x;
}

static EFFNET_INLINE vi
vi_zero (void)
{
  return _mm512_setzero_si512 ();
}

/* The same four bytes everywhere. */
static EFFNET_INLINE vi
vi_broadcast (const void *four)
{
  int32_t word;

  memcpy (&word, four, sizeof word);
  return _mm512_set1_epi32 (word);
}

#ifdef __AVX512VNNI__
static EFFNET_INLINE vi
vi_dot (vi acc, vi a, vi b)
{
  return _mm512_dpbusd_epi32 (acc, a, b);
}
#endif

/* VF_LANES numbers. */
static EFFNET_INLINE vf
vf_load_s8 (const int8_t *p)
{
  return _mm512_cvtepi32_ps (
      _mm512_cvtepi8_epi32 (_mm_loadu_si128 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
vf_load_u8 (const uint8_t *p)
{
  return _mm512_cvtepi32_ps (
      _mm512_cvtepu8_epi32 (_mm_loadu_si128 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
vf_from_int (vi x)
{
  return _mm512_cvtepi32_ps (x);
}

/* To nearest, ties to even. */
static EFFNET_INLINE vi
vi_from_float (vf x)
{
  return _mm512_cvtps_epi32 (x);
}

static EFFNET_INLINE vf
vf_abs (vf x)
{
  return _mm512_abs_ps (x);
}

static EFFNET_INLINE float
vf_largest (vf x)
{
  return _mm512_reduce_max_ps (x);
}

static EFFNET_INLINE ViDigits
vi_digits (EffnetDigits digits, EffnetRange range)
{
  const int flip = digits == EFFNET_DIGITS_S8 ? 128 : 0;

  return (ViDigits){_mm512_set1_epi16 ((short)(effnet_digits_zero (digits, range) + flip)),
                    _mm512_set1_epi8 ((char)flip),
                    _mm512_set1_epi8 (digits == EFFNET_DIGITS_U7 ? 127 : -1)};
}

static EFFNET_INLINE vi
vi_pack_digits (const vi x[4], const ViDigits *d)
{
  const vi order = _mm512_setr_epi32 (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  vi low = _mm512_add_epi16 (_mm512_packs_epi32 (x[0], x[1]), d->add);
  vi high = _mm512_add_epi16 (_mm512_packs_epi32 (x[2], x[3]), d->add);

  return _mm512_permutexvar_epi32 (order,
                                   _mm512_xor_si512 (_mm512_packus_epi16 (low, high), d->flip));
}

static EFFNET_INLINE void
vi_store_digits (uint8_t *q, const vi x[4], const ViDigits *d)
{
  _mm512_storeu_si512 (q, vi_pack_digits (x, d));
}

static EFFNET_INLINE void
vi_store_digits_each (uint8_t *q[4], const vi x[4], const ViDigits *d)
{
  vi bytes = _mm512_min_epu8 (vi_pack_digits (x, d), d->top);

  _mm_storeu_si128 ((__m128i *)(void *)q[0], _mm512_castsi512_si128 (bytes));
  _mm_storeu_si128 ((__m128i *)(void *)q[1], _mm512_extracti32x4_epi32 (bytes, 1));
  _mm_storeu_si128 ((__m128i *)(void *)q[2], _mm512_extracti32x4_epi32 (bytes, 2));
  _mm_storeu_si128 ((__m128i *)(void *)q[3], _mm512_extracti32x4_epi32 (bytes, 3));
}

/* n < 64 */
static EFFNET_INLINE void
vi_store_digits_tail (uint8_t *q, const vi x[4], const ViDigits *d, size_t n)
{
  _mm512_mask_storeu_epi8 (q, ((__mmask64)1 << n) - 1, vi_pack_digits (x, d));
}

#endif
