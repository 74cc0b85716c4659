/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between plan.c, which lays out weights and memory, and steps.c, which writes the steps. */
#ifndef EFFNET_PLAN_STEPS_H
#define EFFNET_PLAN_STEPS_H

#include "plan/plan.h"

/* The kernels of one dtype that serve every layer; GEMM and depthwise rows go by shape. */
typedef struct {
  const EffnetKernel *stem, *average_pool, *fc, *scale_rows;
} EffnetKernelSet;

/* Writes the steps and the buffers of @net into @plan, whose layers are laid out; @layers: the same
 * as the net has them. FALSE when there is no memory for them; what there is belongs to @plan. */
gboolean effnet_steps_build (EffnetPlan *plan, const EffnetNet *net, const EffnetLayer *layers,
                             const EffnetKernelSet *kernels, const EffnetTuning *tuning);

#endif
