/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bfloat16 in AVX-512: moves between memory and float32 vectors, and activations as exact as a bf16
 * result needs. For files compiled with AVX512_BF16 or more. Nothing here reads or writes a lane
 * its mask leaves out.
 *
 * The activations rest on q (a) = -1 / (1 + exp (a)) for a = |x|, since
 *   swish (x) = max (x, 0) + a * q (a)    sigmoid (x) = x >= 0 ? 1 + q (a) : -q (a)
 * which keeps swish's relative accuracy where it is small and negative. q is a quadratic in each of
 * 32 segments of width 1/2 centred on 0, 1/2, .. 31/2, looked up by two-register permutes. The best
 * quadratic on a width h is off by h^3 / 192 * max |d3q/da3|, and |d3q/da3| <= min (|q|, 1/8):
 * relatively at most 2^-10.58, absolutely at most 2^-13.58, against bf16's half ulp of 2^-9.
 * a is clamped to 15.5, so that swish ends at -2.9e-6 instead of 0. */
#ifndef EFFNET_KERNELS_SIMD_BF16_AVX512_H
#define EFFNET_KERNELS_SIMD_BF16_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#include "base/types.h"
#include "kernels/simd/inline.h"

/* q (a) = c0 + a * (c1 + a * c2): c0, c1, c2 of segments 0..31 */
static const float effnet_q_table[3][32] __attribute__ ((aligned (64))) = {
    {
        -0.500010669f,    -0.501850069f,    -0.510440826f,    -0.512205124f,    -0.488739401f,
        -0.436718166f,    -0.366817802f,    -0.292842984f,    -0.224755719f,    -0.167394638f,
        -0.121836409f,    -0.0871019438f,   -0.0613877773f,   -0.0427648909f,   -0.0295044072f,
        -0.0201888643f,   -0.0137166036f,   -0.00926128402f,  -0.00621858006f,  -0.00415486749f,
        -0.00276361965f,  -0.00183076202f,  -0.00120828848f,  -0.000794743304f, -0.000521094829f,
        -0.000340677012f, -0.000222124392f, -0.000144463644f, -9.37352452e-05f, -6.06869617e-05f,
        -3.92098991e-05f, -2.52847258e-05f,
    },
    {
        0.250743985f,    0.263004452f,    0.286661953f,    0.290436178f,    0.264237642f,
        0.218265757f,    0.167493299f,    0.121951245f,    0.0855984911f,   0.0585688613f,
        0.0393594727f,   0.0261089094f,   0.0171528962f,   0.011185999f,    0.00725224335f,
        0.00467951968f,  0.00300746574f,  0.00192629057f,  0.00123014499f,  0.000783527968f,
        0.000497894769f, 0.000315722195f, 0.000199820905f, 0.000126245664f, 7.96331005e-05f,
        5.01563991e-05f, 3.15473153e-05f, 1.9817282e-05f,  1.24339567e-05f, 7.79277525e-06f,
        4.87891521e-06f, 3.05162098e-06f,
    },
    {
        -0.00783175509f,  -0.0287494287f,   -0.0451633036f,   -0.0470575951f,   -0.0397362895f,
        -0.0295696128f,   -0.0203435868f,   -0.0133307427f,   -0.00847665127f,  -0.0052915276f,
        -0.00326618343f,  -0.00200223736f,  -0.00122229219f,  -0.000744271325f, -0.000452499109f,
        -0.000274851191f, -0.000166851751f, -0.000101254496f, -6.14337478e-05f, -3.72687391e-05f,
        -2.26073134e-05f, -1.37130146e-05f, -8.3177265e-06f,  -5.04508989e-06f, -3.06005063e-06f,
        -1.85603267e-06f, -1.1257473e-06f,  -6.82802693e-07f, -4.14141681e-07f, -2.51189959e-07f,
        -1.52354531e-07f, -9.24077384e-08f,
    },
};

/* The table in registers. */
typedef struct {
  __m512 c0[2], c1[2], c2[2];
} EffnetQ;

static EFFNET_INLINE EffnetQ
effnet_q_load (void)
{
  EffnetQ q;

  for (int i = 0; i < 2; i++) {
    q.c0[i] = _mm512_load_ps (effnet_q_table[0] + 16 * i);
    q.c1[i] = _mm512_load_ps (effnet_q_table[1] + 16 * i);
    q.c2[i] = _mm512_load_ps (effnet_q_table[2] + 16 * i);
  }
  return q;
}

/* q (a), and a = min (|x|, 15.5) to *a */
static EFFNET_INLINE __m512
effnet_q (const EffnetQ *q, __m512 x, __m512 *a)
{
  /* 3 * 2^21 rounds a to halves and leaves their number in the low bits, where permutes look. */
  __m512 last = _mm512_set1_ps (15.5f), round = _mm512_set1_ps (0x1.8p22f), sum;
  __m512i segment;

  *a = _mm512_range_ps (x, last, 10); /* the smaller magnitude, sign cleared */
  segment = _mm512_castps_si512 (_mm512_add_ps (*a, round));
  sum = _mm512_permutex2var_ps (q->c2[0], segment, q->c2[1]);
  sum = _mm512_fmadd_ps (sum, *a, _mm512_permutex2var_ps (q->c1[0], segment, q->c1[1]));
  return _mm512_fmadd_ps (sum, *a, _mm512_permutex2var_ps (q->c0[0], segment, q->c0[1]));
}

static EFFNET_INLINE __m512
effnet_bf16_activate (const EffnetQ *q, __m512 x, EffnetActivation activation)
{
  __m512 zero = _mm512_setzero_ps (), a, value;

  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    value = effnet_q (q, x, &a);
    return _mm512_fmadd_ps (a, value, _mm512_max_ps (zero, x));
  case EFFNET_ACTIVATION_SIGMOID:
    value = effnet_q (q, x, &a);
    value =
        _mm512_mask_add_ps (_mm512_sub_ps (zero, value), _mm512_cmp_ps_mask (x, zero, _CMP_GE_OQ),
                            value, _mm512_set1_ps (1.0f));
    return _mm512_mask_mov_ps (value, _mm512_cmp_ps_mask (x, x, _CMP_UNORD_Q), x);
  case EFFNET_ACTIVATION_RELU:
    return _mm512_max_ps (zero, x);
  case EFFNET_ACTIVATION_RELU6:
    return _mm512_min_ps (_mm512_set1_ps (6.0f), _mm512_max_ps (zero, x));
  case EFFNET_ACTIVATION_NONE:
    break;
  }
  return x;
}

/* The first n lanes of 16 or 32. */
static EFFNET_INLINE __mmask16
effnet_mask16 (size_t n)
{
  return (__mmask16)(n >= 16 ? 0xffffu : (1u << n) - 1u);
}

static EFFNET_INLINE __mmask32
effnet_mask32 (size_t n)
{
  return n >= 32 ? 0xffffffffu : (1u << n) - 1u;
}

static EFFNET_INLINE __m512
effnet_bf16_widen (__m256i x)
{
  return _mm512_castsi512_ps (_mm512_slli_epi32 (_mm512_cvtepu16_epi32 (x), 16));
}

/* A mask that is a full constant is optimised away. */
static EFFNET_INLINE __m512
effnet_bf16_load (const uint16_t *from, __mmask16 mask)
{
  if (__builtin_constant_p (mask) && mask == 0xffff)
    return effnet_bf16_widen (_mm256_loadu_si256 ((const __m256i *)from));
  return effnet_bf16_widen (_mm256_maskz_loadu_epi16 (mask, from));
}

static EFFNET_INLINE void
effnet_bf16_store (uint16_t *to, __mmask16 mask, __m512 x)
{
  _mm256_mask_storeu_epi16 (to, mask, (__m256i)_mm512_cvtneps_pbh (x));
}

/* low to elements 0..15, high to 16..31 */
static EFFNET_INLINE void
effnet_bf16_store2 (uint16_t *to, __mmask32 mask, __m512 low, __m512 high)
{
  _mm512_mask_storeu_epi16 (to, mask, (__m512i)_mm512_cvtne2ps_pbh (high, low));
}

#endif
