/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deliberately wrong kernels, as rows. */
#ifndef EFFNET_TESTS_KERNELS_SABOTAGE_H
#define EFFNET_TESTS_KERNELS_SABOTAGE_H

#include <glib.h>

#include "kernels/rows.h"

/* @mr: of a convolution's micro-tile */
#define SABOTAGE_ROW(op_, dtype_, numerics_, mr_, name_)                                           \
  {                                                                                                \
    .op = (EffnetKernelOp)EFFNET_OP_OF_##op_, .dtype = EFFNET_DTYPE_##dtype_,                      \
    .isa = EFFNET_ISA_REF, .numerics = EFFNET_NUMERICS_##numerics_, .name = #name_,                \
    .packing = EFFNET_PACKING_PANELS, .mr = mr_, .nr = 1, .kr = 1, .k_multiple = 1,                \
    .call.op_ = name_                                                                              \
  }

/* The first rows, as many as *@n_right, are right ones: controls. */
const EffnetKernel *sabotage_rows (gsize *n, gsize *n_right);

/* Those of the full convolution, of int8 and of the front end, all wrong. */
const EffnetKernel *sabotage_conv_rows (gsize *n);
const EffnetKernel *sabotage_int8_rows (gsize *n);
const EffnetKernel *sabotage_image_rows (gsize *n);

/* Those that make squares of outputs; the first is right. */
const EffnetKernel *sabotage_squares_rows (gsize *n);

#endif
