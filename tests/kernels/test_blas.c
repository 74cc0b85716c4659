/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A call of the OpenBLAS row stays on its thread, whichever build of OpenBLAS the process holds:
 * the CPU time of the process must not grow past that of the calling thread. Run once as linked and
 * once with the threaded build put before it. */
#define _GNU_SOURCE
#include <glib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"

static double
cpu_seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static const EffnetKernel *
blas_row (void)
{
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);

  for (gsize i = 0; i < n; i++)
    if (rows[i].isa == EFFNET_ISA_BLAS)
      return &rows[i];
  return NULL;
}

static void
test_stays_on_its_thread (void)
{
  const EffnetKernel *row = blas_row ();
  gsize m = 784, n = 1280, k = 320;
  g_autofree float *a = g_new0 (float, m *k), *b = g_new0 (float, k *n), *c = g_new0 (float, m *n);
  g_autofree float *bias = g_new0 (float, n);
  EffnetGemm g = {m, n, k, a, k, b, bias, NULL, 0, c, n, EFFNET_ACTIVATION_NONE};
  double process, thread;

  if (row == NULL) {
    g_test_skip ("built without OpenBLAS");
    return;
  }
  g_test_message ("OpenBLAS core %s, %s", effnet_blas_core (),
                  effnet_blas_is_threaded () ? "threaded build" : "serial");
  if (g_getenv ("EXPECT_THREADED") != NULL)
    g_assert_true (effnet_blas_is_threaded ());
  process = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID);
  thread = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  for (int i = 0; i < 10; i++)
    row->call.gemm (&g);
  thread = cpu_seconds (CLOCK_THREAD_CPUTIME_ID) - thread;
  process = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID) - process;
  g_test_message ("process %.3f s, thread %.3f s", process, thread);
  g_assert_cmpfloat (process - thread, <=, 0.05 * thread);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/blas/stays-on-its-thread", test_stays_on_its_thread);
  return g_test_run ();
}
