/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reference of the front end's inner loops, summed in whole numbers or in double. */
#include <math.h>
#include <string.h>

#include "kernels/rows.h"

static double
clamp (double x, double low, double high)
{
  return x < low ? low : x > high ? high : x;
}

void
effnet_resample_h_ref (const EffnetResampleH *h)
{
  const EffnetColumns *c = h->columns;

  for (size_t r = 0; r < h->n_rows; r++)
    for (size_t i = 0; i < c->n; i++)
      for (unsigned k = 0; k < c->kinds; k++) {
        const EffnetSamples *s = &c->kind[k];
        const uint8_t *row = h->rows + (ptrdiff_t)r * h->row_stride + s->offset;
        int64_t sum = 0;

        for (size_t t = 0; t < s->count[i]; t++)
          sum += (int64_t)s->weight[i * s->stride + t] * row[(s->first[i] + t) * s->step];
        float v = (float)sum * h->scale;

        h->out[r * h->out_stride + i * c->kinds + k] = v < h->low    ? h->low
                                                       : v > h->high ? h->high
                                                                     : v;
      }
}

void
effnet_resample_v_ref (const EffnetResampleV *v)
{
  for (size_t x = 0; x < v->n; x++) {
    double sum = 0.0;

    for (size_t t = 0; t < v->taps; t++)
      sum += v->weight[t] * (double)v->rows[t][x];
    v->out[x] = (float)sum;
  }
}

void
effnet_convert_ref (const EffnetConvert *c)
{
  for (size_t x = 0; x < c->n; x++)
    for (unsigned k = 0; k < 3; k++) {
      double sum = c->offset[k];

      for (unsigned i = 0; i < 3; i++)
        sum += (double)c->matrix[k * 3 + i] * c->in[i][x * c->step[i]];
      c->out[x * 3 + k] = (float)(floor (clamp (sum, 0.0, 255.0) + 0.5) * c->scale[k] + c->bias[k]);
    }
}
