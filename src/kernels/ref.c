/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The reference: each contract of kernels.h as plain loops, summed in double. It
 * is the oracle of the checker and the fallback of last resort, and is never optimised. Its loops
 * are in ref_tmpl.h, instantiated here for float32 and bfloat16. */
#include <assert.h>
#include <math.h>

#include "kernels/rows.h"

static double
activate (double x, EffnetActivation activation)
{
  switch (activation) {
  case EFFNET_ACTIVATION_NONE:
    return x;
  case EFFNET_ACTIVATION_SWISH:
    return x / (1.0 + exp (-x));
  case EFFNET_ACTIVATION_RELU:
    return x > 0.0 ? x : 0.0;
  case EFFNET_ACTIVATION_RELU6:
    return x > 0.0 ? (x < 6.0 ? x : 6.0) : 0.0;
  case EFFNET_ACTIVATION_SIGMOID:
    return 1.0 / (1.0 + exp (-x));
  }
  assert (!"known activation");
  return x;
}

/* To nearest even, clamped to 0 .. levels. */
static int
nearest (double x, int levels)
{
  x = rint (x);
  return x > 0 ? (x < levels ? (int)x : levels) : 0;
}

#define T        float
#define LOAD(x)  (x)
#define STORE(x) ((float)(x))
#define REF(op)  effnet_##op##_f32_ref
#include "kernels/ref_tmpl.h"
#undef T
#undef LOAD
#undef STORE
#undef REF

#define T        uint16_t
#define LOAD(x)  effnet_float_from_bf16 (x)
#define STORE(x) effnet_bf16_from_float ((float)(x))
#define REF(op)  effnet_##op##_bf16_ref
#include "kernels/ref_tmpl.h"
#undef T
#undef LOAD
#undef STORE
#undef REF

#define T       uint8_t
#define LOAD(x) (x)
#define REF(op) op##_u8
#include "kernels/ref_depthwise.h"

void
effnet_depthwise_u8_ref (const EffnetDepthwise *d)
{
  const int levels = effnet_digits_levels (d->digits, EFFNET_RANGE_FIXED);
  const int zero = effnet_digits_zero (d->digits, EFFNET_RANGE_FIXED);
  uint8_t *out = d->out;

  for (size_t x = 0; x < d->out_w; x++)
    for (size_t c = 0; c < d->channels; c++)
      out[x * d->out_stride + c] = (uint8_t)(nearest (depthwise_sum_u8 (d, x, c), levels) + zero);
}

void
effnet_fc_s8_ref (const EffnetFc *f)
{
  const int8_t *w = f->w;

  for (size_t j = 0; j < f->n; j++) {
    double sum = 0.0;

    for (size_t k = 0; k < f->k; k++)
      sum += (double)f->x[k] * w[k * f->w_stride + j];
    f->y[j] = (float)activate (f->bias[j] + f->scale[j] * sum, f->activation);
  }
}
