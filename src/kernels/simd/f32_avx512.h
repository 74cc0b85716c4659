/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Vectors of float32 for AVX-512 (F, BW, DQ, VL). The same names mean the same in every
 * f32_<isa>.h.
 *
 * vf_load, vf_store take any alignment; their _tail forms serve the first n < VF_LANES lanes: the
 * others load as zero and touch no memory.
 *
 * vf_fma is a b + c and vf_fms a b - c, rounded once. vf_accumulate is vf_fma to its first operand,
 * for sums of many terms that live in a register.
 *
 * vf_min, vf_max give b where either is a NaN, so f (limit, x) propagates a NaN of x.
 *
 * vf_divide is within 3 ulp of a / b for 2^-100 < b < 2^120.
 *
 * vf_keep keeps x in a register: a load used several times is not repeated instead.
 *
 * VF_TABLE stands only where a table of that many floats is looked up within registers. */
#ifndef EFFNET_KERNELS_SIMD_F32_AVX512_H
#define EFFNET_KERNELS_SIMD_F32_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/simd/inline.h"

#define VF_LANES     16
#define VF_REGISTERS 32
#define VF_HALF      8  /* lanes that cost half of what all do where units are 256 bits wide */
#define VF_TABLE     32 /* entries that vf_lookup32 () looks up */

typedef __m512 vf;

static EFFNET_INLINE __mmask16
vf_tail_mask (size_t n)
{
  return (__mmask16)((1u << n) - 1u);
}

static EFFNET_INLINE vf
vf_load (const float *p)
{
  return _mm512_loadu_ps (p);
}

static EFFNET_INLINE vf
vf_load_tail (const float *p, size_t n)
{
  return _mm512_maskz_loadu_ps (vf_tail_mask (n), p);
}

static EFFNET_INLINE void
vf_store (float *p, vf v)
{
  _mm512_storeu_ps (p, v);
}

static EFFNET_INLINE void
vf_store_tail (float *p, vf v, size_t n)
{
  _mm512_mask_storeu_ps (p, vf_tail_mask (n), v);
}

static EFFNET_INLINE vf
vf_set1 (float x)
{
  return _mm512_set1_ps (x);
}

static EFFNET_INLINE vf
vf_zero (void)
{
  return _mm512_setzero_ps ();
}

static EFFNET_INLINE vf
vf_add (vf a, vf b)
{
  return _mm512_add_ps (a, b);
}

static EFFNET_INLINE vf
vf_sub (vf a, vf b)
{
  return _mm512_sub_ps (a, b);
}

static EFFNET_INLINE vf
vf_mul (vf a, vf b)
{
  return _mm512_mul_ps (a, b);
}

static EFFNET_INLINE vf
vf_fma (vf a, vf b, vf c)
{
  return _mm512_fmadd_ps (a, b, c);
}

static EFFNET_INLINE void
vf_accumulate (vf *acc, vf a, vf b)
{
  *acc = vf_fma (a, b, *acc);
}

/* acc += *a * b, and its lower VF_HALF lanes, the others being of no value. */
static EFFNET_INLINE void
vf_accumulate_from (vf *acc, const void *a, vf b)
{
  __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(*acc) : "v"(b), "m"(*(const char (*)[4])a));
}

static EFFNET_INLINE void
vf_accumulate_half_from (vf *acc, const void *a, vf b)
{
  __asm__("vfmadd231ps %2%{1to8%}, %t1, %t0" : "+v"(*acc) : "v"(b), "m"(*(const char (*)[4])a));
}

static EFFNET_INLINE vf
vf_fms (vf a, vf b, vf c)
{
  return _mm512_fmsub_ps (a, b, c);
}

static EFFNET_INLINE vf
vf_min (vf a, vf b)
{
  return _mm512_min_ps (a, b);
}

static EFFNET_INLINE vf
vf_max (vf a, vf b)
{
  return _mm512_max_ps (a, b);
}

/* min (|x|, limit) with the sign of x. */
static EFFNET_INLINE vf
vf_clamp_magnitude (vf x, float limit)
{
  return _mm512_range_ps (x, _mm512_set1_ps (limit), 2);
}

/* min (|x|, limit); limit where x is a NaN. */
static EFFNET_INLINE vf
vf_magnitude (vf x, float limit)
{
  return _mm512_range_ps (x, _mm512_set1_ps (limit), 10);
}

/* a times 1 / b, 2^-100 < b < 2^120: an estimate good to 2^-14 and one Newton step, so 2^-28 and
 * the rounding of three operations. */
static EFFNET_INLINE vf
vf_divide (vf a, vf b)
{
  vf y = _mm512_rcp14_ps (b);

  return _mm512_mul_ps (a, _mm512_fmadd_ps (_mm512_fnmadd_ps (b, y, _mm512_set1_ps (1.0f)), y, y));
}

/* x with its bits, as an integer, plus those of n shifted up by @shift. */
static EFFNET_INLINE vf
vf_add_shifted_bits (vf x, vf n, int shift)
{
  return _mm512_castsi512_ps (_mm512_add_epi32 (
      _mm512_castps_si512 (x), _mm512_slli_epi32 (_mm512_castps_si512 (n), (unsigned)shift)));
}

/* The bits of x shifted down. */
static EFFNET_INLINE vf
vf_bits_down (vf x, unsigned shift)
{
  return _mm512_castsi512_ps (_mm512_srli_epi32 (_mm512_castps_si512 (x), shift));
}

/* table[low five bits of each lane of n]. */
static EFFNET_INLINE vf
vf_lookup32 (const float table[32], vf n)
{
  return _mm512_permutex2var_ps (_mm512_load_ps (table), _mm512_castps_si512 (n),
                                 _mm512_load_ps (table + 16));
}

static EFFNET_INLINE vf
vf_keep (vf x)
{
  __asm__("" : "+v"(x));
  return x;
}

static EFFNET_INLINE void
vf_prefetch (const void *p)
{
  _mm_prefetch ((const char *)p, _MM_HINT_T0);
}

#endif
