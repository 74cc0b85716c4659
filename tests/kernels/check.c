/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Instruments of the kernel checker: guarded memory, patterns, faults, comparison, time. The bodies
 * that know the operations are beside it; the derivation of the bounds is in bounds.c. */
#define _GNU_SOURCE
#include "check.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- calls ---- */

static sigjmp_buf after_fault;

static void
on_fault (int number)
{
  siglongjmp (after_fault, number);
}

static void
call_kernel (const EffnetKernel *row, const void *contract)
{
  switch (row->op) {
#define EFFNET_OP(op, name, contract_, elements, reference)                                        \
  case EFFNET_OP_##op:                                                                             \
    row->call.name (contract);                                                                     \
    break;
#include "kernels/ops.inc"
#undef EFFNET_OP
  default:
    g_assert_not_reached ();
  }
}

gboolean
check_call (Check *check, const EffnetKernel *row, const void *contract)
{
  static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
  struct sigaction action = {.sa_handler = on_fault}, before[G_N_ELEMENTS (caught)];
  int number;

  for (gsize i = 0; i < G_N_ELEMENTS (caught); i++)
    sigaction (caught[i], &action, &before[i]);
  number = sigsetjmp (after_fault, 1);
  if (number == 0)
    call_kernel (row, contract);
  for (gsize i = 0; i < G_N_ELEMENTS (caught); i++)
    sigaction (caught[i], &before[i], NULL);
  if (number != 0) {
    check_fail (check, "%s: %s", strsignal (number),
                number == SIGILL || number == SIGTRAP
                    ? "an instruction this CPU has not"
                    : "read or wrote outside its arrays, or wrote an input");
    return FALSE;
  }
  return check_canaries (check);
}

void
check_same (Check *check, const char *why, const void *a, const void *b, EffnetDtype dtype,
            gsize rows, gsize columns, gsize stride)
{
  gsize element = effnet_dtype_size (dtype);

  for (gsize i = 0; i < rows; i++)
    for (gsize j = 0; j < columns; j++) {
      gsize at = i * stride + j;

      if (memcmp ((const char *)a + at * element, (const char *)b + at * element, element) == 0)
        continue;
      check_fail (check, "%s: [%zu][%zu] is %.9g and %.9g", why, i, j, check_value (a, dtype, at),
                  check_value (b, dtype, at));
      return;
    }
}

void
check_near (Check *check, double found, double expected, double bound, gsize row, gsize column)
{
  double error = fabs (found - expected);

  if (error <= bound) {
    check->worst = MAX (check->worst, bound > 0.0 ? error / bound : 0.0);
    return;
  }
  check_fail (check, "[%zu][%zu] is %.9g, expected %.9g: off by %.3g, allowed %.3g", row, column,
              found, expected, error, bound);
}

/* Best of many, in ns: what disturbs a run only ever makes it longer. */
static double
best_time (const EffnetKernel *row, const void *contract)
{
  double best = INFINITY;
  gint64 until = g_get_monotonic_time () + 30000; /* us */
  struct timespec from, to;

  do {
    clock_gettime (CLOCK_MONOTONIC, &from);
    call_kernel (row, contract);
    clock_gettime (CLOCK_MONOTONIC, &to);
    best =
        MIN (best, (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec));
  } while (g_get_monotonic_time () < until);
  return best;
}

void
check_time (Check *check, const void *contract, const void *reference_contract, double flop)
{
  double ours = best_time (check->row, contract);
  double reference = best_time (check->reference, reference_contract);

  double peak = check_peak (check->row);

  printf ("# %-40s %-56s %10.2f us %8.2f GFLOP/s %7.2fx ref", check->row->name, check->what,
          ours / 1e3, flop / ours, reference / ours);
  if (peak > 0.0)
    printf (" %5.1f %% of the peak of %.1f", 100.0 * flop / ours / peak, peak);
  printf ("\n");
}

/* ---- cases and rows ---- */

void
check_case (Check *check, const char *format, ...)
{
  static const char *const names[N_PATTERNS] = {"random", "mixed", "min",
                                                "max",    "zero",  "denormal"};
  va_list args;
  gsize length;

  /* Half of the cases are random, which is the pattern that mends nothing by cancelling. */
  check->pattern = check->bench || check_pick (check, 2) ? PATTERN_RANDOM
                                                         : (Pattern)check_pick (check, N_PATTERNS);
  check->at_end = check_pick (check, 4) > 0;
  check->case_failed = FALSE;
  va_start (args, format);
  vsnprintf (check->what, sizeof check->what, format, args);
  va_end (args);
  length = strlen (check->what);
  if (!check->bench)
    snprintf (check->what + length, sizeof check->what - length, ", %s inputs, %s guarded",
              names[check->pattern], check->at_end ? "end" : "start");
}

void
check_case_end (Check *check)
{
  g_ptr_array_set_size (check->buffers, 0);
  check->n_cases++;
  check->n_failed += check->case_failed;
}

void
check_fail (Check *check, const char *format, ...)
{
  va_list args;
  char *why;

  check->case_failed = TRUE;
  if (check->first_failure != NULL)
    return;
  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  check->first_failure = g_strdup_printf ("%s: %s", check->what, why);
  g_free (why);
}

/* The last row of the list that serves the operation. */
static const EffnetKernel *
reference_of (const EffnetKernel *row)
{
  const EffnetKernel *found = NULL;
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);

  for (gsize i = 0; i < n; i++)
    if (rows[i].op == row->op && rows[i].dtype == row->dtype)
      found = &rows[i];
  g_assert (found != NULL && found->isa == EFFNET_ISA_REF);
  return found;
}

gsize
check_step (const EffnetKernel *row)
{
  return row->kernel == 0 && g_getenv ("EFFNET_TEST_SHORT") != NULL ? 5 : 1;
}

void
check_row (Check *check, const EffnetKernel *row, gboolean bench)
{
  static void (*const bodies[]) (Check *) = {
#define EFFNET_OP(op, name, contract, elements, reference) check_##name,
#include "kernels/ops.inc"
#undef EFFNET_OP
  };

  memset (check, 0, sizeof *check);
  check->row = row;
  check->reference = reference_of (row);
  check->bench = bench;
  check->buffers = check_buffers_new ();
  check->random = 1;
  bodies[row->op](check);
}

void
check_clear (Check *check)
{
  g_ptr_array_unref (check->buffers);
  g_free (check->first_failure);
}

gsize
check_sizes (gsize *sizes, gsize n)
{
  gsize kept = 0;

  for (gsize i = 1; i < n; i++)
    for (gsize j = i; j > 0 && sizes[j] < sizes[j - 1]; j--) {
      gsize swap = sizes[j];

      sizes[j] = sizes[j - 1];
      sizes[j - 1] = swap;
    }
  for (gsize i = 0; i < n; i++)
    if (sizes[i] > 0 && (kept == 0 || sizes[i] != sizes[kept - 1]))
      sizes[kept++] = sizes[i];
  return kept;
}
