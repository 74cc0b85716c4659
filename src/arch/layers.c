/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arch/layers.h"

static EffnetLayer
convolution (EffnetLayerKind kind, size_t out, size_t in, unsigned kernel, unsigned height,
             unsigned width)
{
  return (EffnetLayer){.kind = kind,
                       .out = out,
                       .in = in,
                       .kernel = kernel,
                       .pixels = (size_t)height * width,
                       .has_norm = TRUE};
}

static EffnetLayer
fully_connected (EffnetLayerKind kind, size_t out, size_t in)
{
  return (EffnetLayer){.kind = kind, .out = out, .in = in, .kernel = 1, .pixels = 1};
}

/* The squeeze-excite of @channels. Returns how many. */
static size_t
gate_layers (const EffnetBlock *b, size_t channels, EffnetLayer *layers)
{
  layers[0] = fully_connected (EFFNET_LAYER_SE_REDUCE, b->se_channels, channels);
  layers[1] = fully_connected (EFFNET_LAYER_SE_EXPAND, channels, b->se_channels);
  return 2;
}

/* Returns how many. */
static size_t
block_layers (const EffnetBlock *b, unsigned index, EffnetLayer *layers)
{
  size_t n = 0;

  if (b->has_expand)
    layers[n++] = convolution (EFFNET_LAYER_EXPAND, b->expand_channels, b->in_channels, 1,
                               b->in_height, b->in_width);
  if (b->kind == EFFNET_BLOCK_MBCONV || b->kind == EFFNET_BLOCK_MECO)
    layers[n++] = convolution (EFFNET_LAYER_DEPTHWISE, b->expand_channels, 1, b->kernel,
                               b->out_height, b->out_width);
  else
    layers[n++] = convolution (EFFNET_LAYER_CONV, b->expand_channels,
                               b->has_expand ? b->expand_channels : b->in_channels, b->kernel,
                               b->out_height, b->out_width);
  if (b->kind == EFFNET_BLOCK_MECO) {
    layers[n++] = convolution (EFFNET_LAYER_MIDDLE, b->expand_channels, b->expand_channels, 1,
                               b->out_height, b->out_width);
    layers[n++] = convolution (EFFNET_LAYER_DEPTHWISE_2, b->expand_channels, 1, b->kernel,
                               b->out_height, b->out_width);
  }
  if (b->se_place == EFFNET_SE_AFTER_DEPTHWISE)
    n += gate_layers (b, b->expand_channels, layers + n);
  if (b->has_project)
    layers[n++] = convolution (EFFNET_LAYER_PROJECT, b->out_channels, b->expand_channels, 1,
                               b->out_height, b->out_width);
  if (b->se_place == EFFNET_SE_AFTER_PROJECT)
    n += gate_layers (b, b->out_channels, layers + n);
  for (size_t i = 0; i < n; i++) {
    layers[i].block = b;
    layers[i].block_index = index;
  }
  return n;
}

gboolean
effnet_layers_build (EffnetNet *net)
{
  EffnetLayer *layers = g_try_new (EffnetLayer, 3 + 7 * (size_t)net->n_blocks);
  size_t n = 0, last = net->stem_channels;

  if (layers == NULL)
    return FALSE;
  layers[n++] =
      convolution (EFFNET_LAYER_STEM, net->stem_channels, 3, 3, net->stem_height, net->stem_width);
  for (unsigned i = 0; i < net->n_blocks; i++) {
    n += block_layers (&net->blocks[i], i, layers + n);
    last = net->blocks[i].out_channels;
  }
  layers[n++] = convolution (EFFNET_LAYER_HEAD, net->head_channels, last, 1, net->head_height,
                             net->head_width);
  if (net->n_classes > 0)
    layers[n++] = fully_connected (EFFNET_LAYER_CLASSIFIER, net->n_classes, net->head_channels);
  net->layers = layers;
  net->n_layers = n;
  return TRUE;
}

const EffnetLayer *
effnet_net_layers (const EffnetNet *net, size_t *n_layers)
{
  *n_layers = net->n_layers;
  return net->layers;
}

unsigned
effnet_layer_tensors (const EffnetLayer *layer, gboolean folded,
                      EffnetLayerTensor tensors[EFFNET_ROLE_COUNT])
{
  gboolean norm = layer->has_norm && !folded;
  EffnetRole first = norm ? EFFNET_ROLE_GAMMA : EFFNET_ROLE_BIAS;
  EffnetRole last = norm ? EFFNET_ROLE_VARIANCE : EFFNET_ROLE_BIAS;
  unsigned n = 0;

  /* The squeeze-excite is stored as 1x1 convolutions, the classifier as a matrix. */
  tensors[n++] = (EffnetLayerTensor){EFFNET_ROLE_WEIGHT,
                                     layer->kind == EFFNET_LAYER_CLASSIFIER ? 2 : 4,
                                     {layer->out, layer->in, layer->kernel, layer->kernel}};
  for (EffnetRole role = first; role <= last; role++)
    tensors[n++] = (EffnetLayerTensor){role, 1, {layer->out}};
  return n;
}
