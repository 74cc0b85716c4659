/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Seeded synthetic weights: what a net is measured and compared with where there is no checkpoint.
 */
#ifndef EFFNET_BIND_SYNTHETIC_H
#define EFFNET_BIND_SYNTHETIC_H

#include "arch/net.h"
#include "weights/tensors.h"

/* A table of weights for @net under timm's names, the same as tests/golden/synthetic.py makes, bit
 * for bit. */
EffnetTensorTable *effnet_synthetic_new (const EffnetNet *net, uint64_t seed, GError **error);

#endif
