/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * plan: net -> a list of steps with nothing undecided: kernels chosen, weights laid out, tiles cut,
 * memory shared. A plan is immutable from birth and holds no weights; pack.h fills a model's, and
 * the engine walks it. */
#ifndef EFFNET_PLAN_PLAN_H
#define EFFNET_PLAN_PLAN_H

#include "plan/memory.h"
#include "plan/step.h"
#include "plan/tile.h"

/* Where the output of a stage is to be had: T [elements], right after a step. That of the last
 * stage lasts past all steps. */
typedef struct {
  size_t step;
  EffnetSlot slot;
  size_t elements;
} EffnetTap;

typedef struct {
  EffnetDtype precision; /* that of the weights; S8: of most 1x1 convolutions (int8.h) */
  EffnetDtype dtype;     /* T, of the activations */
  size_t in_h, in_w;
  unsigned n_classes, n_features;
  size_t n_steps;
  const EffnetStep *steps;
  unsigned n_stages;
  EffnetTap taps[EFFNET_STAGES_MAX]; /* by number of the stage */
  size_t n_layers;
  const EffnetPackedLayer *layers; /* in the order of effnet_net_layers() */
  size_t weight_bytes;             /* of all layers, packed */

  EffnetSlot input; /* float [in_h][in_w][3], for callers without an input of their own */
  EffnetSlot features, logits; /* float [n_features], [n_classes] or NO_SLOT when there are none */
  const EffnetBuffer *buffers; /* by slot: offsets in the session's arena */
  size_t arena_bytes;          /* of one session */
  size_t scratch_bytes;        /* of one worker, beyond that */
} EffnetPlan;

/* @precision: T; or S8, whose T is bf16. Where the CPU has nothing but the reference for a step of
 * @net in bf16, T is float32, and so is what BF16 was asked for: plain loops are far slower.
 * @tuning: NULL = effnet_tuning. NULL with UNSUPPORTED (no kernels for it) or IO (no memory). */
EffnetPlan *effnet_plan_new (const EffnetNet *net, EffnetDtype precision,
                             const EffnetTuning *tuning, GError **error);
void effnet_plan_free (EffnetPlan *plan);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetPlan, effnet_plan_free)

#endif
