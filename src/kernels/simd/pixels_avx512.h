/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pixels for AVX-512. Loads of part of a row are masked: what the mask leaves out is not touched.
 */
#ifndef EFFNET_KERNELS_SIMD_PIXELS_AVX512_H
#define EFFNET_KERNELS_SIMD_PIXELS_AVX512_H

#include "kernels/simd/f32_avx512.h"

#define PX_OWN_SHUFFLES

static EFFNET_INLINE vf
px_load_u8 (const uint8_t *p)
{
  return _mm512_cvtepi32_ps (
      _mm512_cvtepu8_epi32 (_mm_loadu_si128 ((const __m128i *)(const void *)p)));
}

static EFFNET_INLINE vf
px_load_u16 (const uint8_t *p)
{
  return _mm512_cvtepi32_ps (
      _mm512_cvtepu16_epi32 (_mm256_loadu_si256 ((const __m256i *)(const void *)p)));
}

static EFFNET_INLINE vf
px_floor (vf x)
{
  return _mm512_roundscale_ps (x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

/* rows of 16 x 16 become columns: pairs, quads, then whole 128-bit lanes change places */
static EFFNET_INLINE void
px_turn (vf r[16])
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

/* The first @bytes <= 64 bytes at p, zeros behind them. */
static EFFNET_INLINE __m512i
px_bytes (const void *p, size_t bytes)
{
  return _mm512_maskz_loadu_epi8 (bytes >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << bytes) - 1, p);
}

/* n <= 16 bytes @step apart as integers. */
static EFFNET_INLINE vf
px_pick_u8 (const uint8_t *p, const unsigned step, size_t n)
{
  const __m512i byte = _mm512_set1_epi32 (0xff);
  __m512i v = px_bytes (p, (n - 1) * step + 1);

  if (step == 1)
    return _mm512_cvtepi32_ps (_mm512_cvtepu8_epi32 (_mm512_castsi512_si128 (v)));
  if (step == 2)
    return _mm512_cvtepi32_ps (
        _mm512_and_si512 (_mm512_cvtepu16_epi32 (_mm512_castsi512_si256 (v)), byte));
  if (step == 4)
    return _mm512_cvtepi32_ps (_mm512_and_si512 (v, byte));
  /* 3: four pixels to each 128-bit lane, then a dword to each pixel */
  const __m512i lanes = _mm512_setr_epi32 (0, 1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9, 10, 11, 11);
  const __m512i spots = _mm512_broadcast_i32x4 (
      _mm_setr_epi8 (0, -1, -1, -1, 3, -1, -1, -1, 6, -1, -1, -1, 9, -1, -1, -1));
  return _mm512_cvtepi32_ps (_mm512_shuffle_epi8 (_mm512_permutexvar_epi32 (lanes, v), spots));
}

/* n <= 16 floats @step apart. */
static EFFNET_INLINE vf
px_pick_f32 (const float *p, const unsigned step, size_t n)
{
  size_t have = (n - 1) * step + 1;
  const __m512i at =
      _mm512_mullo_epi32 (_mm512_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                          _mm512_set1_epi32 ((int)step));
  vf part[4];

  EFFNET_UNROLL
  for (unsigned i = 0; i < step; i++)
    part[i] = have >= 16 * (i + 1) ? vf_load (p + 16 * i)
              : have > 16 * i      ? vf_load_tail (p + 16 * i, have - 16 * i)
                                   : vf_zero ();
  if (step == 1)
    return part[0];
  vf low = _mm512_permutex2var_ps (part[0], at, part[1]);
  if (step == 2)
    return low;
  vf high = _mm512_permutex2var_ps (part[2], at, step == 4 ? part[3] : part[2]);
  return _mm512_mask_blend_ps (_mm512_cmpge_epi32_mask (at, _mm512_set1_epi32 (32)), low, high);
}

static EFFNET_INLINE vf
px_pick_u16 (const uint8_t *p, size_t step, size_t n)
{
  float v[16] = {0};
  uint16_t one;

  for (size_t i = 0; i < n; i++) {
    memcpy (&one, p + 2 * step * i, sizeof one);
    v[i] = one;
  }
  return vf_load (v);
}

static EFFNET_INLINE vf
px_pick (EffnetElement element, const void *row, const unsigned step, size_t x, size_t n)
{
  if (element == EFFNET_ELEMENT_U8)
    return px_pick_u8 ((const uint8_t *)row + x * step, step, n);
  if (element == EFFNET_ELEMENT_F32)
    return px_pick_f32 ((const float *)row + x * step, step, n);
  return px_pick_u16 ((const uint8_t *)row + 2 * x * step, step, n);
}

static EFFNET_INLINE void
px_spread_step (const EffnetSpread *s, const EffnetElement element, const unsigned step, size_t x,
                size_t n)
{
  vf r[16];

  EFFNET_UNROLL
  for (unsigned lane = 0; lane < 16; lane++)
    r[lane] = px_pick (element, s->rows[lane], step, x, n);
  px_turn (r);
  EFFNET_UNROLL
  for (unsigned i = 0; i < 16; i++)
    if (i < n)
      vf_store (s->out + (x + i) * EFFNET_LANES, r[i]);
}

static EFFNET_INLINE void
px_spread_element (const EffnetSpread *s, const EffnetElement element, size_t x, size_t n)
{
  switch (s->step) {
  case 1:
    px_spread_step (s, element, 1, x, n);
    break;
  case 2:
    px_spread_step (s, element, 2, x, n);
    break;
  case 3:
    px_spread_step (s, element, 3, x, n);
    break;
  case 4:
    px_spread_step (s, element, 4, x, n);
    break;
  default:
    for (size_t i = x; i < x + n; i++)
      for (unsigned lane = 0; lane < 16; lane++)
        vf_store_tail (s->out + i * EFFNET_LANES + lane,
                       px_pick (element, s->rows[lane], 1, i * s->step, 1), 1);
  }
}

static EFFNET_INLINE void
px_spread_block (const EffnetSpread *s, size_t x, size_t n)
{
  if (s->element == EFFNET_ELEMENT_U8)
    px_spread_element (s, EFFNET_ELEMENT_U8, x, n);
  else if (s->element == EFFNET_ELEMENT_U16)
    px_spread_element (s, EFFNET_ELEMENT_U16, x, n);
  else
    px_spread_element (s, EFFNET_ELEMENT_F32, x, n);
}

/* out[lane][j] = columns[j][lane], j < n */
static EFFNET_INLINE void
px_transpose (float columns[EFFNET_LANES][EFFNET_LANES], float *out, size_t stride, size_t n)
{
  vf r[16];

  EFFNET_UNROLL
  for (unsigned j = 0; j < 16; j++)
    r[j] = j < n ? vf_load (columns[j]) : vf_zero ();
  px_turn (r);
  EFFNET_UNROLL
  for (unsigned lane = 0; lane < 16; lane++)
    vf_store_tail (out + lane * stride, r[lane], n);
}

static EFFNET_INLINE void
px_store_rgb (float *out, vf r, vf g, vf b)
{
  /* where out[16 q + i] comes from: 0..15 of r, 16..31 of g; then 0..15 of that, 16..31 of b */
  EFFNET_UNROLL
  for (int q = 0; q < 3; q++) {
    __m512i at =
        _mm512_add_epi32 (_mm512_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                          _mm512_set1_epi32 (16 * q));
    /* at / 3 for 0..47: multiply by 171, shift by 9 */
    __m512i third = _mm512_srli_epi32 (_mm512_mullo_epi32 (at, _mm512_set1_epi32 (171)), 9);
    __m512i which = _mm512_sub_epi32 (at, _mm512_mullo_epi32 (third, _mm512_set1_epi32 (3)));
    vf v = _mm512_permutexvar_ps (third, r);

    v = _mm512_mask_permutexvar_ps (v, _mm512_cmpeq_epi32_mask (which, _mm512_set1_epi32 (1)),
                                    third, g);
    v = _mm512_mask_permutexvar_ps (v, _mm512_cmpeq_epi32_mask (which, _mm512_set1_epi32 (2)),
                                    third, b);
    vf_store (out + 16 * q, v);
  }
}

#include "kernels/simd/pixels.h"

#endif
