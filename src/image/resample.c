/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Portable C for any CPU, shaped so that a compiler turns the inner loops into vector code. */
#include "image/resample.h"

#include <glib.h>
#include <string.h>

#define BLOCK 64 /* samples summed at once: their sums stay in registers or first-level cache */

#if G_BYTE_ORDER == G_BIG_ENDIAN
#  error "16-bit formats are read as little-endian"
#endif

static inline float
load (EffnetElement element, const void *row, size_t x)
{
  uint16_t v;
  float f;
  switch (element) {
  case EFFNET_ELEMENT_U8:
    return ((const uint8_t *)row)[x];
  case EFFNET_ELEMENT_U16:
    memcpy (&v, (const uint8_t *)row + 2 * x, 2);
    return v;
  case EFFNET_ELEMENT_F32:
  default:
    memcpy (&f, (const float *)row + x, 4);
    return f;
  }
}

static inline __attribute__ ((always_inline)) void
vertical_block (EffnetElement element, const void *const *rows, const float *weight, unsigned taps,
                size_t x, size_t n, float *out)
{
  float sum[BLOCK] = {0};
  unsigned t = 0;
  for (; t + 4 <= taps; t += 4) {
    const void *r0 = rows[t], *r1 = rows[t + 1], *r2 = rows[t + 2], *r3 = rows[t + 3];
    const float *w = weight + t;
    for (size_t i = 0; i < n; i++)
      sum[i] += (load (element, r0, x + i) * w[0] + load (element, r1, x + i) * w[1]) +
                (load (element, r2, x + i) * w[2] + load (element, r3, x + i) * w[3]);
  }
  for (; t < taps; t++)
    for (size_t i = 0; i < n; i++)
      sum[i] += load (element, rows[t], x + i) * weight[t];
  memcpy (out + x, sum, n * sizeof *sum);
}

static inline __attribute__ ((always_inline)) void
vertical (EffnetElement element, const void *const *rows, const float *weight, unsigned taps,
          size_t n, float *out)
{
  size_t x = 0;
  for (; x + BLOCK <= n; x += BLOCK)
    vertical_block (element, rows, weight, taps, x, BLOCK, out);
  if (x < n)
    vertical_block (element, rows, weight, taps, x, n - x, out);
}

void
effnet_resample_vertical (EffnetElement element, const void *const *rows, const float *weight,
                          unsigned taps, size_t n, float *out)
{
  switch (element) {
  case EFFNET_ELEMENT_U8:
    vertical (EFFNET_ELEMENT_U8, rows, weight, taps, n, out);
    break;
  case EFFNET_ELEMENT_U16:
    vertical (EFFNET_ELEMENT_U16, rows, weight, taps, n, out);
    break;
  case EFFNET_ELEMENT_F32:
    vertical (EFFNET_ELEMENT_F32, rows, weight, taps, n, out);
    break;
  }
}

static inline __attribute__ ((always_inline)) void
spread (EffnetElement element, const void *const *rows, unsigned step, size_t n, float *out)
{
  for (size_t x = 0; x < n; x++)
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++)
      out[x * EFFNET_LANES + lane] = load (element, rows[lane], x * step);
}

void
effnet_resample_spread (EffnetElement element, const void *const *rows, unsigned step, size_t n,
                        float *out)
{
  switch (element) {
  case EFFNET_ELEMENT_U8:
    spread (EFFNET_ELEMENT_U8, rows, step, n, out);
    break;
  case EFFNET_ELEMENT_U16:
    spread (EFFNET_ELEMENT_U16, rows, step, n, out);
    break;
  case EFFNET_ELEMENT_F32:
    spread (EFFNET_ELEMENT_F32, rows, step, n, out);
    break;
  }
}

void
effnet_resample_horizontal (const EffnetHorizontal *h)
{
  for (unsigned i = 0; i < h->n; i++) {
    const float *in = h->in + (size_t)(h->first[i] - h->base) * EFFNET_LANES;
    const float *w = h->weight + (size_t)i * h->stride;
    float sum[EFFNET_LANES] = {0};
    for (unsigned t = 0; t < h->count[i]; t++)
      for (unsigned lane = 0; lane < EFFNET_LANES; lane++)
        sum[lane] += w[t] * in[t * EFFNET_LANES + lane];
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++) {
      float v = sum[lane] > h->low ? sum[lane] : h->low;
      h->out[lane * h->out_stride + i] = v < h->high ? v : h->high;
    }
  }
}

void
effnet_resample_convert (const EffnetConvert *c)
{
  for (unsigned k = 0; k < 3; k++) {
    const float *m = c->matrix[k];
    const float *a = c->in[0], *b = c->in[1], *d = c->in[2];
    float offset = c->offset[k], scale = c->scale[k], bias = c->bias[k], *out = c->out + k;
    for (size_t x = 0; x < c->n; x++) {
      float v = m[0] * a[x] + m[1] * b[x] + m[2] * d[x] + offset;
      v = v > 0 ? v : 0;
      v = v < 255 ? v : 255;
      out[x * 3] = (float)(int)(v + 0.5f) * scale + bias;
    }
  }
}
