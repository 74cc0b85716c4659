/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The stem with bf16 outputs: blocks of 8 pixels by 32 channels. Each output is one chain of fused
 * multiply-adds in float32, bias first, taps in row order. */
#include <assert.h>

#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"

enum {
  PANEL = 32, /* channels */
  PIXELS = 8, /* outputs in registers */
};

/* What a block of outputs shares; kernel and stride stand here to be constants where they are. */
typedef struct {
  const EffnetStem *s;
  size_t x, n; /* first pixel and channel */
  unsigned kernel, stride, pixels;
  int two; /* 32 channels, else 16 */
} StemBlock;

/* One tap of three channels added to pixels x 32 channels; @column is of the first pixel. */
static EFFNET_INLINE void
add_tap (const StemBlock *b, const float *row, size_t column, const float *weights,
         __m512 sums[PIXELS][2], int inside)
{
  for (unsigned c = 0; c < 3; c++) {
    __m512 w0 = _mm512_loadu_ps (weights + c * b->s->weight_stride), w1 = w0;

    if (b->two)
      w1 = _mm512_loadu_ps (weights + c * b->s->weight_stride + 16);
#pragma GCC unroll 8
    for (unsigned x = 0; x < b->pixels; x++) {
      __m512 v;

      if (!inside && column + x * b->stride >= b->s->in_w) /* left of the row it has wrapped */
        continue;
      v = _mm512_set1_ps (row[(column + x * b->stride) * 3 + c]);
      sums[x][0] = _mm512_fmadd_ps (v, w0, sums[x][0]);
      if (b->two)
        sums[x][1] = _mm512_fmadd_ps (v, w1, sums[x][1]);
    }
  }
}

static EFFNET_INLINE void
add_row (const StemBlock *b, const float *row, const float *weights, __m512 sums[PIXELS][2])
{
  for (unsigned j = 0; j < b->kernel; j++) {
    size_t column = b->x * b->stride + j - b->s->pad;
    size_t last = column + (b->pixels - 1) * b->stride;
    const float *w = weights + j * 3 * b->s->weight_stride;

    if (column <= last && last < b->s->in_w)
      add_tap (b, row, column, w, sums, 1);
    else
      add_tap (b, row, column, w, sums, 0);
  }
}

static EFFNET_INLINE void
stem_block (const StemBlock *b)
{
  EffnetQ q = effnet_q_load ();
  const EffnetStem *s = b->s;
  uint16_t *out = (uint16_t *)s->out + b->x * s->n + b->n;
  __mmask32 mask = effnet_mask32 (s->n - b->n);
  float done[PIXELS][PANEL] __attribute__ ((aligned (64)));
  __m512 sums[PIXELS][2];

#pragma GCC unroll 8
  for (unsigned p = 0; p < b->pixels; p++) {
    sums[p][0] = _mm512_loadu_ps (s->bias + b->n);
    sums[p][1] = b->two ? _mm512_loadu_ps (s->bias + b->n + 16) : _mm512_setzero_ps ();
  }
#pragma GCC unroll 1
  for (unsigned i = 0; i < b->kernel; i++)
    if (s->rows[i] != NULL)
      add_row (b, s->rows[i], s->weights + i * b->kernel * 3 * s->weight_stride + b->n, sums);
#pragma GCC unroll 8
  for (unsigned p = 0; p < b->pixels; p++) {
    _mm512_store_ps (done[p], sums[p][0]);
    _mm512_store_ps (done[p] + 16, sums[p][1]);
  }
#pragma GCC unroll 1
  for (unsigned p = 0; p < b->pixels; p++) {
    __m512 x0 = effnet_bf16_activate (&q, _mm512_load_ps (done[p]), s->activation);
    __m512 x1 = effnet_bf16_activate (&q, _mm512_load_ps (done[p] + 16), s->activation);

    effnet_bf16_store2 (out + p * s->n, mask, x0, x1);
  }
}

/* All pixels, channels n .. n+15 or, with two, n+31 */
static EFFNET_INLINE void
stem_panel (const EffnetStem *s, size_t n, unsigned kernel, unsigned stride, int two)
{
  size_t x = 0;

  for (; x + PIXELS <= s->out_w; x += PIXELS)
    stem_block (&(StemBlock){s, x, n, kernel, stride, PIXELS, two});
  for (; x < s->out_w; x++)
    stem_block (&(StemBlock){s, x, n, kernel, stride, 1, two});
}

void
effnet_stem_bf16_k3s2_avx512bf16 (const EffnetStem *s)
{
  assert (s->kernel == 3 && s->stride == 2);
  for (size_t n = 0; n < s->n; n += PANEL)
    if (n + 16 < s->weight_stride) /* a multiple of 16, zero past s->n */
      stem_panel (s, n, 3, 2, 1);
    else
      stem_panel (s, n, 3, 2, 0);
}
