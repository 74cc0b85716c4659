/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * plan: net + tensors -> a list of steps with nothing undecided: names bound, batch norm folded, kernels
 * chosen, weights packed, memory laid out. A plan is immutable; the engine walks it. */
#ifndef EFFNET_PLAN_PLAN_H
#define EFFNET_PLAN_PLAN_H

#include "arch/net.h"
#include "base/arena.h"
#include "kernels/kernels.h"
#include "weights/tensors.h"

/* A place in the session's arena, in bytes from its start. */
typedef size_t EffnetSlot;
#define EFFNET_NO_SLOT ((EffnetSlot) -1)

typedef enum {
  EFFNET_STEP_STEM,       /* input image -> activations; a tile is a band of output rows */
  EFFNET_STEP_POINTWISE,  /* 1x1 convolution; a tile is rows x panels */
  EFFNET_STEP_DEPTHWISE,  /* a tile is a band of output rows */
  EFFNET_STEP_EXPAND_DEPTHWISE, /* both fused by rows; the expanded rows live in a ring per tile */
  EFFNET_STEP_GATE,       /* squeeze-excite: pooled sums -> gate, one tile */
  EFFNET_STEP_POOL,       /* global average pool */
  EFFNET_STEP_CLASSIFIER, /* fully connected -> logits */
} EffnetStepKind;

/* A pointwise convolution, packed. */
typedef struct {
  const EffnetKernel *gemm;
  const void *weights;
  const float *bias;
  size_t k, n;
  EffnetActivation activation;
} EffnetPointwise;

typedef struct {
  EffnetStepKind kind;
  char name[32];               /* "blocks.2.1.expand" */
  size_t n_tiles;
  uint64_t flop, bytes;        /* of the whole step */
  const EffnetKernel *kernel;  /* the one named in profiles */

  /* shapes */
  size_t in_h, in_w, out_h, out_w;
  size_t in_channels, out_channels;
  unsigned kernel_size, stride, pad_y, pad_x;
  EffnetActivation activation;

  /* memory */
  EffnetSlot in, out, residual; /* activations, T [h][w][c] */
  EffnetSlot partial;           /* DEPTHWISE: float [n_tiles][channels] sums for the gate, or NO_SLOT */
  EffnetSlot gate;              /* GATE writes, POINTWISE reads: float [channels] */
  EffnetSlot scaled;            /* GATE writes the scaled copy of the project's weights here, or NO_SLOT */
  EffnetSlot ring;              /* EXPAND_DEPTHWISE: scratch per tile slot */

  /* weights, float unless packed */
  EffnetPointwise pointwise;
  const EffnetKernel *depthwise;
  const float *weights, *bias;  /* STEM, DEPTHWISE, CLASSIFIER */
  size_t weight_stride;
  const float *se_reduce, *se_reduce_bias; /* GATE: [c][s], [s] */
  const float *se_expand, *se_expand_bias; /* GATE: [s][c], [c] */
  size_t se_channels;
  size_t rows_per_tile;         /* output rows (bands) or pixels (POINTWISE) */
  size_t panels_per_tile, row_tiles; /* POINTWISE: the grid is row_tiles x ceil (panels / panels_per_tile) */
} EffnetStep;

typedef struct {
  EffnetDtype dtype;            /* of the activations */
  size_t in_h, in_w;
  unsigned n_classes, n_features;
  EffnetSlot features, logits;  /* float [n_features], [n_classes] */
  size_t arena_bytes;
  size_t n_steps;
  EffnetStep *steps;
  EffnetArena weights;          /* everything packed */
  size_t weight_bytes;
} EffnetPlan;

typedef struct {
  EffnetDtype dtype;
  double bn_epsilon;            /* 0 = the flavour's */
} EffnetPlanOptions;

/* Binds @tensors (any dialect) to @net. NULL with MISMATCH: which tensor is missing, unused or of another
 * shape, and which variant the file looks like; or UNSUPPORTED. */
EffnetPlan *effnet_plan_new (const EffnetNet *net, const EffnetTensorTable *tensors,
                             const EffnetPlanOptions *options, GError **error);
void effnet_plan_free (EffnetPlan *plan);

/* Names a checkpoint may use. */
typedef enum {
  EFFNET_DIALECT_TIMM,
  EFFNET_DIALECT_TORCHVISION,
  EFFNET_DIALECT_LUKEMELAS,
  EFFNET_DIALECT_FOLDED, /* blocks.N.{expand,dw,project}.{weight,bias}: batch norm folded already */
  EFFNET_DIALECT_UNKNOWN,
} EffnetDialect;
EffnetDialect effnet_dialect_detect (const EffnetTensorTable *tensors);
const char *effnet_dialect_name (EffnetDialect dialect);
/* Classes of the classifier in @tensors, 0 when there is none. */
unsigned effnet_dialect_classes (EffnetDialect dialect, const EffnetTensorTable *tensors);
/* The variant whose shapes are nearest to @tensors; static string, or NULL. */
const char *effnet_dialect_guess_variant (EffnetDialect dialect, const EffnetTensorTable *tensors);

/* A table of seeded synthetic weights for @net with timm's names: defined in plan/synthetic.c and again in
 * tests/golden/synthetic.py, bit for bit. */
EffnetTensorTable *effnet_synthetic_new (const EffnetNet *net, uint64_t seed);

#endif
