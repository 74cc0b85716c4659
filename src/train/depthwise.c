/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The depthwise convolution and its two gradients. That of its input is a depthwise convolution
 * itself, of the outputs' gradient with the taps in reverse (Dumoulin and Visin, 2016, "A guide to
 * convolution arithmetic for deep learning", section 4), with stride - 1 zeros between the pixels:
 * so both run on the engine's kernels. */
#include <string.h>

#include "base/checked.h"
#include "kernels/kernels.h"
#include "train/ops.h"

#define MAX_KERNEL 8  /* rows of a window */
#define LANES      16 /* channels of a tile of the weights' gradient */

EffnetDepthwiseBatch
effnet_conv_of_block (EffnetPool *pool, const EffnetNet *net, const EffnetBlock *block,
                      size_t images)
{
  return (EffnetDepthwiseBatch){
      .pool = pool,
      .images = images,
      .channels = block->expand_channels,
      .in_h = block->in_height,
      .in_w = block->in_width,
      .out_h = block->out_height,
      .out_w = block->out_width,
      .kernel = block->kernel,
      .stride = block->stride,
      .pad_y = effnet_conv_pad (block->in_height, block->kernel, block->stride, net->padding),
      .pad_x = effnet_conv_pad (block->in_width, block->kernel, block->stride, net->padding),
  };
}

typedef struct {
  const EffnetDepthwiseBatch *conv;
  const EffnetKernel *kernel;
  const float *x, *dy, *weights, *bias;
  float *out;
} Depthwise;

static void
forward_row (void *user, size_t tile, unsigned worker)
{
  const Depthwise *d = user;
  const EffnetDepthwiseBatch *v = d->conv;
  size_t image = tile / v->out_h, y = tile % v->out_h, row_size = v->in_w * v->channels;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = {
      .rows = rows,
      .channels = v->channels,
      .in_w = v->in_w,
      .out_w = v->out_w,
      .in_stride = v->channels,
      .out_stride = v->channels,
      .kernel = v->kernel,
      .stride = v->stride,
      .pad = v->pad_x,
      .weights = d->weights,
      .weight_stride = v->channels,
      .bias = d->bias,
      .out = d->out + tile * v->out_w * v->channels,
      .activation = v->activation,
  };

  (void)worker;
  for (unsigned i = 0; i < v->kernel; i++) {
    size_t row = y * v->stride + i - v->pad_y; /* wraps around above the image */

    rows[i] = row < v->in_h ? d->x + (image * v->in_h + row) * row_size : NULL;
  }
  d->kernel->call.depthwise (&args);
}

void
effnet_depthwise (const EffnetDepthwiseBatch *conv, const float *x, const float *weights,
                  const float *bias, float *out)
{
  EffnetKernelShape shape = {.kernel = conv->kernel, .stride = conv->stride};
  Depthwise d = {.conv = conv,
                 .kernel = effnet_kernel_find (EFFNET_OP_DEPTHWISE, EFFNET_DTYPE_F32, shape),
                 .x = x,
                 .weights = weights,
                 .bias = bias,
                 .out = out};

  effnet_pool_run (conv->pool, conv->images * conv->out_h, forward_row, &d);
}

/* ---- gradient of the input ------------------------------------------------------------------- */

/* Floats of a row of dy with its zeros. */
static size_t
spread_row (const EffnetDepthwiseBatch *v)
{
  return ((v->out_w - 1) * v->stride + 1) * v->channels;
}

/* [images][out_h] rows of dy, spread with zeros */
static void
spread_tile (void *user, size_t tile, unsigned worker)
{
  const Depthwise *d = user;
  const EffnetDepthwiseBatch *v = d->conv;
  float *to = d->out + tile * spread_row (v);
  const float *from = d->dy + tile * v->out_w * v->channels;

  (void)worker;
  memset (to, 0, spread_row (v) * sizeof *to);
  for (size_t x = 0; x < v->out_w; x++)
    memcpy (to + x * v->stride * v->channels, from + x * v->channels, v->channels * sizeof *to);
}

static void
back_row (void *user, size_t tile, unsigned worker)
{
  const Depthwise *d = user;
  const EffnetDepthwiseBatch *v = d->conv;
  size_t image = tile / v->in_h, y = tile % v->in_h;
  const void *rows[MAX_KERNEL];
  EffnetDepthwise args = {
      .rows = rows,
      .channels = v->channels,
      .in_w = (v->out_w - 1) * v->stride + 1,
      .out_w = v->in_w,
      .in_stride = v->channels,
      .out_stride = v->channels,
      .kernel = v->kernel,
      .stride = 1,
      .pad = v->kernel - 1 - v->pad_x,
      .weights = d->weights,
      .weight_stride = v->channels,
      .bias = d->bias,
      .out = d->out + tile * v->in_w * v->channels,
      .activation = EFFNET_ACTIVATION_NONE,
  };

  (void)worker;
  for (unsigned i = 0; i < v->kernel; i++) {
    size_t row = y + v->pad_y - (v->kernel - 1 - i); /* times stride; wraps around */
    gboolean is_one = row % v->stride == 0 && row / v->stride < v->out_h;

    rows[i] = is_one ? d->dy + (image * v->out_h + row / v->stride) * spread_row (v) : NULL;
  }
  d->kernel->call.depthwise (&args);
}

size_t
effnet_depthwise_scratch (const EffnetDepthwiseBatch *conv)
{
  size_t taps = (size_t)conv->kernel * conv->kernel;
  size_t back = (taps + 1) * conv->channels;

  if (conv->stride > 1)
    back += conv->images * conv->out_h * spread_row (conv);
  return MAX (back, conv->images * taps * conv->channels);
}

void
effnet_depthwise_back (const EffnetDepthwiseBatch *conv, const float *dy, const float *weights,
                       float *scratch, float *dx)
{
  size_t taps = (size_t)conv->kernel * conv->kernel, n = conv->channels;
  float *reversed = scratch, *zeros = reversed + taps * n, *spread = zeros + n;
  EffnetKernelShape shape = {.kernel = conv->kernel, .stride = 1};
  Depthwise d = {.conv = conv, .dy = dy, .out = spread};

  for (size_t t = 0; t < taps; t++)
    memcpy (reversed + t * n, weights + (taps - 1 - t) * n, n * sizeof *reversed);
  memset (zeros, 0, n * sizeof *zeros);
  if (conv->stride > 1) {
    effnet_pool_run (conv->pool, conv->images * conv->out_h, spread_tile, &d);
    d.dy = spread;
  }
  d.kernel = effnet_kernel_find (EFFNET_OP_DEPTHWISE, EFFNET_DTYPE_F32, shape);
  d.weights = reversed;
  d.bias = zeros;
  d.out = dx;
  effnet_pool_run (conv->pool, conv->images * conv->in_h, back_row, &d);
}

/* ---- gradient of the weights ----------------------------------------------------------------- */

/* The outputs of a row that a tap has an input for: *first .. *end - 1. */
static void
outputs_of_tap (const EffnetDepthwiseBatch *v, unsigned j, size_t *first, size_t *end)
{
  *first = j < v->pad_x ? effnet_div_up (v->pad_x - j, v->stride) : 0;
  *end = v->in_w + v->pad_x > j ? MIN (v->out_w, effnet_div_up (v->in_w + v->pad_x - j, v->stride))
                                : 0;
}

/* acc += sum over @n outputs of dy x; @step: from an input to the next */
static inline void
add_products (const float *dy, const float *x, size_t n, size_t channels, size_t step,
              float acc[LANES])
{
  float sum[LANES];

  memcpy (sum, acc, sizeof sum);
  for (size_t i = 0; i < n; i++, dy += channels, x += step)
    for (size_t c = 0; c < LANES; c++)
      sum[c] += dy[c] * x[c];
  memcpy (acc, sum, sizeof sum);
}

static inline void
add_products_tail (const float *dy, const float *x, size_t n, size_t channels, size_t step,
                   size_t lanes, float acc[LANES])
{
  for (size_t i = 0; i < n; i++, dy += channels, x += step)
    for (size_t c = 0; c < lanes; c++)
      acc[c] += dy[c] * x[c];
}

/* What a row of the outputs is to the taps of a row of the inputs. */
static void
add_row (const EffnetDepthwiseBatch *v, const float *x, const float *dy, size_t lanes,
         float acc[][LANES])
{
  for (unsigned j = 0; j < v->kernel; j++) {
    size_t first, end;

    outputs_of_tap (v, j, &first, &end);
    if (first >= end)
      continue;
    const float *from = x + (first * v->stride + j - v->pad_x) * v->channels;
    const float *to = dy + first * v->channels;
    if (lanes == LANES)
      add_products (to, from, end - first, v->channels, v->stride * v->channels, acc[j]);
    else
      add_products_tail (to, from, end - first, v->channels, v->stride * v->channels, lanes,
                         acc[j]);
  }
}

/* A tile is LANES channels of an image; out: [images][taps][channels]. */
static void
weights_tile (void *user, size_t tile, unsigned worker)
{
  const Depthwise *d = user;
  const EffnetDepthwiseBatch *v = d->conv;
  size_t groups = effnet_div_up (v->channels, LANES), image = tile / groups;
  size_t c = tile % groups * LANES, lanes = MIN (LANES, v->channels - c);
  const float *x = d->x + image * v->in_h * v->in_w * v->channels + c;
  const float *dy = d->dy + image * v->out_h * v->out_w * v->channels + c;
  float *out = d->out + image * v->kernel * v->kernel * v->channels + c;
  float acc[MAX_KERNEL * MAX_KERNEL][LANES] = {{0}};

  (void)worker;
  for (size_t y = 0; y < v->out_h; y++)
    for (unsigned i = 0; i < v->kernel; i++) {
      size_t row = y * v->stride + i - v->pad_y;

      if (row < v->in_h)
        add_row (v, x + row * v->in_w * v->channels, dy + y * v->out_w * v->channels, lanes,
                 acc + i * v->kernel);
    }
  for (unsigned t = 0; t < v->kernel * v->kernel; t++)
    memcpy (out + t * v->channels, acc[t], lanes * sizeof *acc[t]);
}

void
effnet_depthwise_weights_back (const EffnetDepthwiseBatch *conv, const float *x, const float *dy,
                               float *scratch, float *dw)
{
  Depthwise d = {.conv = conv, .x = x, .dy = dy, .out = scratch};
  size_t n = (size_t)conv->kernel * conv->kernel * conv->channels;

  effnet_pool_run (conv->pool, conv->images * effnet_div_up (conv->channels, LANES), weights_tile,
                   &d);
  effnet_sum_rows (conv->pool, conv->images, n, scratch, dw);
}
