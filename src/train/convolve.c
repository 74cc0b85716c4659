/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Full convolutions of a batch, forward only: blocks that have one are not trained. */
#include "train/ops.h"

typedef struct {
  const EffnetKernel *kernel;
  const EffnetConvolution *image;
} Convolve;

/* A row of output, of all images' rows. */
static void
convolve_row (void *user, size_t tile, unsigned worker)
{
  const Convolve *v = user;
  EffnetConvolution row = *v->image;
  size_t image = tile / row.out_h, y = tile % row.out_h;

  (void)worker;
  row.in = (const float *)row.in + image * row.in_h * row.in_row;
  row.out = (float *)row.out + tile * row.out_row;
  if (row.residual != NULL)
    row.residual = (const float *)row.residual + tile * row.residual_row;
  row.top += (ptrdiff_t)(y * row.stride);
  row.out_h = 1;
  v->kernel->call.conv (&row);
}

/* Without a size, so that no row by squares answers: outputs are made a row at a time. */
const EffnetKernel *
effnet_convolve_kernel (const EffnetLayer *layer)
{
  return effnet_kernel_find (
      EFFNET_OP_CONV, EFFNET_DTYPE_F32,
      (EffnetKernelShape){.kernel = layer->kernel, .stride = layer->block->stride, .k = layer->in});
}

void
effnet_convolve (EffnetPool *pool, const EffnetNet *net, const EffnetLayer *layer, size_t images,
                 const float *x, const float *packed, const float *bias, const float *residual,
                 float *y)
{
  const EffnetBlock *b = layer->block;
  const EffnetConvolution image = {
      .in = x,
      .in_h = b->in_height,
      .in_w = b->in_width,
      .channels = layer->in,
      .in_row = b->in_width * layer->in,
      .kernel = b->kernel,
      .stride = b->stride,
      .top = -(ptrdiff_t)effnet_conv_pad (b->in_height, b->kernel, b->stride, net->padding),
      .left = -(ptrdiff_t)effnet_conv_pad (b->in_width, b->kernel, b->stride, net->padding),
      .out_h = b->out_height,
      .out_w = b->out_width,
      .n = layer->out,
      .b = packed,
      .bias = bias,
      .residual = residual,
      .ldr = layer->out,
      .residual_row = b->out_width * layer->out,
      .out = y,
      .ldc = layer->out,
      .out_row = b->out_width * layer->out,
      .activation = net->activation,
  };
  Convolve convolve = {effnet_convolve_kernel (layer), &image};

  effnet_pool_run (pool, images * b->out_height, convolve_row, &convolve);
}
