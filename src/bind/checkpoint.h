/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Checkpoints as training code leaves them, opened so that every tensor is found under a name of
 * its dialect: what stands before all names is left out, a classifier under a name of its own gets
 * the dialect's, and a stem for grey pictures becomes one for RGB. */
#ifndef EFFNET_BIND_CHECKPOINT_H
#define EFFNET_BIND_CHECKPOINT_H

#include "bind/dialect.h"

/* As effnet_tensor_table_open(). @notice: (nullable): gets sentences, "; " between them, about what
 * had to be read in another way than it is written. Also NULL with MISMATCH: two networks in one
 * file, or a stem that takes neither one channel nor three. A file of no dialect is opened as it
 * is. */
EffnetTensorTable *effnet_checkpoint_open (const char *path, GString *notice, GError **error);

/* Sets @error to MISMATCH: there is no classifier that can be told from other matrices, which it
 * names. Returns FALSE. @dialect is known. */
gboolean effnet_checkpoint_fail_head (const EffnetTensorTable *tensors, EffnetDialect dialect,
                                      GError **error);
/* TRUE when the stem was one for grey pictures. @dialect is known. */
gboolean effnet_checkpoint_is_grey (const EffnetTensorTable *tensors, EffnetDialect dialect);
/* TRUE when @tensors hold no matrix at all: a network without classifier. */
gboolean effnet_checkpoint_is_headless (const EffnetTensorTable *tensors);

#endif
