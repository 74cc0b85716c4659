/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between plan.c, which owns the plan, and steps.c, which writes its steps. */
#ifndef EFFNET_PLAN_STEPS_H
#define EFFNET_PLAN_STEPS_H

#include "plan/bind.h"
#include "plan/memory.h"

/* How a folded layer is laid out for its kernel. */
typedef enum {
  EFFNET_PACK_GEMM, /* the kernel row's packing; bias padded to panels */
  EFFNET_PACK_TAPS, /* [kernel * kernel][channels] */
  EFFNET_PACK_STEM, /* [kernel * kernel * 3][stride] */
  EFFNET_PACK_FC,   /* T [in][out] */
} EffnetPackKind;

/* One layer to fold and pack, and where to. */
struct _EffnetPack {
  EffnetPackKind kind;
  EffnetBound bound;
  const EffnetKernel *gemm; /* PACK_GEMM */
  size_t stride;            /* PACK_STEM */
  void *weights;
  float *bias;
};

/* The kernels of one precision: one of each operation, but for the pointwise
 * and depthwise ones, which go by shape. */
typedef struct {
  const EffnetKernel *stem, *pool, *fc, *scale_rows, *scale_panels;
} EffnetKernelSet;

/* cut.c: set per_tile and n_tiles (and the panels) of a step whose shapes are known. */
/* Bands of output rows; @taps: multiply-adds of one output element. */
void effnet_cut_bands (EffnetStep *step, size_t taps);
/* Pixels x panels. */
void effnet_cut_pointwise (EffnetStep *step);
/* Slices of out_channels of a fully connected layer; @work: multiply-adds of each. */
void effnet_cut_fc (EffnetStep *step, size_t work);
/* Bands x slices of channels, and the ring of an EXPAND_DEPTHWISE; @element: bytes of T. */
void effnet_cut_fused (EffnetStep *step, size_t element);

/* Bytes a layer takes in the plan's arena, weights and bias each aligned. */
size_t effnet_pack_bytes (const EffnetLayer *layer, EffnetDtype dtype);

/* Writes the steps, the packs and the memory plan of @net into @plan, whose `weights` are
 * allocated. FALSE with MISMATCH. */
gboolean effnet_steps_build (EffnetPlan *plan, const EffnetKernelSet *kernels, const EffnetNet *net,
                             EffnetDialect dialect, const EffnetTensorTable *tensors,
                             GError **error);

#endif
