/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * strips: a full convolution as a sum of pointwise ones, without a copy of the input (implicit
 * GEMM: Chetlur et al., "cuDNN", 2014). Outputs are grouped so that all of a group, a strip, see
 * the same taps inside the image. Its pixels are rows of a matrix that begin one stride apart, and
 * the taps of one kernel row lie side by side in memory: k comes in segments, one for each kernel
 * row.
 *
 * The one invariant: taps outside the image are left out, so that each output is a chain of the
 * same products in the same order whatever part of the image a call makes. */
#ifndef EFFNET_KERNELS_STRIPS_H
#define EFFNET_KERNELS_STRIPS_H

#include "kernels/kernels.h"

/* sum_k of EffnetGemm is sum_{s < segments, k} a[i][s * a_step + k] * b[s * b_step + k][j], k <
 * gemm->k. A pointwise convolution is the one of a single segment. */
typedef struct {
  const EffnetGemm *gemm;
  size_t segments;
  size_t a_step;     /* elements from segment to segment */
  size_t b_step;     /* elements of a panel from segment to segment */
  size_t panel_step; /* elements from panel to panel */
} EffnetStrip;

/* Outputs along one axis that have the same taps inside, [from, to) of each. */
typedef struct {
  size_t count;
  size_t from, to;
} EffnetSpan;

/* @first is where the window of the first of @outputs begins on an axis of @size pixels. */
static inline EffnetSpan
effnet_span (const EffnetConvolution *c, ptrdiff_t first, size_t size, size_t outputs)
{
  const ptrdiff_t kernel = (ptrdiff_t)c->kernel, end = (ptrdiff_t)size - first;
  EffnetSpan span = {.count = 1};

  if (first >= 0 && end >= kernel) {
    span.to = c->kernel;
    span.count = (size_t)(end - kernel) / c->stride + 1;
    span.count = span.count < outputs ? span.count : outputs;
  } else if (first > -kernel && end > 0) {
    span.from = first < 0 ? (size_t)-first : 0;
    span.to = (size_t)(end < kernel ? end : kernel);
  }
  return span;
}

/* The strips of outputs that begin at (y, x): one row of them, or one column. */
static inline void
effnet_conv_block (const EffnetConvolution *c, size_t element, size_t nr, size_t y, EffnetSpan rows,
                   size_t x, EffnetSpan columns, void (*run) (const EffnetStrip *))
{
  const size_t channels = c->channels;
  const size_t outside = rows.from == rows.to || columns.from == columns.to;
  const int upright = columns.count == 1 && rows.count > 1;
  const size_t across = c->stride * channels, down = c->stride * c->in_row;
  const size_t in_y = (size_t)(c->top + (ptrdiff_t)(y * c->stride + rows.from));
  const size_t in_x = (size_t)(c->left + (ptrdiff_t)(x * c->stride + columns.from));
  const char *residual = c->residual;
  EffnetGemm g = {
      .m = upright ? rows.count : columns.count,
      .n = c->n,
      .k = outside ? channels : (columns.to - columns.from) * channels,
      .a = (const char *)c->in + (outside ? 0 : in_y * c->in_row + in_x * channels) * element,
      .lda = upright ? down : across,
      .b = (const char *)c->b + (rows.from * c->kernel + columns.from) * channels * nr * element,
      .bias = c->bias,
      .residual = residual != NULL ? residual + (y * c->residual_row + x * c->ldr) * element : NULL,
      .ldr = upright ? c->residual_row : c->ldr,
      .c = (char *)c->out + (y * c->out_row + x * c->ldc) * element,
      .ldc = upright ? c->out_row : c->ldc,
      .activation = c->activation,
  };
  const EffnetStrip strip = {
      .gemm = &g,
      .segments = outside ? 0 : rows.to - rows.from,
      .a_step = c->in_row,
      .b_step = c->kernel * channels * nr,
      .panel_step = c->kernel * c->kernel * channels * nr,
  };

  for (size_t left = upright ? 1 : rows.count; left > 0; left--) {
    run (&strip);
    g.a = (const char *)g.a + down * element;
    g.c = (char *)g.c + c->out_row * element;
    if (residual != NULL)
      g.residual = (const char *)g.residual + c->residual_row * element;
  }
}

/* All of @c, whose elements have @element bytes, packed in panels of @nr columns. */
static inline void
effnet_conv_strips (const EffnetConvolution *c, size_t element, size_t nr,
                    void (*run) (const EffnetStrip *))
{
  EffnetSpan rows, columns;

  for (size_t y = 0; y < c->out_h; y += rows.count) {
    rows = effnet_span (c, c->top + (ptrdiff_t)(y * c->stride), c->in_h, c->out_h - y);
    for (size_t x = 0; x < c->out_w; x += columns.count) {
      columns = effnet_span (c, c->left + (ptrdiff_t)(x * c->stride), c->in_w, c->out_w - x);
      effnet_conv_block (c, element, nr, y, rows, x, columns, run);
    }
  }
}

#endif
