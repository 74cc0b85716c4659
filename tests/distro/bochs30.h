/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Put before every file of a build for the CPU that Bochs 3.0 emulates (emulated.sh): what its
 * instructions do wrong, done by others. VCVTNE2PS2BF16 takes the second source for both halves of
 * the result; TDPBUSD takes signed bytes for unsigned ones, and TDPBSSD the other way round. */
#ifdef __AVX512BF16__
#  include <immintrin.h>

#  define _mm512_cvtne2ps_pbh(high, low)                                                           \
    ((__m512bh)_mm512_inserti64x4 (_mm512_castsi256_si512 ((__m256i)_mm512_cvtneps_pbh (low)),     \
                                   (__m256i)_mm512_cvtneps_pbh (high), 1))
#endif

#ifdef __AMX_INT8__
#  include <immintrin.h>
#  include <stdint.h>
#  include <string.h>

/* sums[16][16] += a[16][64] times b[16][16][4]. @flip is 0x80 where the bytes of a are signed: they
 * are then multiplied as that much more, which is taken off again. */
__attribute__ ((target ("avx512vnni"), noinline, unused)) static void
bochs30_dot (int32_t sums[16][16], uint8_t a[16][64], int8_t b[16][64], uint8_t flip)
{
  const __m512i more = _mm512_set1_epi8 ((char)flip);

  for (int i = 0; i < 16; i++) {
    __m512i sum = _mm512_loadu_si512 (sums[i]), over = _mm512_setzero_si512 ();

    for (int k = 0; k < 16; k++) {
      __m512i w = _mm512_loadu_si512 (b[k]);
      int32_t four;

      memcpy (&four, a[i] + 4 * k, 4);
      sum = _mm512_dpbusd_epi32 (sum, _mm512_xor_si512 (_mm512_set1_epi32 (four), more), w);
      over = _mm512_dpbusd_epi32 (over, more, w);
    }
    _mm512_storeu_si512 (sums[i], _mm512_sub_epi32 (sum, over));
  }
}

/* What a tile is smaller than 16 rows of 64 bytes is zero. */
#  define BOCHS30_DOT(sums, a, b, flip)                                                            \
    do {                                                                                           \
      int32_t sums_[16][16] = {{0}};                                                               \
      uint8_t a_[16][64] = {{0}};                                                                  \
      int8_t b_[16][64] = {{0}};                                                                   \
      _tile_stored (sums, sums_, 64);                                                              \
      _tile_stored (a, a_, 64);                                                                    \
      _tile_stored (b, b_, 64);                                                                    \
      __asm__ volatile("" ::: "memory");                                                           \
      bochs30_dot (sums_, a_, b_, flip);                                                           \
      __asm__ volatile("" ::: "memory");                                                           \
      _tile_loadd (sums, sums_, 64);                                                               \
    } while (0)
#  undef _tile_dpbusd
#  undef _tile_dpbssd
#  define _tile_dpbusd(sums, a, b) BOCHS30_DOT (sums, a, b, 0)
#  define _tile_dpbssd(sums, a, b) BOCHS30_DOT (sums, a, b, 0x80)
#endif
