/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Means of activations as a file beside the weights they belong to, which it names by their hash:
 * safetensors, a tensor for each layer, under timm's name of its weight. */
#ifndef EFFNET_QUANT_MEANS_FILE_H
#define EFFNET_QUANT_MEANS_FILE_H

#include "quant/means.h"

/* Where those of the weights file @weights are; free with g_free(). */
char *effnet_means_path (const char *weights);
/* Writes @means, of @frames frames; of a layer that has none nothing. FALSE with IO. */
gboolean effnet_means_save (const EffnetMeans *means, const EffnetNet *net, const char *path,
                            const char *weights_sha256, uint64_t frames, GError **error);
/* NULL with NOT_FOUND, IO or FORMAT, or MISMATCH: of other weights, or of another net. */
EffnetMeans *effnet_means_load (const EffnetNet *net, const char *path, const char *weights_sha256,
                                GError **error);

#endif
