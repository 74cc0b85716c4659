/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * T = bf16 for the templates over simd/f32_avx512.h; what reads weights only. */
#ifndef EFFNET_KERNELS_SIMD_ELEM_BF16_AVX512_H
#define EFFNET_KERNELS_SIMD_ELEM_BF16_AVX512_H

#include <stddef.h>
#include <stdint.h>

typedef uint16_t elem;

static EFFNET_INLINE vf
elem_widen (__m256i bits)
{
  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_cvtepu16_epi32 (bits), 16));
}

static EFFNET_INLINE vf
elem_load (const elem *p)
{
  return elem_widen (_mm256_loadu_si256 ((const __m256i *)(const void *)p));
}

/* The first @n lanes, the others zero. */
static EFFNET_INLINE vf
elem_load_tail (const elem *p, size_t n)
{
  return elem_widen (_mm256_maskz_loadu_epi16 ((__mmask16)((1u << n) - 1), p));
}

#endif
