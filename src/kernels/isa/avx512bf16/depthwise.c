/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Depthwise convolution of bf16 with AVX-512: 16 channels in a vector, up to 8 neighbouring outputs
 * in registers, so that each input is widened once for all the taps and outputs that use it. Sums
 * run over rows, then taps, whatever the block, and the pool adds float32 values before they are
 * rounded. */
#include <assert.h>
#include <math.h>

#include "kernels/rows.h"
#include "kernels/simd/bf16_avx512.h"

enum {
  LANES = 16, /* channels in a vector */
  WIDTH = 8,  /* outputs in registers at most */
  CHUNK = 64, /* channels walked together over a row, so that a cache line is used up while it is
                 near */
};

/* Where 16 channels of a row of inputs meet outputs. */
typedef struct {
  const EffnetDepthwise *d;
  size_t x;       /* first output */
  size_t channel; /* first channel */
  __mmask16 mask; /* of the channels that exist */
} Place;

static EFFNET_INLINE __m512
load_f32 (const float *from, __mmask16 mask)
{
  if (__builtin_constant_p (mask) && mask == 0xffff)
    return _mm512_loadu_ps (from);
  return _mm512_maskz_loadu_ps (mask, from);
}

/* Adds one row of inputs to sums[width]. */
static EFFNET_INLINE void
add_row (const Place *p, const uint16_t *row, const float *weights, __m512 *sums, unsigned kernel,
         unsigned stride, unsigned width)
{
  const EffnetDepthwise *d = p->d;
  __m512 taps[5];
  size_t column = p->x * stride - d->pad; /* wraps left of the row, and is then past in_w */

#pragma GCC unroll 5
  for (unsigned j = 0; j < kernel; j++)
    taps[j] = load_f32 (weights + j * d->weight_stride, p->mask);
#pragma GCC unroll 32
  for (unsigned i = 0; i < (width - 1) * stride + kernel; i++) {
    __m512 x;

    if (column + i >= d->in_w)
      continue;
    x = effnet_bf16_load (row + (column + i) * d->in_stride, p->mask);
#pragma GCC unroll 5
    for (unsigned j = 0; j < kernel; j++)
      if (i >= j && (i - j) % stride == 0 && (i - j) / stride < width)
        sums[(i - j) / stride] = _mm512_fmadd_ps (x, taps[j], sums[(i - j) / stride]);
  }
}

/* The others are one clamp, so that few instructions stand here for what is rarely asked. */
static EFFNET_INLINE void
activate_all (const EffnetQ *q, __m512 *sums, unsigned width, EffnetActivation activation)
{
  __m512 low = _mm512_set1_ps (activation == EFFNET_ACTIVATION_NONE ? -INFINITY : 0.0f);
  __m512 high = _mm512_set1_ps (activation == EFFNET_ACTIVATION_RELU6 ? 6.0f : INFINITY);

  if (activation == EFFNET_ACTIVATION_SWISH) {
#pragma GCC unroll 8
    for (unsigned x = 0; x < width; x++)
      sums[x] = effnet_bf16_activate (q, sums[x], EFFNET_ACTIVATION_SWISH);
  } else if (activation == EFFNET_ACTIVATION_SIGMOID) {
#pragma GCC unroll 8
    for (unsigned x = 0; x < width; x++)
      sums[x] = effnet_bf16_activate (q, sums[x], EFFNET_ACTIVATION_SIGMOID);
  } else {
#pragma GCC unroll 8
    for (unsigned x = 0; x < width; x++)
      sums[x] = _mm512_min_ps (high, _mm512_max_ps (low, sums[x]));
  }
}

/* width outputs of 16 channels */
static EFFNET_INLINE void
convolve_block (const Place *p, const EffnetQ *q, unsigned kernel, unsigned stride, unsigned width)
{
  const EffnetDepthwise *d = p->d;
  uint16_t *out = (uint16_t *)d->out + p->x * d->out_stride + p->channel;
  const float *weights = d->weights + p->channel;
  __mmask32 low = p->mask;
  __m512 sums[WIDTH], pool = _mm512_setzero_ps ();

#pragma GCC unroll 8
  for (unsigned x = 0; x < width; x++)
    sums[x] = load_f32 (d->bias + p->channel, p->mask);
#pragma GCC unroll 1
  for (unsigned i = 0; i < kernel; i++)
    if (d->rows[i] != NULL)
      add_row (p, (const uint16_t *)d->rows[i] + p->channel,
               weights + i * kernel * d->weight_stride, sums, kernel, stride, width);
  activate_all (q, sums, width, d->activation);
#pragma GCC unroll 8
  for (unsigned x = 0; x < width; x++)
    pool = _mm512_add_ps (pool, sums[x]);
#pragma GCC unroll 4
  for (unsigned x = 0; x + 1 < width; x += 2) {
    __m512i pair = (__m512i)_mm512_cvtne2ps_pbh (sums[x + 1], sums[x]);

    _mm256_mask_storeu_epi16 (out + x * d->out_stride, (__mmask16)low,
                              _mm512_castsi512_si256 (pair));
    _mm256_mask_storeu_epi16 (out + (x + 1) * d->out_stride, (__mmask16)low,
                              _mm512_extracti64x4_epi64 (pair, 1));
  }
  if (width % 2 != 0)
    effnet_bf16_store (out + (width - 1) * d->out_stride, p->mask, sums[width - 1]);
  if (d->pool != NULL)
    _mm512_mask_storeu_ps (d->pool + p->channel, p->mask,
                           _mm512_add_ps (load_f32 (d->pool + p->channel, p->mask), pool));
}

/* Channels from .. to-1 at width outputs from x on. */
static EFFNET_INLINE void
convolve_chunk (const EffnetDepthwise *d, size_t x, size_t from, size_t to, unsigned kernel,
                unsigned stride, unsigned width)
{
  EffnetQ q = effnet_q_load ();

  for (; from + LANES <= to; from += LANES)
    convolve_block (&(Place){d, x, from, 0xffff}, &q, kernel, stride, width);
  if (from < to)
    convolve_block (&(Place){d, x, from, effnet_mask16 (to - from)}, &q, kernel, stride, width);
}

typedef void (*Chunk) (const EffnetDepthwise *d, size_t x, size_t from, size_t to);

#define CHUNK_OF(kernel, stride, width)                                                            \
  static void chunk_k##kernel##s##stride##w##width (const EffnetDepthwise *d, size_t x,            \
                                                    size_t from, size_t to)                        \
  {                                                                                                \
    convolve_chunk (d, x, from, to, kernel, stride, width);                                        \
  }

/* A kernel of the list: the row in blocks of nearly the same width, none wider than WIDTH. */
static EFFNET_INLINE void
convolve_row (const EffnetDepthwise *d, const Chunk *chunks)
{
  size_t blocks = (d->out_w + WIDTH - 1) / WIDTH;

  for (size_t from = 0; from < d->channels; from += CHUNK) {
    size_t to = from + CHUNK < d->channels ? from + CHUNK : d->channels;

    for (size_t b = 0; b < blocks; b++) {
      size_t x = d->out_w * b / blocks, next = d->out_w * (b + 1) / blocks;

      chunks[next - x - 1](d, x, from, to);
    }
  }
}

#define NAME_OF(kernel, stride, width) chunk_k##kernel##s##stride##w##width
#define ROW(name, kernel_, stride_)                                                                \
  CHUNK_OF (kernel_, stride_, 1)                                                                   \
  CHUNK_OF (kernel_, stride_, 2)                                                                   \
  CHUNK_OF (kernel_, stride_, 3)                                                                   \
  CHUNK_OF (kernel_, stride_, 4)                                                                   \
  CHUNK_OF (kernel_, stride_, 5)                                                                   \
  CHUNK_OF (kernel_, stride_, 6)                                                                   \
  CHUNK_OF (kernel_, stride_, 7)                                                                   \
  CHUNK_OF (kernel_, stride_, 8)                                                                   \
  void name (const EffnetDepthwise *d)                                                             \
  {                                                                                                \
    static const Chunk chunks[WIDTH] =                                                             \
        {                                                                                          \
            NAME_OF (kernel_, stride_, 1), NAME_OF (kernel_, stride_, 2),                          \
            NAME_OF (kernel_, stride_, 3), NAME_OF (kernel_, stride_, 4),                          \
            NAME_OF (kernel_, stride_, 5), NAME_OF (kernel_, stride_, 6),                          \
            NAME_OF (kernel_, stride_, 7), NAME_OF (kernel_, stride_, 8),                          \
        };                                                                                         \
                                                                                                   \
    assert (d->kernel == kernel_ && d->stride == stride_);                                         \
    convolve_row (d, chunks);                                                                      \
  }

ROW (effnet_depthwise_bf16_k3s1_avx512bf16, 3, 1)
ROW (effnet_depthwise_bf16_k3s2_avx512bf16, 3, 2)
ROW (effnet_depthwise_bf16_k5s1_avx512bf16, 5, 1)
ROW (effnet_depthwise_bf16_k5s2_avx512bf16, 5, 2)
