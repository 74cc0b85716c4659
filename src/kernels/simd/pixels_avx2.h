/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AVX2: bytes and words of the front end in and out of float vectors. */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_AVX2_H
#define EFFNET_KERNELS_SIMD_PIXELS_AVX2_H

#include "kernels/simd/f32_avx2.h"

static EFFNET_INLINE vf
px_load_u8 (const uint8_t *p)
{
  return _mm256_cvtepi32_ps (
      _mm256_cvtepu8_epi32 (_mm_loadl_epi64 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
px_load_u16 (const uint8_t *p)
{
  return _mm256_cvtepi32_ps (
      _mm256_cvtepu16_epi32 (_mm_loadu_si128 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
px_floor (vf x)
{
  return _mm256_floor_ps (x);
}

#include "kernels/simd/pixels.h"

#endif
