/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prototypes of every kernel in the list. For files that define kernels and for dispatch.c;
 * everybody else goes through effnet_kernel_find(). */
#ifndef EFFNET_KERNELS_ROWS_H
#define EFFNET_KERNELS_ROWS_H

#include "kernels/kernels.h"

#define EFFNET_CONTRACT_GEMM         EffnetGemm
#define EFFNET_CONTRACT_DEPTHWISE    EffnetDepthwise
#define EFFNET_CONTRACT_STEM         EffnetStem
#define EFFNET_CONTRACT_POOL         EffnetPoolSum
#define EFFNET_CONTRACT_FC           EffnetFc
#define EFFNET_CONTRACT_SCALE_ROWS   EffnetScaleRows
#define EFFNET_CONTRACT_SCALE_PANELS EffnetScalePanels
#define EFFNET_CONTRACT_RESAMPLE_V   EffnetResampleV
#define EFFNET_CONTRACT_RESAMPLE_H   EffnetResampleH
#define EFFNET_CONTRACT_CONVERT      EffnetConvert

#define EFFNET_KERNEL(op, dtype, isa, numerics, name, shape)                                       \
  void name (const EFFNET_CONTRACT_##op *);
#include "kernels/kernels.inc"
#undef EFFNET_KERNEL

#endif
