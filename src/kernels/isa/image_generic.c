/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The front end's inner loops for any CPU, shaped so that the compiler makes vectors of the
 * baseline of them. */
#include <string.h>

#include "kernels/rows.h"

#define BLOCK 64 /* samples summed at once: their sums stay in first-level cache */

static inline float
load (EffnetElement element, const void *row, size_t x)
{
  const uint8_t *bytes = row;
  uint16_t v;
  float f;

  switch (element) {
  case EFFNET_ELEMENT_U8:
    return bytes[x];
  case EFFNET_ELEMENT_U16:
    memcpy (&v, bytes + 2 * x, sizeof v);
    return v;
  case EFFNET_ELEMENT_F32:
    break;
  }
  memcpy (&f, bytes + 4 * x, sizeof f);
  return f;
}

static inline __attribute__ ((always_inline)) void
vertical_block (const EffnetResampleV *v, EffnetElement element, size_t x, size_t n)
{
  float sum[BLOCK] = {0};
  size_t t = 0;

  for (; t + 4 <= v->taps; t += 4) {
    const void *r0 = v->rows[t], *r1 = v->rows[t + 1], *r2 = v->rows[t + 2], *r3 = v->rows[t + 3];
    const float *w = v->weight + t;

    for (size_t i = 0; i < n; i++)
      sum[i] += (load (element, r0, x + i) * w[0] + load (element, r1, x + i) * w[1]) +
                (load (element, r2, x + i) * w[2] + load (element, r3, x + i) * w[3]);
  }
  for (; t < v->taps; t++)
    for (size_t i = 0; i < n; i++)
      sum[i] += load (element, v->rows[t], x + i) * v->weight[t];
  memcpy (v->out + x, sum, n * sizeof *sum);
}

static inline __attribute__ ((always_inline)) void
vertical (const EffnetResampleV *v, EffnetElement element)
{
  size_t x = 0;

  for (; x + BLOCK <= v->n; x += BLOCK)
    vertical_block (v, element, x, BLOCK);
  if (x < v->n)
    vertical_block (v, element, x, v->n - x);
}

void
effnet_resample_v_f32_generic (const EffnetResampleV *v)
{
  switch (v->element) {
  case EFFNET_ELEMENT_U8:
    vertical (v, EFFNET_ELEMENT_U8);
    break;
  case EFFNET_ELEMENT_U16:
    vertical (v, EFFNET_ELEMENT_U16);
    break;
  case EFFNET_ELEMENT_F32:
    vertical (v, EFFNET_ELEMENT_F32);
    break;
  }
}

static inline __attribute__ ((always_inline)) void
spread (const EffnetSpread *s, EffnetElement element)
{
  for (size_t x = 0; x < s->n; x++)
    for (unsigned lane = 0; lane < EFFNET_LANES; lane++)
      s->out[x * EFFNET_LANES + lane] = load (element, s->rows[lane], x * s->step);
}

void
effnet_spread_f32_generic (const EffnetSpread *s)
{
  switch (s->element) {
  case EFFNET_ELEMENT_U8:
    spread (s, EFFNET_ELEMENT_U8);
    break;
  case EFFNET_ELEMENT_U16:
    spread (s, EFFNET_ELEMENT_U16);
    break;
  case EFFNET_ELEMENT_F32:
    spread (s, EFFNET_ELEMENT_F32);
    break;
  }
}

void
effnet_resample_h_f32_generic (const EffnetResampleH *h)
{
  for (size_t i = 0; i < h->n; i++) {
    const float *in = h->in + (h->first[i] - h->base) * EFFNET_LANES;
    const float *w = h->weight + i * h->stride;
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
effnet_convert_f32_generic (const EffnetConvert *c)
{
  for (unsigned k = 0; k < 3; k++) {
    const float *m = c->matrix + 3 * k;
    const float *a = c->in[0], *b = c->in[1], *d = c->in[2];
    float offset = c->offset[k], scale = c->scale[k], bias = c->bias[k], *out = c->out + k;

    for (size_t x = 0; x < c->n; x++) {
      float v = m[0] * a[x] + m[1] * b[x] + m[2] * d[x] + offset;

      v = v > 0.0f ? v : 0.0f;
      v = v < 255.0f ? v : 255.0f;
      out[x * 3] = (float)(int)(v + 0.5f) * scale + bias;
    }
  }
}
