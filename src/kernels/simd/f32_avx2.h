/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of float32 for AVX2 with FMA. The names, and what they promise, are those of
 * simd/f32_avx512.h; tails use masked loads and stores, whose dead lanes never touch memory. */
#ifndef EFFNET_KERNELS_SIMD_F32_AVX2_H
#define EFFNET_KERNELS_SIMD_F32_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

#define VF_LANES     8
#define VF_REGISTERS 16

typedef __m256 vf;

/* The first n lanes. */
static EFFNET_INLINE __m256i
vf_tail_mask (size_t n)
{
  static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};

  return _mm256_loadu_si256 ((const __m256i *)(const void *)(window + 8 - n));
}

static EFFNET_INLINE vf
vf_load (const float *p)
{
  return _mm256_loadu_ps (p);
}

static EFFNET_INLINE vf
vf_load_tail (const float *p, size_t n)
{
  return _mm256_maskload_ps (p, vf_tail_mask (n));
}

static EFFNET_INLINE void
vf_store (float *p, vf v)
{
  _mm256_storeu_ps (p, v);
}

static EFFNET_INLINE void
vf_store_tail (float *p, vf v, size_t n)
{
  _mm256_maskstore_ps (p, vf_tail_mask (n), v);
}

static EFFNET_INLINE vf
vf_set1 (float x)
{
  return _mm256_set1_ps (x);
}

static EFFNET_INLINE vf
vf_zero (void)
{
  return _mm256_setzero_ps ();
}

static EFFNET_INLINE vf
vf_add (vf a, vf b)
{
  return _mm256_add_ps (a, b);
}

static EFFNET_INLINE vf
vf_sub (vf a, vf b)
{
  return _mm256_sub_ps (a, b);
}

static EFFNET_INLINE vf
vf_mul (vf a, vf b)
{
  return _mm256_mul_ps (a, b);
}

static EFFNET_INLINE vf
vf_fma (vf a, vf b, vf c)
{
  return _mm256_fmadd_ps (a, b, c);
}

/* acc += a * b. Inline assembly: GCC picks FMA forms that overwrite a factor, runs out of registers
 * and spills accumulators. */
static EFFNET_INLINE void
vf_accumulate (vf *acc, vf a, vf b)
{
  __asm__("vfmadd231ps %2, %1, %0" : "+x"(*acc) : "x"(a), "x"(b));
}

static EFFNET_INLINE vf
vf_fms (vf a, vf b, vf c)
{
  return _mm256_fmsub_ps (a, b, c);
}

static EFFNET_INLINE vf
vf_min (vf a, vf b)
{
  return _mm256_min_ps (a, b);
}

static EFFNET_INLINE vf
vf_max (vf a, vf b)
{
  return _mm256_max_ps (a, b);
}

static EFFNET_INLINE vf
vf_clamp_magnitude (vf x, float limit)
{
  return vf_min (vf_set1 (limit), vf_max (vf_set1 (-limit), x));
}

/* The divider runs beside the multipliers: an estimate with Newton steps would take their slots. */
static EFFNET_INLINE vf
vf_divide (vf a, vf b)
{
  return _mm256_div_ps (a, b);
}

static EFFNET_INLINE vf
vf_add_shifted_bits (vf x, vf n, int shift)
{
  return _mm256_castsi256_ps (_mm256_add_epi32 (
      _mm256_castps_si256 (x), _mm256_slli_epi32 (_mm256_castps_si256 (n), shift)));
}

static EFFNET_INLINE vf
vf_keep (vf x)
{
  __asm__("" : "+x"(x));
  return x;
}

static EFFNET_INLINE void
vf_prefetch (const void *p)
{
  _mm_prefetch ((const char *)p, _MM_HINT_T0);
}

#endif
