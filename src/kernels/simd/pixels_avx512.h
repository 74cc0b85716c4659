/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AVX-512. The same names mean the same in every pixels_<isa>.h.
 *
 * px_floor rounds down.
 *
 * px_transpose: transposes VF_LANES x VF_LANES dwords.
 *
 * px_units: VF_LANES / 4 units of 16 or 12 bytes that follow one another, each deinterleaved by the
 * pattern; zeros past the @left bytes that may be read.
 *
 * px_store_words: the bytes of each dword as words: vectors of the even and of the odd ones.
 *
 * px_sum_add adds to the sum of each dword the products of its two words with two weights;
 * px_sum_float of two sums is their total in float32, rounded once.
 *
 * px_load_step: n <= VF_LANES floats @step apart, zeros behind them.
 *
 * px_store_rgb: three vectors as VF_LANES pixels. */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_AVX512_H
#define EFFNET_KERNELS_SIMD_PIXELS_AVX512_H

#include <string.h>

#include "kernels/simd/f32_avx512.h"

typedef __m512i px_sum;

static EFFNET_INLINE vf
px_floor (vf x)
{
  return _mm512_roundscale_ps (x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

/* Interleaves pairs, then quads, then 128-bit lanes. */
static EFFNET_INLINE void
px_transpose (vf r[16])
{
  vf t[16];

  EFFNET_UNROLL
  for (unsigned i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_ps (r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps (r[i], r[i + 1]);
  }
  EFFNET_UNROLL
  for (unsigned i = 0; i < 16; i += 4) {
    r[i] = _mm512_shuffle_ps (t[i], t[i + 2], 0x44);
    r[i + 1] = _mm512_shuffle_ps (t[i], t[i + 2], 0xee);
    r[i + 2] = _mm512_shuffle_ps (t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm512_shuffle_ps (t[i + 1], t[i + 3], 0xee);
  }
  /* r[4 q + k]: lane l holds column 4 l + k of rows 4 q .. 4 q + 3 */
  EFFNET_UNROLL
  for (unsigned k = 0; k < 4; k++) {
    t[k] = _mm512_shuffle_f32x4 (r[k], r[4 + k], 0x88);
    t[4 + k] = _mm512_shuffle_f32x4 (r[k], r[4 + k], 0xdd);
    t[8 + k] = _mm512_shuffle_f32x4 (r[8 + k], r[12 + k], 0x88);
    t[12 + k] = _mm512_shuffle_f32x4 (r[8 + k], r[12 + k], 0xdd);
  }
  EFFNET_UNROLL
  for (unsigned k = 0; k < 4; k++) {
    r[k] = _mm512_shuffle_f32x4 (t[k], t[8 + k], 0x88);
    r[8 + k] = _mm512_shuffle_f32x4 (t[k], t[8 + k], 0xdd);
    r[4 + k] = _mm512_shuffle_f32x4 (t[4 + k], t[12 + k], 0x88);
    r[12 + k] = _mm512_shuffle_f32x4 (t[4 + k], t[12 + k], 0xdd);
  }
}

static EFFNET_INLINE vf
px_units (const uint8_t *p, size_t left, const unsigned unit, const uint8_t pattern[16])
{
  const __m512i spots =
      _mm512_broadcast_i32x4 (_mm_loadu_si128 ((const __m128i *)(const void *)pattern));
  __m512i v = _mm512_maskz_loadu_epi8 (left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1, p);

  if (unit == 12)
    v = _mm512_permutexvar_epi32 (
        _mm512_setr_epi32 (0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11), v);
  return _mm512_castsi512_ps (_mm512_shuffle_epi8 (v, spots));
}

static EFFNET_INLINE void
px_store_words (void *p, vf v)
{
  __m512i bytes = _mm512_castps_si512 (v);

  _mm512_store_si512 (p, _mm512_and_si512 (bytes, _mm512_set1_epi16 (0xff)));
  _mm512_store_si512 ((char *)p + 64, _mm512_srli_epi16 (bytes, 8));
}

static EFFNET_INLINE px_sum
px_sum_zero (void)
{
  return _mm512_setzero_si512 ();
}

static EFFNET_INLINE px_sum
px_sum_add (px_sum sum, const void *words, const int16_t weights[2])
{
  int32_t pair;

  memcpy (&pair, weights, sizeof pair);
  return _mm512_add_epi32 (sum,
                           _mm512_madd_epi16 (_mm512_load_si512 (words), _mm512_set1_epi32 (pair)));
}

static EFFNET_INLINE vf
px_sum_float (px_sum a, px_sum b)
{
  return _mm512_cvtepi32_ps (_mm512_add_epi32 (a, b));
}

static EFFNET_INLINE vf
px_load_step (const float *p, size_t step, size_t n)
{
  const __m512i lane = _mm512_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  __m512i at = _mm512_mullo_epi32 (lane, _mm512_set1_epi32 ((int)step));

  if (n < 16 || step > 3)
    return _mm512_mask_i32gather_ps (vf_zero (), vf_tail_mask (n), at, p, 4);
  if (step == 1)
    return vf_load (p);
  /* 15 * 2 + 1 = 31 floats, or 15 * 3 + 1 = 46, are there */
  if (step == 2)
    return _mm512_permutex2var_ps (vf_load (p), at, vf_load_tail (p + 16, 15));
  vf low = _mm512_permutex2var_ps (vf_load (p), at, vf_load (p + 16));
  return _mm512_mask_permutexvar_ps (low, 0xf800, at, vf_load_tail (p + 32, 14));
}

/* 16 of the 48 floats: a third of where one goes is where it comes from; the masks say which are of
 * g and of b. */
static EFFNET_INLINE void
px_store_third (float *out, __m512i third, vf r, vf g, vf b, __mmask16 of_g, __mmask16 of_b)
{
  vf v = _mm512_permutexvar_ps (third, r);

  v = _mm512_mask_permutexvar_ps (v, of_g, third, g);
  vf_store (out, _mm512_mask_permutexvar_ps (v, of_b, third, b));
}

static EFFNET_INLINE void
px_store_rgb (float *out, vf r, vf g, vf b)
{
  const __m512i first = _mm512_setr_epi32 (0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5);
  const __m512i second = _mm512_setr_epi32 (5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10);
  const __m512i third =
      _mm512_setr_epi32 (10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 15);

  px_store_third (out, first, r, g, b, 0x2492, 0x4924);
  px_store_third (out + 16, second, r, g, b, 0x9249, 0x2492);
  px_store_third (out + 32, third, r, g, b, 0x4924, 0x9249);
}

#endif
