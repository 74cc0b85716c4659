/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prototypes of every kernel in the list. For files that define kernels and for dispatch.c;
 * everybody else goes through effnet_kernel_find(). */
#ifndef EFFNET_KERNELS_ROWS_H
#define EFFNET_KERNELS_ROWS_H

#include "kernels/kernels.h"

/* Of the operation @name: the type of its kernels, and its number. */
#define EFFNET_OP(op, name, contract, elements, reference)                                         \
  typedef void EffnetRowOf_##name (const contract *);                                              \
  enum { EFFNET_OP_OF_##name = EFFNET_OP_##op };
#include "kernels/ops.inc"
#undef EFFNET_OP

#define EFFNET_KERNEL(op, dtype, isa, numerics, name, shape) EffnetRowOf_##op name;
#include "kernels/kernels.inc"
#undef EFFNET_KERNEL

#endif
