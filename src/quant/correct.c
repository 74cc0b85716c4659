/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant/correct.h"

#include <math.h>

void
effnet_correct_bias (const float *w, const float *rounded, size_t rows, size_t n, const float *mean,
                     float *bias)
{
  for (size_t o = 0; o < rows; o++, w += n, rounded += n) {
    double moved = 0.0;
    float corrected;

    for (size_t c = 0; c < n; c++)
      moved += ((double)rounded[c] - w[c]) * mean[c];
    corrected = (float)(bias[o] - moved);
    if (isfinite (corrected))
      bias[o] = corrected;
  }
}
