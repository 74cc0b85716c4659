/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bind: every layer of a net gets its tensors, whatever the checkpoint calls them, and from those
 * one convolution with its batch norm folded in. Knows names, knows no kernel. */
#ifndef EFFNET_BIND_BIND_H
#define EFFNET_BIND_BIND_H

#include "arch/layers.h"
#include "weights/tensors.h"

/* A layer and its tensors; NULL for the roles it has not. */
typedef struct {
  EffnetLayer layer;
  const EffnetTensor *tensors[EFFNET_ROLE_COUNT];
  double epsilon; /* of the batch norm */
} EffnetBound;

/* Binds all layers of @net, in the order of effnet_net_layers(), to @tensors of any dialect. @head:
 * (nullable): holds classifier.weight and classifier.bias, which stand in for the classifier of
 * @tensors. All must outlive the array; free with g_free(). @epsilon: of all batch norms; 0 = what
 * checkpoints of this dialect were trained with. NULL with MISMATCH: which tensor is missing,
 * unused or of another shape, and which variant the file looks like. */
EffnetBound *effnet_bind (const EffnetNet *net, const EffnetTensorTable *tensors,
                          const EffnetTensorTable *head, double epsilon, size_t *n_layers,
                          GError **error);

/* All of the tensor of @role, which the layer has. FALSE with FORMAT: a number that is not finite.
 */
gboolean effnet_bound_read (const EffnetBound *bound, EffnetRole role, float *out, GError **error);

/* w' = w * gamma / sqrt (variance + epsilon), b' = beta - mean * gamma / sqrt (variance + epsilon)
 * (Jacob et al., 2018, section 3.2), in double. First the factors of the weights and the biases,
 * @scale and @bias [out]; then rows of the weight, @w: [rows][in][kernel][kernel]. FALSE
 * with FORMAT: a number that is not finite, or a negative variance. */
gboolean effnet_fold_scale (const EffnetBound *bound, double *scale, float *bias, GError **error);
gboolean effnet_fold_rows (const EffnetBound *bound, const double *scale, size_t first, size_t rows,
                           float *w, GError **error);

#endif
