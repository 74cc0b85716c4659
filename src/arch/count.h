/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the layers of a net cost, private to arch. */
#ifndef EFFNET_ARCH_COUNT_H
#define EFFNET_ARCH_COUNT_H

#include "arch/layers.h"

/* Trained numbers, and multiply-adds of one inference. */
typedef struct {
  uint64_t parameters, multiply_adds;
} EffnetCost;

/* All layers of a kind. */
EffnetCost effnet_cost_layers (const EffnetNet *net, EffnetLayerKind kind);
/* All layers of @n blocks from @first on. */
EffnetCost effnet_cost_blocks (const EffnetNet *net, unsigned first, unsigned n);

#endif
