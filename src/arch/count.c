/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parameters and multiply-adds, counted as the field counts them: batch-norm statistics are not
 * trained, and activations, additions, gating and pooling are not multiply-adds. The largest net
 * the limits of net.c and scale.c allow stays far below 2^64. */
#include "arch/count.h"

/* A k x k convolution without bias and its batch norm's gamma and beta. @in is 1 when depthwise. */
static EffnetCost
conv (uint64_t kernel, uint64_t in, uint64_t out, uint64_t height, uint64_t width)
{
  uint64_t weights = kernel * kernel * in * out;
  return (EffnetCost){weights + 2 * out, weights * height * width};
}

static EffnetCost
fully_connected (uint64_t in, uint64_t out)
{
  return (EffnetCost){in * out + out, in * out};
}

static EffnetCost
sum (EffnetCost a, EffnetCost b)
{
  return (EffnetCost){a.parameters + b.parameters, a.multiply_adds + b.multiply_adds};
}

EffnetCost
effnet_cost_stem (const EffnetNet *net)
{
  return conv (3, 3, net->stem_channels, net->stem_height, net->stem_width);
}

EffnetCost
effnet_cost_block (const EffnetBlock *b)
{
  EffnetCost cost = {0, 0};

  if (b->has_expand)
    cost = sum (cost, conv (1, b->in_channels, b->expand_channels, b->in_height, b->in_width));
  cost = sum (cost, conv (b->kernel, 1, b->expand_channels, b->out_height, b->out_width));
  if (b->se_channels != 0) {
    cost = sum (cost, fully_connected (b->expand_channels, b->se_channels));
    cost = sum (cost, fully_connected (b->se_channels, b->expand_channels));
  }
  return sum (cost, conv (1, b->expand_channels, b->out_channels, b->out_height, b->out_width));
}

EffnetCost
effnet_cost_head (const EffnetNet *net)
{
  unsigned in = net->blocks[net->n_blocks - 1].out_channels;
  return conv (1, in, net->head_channels, net->head_height, net->head_width);
}

EffnetCost
effnet_cost_classifier (const EffnetNet *net)
{
  return fully_connected (net->head_channels, net->n_classes);
}

static EffnetCost
cost_net (const EffnetNet *net)
{
  EffnetCost cost = sum (effnet_cost_stem (net), effnet_cost_head (net));

  for (unsigned i = 0; i < net->n_blocks; i++)
    cost = sum (cost, effnet_cost_block (&net->blocks[i]));
  return sum (cost, effnet_cost_classifier (net));
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
