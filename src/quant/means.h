/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * quant: what rounding does to a network, and what can be done about it before it runs. Knows
 * numbers and batch norm, knows no kernel.
 *
 * Here: what each layer reads on average, without a picture, from the statistics that batch norm
 * was trained with (Nagel et al., 2019, "Data-Free Quantization Through Weight Equalization and
 * Bias Correction", section 4.2). */
#ifndef EFFNET_QUANT_MEANS_H
#define EFFNET_QUANT_MEANS_H

#include "bind/bind.h"

typedef struct {
  size_t n_layers;
  const float **of; /* by layer, float [channels that it reads]; NULL: of the picture */
  float *values;
} EffnetMeans;

/* Channels that @layer reads. */
size_t effnet_channels_read (const EffnetLayer *layer);

/* Of no layer yet, with room for the values of all. NULL with IO: no memory. */
EffnetMeans *effnet_means_alloc (const EffnetNet *net, GError **error);

/* FALSE where batch norm was folded into the weights, or an identity takes its place (gamma 1, mean
 * 0): such a file has no statistics. @known [out]. FALSE with FORMAT or IO on @error. */
gboolean effnet_means_are_known (const EffnetBound *bound, size_t n_layers, gboolean *known,
                                 GError **error);

/* E[x_c] of what layer i of @net reads, which is bound to bound[i]:
 * behind stem, expand, depthwise and head E[act (N (beta, gamma^2))]; behind a gate, that times
 * what squeeze and excite make of the means; on the trunk, the sum of the projections' betas since
 * the last block without a skip. NULL with FORMAT: a number that is not finite; or IO. */
EffnetMeans *effnet_means_new (const EffnetNet *net, const EffnetBound *bound, GError **error);
void effnet_means_free (EffnetMeans *means);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetMeans, effnet_means_free)

#endif
