/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The gate on packed weights of bf16, in the packing of pairs of k that every vector row has. */
#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"

/* Pairs (x, y) of bf16 times (gate0, gate1). */
static EFFNET_INLINE __m512i
scale_pairs (__m512i pairs, __m512 gate0, __m512 gate1, __m512i interleave)
{
  __m512 even = _mm512_castsi512_ps (_mm512_slli_epi32 (pairs, 16));
  __m512 odd = _mm512_castsi512_ps (_mm512_and_si512 (pairs, _mm512_set1_epi32 (-65536)));
  __m512bh scaled = _mm512_cvtne2ps_pbh (_mm512_mul_ps (odd, gate1), _mm512_mul_ps (even, gate0));

  return _mm512_permutexvar_epi16 (interleave, (__m512i)scaled);
}

void
effnet_scale_panels_bf16_avx512bf16 (const EffnetScalePanels *s)
{
  const uint16_t *packed = s->packed;
  uint16_t *out = s->out;
  size_t blocks = (s->k + 1) / 2;
  /* 0, 16, 1, 17, .. */
  __m512i interleave = _mm512_or_si512 (
      _mm512_set1_epi32 (16 << 16),
      _mm512_mullo_epi32 (_mm512_setr_epi32 (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
                          _mm512_set1_epi32 (0x10001)));

  for (size_t p = 0; p < s->panels; p++)
    for (size_t block = 0; block < blocks; block++) {
      __m512 gate0 = _mm512_set1_ps (s->gate[2 * block]);
      __m512 gate1 = _mm512_set1_ps (2 * block + 1 < s->k ? s->gate[2 * block + 1] : 0.0f);
      size_t at = p * s->panel_stride + block * s->nr * 2;

      for (size_t j = 0; j < 2 * s->nr; j += 32) {
        __mmask32 mask = effnet_mask32 (2 * s->nr - j);
        __m512i pairs = _mm512_maskz_loadu_epi16 (mask, packed + at + j);

        pairs = scale_pairs (pairs, gate0, gate1, interleave);
        _mm512_mask_storeu_epi16 (out + at + j, mask, pairs);
      }
    }
}
