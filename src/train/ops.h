/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a block does beside its matrix products, forward and backward: activations, depthwise
 * convolutions, the gate of squeeze-excite, sums. Activations are float32 NHWC, a batch of images
 * one behind the other. As in product.h, results do not depend on the number of threads. */
#ifndef EFFNET_TRAIN_OPS_H
#define EFFNET_TRAIN_OPS_H

#include "arch/layers.h"
#include "kernels/kernels.h"
#include "threads/pool.h"

/* y = act (x), which may be the same; n elements. */
void effnet_activate (EffnetPool *pool, EffnetActivation activation, size_t n, const float *x,
                      float *y);
/* g *= act' (x), of the x that went into the activation */
void effnet_activate_back (EffnetPool *pool, EffnetActivation activation, size_t n, const float *x,
                           float *g);

/* A depthwise convolution of a batch. */
typedef struct {
  EffnetPool *pool;
  size_t images, channels;
  size_t in_h, in_w, out_h, out_w;
  unsigned kernel, stride, pad_y, pad_x;
  EffnetActivation activation; /* of the forward pass */
} EffnetDepthwiseBatch;

EffnetDepthwiseBatch effnet_conv_of_block (EffnetPool *pool, const EffnetNet *net,
                                           const EffnetBlock *block, size_t images);
/* out = act (bias + taps); @weights: [kernel * kernel][channels] */
void effnet_depthwise (const EffnetDepthwiseBatch *conv, const float *x, const float *weights,
                       const float *bias, float *out);
/* dx = the transposed convolution of dy. @scratch: effnet_depthwise_scratch() floats. */
void effnet_depthwise_back (const EffnetDepthwiseBatch *conv, const float *dy, const float *weights,
                            float *scratch, float *dx);
/* dw += what dy is to each tap; @dw: [kernel * kernel][channels]. @scratch: as above. */
void effnet_depthwise_weights_back (const EffnetDepthwiseBatch *conv, const float *x,
                                    const float *dy, float *scratch, float *dw);
size_t effnet_depthwise_scratch (const EffnetDepthwiseBatch *conv);

/* The row that computes a full convolution, and packs its weights. */
const EffnetKernel *effnet_convolve_kernel (const EffnetLayer *layer);
/* y = act (bias + taps) + residual, of a batch. @packed: effnet_conv_pack(); @residual: (nullable)
 */
void effnet_convolve (EffnetPool *pool, const EffnetNet *net, const EffnetLayer *layer,
                      size_t images, const float *x, const float *packed, const float *bias,
                      const float *residual, float *y);

/* sum[c] += sum_r x[r][c] */
void effnet_sum_rows (EffnetPool *pool, size_t rows, size_t channels, const float *x, float *sum);
/* mean[i][c] = the average over the pixels of image i */
void effnet_pool_images (EffnetPool *pool, size_t images, size_t pixels, size_t channels,
                         const float *x, float *mean);

/* The gate: y = x gate, of each image and channel. @gate: [images][channels] */
void effnet_gate (EffnetPool *pool, size_t images, size_t pixels, size_t channels, const float *x,
                  const float *gate, float *y);
/* dgate[i][c] = sum_p g[i][p][c] x[i][p][c] */
void effnet_gate_back (EffnetPool *pool, size_t images, size_t pixels, size_t channels,
                       const float *x, const float *g, float *dgate);
/* g = (g gate + dmean / pixels) act' (z): through the gate, and what came through the average that
 * made it. @gate, @dmean: [images][channels]; without @gate g is not read, without either it is
 * only the activation. */
void effnet_gated_back (EffnetPool *pool, size_t images, size_t pixels, size_t channels,
                        EffnetActivation activation, const float *z, const float *gate,
                        const float *dmean, float *g);

#endif
