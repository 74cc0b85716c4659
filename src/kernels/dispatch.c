/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads kernels.inc as a table and picks rows from it. No state: the answer depends on the list,
 * the CPU and EFFNET_ISA alone, so it is the same for every thread and every call. */
#include <stdlib.h>

#include "kernels/dense.h"
#include "kernels/rows.h"
#include "kernels/winograd.h"

/* The shapes of kernels.inc. */
#define SHAPE_ANY
#define SHAPE_WINDOW(kernel_, stride_) .kernel = kernel_, .stride = stride_
#define SHAPE_TILE(mr_, nr_, kr_, k_multiple_)                                                     \
  .packing = EFFNET_PACKING_PANELS, .mr = mr_, .nr = nr_, .kr = kr_, .k_multiple = k_multiple_
#define SHAPE_SQUARES(mr_, nr_, channels_, size_)                                                  \
  SHAPE_TILE (mr_, nr_, 1, 1), SHAPE_WINDOW (3, 1), .square = EFFNET_WINOGRAD_TILE,                \
                                                    .k_least = channels_, .size_least = size_
#define SHAPE_DIGITS(mr_, nr_, kr_, k_multiple_, digits_)                                          \
  SHAPE_TILE (mr_, nr_, kr_, k_multiple_), .digits = EFFNET_DIGITS_##digits_
#define SHAPE_PACKED(packing_) .packing = EFFNET_PACKING_##packing_

static const EffnetKernel table[] = {
#define EFFNET_KERNEL(op_, dtype_, isa_, numerics_, name_, shape_)                                 \
  {.op = (EffnetKernelOp)EFFNET_OP_OF_##op_,                                                       \
   .dtype = EFFNET_DTYPE_##dtype_,                                                                 \
   .isa = EFFNET_ISA_##isa_,                                                                       \
   .numerics = EFFNET_NUMERICS_##numerics_,                                                        \
   .name = #name_,                                                                                 \
   .call.op_ = name_,                                                                              \
   SHAPE_##shape_},
#include "kernels/kernels.inc"
#undef EFFNET_KERNEL
};

const EffnetKernel *
effnet_kernels (size_t *n_rows)
{
  *n_rows = sizeof table / sizeof *table;
  return table;
}

int
effnet_kernel_usable (const EffnetKernel *row)
{
  return effnet_cpu_has (row->isa) && (row->isa != EFFNET_ISA_BLAS || effnet_blas_is_threaded ());
}

int
effnet_kernel_serves (const EffnetKernel *row, EffnetKernelShape shape)
{
  return (row->kernel == 0 || row->kernel == shape.kernel) &&
         (row->stride == 0 || row->stride == shape.stride) &&
         (row->k_multiple == 0 || shape.k % row->k_multiple == 0) && shape.k >= row->k_least &&
         shape.size >= row->size_least;
}

const EffnetKernel *
effnet_kernel_find (EffnetKernelOp op, EffnetDtype dtype, EffnetKernelShape shape)
{
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    const EffnetKernel *row = &table[i];

    if (row->op == op && (row->dtype == dtype || effnet_op_is_float (op)) &&
        effnet_kernel_serves (row, shape) && effnet_kernel_usable (row))
      return row;
  }
  return NULL;
}

const char *
effnet_op_name (EffnetKernelOp op)
{
  static const char *const names[EFFNET_OP_COUNT] = {
#define EFFNET_OP(op, name, contract, elements, reference) #name,
#include "kernels/ops.inc"
#undef EFFNET_OP
  };

  return op < EFFNET_OP_COUNT ? names[op] : NULL;
}

int
effnet_op_is_float (EffnetKernelOp op)
{
  enum { TYPED, FLOAT };
  static const unsigned char elements_of[EFFNET_OP_COUNT] = {
#define EFFNET_OP(op, name, contract, elements, reference) elements,
#include "kernels/ops.inc"
#undef EFFNET_OP
  };

  return elements_of[op] == FLOAT;
}

#if !EFFNET_HAVE_BLAS
const char *
effnet_blas_core (void)
{
  return NULL;
}

int
effnet_blas_is_threaded (void)
{
  return 0;
}

int
effnet_blas_dgemm (const EffnetDgemm *g)
{
  (void)g;
  return 0;
}
#endif
