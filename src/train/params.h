/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The parameters of a net that is trained from one layer on. Each batch norm keeps its statistics
 * and is one affine map with the convolution before it: forward and backward see the folded
 * weights w' = w s and b' = beta - mean s with s = gamma / sqrt (variance + epsilon), and the chain
 * rule goes from their gradients to those of w, gamma and beta. So what is trained is what the
 * checkpoint holds. */
#ifndef EFFNET_TRAIN_PARAMS_H
#define EFFNET_TRAIN_PARAMS_H

#include "base/arena.h"
#include "bind/bind.h"
#include "train/product.h"

/* A layer. Offsets count floats in what is trained. */
typedef struct {
  const EffnetBound *bound; /* NULL: a classifier that is in no file */
  EffnetLayer layer;
  gboolean is_trained, has_norm;
  size_t weight, gamma, beta; /* offsets; beta: the bias where there is no norm */
  float *mean, *inverse;      /* [out]: 1 / sqrt (variance + epsilon); of trained norms */
  float *packed;              /* for the forward pass; depthwise and stem: [taps][stride]; a full
                               * convolution's, which is not trained, as its kernel wants it */
  float *back;                /* for the gradient of the input; NULL: not needed */
  float *bias;                /* [out rounded up], folded */
  float *taps;                /* depthwise: the gradient of the folded weights, [taps][out] */
} EffnetParam;

typedef struct {
  size_t n_layers, n_trained; /* layers; floats of what is trained */
  EffnetParam *layers;        /* of the net; the last is the classifier */
  EffnetArena memory;
  float *theta, *gradient; /* [n_trained] */
  float *folded;           /* one layer's at a time */
} EffnetParams;

/* @bound: as effnet_bind() has it, of a net whose classifier is replaced by one of @n_classes. The
 * layers of the blocks from @first on, the head and the classifier are trained. FALSE with what
 * the weights break, or IO. */
gboolean effnet_params_init (EffnetParams *params, const EffnetBound *bound, size_t n_layers,
                             unsigned n_classes, unsigned first, const EffnetProducts *products,
                             GError **error);
void effnet_params_clear (EffnetParams *params);

/* Folds and packs what is trained, after a change of theta. */
void effnet_params_refresh (EffnetParams *params, const EffnetProducts *products);
/* Sets the gradients to zero. */
void effnet_params_forget (EffnetParams *params);
/* From the gradients of the folded weights to those of theta; in place. */
void effnet_params_chain (EffnetParams *params, EffnetPool *pool);

/* Elements of the weight. */
static inline size_t
effnet_param_size (const EffnetParam *param)
{
  return param->layer.out * param->layer.in * param->layer.kernel * param->layer.kernel;
}

#endif
