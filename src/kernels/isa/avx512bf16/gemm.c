/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pointwise and full convolution of bf16 with the dot products of AVX-512, for CPUs without tiles,
 * in the packing of the AMX row. Sums are float32: one chain for each output, pairs of k ascending,
 * whatever block it falls in. The instructions take denormals for zero. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/simd/f32_avx512.h"
#include "kernels/simd/bf16_avx512.h"
#include "kernels/simd/epilogue_bf16_avx512.h"

/* Both vectors hold pairs of bf16. */
static EFFNET_INLINE void
add_pairs (vf *acc, vf x, vf w)
{
  *acc = _mm512_dpbf16_ps (*acc, (__m512bh)x, (__m512bh)w);
}

/* One pair for all lanes. */
static EFFNET_INLINE void
add_pairs_from (vf *acc, const void *x, vf w)
{
  __asm__("vdpbf16ps %2%{1to16%}, %1, %0" : "+v"(*acc) : "v"(w), "m"(*(const char (*)[4])x));
}

static EFFNET_INLINE void
add_pairs_half_from (vf *acc, const void *x, vf w)
{
  __asm__("vdpbf16ps %2%{1to8%}, %t1, %t0" : "+v"(*acc) : "v"(w), "m"(*(const char (*)[4])x));
}

/* 28 accumulators, two vectors of weights, two broadcasts: all 32 registers. */
#define GEMM_MR                   14
#define GEMM_NV                   2
#define GEMM_ACCUMULATE           add_pairs
#define GEMM_ACCUMULATE_FROM      add_pairs_from
#define GEMM_ACCUMULATE_HALF_FROM add_pairs_half_from
#include "kernels/tmpl/gemm_segment.h"

/* The last k of an odd number of them: its pair is zero. */
static EFFNET_INLINE void
add_last (const uint16_t *a, size_t lda, const uint16_t *b, vf sums[GEMM_MR][GEMM_NV],
          const unsigned mr, const unsigned nv)
{
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    vf x = _mm512_castsi512_ps (_mm512_set1_epi32 (a[r * lda]));

    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      add_pairs (&sums[r][v], x, _mm512_loadu_ps (b + v * 2 * VF_LANES));
  }
}

/* mr x nv vectors of outputs at (row, column) */
static EFFNET_INLINE void
multiply_block (const EffnetStrip *strip, size_t row, size_t column, const unsigned mr,
                const unsigned nv, const int half)
{
  const EffnetGemm *g = strip->gemm;
  const uint16_t *a = (const uint16_t *)g->a + row * g->lda;
  const uint16_t *b = (const uint16_t *)g->b + column / GEMM_NR * strip->panel_step;
  float out[GEMM_MR][GEMM_NR] __attribute__ ((aligned (64)));
  vf sums[GEMM_MR][GEMM_NV];

  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      sums[r][v] = vf_zero ();
  }
  for (size_t left = strip->segments; left > 0; left--) {
    gemm_segment (a, g->lda * sizeof *a, b, g->k / 2, sums, mr, nv, half);
    if (g->k % 2 != 0)
      add_last (a + g->k - 1, g->lda, b + (g->k - 1) * GEMM_NR, sums, mr, nv);
    a += strip->a_step;
    b += strip->b_step;
  }
  EFFNET_UNROLL
  for (unsigned r = 0; r < mr; r++) {
    EFFNET_UNROLL
    for (unsigned v = 0; v < nv; v++)
      _mm512_store_ps (out[r] + v * VF_LANES, sums[r][v]);
  }
  effnet_bf16_epilogues[g->activation](g, out[0], row, column, mr);
}

enum {
  SHORT_K = 64,   /* below it the epilogue takes longer than the sums, and overlaps with the next */
  SHORT_ROWS = 8, /* better when blocks have fewer rows */
};

typedef void (*Blocks) (const EffnetStrip *strip, size_t row, size_t column, size_t blocks);

#define BLOCKS_FUNC(name, mr, nv, half)                                                            \
  static EFFNET_NOINLINE void name (const EffnetStrip *strip, size_t row, size_t column,           \
                                    size_t blocks)                                                 \
  {                                                                                                \
    for (; blocks > 0; blocks--, row += (mr))                                                      \
      multiply_block (strip, row, column, mr, nv, half);                                           \
  }
#define BLOCKS(mr, nv)      BLOCKS_FUNC (blocks_##mr##x##nv, mr, nv, 0)
#define NAME(mr, nv)        blocks_##mr##x##nv,
#define HALF_BLOCKS(mr, nv) BLOCKS_FUNC (half_##mr##x##nv, mr, nv, 1)
#define HALF_NAME(mr, nv)   half_##mr##x##nv,

GEMM_EACH_MR (BLOCKS, 1)
GEMM_EACH_MR (BLOCKS, 2)
GEMM_EACH_MR (HALF_BLOCKS, 1)
GEMM_EACH_MR (HALF_BLOCKS, 2)

/* By how many halves of a vector the columns take, less one. */
static const Blocks blocks_of[2 * GEMM_NV][GEMM_MR] = {{GEMM_EACH_MR (HALF_NAME, 1)},
                                                       {GEMM_EACH_MR (NAME, 1)},
                                                       {GEMM_EACH_MR (HALF_NAME, 2)},
                                                       {GEMM_EACH_MR (NAME, 2)}};

static void
multiply_strip (const EffnetStrip *strip)
{
  const EffnetGemm *g = strip->gemm;
  const size_t most = strip->segments * g->k < SHORT_K ? SHORT_ROWS : GEMM_MR;

  assert (g->m > 0 && g->n > 0 && g->k > 0);
  for (size_t column = 0; column < g->n; column += GEMM_NR) {
    size_t columns = g->n - column < GEMM_NR ? g->n - column : GEMM_NR;

    for (size_t row = 0, rows, blocks; row < g->m; row += rows * blocks) {
      rows = tile_next_rows (g->m - row, most, &blocks);
      blocks_of[(columns - 1) / VF_HALF][rows - 1](strip, row, column, blocks);
    }
  }
}

void
effnet_gemm_bf16_14x32_avx512bf16 (const EffnetGemm *g)
{
  multiply_strip (
      &(EffnetStrip){.gemm = g, .segments = 1, .panel_step = (g->k + 1) / 2 * 2 * GEMM_NR});
}

void
effnet_conv_bf16_14x32_avx512bf16 (const EffnetConvolution *c)
{
  assert (c->channels % 2 == 0);
  effnet_conv_strips (c, sizeof (uint16_t), GEMM_NR, multiply_strip);
}
