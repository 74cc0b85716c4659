/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sum of the reference's depthwise convolution for one element type, with T, LOAD and REF as in
 * ref_tmpl.h. */

static double
REF (depthwise_sum) (const EffnetDepthwise *d, size_t x, size_t c)
{
  double sum = d->bias[c];

  for (unsigned i = 0; i < d->kernel; i++) {
    const T *row = d->rows[i]; /* [in_w][in_stride] */

    for (unsigned j = 0; j < d->kernel; j++) {
      size_t column = x * d->stride + j; /* counted from the left pad */

      if (row == NULL || column < d->pad || column - d->pad >= d->in_w)
        continue;
      sum += (double)LOAD (row[(column - d->pad) * d->in_stride + c]) *
             d->weights[(i * d->kernel + j) * d->weight_stride + c];
    }
  }
  return sum;
}
