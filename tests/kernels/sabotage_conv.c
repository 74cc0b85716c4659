/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Full convolutions that are wrong on purpose: the reference on a spoilt contract, or spoilt
 * afterwards. */
#include "sabotage.h"

#include <math.h>

static volatile float sink;

/* Right but for what is changed in `c`. */
#define CONV(name, change)                                                                         \
  static void name (const EffnetConvolution *conv)                                                 \
  {                                                                                                \
    EffnetConvolution c = *conv;                                                                   \
                                                                                                   \
    change;                                                                                        \
    effnet_conv_f32_ref (&c);                                                                      \
  }
CONV (conv_shifts_top, c.top++)
CONV (conv_shifts_left, c.left -= c.left < 0)
CONV (conv_swaps_paddings, c.top = conv->left; c.left = conv->top)
CONV (conv_reads_behind_the_row, c.in_w++)
CONV (conv_reads_behind_the_image, c.in_h++)
CONV (conv_forgets_the_last_row, c.in_h -= c.in_h > 1)
CONV (conv_forgets_stride, c.stride = 1)
CONV (conv_confuses_in_row, c.in_row = c.in_w * c.channels)
CONV (conv_confuses_out_row, c.out_row = c.out_w * c.ldc)
CONV (conv_confuses_pixels, c.ldr = c.n)
CONV (conv_forgets_residual, c.residual = NULL)
CONV (conv_forgets_activation, c.activation = EFFNET_ACTIVATION_NONE)
CONV (conv_forgets_the_last_output, c.n -= c.n > 1)

/* Padding as if the border were repeated, seen at the first output only. */
static void
conv_pads_with_the_border (const EffnetConvolution *c)
{
  effnet_conv_f32_ref (c);
  if (c->top < 0 && c->left < 0 && c->activation == EFFNET_ACTIVATION_NONE)
    ((float *)c->out)[0] += ((const float *)c->in)[0] * ((const float *)c->b)[0];
}

static void
conv_reads_past_weights (const EffnetConvolution *c)
{
  effnet_conv_f32_ref (c);
  sink = ((const float *)c->b)[c->n * c->kernel * c->kernel * c->channels];
}

static void
conv_writes_past_out (const EffnetConvolution *c)
{
  effnet_conv_f32_ref (c);
  ((float *)c->out)[(c->out_h - 1) * c->out_row + (c->out_w - 1) * c->ldc + c->n] = 0.0f;
}

/* As if parts of an image were summed in another order. */
static void
conv_differs_in_parts (const EffnetConvolution *c)
{
  static unsigned calls;
  float *out = c->out;

  effnet_conv_f32_ref (c);
  if (calls++ > 0)
    out[0] = nextafterf (out[0], INFINITY);
}

#define ROW(name) SABOTAGE_ROW (conv, F32, BOUNDED, 1, name)

static const EffnetKernel rows[] = {
    ROW (conv_shifts_top),
    ROW (conv_shifts_left),
    ROW (conv_swaps_paddings),
    ROW (conv_reads_behind_the_row),
    ROW (conv_reads_behind_the_image),
    ROW (conv_forgets_the_last_row),
    ROW (conv_forgets_stride),
    ROW (conv_confuses_in_row),
    ROW (conv_confuses_out_row),
    ROW (conv_confuses_pixels),
    ROW (conv_forgets_residual),
    ROW (conv_forgets_activation),
    ROW (conv_forgets_the_last_output),
    ROW (conv_pads_with_the_border),
    ROW (conv_differs_in_parts),
    ROW (conv_reads_past_weights),
    ROW (conv_writes_past_out),
};

const EffnetKernel *
sabotage_conv_rows (gsize *n)
{
  *n = G_N_ELEMENTS (rows);
  return rows;
}
