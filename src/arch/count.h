/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the parts of a net cost, private to arch. */
#ifndef EFFNET_ARCH_COUNT_H
#define EFFNET_ARCH_COUNT_H

#include "arch/net.h"

/* Trained numbers, and multiply-adds of one inference. */
typedef struct {
  uint64_t parameters, multiply_adds;
} EffnetCost;

EffnetCost effnet_cost_stem (const EffnetNet *net);
EffnetCost effnet_cost_block (const EffnetBlock *block);
EffnetCost effnet_cost_head (const EffnetNet *net);
EffnetCost effnet_cost_classifier (const EffnetNet *net);

#endif
