/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The OpenBLAS row beside other threads, with whichever build of OpenBLAS the loader finds: a call
 * stays on its thread (the CPU time of the process does not grow past the thread's), calls from
 * several threads at once do not disturb each other; a serial build, which takes no locks, is not
 * offered, nor are kernels that the CPU does not run. */
#define _GNU_SOURCE
#include <glib.h>
#include <string.h>
#include <time.h>

#include "kernels/kernels.h"

#define M 196
#define N 480
#define K 320

static const EffnetKernel *
blas_row (void)
{
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);

  for (gsize i = 0; i < n; i++)
    if (rows[i].isa == EFFNET_ISA_BLAS && effnet_blas_core () != NULL)
      return &rows[i];
  g_test_skip ("built without OpenBLAS, or none is installed");
  return NULL;
}

/* One product of its own; @seed makes its numbers. */
static float *
multiply (const EffnetKernel *row, guint seed, int times)
{
  g_autofree float *a = g_new (float, M *K), *b = g_new (float, K *N), *bias = g_new0 (float, N);
  float *c = g_new0 (float, M *N);
  const EffnetGemm g = {M, N, K, a, K, b, bias, NULL, 0, c, N, EFFNET_ACTIVATION_NONE};

  for (gsize i = 0; i < M * K; i++)
    a[i] = (float)((i * 7 + seed) % 101) / 50.0f - 1.0f;
  for (gsize i = 0; i < K * N; i++)
    b[i] = (float)((i * 5 + seed) % 103) / 51.0f - 1.0f;
  for (int i = 0; i < times; i++)
    row->call.gemm (&g);
  return c;
}

static double
cpu_seconds (clockid_t clock)
{
  struct timespec t;

  clock_gettime (clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* OpenBLAS's own threads spin for a while when it is loaded. */
static void
wait_until_idle (void)
{
  double before;

  do {
    before = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID);
    g_usleep (50000);
  } while (cpu_seconds (CLOCK_PROCESS_CPUTIME_ID) - before > 0.001);
}

/* The share of other threads in the time of a product. */
static double
share_of_others (const EffnetKernel *row)
{
  double process, thread;

  wait_until_idle ();
  process = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID);
  thread = cpu_seconds (CLOCK_THREAD_CPUTIME_ID);
  g_free (multiply (row, 1, 30));
  thread = cpu_seconds (CLOCK_THREAD_CPUTIME_ID) - thread;
  process = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID) - process;
  g_test_message ("process %.3f s, thread %.3f s", process, thread);
  return (process - thread) / thread;
}

/* A thread of OpenBLAS that a busy machine kept from spinning to its end may do so in between: each
 * of ten products is not its work, if one is not. */
static void
test_stays_on_its_thread (void)
{
  const EffnetKernel *row = blas_row ();
  double share = 1.0;

  if (row == NULL)
    return;
  for (int i = 0; i < 10 && share > 0.05; i++)
    share = share_of_others (row);
  g_assert_cmpfloat (share, <=, 0.05);
}

typedef struct {
  const EffnetKernel *row;
  guint seed;
} Job;

static gpointer
run_job (gpointer data)
{
  const Job *job = data;

  return multiply (job->row, job->seed, 20);
}

static void
test_from_several_threads (void)
{
  const EffnetKernel *row = blas_row ();
  GThread *threads[4];
  Job jobs[4];

  if (row == NULL)
    return;
  if (!effnet_blas_is_threaded ()) {
    g_test_skip ("a serial build: not offered, see /blas/offered");
    return;
  }
  for (guint i = 0; i < 4; i++) {
    jobs[i] = (Job){row, i};
    threads[i] = g_thread_new ("job", run_job, &jobs[i]);
  }
  for (guint i = 0; i < 4; i++) {
    g_autofree float *together = g_thread_join (threads[i]), *alone = multiply (row, i, 1);

    g_assert_cmpmem (together, M * N * sizeof *together, alone, M * N * sizeof *alone);
  }
}

static void
test_offered (void)
{
  const EffnetKernel *found;
  gboolean threaded = effnet_blas_is_threaded () != 0;

  if (blas_row () == NULL)
    return;
  g_test_message ("OpenBLAS core %s, %s", effnet_blas_core (), threaded ? "threaded" : "serial");
  if (g_getenv ("EXPECT_BUILD") != NULL)
    g_assert_cmpstr (threaded ? "threaded" : "serial", ==, g_getenv ("EXPECT_BUILD"));
  found = effnet_kernel_find (EFFNET_OP_GEMM, EFFNET_DTYPE_F32, (EffnetKernelShape){0});
  g_assert_nonnull (found);
  g_assert_cmpint (found->isa == EFFNET_ISA_BLAS, ==, threaded); /* EFFNET_ISA=blas */
}

/* Under OPENBLAS_CORETYPE: a core that wants the feature CORE_NEEDS. */
static void
test_core (void)
{
  const char *core = effnet_blas_core (), *needs = g_getenv ("CORE_NEEDS");
  g_autofree char *text = NULL;

  if (core != NULL && g_strcmp0 (core, g_getenv ("OPENBLAS_CORETYPE")) != 0) {
    g_test_skip ("this OpenBLAS has not that core");
    return;
  }
  g_assert_true (g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL));
  g_auto (GStrv) words = g_strsplit_set (text, " \n", -1);
  g_assert_cmpint (core != NULL, ==, g_strv_contains ((const char *const *)words, needs));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (g_getenv ("CORE_NEEDS") != NULL) {
    g_test_add_func ("/blas/core", test_core);
    return g_test_run ();
  }
  g_setenv ("EFFNET_ISA", "blas", TRUE);
  g_test_add_func ("/blas/offered", test_offered);
  g_test_add_func ("/blas/stays-on-its-thread", test_stays_on_its_thread);
  g_test_add_func ("/blas/from-several-threads", test_from_several_threads);
  return g_test_run ();
}
