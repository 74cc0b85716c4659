/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant/int8.h"

#include <math.h>

#define MOST         127
#define EARLY_BLOCKS 2

gboolean
effnet_int8_rounds (const EffnetLayer *layer)
{
  switch (layer->kind) {
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_PROJECT:
    return layer->kernel == 1 && layer->block_index >= EARLY_BLOCKS;
  case EFFNET_LAYER_HEAD:
  case EFFNET_LAYER_CLASSIFIER:
    return TRUE;
  default:
    return FALSE;
  }
}

void
effnet_int8_weights (const float *w, size_t rows, size_t n, int8_t *q, float *scale, int32_t *sum)
{
  for (size_t o = 0; o < rows; o++, w += n, q += n) {
    float largest = 0.0f;
    int32_t digits = 0;

    for (size_t c = 0; c < n; c++)
      largest = fmaxf (largest, fabsf (w[c]));
    scale[o] = largest / MOST;
    for (size_t c = 0; c < n; c++) {
      double digit = scale[o] > 0 ? rint ((double)w[c] / scale[o]) : 0.0;

      q[c] = (int8_t)fmax (fmin (digit, MOST), -MOST); /* of a denormal scale it may be more */
      digits += q[c];
    }
    if (sum != NULL)
      sum[o] = digits;
  }
}
