/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reference of the front end's inner loops, summed in double. */
#include <math.h>
#include <string.h>

#include "kernels/rows.h"

static double
sample (EffnetElement element, const void *row, size_t x)
{
  const uint8_t *bytes = row;
  float f;

  switch (element) {
  case EFFNET_ELEMENT_U8:
    return bytes[x];
  case EFFNET_ELEMENT_U16:
    return bytes[2 * x] + 256.0 * bytes[2 * x + 1];
  case EFFNET_ELEMENT_F32:
    break;
  }
  memcpy (&f, bytes + 4 * x, sizeof f);
  return f;
}

static double
clamp (double x, double low, double high)
{
  return x < low ? low : x > high ? high : x;
}

void
effnet_resample_v_f32_ref (const EffnetResampleV *v)
{
  for (size_t x = 0; x < v->n; x++) {
    double sum = 0.0;

    for (size_t t = 0; t < v->taps; t++)
      sum += v->weight[t] * sample (v->element, v->rows[t], x);
    v->out[x] = (float)sum;
  }
}

void
effnet_spread_f32_ref (const EffnetSpread *s)
{
  for (size_t x = 0; x < s->n; x++)
    for (size_t lane = 0; lane < EFFNET_LANES; lane++)
      s->out[x * EFFNET_LANES + lane] = (float)sample (s->element, s->rows[lane], x * s->step);
}

void
effnet_resample_h_f32_ref (const EffnetResampleH *h)
{
  for (size_t i = 0; i < h->n; i++)
    for (size_t lane = 0; lane < EFFNET_LANES; lane++) {
      double sum = 0.0;

      for (size_t t = 0; t < h->count[i]; t++)
        sum += (double)h->weight[i * h->stride + t] *
               h->in[(h->first[i] - h->base + t) * EFFNET_LANES + lane];
      h->out[lane * h->out_stride + i] = (float)clamp (sum, h->low, h->high);
    }
}

void
effnet_convert_f32_ref (const EffnetConvert *c)
{
  for (size_t x = 0; x < c->n; x++)
    for (unsigned k = 0; k < 3; k++) {
      double sum = c->offset[k];

      for (unsigned i = 0; i < 3; i++)
        sum += (double)c->matrix[k * 3 + i] * c->in[i][x];
      c->out[x * 3 + k] = (float)(floor (clamp (sum, 0.0, 255.0) + 0.5) * c->scale[k] + c->bias[k]);
    }
}
