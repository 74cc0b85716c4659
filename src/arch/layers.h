/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The layers of a net that hold weights, in the order of the computation, and the tensors of each:
 * which role it plays and which shape it has. What a checkpoint calls a tensor is not known here.
 */
#ifndef EFFNET_ARCH_LAYERS_H
#define EFFNET_ARCH_LAYERS_H

#include "arch/net.h"

typedef enum {
  EFFNET_LAYER_STEM,
  EFFNET_LAYER_EXPAND,
  EFFNET_LAYER_DEPTHWISE,
  EFFNET_LAYER_SE_REDUCE,
  EFFNET_LAYER_SE_EXPAND,
  EFFNET_LAYER_PROJECT,
  EFFNET_LAYER_HEAD,
  EFFNET_LAYER_CLASSIFIER,
  EFFNET_LAYER_CONV,        /* of a block: k x k, of all channels */
  EFFNET_LAYER_MIDDLE,      /* of a block: 1x1, between two depthwise convolutions */
  EFFNET_LAYER_DEPTHWISE_2, /* the second of them */
  EFFNET_LAYER_COUNT,
} EffnetLayerKind;

/* What a tensor is to its layer; the last four are its batch norm's. */
typedef enum {
  EFFNET_ROLE_WEIGHT,
  EFFNET_ROLE_BIAS,
  EFFNET_ROLE_GAMMA,
  EFFNET_ROLE_BETA,
  EFFNET_ROLE_MEAN,
  EFFNET_ROLE_VARIANCE,
  EFFNET_ROLE_COUNT,
} EffnetRole;

typedef struct _EffnetLayer {
  EffnetLayerKind kind;
  const EffnetBlock *block; /* the net's; NULL for stem, head and classifier */
  unsigned block_index;     /* in the net */
  size_t out, in;           /* weight is [out][in][kernel][kernel]; depthwise has in = 1 */
  unsigned kernel;
  size_t pixels;     /* of the output; 1 of a fully connected layer */
  gboolean has_norm; /* batch norm follows; else the layer has a bias */
} EffnetLayer;

typedef struct {
  EffnetRole role;
  unsigned n_dims;
  size_t shape[4];
} EffnetLayerTensor;

/* All layers of @net, which owns them. */
const EffnetLayer *effnet_net_layers (const EffnetNet *net, size_t *n_layers);
/* Lays them out: the last thing that makes a net. FALSE when there is no memory for them. */
gboolean effnet_layers_build (EffnetNet *net);

/* The tensors of @layer, in the order of their roles; returns how many. @folded: batch norm is
 * folded into weight and bias. */
unsigned effnet_layer_tensors (const EffnetLayer *layer, gboolean folded,
                               EffnetLayerTensor tensors[EFFNET_ROLE_COUNT]);

#endif
