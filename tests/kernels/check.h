/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The kernel checker's bench of instruments: guarded memory, inputs by pattern, the call that
 * survives a fault, derived bounds. One body per operation (check_gemm and its like) makes the
 * cases, checks them against sums in double of its own and, on request, times the same call. Which
 * rows there are comes from the one list; nothing here names a row. */
#ifndef EFFNET_TESTS_KERNELS_CHECK_H
#define EFFNET_TESTS_KERNELS_CHECK_H

#include <glib.h>

#include "kernels/kernels.h"

/* Unit roundoff: half the distance from 1 to the next number. */
#define UNIT_F32  0x1p-24
#define UNIT_BF16 0x1p-8
#define TINY_F32  0x1p-149 /* smallest denormal */
#define TINY_BF16                                                                                  \
  0x1p-126 /* bf16 units take denormals for zero, so what is below the normals may vanish */

typedef enum {
  PATTERN_RANDOM, /* uniform in -1..1 */
  PATTERN_MIXED,  /* random, zeros of both signs, denormals, large and small side by side */
  PATTERN_MIN,    /* the same large negative number everywhere */
  PATTERN_MAX,
  PATTERN_ZERO,
  PATTERN_DENORMAL,
  N_PATTERNS,
} Pattern;

typedef struct {
  const EffnetKernel *row;
  const EffnetKernel *reference; /* of the same operation and T */
  gboolean bench;                /* time the cases instead of making many */

  /* the case */
  Pattern pattern;
  gboolean at_end; /* data touch the guard page behind them, else the one before */
  GPtrArray *buffers;
  char what[256];
  gboolean case_failed;

  /* the row so far */
  uint64_t random;
  gsize n_cases, n_failed;
  double worst; /* error / bound */
  char *first_failure;
} Check;

/* From one size to the next: 1, and 5 for a row of any window under EFFNET_TEST_SHORT, which meets
 * each channel count and each width still. */
gsize check_step (const EffnetKernel *row);
/* All cases of one row. */
void check_row (Check *check, const EffnetKernel *row, gboolean bench);
void check_clear (Check *check);

/* The body of each operation: check_gemm and so on. */
#define EFFNET_OP(op, name, contract, elements, reference) void check_##name (Check *check);
#include "kernels/ops.inc"
#undef EFFNET_OP

/* Random choices, the same in every run. */
guint check_pick (Check *check, guint below);
double check_uniform (Check *check);

/* Opens a case with a random pattern and placement; what it is goes into every message. */
void check_case (Check *check, const char *format, ...) G_GNUC_PRINTF (2, 3);
void check_case_end (Check *check);
void check_fail (Check *check, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Guarded arrays, T [rows][stride] of which columns count; freed with the case. Inputs are filled
 * by the pattern (gaps with NaN) and read-only. Outputs hold canaries. Of @copy, if given, the
 * columns are copied. */
const void *check_input (Check *check, EffnetDtype dtype, gsize rows, gsize columns, gsize stride);
void *check_output (Check *check, EffnetDtype dtype, gsize rows, gsize columns, gsize stride,
                    const void *copy);
/* A float array the body fills itself; sealed by check_seal(). */
float *check_floats (Check *check, gsize n);
void *check_bytes (Check *check, EffnetDtype dtype, gsize n);
void check_seal (Check *check, const void *data);
/* Nothing outside the outputs was written. */
gboolean check_canaries (Check *check);
GPtrArray *check_buffers_new (void);
double check_value (const void *data, EffnetDtype dtype, gsize at);

/* Runs @row on @contract and looks after canaries. FALSE when it faulted or trod on one. */
gboolean check_call (Check *check, const EffnetKernel *row, const void *contract);
/* Both arrays have equal bits in what counts. */
void check_same (Check *check, const char *why, const void *a, const void *b, EffnetDtype dtype,
                 gsize rows, gsize columns, gsize stride);
/* One output against what it should be. */
void check_near (Check *check, double found, double expected, double bound, gsize row,
                 gsize column);
/* float32 [n][k] whose values the row's T can hold, so that packing rounds nothing. */
const float *check_weights (Check *check, gsize n, gsize k);
/* Of 4 bytes each: @values [n] and zero behind, up to whole panels of @row. */
const void *check_padded (Check *check, const EffnetKernel *row, gsize n, const void *values);
/* Times the row and the reference on these contracts; @flop counts multiply and add apart. Says
 * what part of check_peak () the row reaches. */
void check_time (Check *check, const void *contract, const void *reference_contract, double flop);

/* GFLOP/s of a loop of nothing but the row's own multiply-adds; 0: not known. */
double check_peak (const EffnetKernel *row);

/* |error| of a sum of @terms products whose absolute values add up to @magnitude, in any order,
 * fused or not: gamma_{terms+2} * magnitude, gamma_n = n u / (1 - n u) [Higham, Accuracy and
 * Stability of Numerical Algorithms, 3.1]: one rounding for the product, one for each addition, one
 * for the bias. To it the underflow of each term, @tiny, times @tiny_scale >= the largest factor
 * beside a flushed one. */
double check_sum_bound (EffnetDtype dtype, gsize terms, double magnitude, double tiny_scale);
double check_activate (double x, EffnetActivation activation);
/* Bound of act (x) in float32, when x is off by @error: Lipschitz constant of act (swish 1.1,
 * sigmoid 1/4, the others 1) times error, and the error that a row of T may make in the activation.
 */
double check_activation_bound (EffnetDtype dtype, EffnetActivation activation, double x,
                               double error);
/* Of act (x) + residual stored as T: one rounding more for the residual's addition, one for the
 * store to T. */
double check_output_bound (EffnetDtype dtype, EffnetActivation activation, double x, double error,
                           double residual);
const char *check_activation_name (EffnetActivation activation);

/* sizes: ascending, no doubles, none below 1; returns how many are left */
gsize check_sizes (gsize *sizes, gsize n);

#endif
