/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A net that is trained from one block on: forward and backward of a batch of images, float32
 * NHWC. Statistics of batch norms do not change, so images do not depend on each other, and the
 * gradients of parts of a batch add up to those of the whole. */
#ifndef EFFNET_TRAIN_GRAPH_H
#define EFFNET_TRAIN_GRAPH_H

#include "train/ops.h"
#include "train/params.h"

typedef struct {
  const EffnetNet *net;
  EffnetParams params;
  EffnetProducts products;
  unsigned first; /* block that is trained first; 0: the input is that of the net */
  size_t images;  /* at most, of one pass */
  gboolean keep;  /* what a backward pass needs, of the next passes forward */
  int held;       /* the block whose insides are in memory; -1 = none */

  EffnetArena memory;
  float **inputs; /* [n_blocks - first + 1]: of each trained block and of the head */
  float *x[2];    /* of the blocks before the first that is trained, in turns */
  float *z1, *a1; /* expanded, before and after the activation; the same place where what comes out
                   * of it tells its slope */
  float *z2, *a2; /* the depthwise convolution's, likewise */
  float *g1, *g2; /* gradients where a1 and a2 are */
  float *go[2];   /* gradients of the outputs of blocks, in turns */
  float *mean, *squeezed, *reduced, *expanded, *gate; /* squeeze-excite, [images][channels] */
  float *dgate, *dreduced;
  float *zh, *gh;              /* the head's, and its gradient in gh */
  float *features, *dfeatures; /* [images][head_channels] */
  float *scratch;              /* of depthwise gradients */
} EffnetGraph;

/* @net and @bound must outlive it. At most @memory bytes for one pass of several images, of at most
 * @batch; one image is always possible. The classifier's parameters are zero. FALSE with what the
 * weights break, or IO. Clear it in both cases. */
gboolean effnet_graph_init (EffnetGraph *graph, const EffnetNet *net, const EffnetBound *bound,
                            size_t n_layers, unsigned n_classes, unsigned first, size_t batch,
                            size_t memory, EffnetPool *pool, GError **error);
void effnet_graph_clear (EffnetGraph *graph);

/* Elements of one input of the first block that is trained: what is cached of a picture. */
size_t effnet_graph_input_size (const EffnetGraph *graph);
/* The part that is not trained, of one image, [in_height][in_width][3]. */
void effnet_graph_prepare (EffnetGraph *graph, const float *nhwc, float *input);

/* Asked between blocks; TRUE ends the pass, whose results then are not to be used. */
typedef gboolean (*EffnetGraphStop) (void *data);
/* @images: at most graph->images. @input: [images][effnet_graph_input_size()]; @logits:
 * [images][n_classes]; features are in graph->features. */
gboolean effnet_graph_forward (EffnetGraph *graph, size_t images, const float *input, float *logits,
                               EffnetGraphStop stop, void *stop_data);
/* Adds to params.gradient, of the folded weights, after the forward pass of the same images with
 * `keep`. */
gboolean effnet_graph_backward (EffnetGraph *graph, size_t images, const float *dlogits,
                                EffnetGraphStop stop, void *stop_data);

#endif
