/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parameters and multiply-adds, counted as the field counts them: batch-norm statistics are not
 * trained, and activations, additions, gating and pooling are not multiply-adds. The largest net
 * the limits of net.c and scale.c allow stays far below 2^64. */
#include "arch/count.h"

/* Trained of a batch norm are gamma and beta. */
static void
add_layer (EffnetCost *cost, const EffnetLayer *layer)
{
  uint64_t weights = (uint64_t)layer->kernel * layer->kernel * layer->in * layer->out;

  cost->parameters += weights + (layer->has_norm ? 2 : 1) * layer->out;
  cost->multiply_adds += weights * layer->pixels;
}

EffnetCost
effnet_cost_layers (const EffnetNet *net, EffnetLayerKind kind)
{
  EffnetCost cost = {0, 0};
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++) {
    if (layers[i].kind == kind)
      add_layer (&cost, &layers[i]);
  }
  return cost;
}

EffnetCost
effnet_cost_blocks (const EffnetNet *net, unsigned first, unsigned n)
{
  EffnetCost cost = {0, 0};
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++) {
    if (layers[i].block != NULL && layers[i].block_index - first < n)
      add_layer (&cost, &layers[i]);
  }
  return cost;
}

static EffnetCost
cost_net (const EffnetNet *net)
{
  EffnetCost cost = {0, 0};
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++)
    add_layer (&cost, &layers[i]);
  return cost;
}

uint64_t
effnet_net_parameters (const EffnetNet *net)
{
  return cost_net (net).parameters;
}

uint64_t
effnet_net_multiply_adds (const EffnetNet *net)
{
  return cost_net (net).multiply_adds;
}
