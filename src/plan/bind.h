/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Binding: from a layer of a net to the tensors that hold it, whatever the checkpoint calls them,
 * and from those to one convolution with its batch norm folded in. */
#ifndef EFFNET_PLAN_BIND_H
#define EFFNET_PLAN_BIND_H

#include "plan/plan.h"

typedef enum {
  EFFNET_LAYER_STEM,
  EFFNET_LAYER_EXPAND,
  EFFNET_LAYER_DEPTHWISE,
  EFFNET_LAYER_SE_REDUCE,
  EFFNET_LAYER_SE_EXPAND,
  EFFNET_LAYER_PROJECT,
  EFFNET_LAYER_HEAD,
  EFFNET_LAYER_CLASSIFIER,
} EffnetLayerKind;

/* One layer of a net: which, and the shape its weight must have. */
typedef struct {
  EffnetLayerKind kind;
  const EffnetBlock *block; /* NULL for stem, head, classifier */
  unsigned flat;            /* index of the block in the net */
  size_t out, in;           /* weight is [out][in][kernel][kernel]; depthwise has in = 1 */
  unsigned kernel;
} EffnetLayer;

/* The tensors of a layer. Unfolded batch norm has gamma..variance; otherwise there is a bias. */
typedef struct {
  const EffnetTensor *weight, *bias;
  const EffnetTensor *gamma, *beta, *mean, *variance;
  size_t out, in;
  unsigned kernel;
  double epsilon;
} EffnetBound;

/* All layers of @net in order, into a new array; free with g_free(). */
EffnetLayer *effnet_net_layers (const EffnetNet *net, size_t *n_layers);

/* Shape and name of each tensor a dialect wants for a layer, through a callback: for binding, for
 * guessing the variant and for making synthetic weights. */
typedef void (*EffnetWantFunc) (void *user, const char *name, unsigned n_dims, const size_t *shape);
void effnet_layer_want (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                        EffnetWantFunc func, void *user);

/* FALSE with MISMATCH: the tensor that is missing or has another shape. */
gboolean effnet_layer_bind (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                            const EffnetTensorTable *tensors, EffnetBound *bound, GError **error);

/* w' = w * gamma / sqrt (variance + epsilon), b' = beta - mean * gamma / sqrt (variance + epsilon)
 * (Jacob et al., 2018, section 3.2), in double. First the biases and what the weights are
 * multiplied with, @scale and @bias [out]; then rows of the weight, @w: [rows][in][kernel][kernel].
 * FALSE with FORMAT. */
gboolean effnet_bound_scale (const EffnetBound *bound, double *scale, float *bias, GError **error);
gboolean effnet_bound_rows (const EffnetBound *bound, const double *scale, size_t first,
                            size_t rows, float *w, GError **error);

#endif
