/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * resample: the inner loops of the front end. Pure functions on rows; who calls them in which order
 * is frontend.c's business. EFFNET_LANES rows travel side by side through the horizontal filter, so
 * that its inner loop runs over rows and needs no sums across a register. */
#ifndef EFFNET_IMAGE_RESAMPLE_H
#define EFFNET_IMAGE_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#define EFFNET_LANES 16

typedef enum {
  EFFNET_ELEMENT_U8,
  EFFNET_ELEMENT_U16, /* little-endian, any alignment */
  EFFNET_ELEMENT_F32,
} EffnetElement;

/* out[x] = sum_t weight[t] * rows[t][x], x < n */
void effnet_resample_vertical (EffnetElement element, const void *const *rows, /* [taps] */
                               const float *weight, unsigned taps, size_t n, float *out);

/* out[x][lane] = rows[lane][x * step], x < n */
void effnet_resample_spread (EffnetElement element, const void *const *rows, /* [EFFNET_LANES] */
                             unsigned step, size_t n, float *out);

/* out[lane][i] = clamp (sum_t weight[i * stride + t] * in[first[i] - base + t][lane], low, high), i
 * < n */
typedef struct {
  const float *in; /* [..][EFFNET_LANES] */
  const unsigned *first, *count;
  const float *weight;
  unsigned n, stride, base;
  float low, high;
  float *out; /* [EFFNET_LANES][out_stride] */
  size_t out_stride;
} EffnetHorizontal;
void effnet_resample_horizontal (const EffnetHorizontal *h);

/* out[x][k] = round (clamp (sum_c matrix[k][c] * in[c][x] + offset[k], 0, 255)) * scale[k] +
 * bias[k] */
typedef struct {
  const float *in[3]; /* [n] */
  size_t n;
  const float (*matrix)[3];
  const float *offset, *scale, *bias; /* [3] */
  float *out;                         /* [n][3] */
} EffnetConvert;
void effnet_resample_convert (const EffnetConvert *c);

#endif
