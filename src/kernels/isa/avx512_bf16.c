/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bf16 rows for AVX-512 with its bf16 instructions: the pointwise convolution of CPUs without
 * tiles, in the packing of the AMX row, and the light operations. Sums are float32. Conversions to
 * bf16 round to nearest even and take denormals for zero. The depthwise rows are in x86/. */
#include <assert.h>
#include <string.h>

#include "kernels/rows.h"
#include "kernels/x86/bf16_avx512.h"
#include "kernels/x86/finish_bf16.h"

enum {
  ROWS = 8,   /* of a block of c */
  PANEL = 32, /* nr */
  PIXELS = 8, /* outputs of the stem in registers */
};

/* ---- pointwise ---- */

/* Two neighbouring k of a row, in every pair of lanes; only the first when the second does not
 * exist. */
EFFNET_INLINE __m512i
broadcast_pair (const uint16_t *a, int both)
{
  uint32_t pair = a[0];

  if (both)
    memcpy (&pair, a, sizeof pair);
  return _mm512_set1_epi32 ((int)pair);
}

EFFNET_INLINE void
add_pair (const uint16_t *a, size_t lda, const uint16_t *b, __m512 sums[ROWS][2], unsigned rows,
          int both)
{
  __m512bh b0 = (__m512bh)_mm512_loadu_si512 (b);
  __m512bh b1 = (__m512bh)_mm512_loadu_si512 (b + PANEL);

#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++) {
    __m512bh x = (__m512bh)broadcast_pair (a + r * lda, both);

    sums[r][0] = _mm512_dpbf16_ps (sums[r][0], x, b0);
    sums[r][1] = _mm512_dpbf16_ps (sums[r][1], x, b1);
  }
}

/* rows x 32 outputs at (row, column) */
EFFNET_INLINE void
multiply_block (const EffnetGemm *g, size_t row, size_t column, unsigned rows)
{
  const uint16_t *a = (const uint16_t *)g->a + row * g->lda;
  const uint16_t *b = (const uint16_t *)g->b + (g->k + 1) / 2 * 2 * column;
  float out[ROWS][PANEL] __attribute__ ((aligned (64)));
  __m512 sums[ROWS][2];
  size_t k = 0;

#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++)
    sums[r][0] = sums[r][1] = _mm512_setzero_ps ();
  for (; k + 2 <= g->k; k += 2)
    add_pair (a + k, g->lda, b + k * PANEL, sums, rows, 1);
  if (k < g->k)
    add_pair (a + k, g->lda, b + k * PANEL, sums, rows, 0);
#pragma GCC unroll 8
  for (unsigned r = 0; r < rows; r++) {
    _mm512_store_ps (out[r], sums[r][0]);
    _mm512_store_ps (out[r] + 16, sums[r][1]);
  }
  effnet_bf16_finishers[g->activation](g, out[0], row, column, rows);
}

void
effnet_gemm_bf16_8x32_avx512bf16 (const EffnetGemm *g)
{
  assert (g->m > 0 && g->n > 0 && g->k > 0);
  for (size_t column = 0; column < g->n; column += PANEL) {
    size_t row = 0;

    for (; row + ROWS <= g->m; row += ROWS)
      multiply_block (g, row, column, ROWS);
    for (; row < g->m; row++)
      multiply_block (g, row, column, 1);
  }
}

/* ---- stem ---- */

/* What a block of outputs shares; kernel and stride stand here to be constants where they are. */
typedef struct {
  const EffnetStem *s;
  size_t x, n; /* first pixel and channel */
  unsigned kernel, stride, pixels;
  int two; /* 32 channels, else 16 */
} StemBlock;

/* One tap of three channels added to pixels x 32 channels; @column is of the first pixel. */
EFFNET_INLINE void
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

EFFNET_INLINE void
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

EFFNET_INLINE void
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
EFFNET_INLINE void
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

/* ---- pool and scale ---- */

void
effnet_pool_bf16_avx512bf16 (const EffnetPoolSum *p)
{
  const uint16_t *x = p->x;

  for (size_t c = 0; c < p->channels; c += 64) {
    __mmask16 masks[4];
    __m512 sums[4];

#pragma GCC unroll 4
    for (unsigned v = 0; v < 4; v++) {
      masks[v] = c + 16 * v < p->channels ? effnet_mask16 (p->channels - c - 16 * v) : 0;
      sums[v] = _mm512_maskz_loadu_ps (masks[v], p->sum + c + 16 * v);
    }
    for (size_t i = 0; i < p->pixels; i++)
#pragma GCC unroll 4
      for (unsigned v = 0; v < 4; v++)
        sums[v] =
            _mm512_add_ps (sums[v], effnet_bf16_load (x + i * p->stride + c + 16 * v, masks[v]));
#pragma GCC unroll 4
    for (unsigned v = 0; v < 4; v++)
      _mm512_mask_storeu_ps (p->sum + c + 16 * v, masks[v], sums[v]);
  }
}

void
effnet_scale_rows_bf16_avx512bf16 (const EffnetScaleRows *s)
{
  for (size_t i = 0; i < s->pixels; i++) {
    uint16_t *x = (uint16_t *)s->x + i * s->stride;

    for (size_t c = 0; c < s->channels; c += 32) {
      size_t left = s->channels - c;
      __mmask32 mask = effnet_mask32 (left);
      __m512i both = _mm512_maskz_loadu_epi16 (mask, x + c);
      __m512 low = effnet_bf16_widen (_mm512_castsi512_si256 (both));
      __m512 high = effnet_bf16_widen (_mm512_extracti64x4_epi64 (both, 1));

      low = _mm512_mul_ps (low, _mm512_maskz_loadu_ps ((__mmask16)mask, s->gate + c));
      if (left > 16)
        high =
            _mm512_mul_ps (high, _mm512_maskz_loadu_ps ((__mmask16)(mask >> 16), s->gate + c + 16));
      effnet_bf16_store2 (x + c, mask, low, high);
    }
  }
}

/* Pairs (x, y) of bf16 times (gate0, gate1). */
EFFNET_INLINE __m512i
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

  if (s->kr != 2) {
    effnet_scale_panels_bf16_ref (s);
    return;
  }
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
