/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The library as a guest in a process: that forks, and that wants its memory back. */
#include <effnet/effnet.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "open.h"

#define INPUT 64 /* pixels a side */

/* ---- fork ---- */

static float input[INPUT * INPUT * 3];

typedef struct {
  EffnetModel *model;
  gint stop, runs; /* atomic */
} Other;

static gpointer
other_main (gpointer data)
{
  Other *other = data;
  EffnetSession *session = test_new_session (other->model, 4);
  EffnetResult result;

  while (!g_atomic_int_get (&other->stop)) {
    effnet_session_run (session, input, &result, NULL);
    effnet_model_unref (
        test_open_synthetic ("lite0", 7, 32)); /* opens and pools come and go, too */
    g_atomic_int_inc (&other->runs);
  }
  effnet_session_free (session);
  return NULL;
}

/* Exits with 0 when everything still works in the child; SIGALRM ends one that hangs. */
static G_GNUC_NORETURN void
child (EffnetModel *model, EffnetSession *session, const float *want)
{
  EffnetResult result;
  EffnetModel *another;

  alarm (20);
  for (unsigned i = 0; i < 3; i++) {
    if (!effnet_session_run (session, input, &result, NULL))
      _exit (1);
    if (memcmp (result.logits, want, result.n_classes * sizeof *want) != 0)
      _exit (2);
  }
  another = test_open_synthetic ("lite1", 3, 32);
  effnet_session_free (test_new_session (another, 3));
  effnet_model_unref (another);
  effnet_session_free (session);
  effnet_model_unref (model);
  _exit (0);
}

static void
check_forks (gboolean busy, unsigned forks)
{
  Other other = {.model = test_open_synthetic ("lite0", 5, INPUT)};
  GThread *thread = busy ? g_thread_new ("other", other_main, &other) : NULL;
  EffnetSession *session = test_new_session (other.model, 4);
  g_autofree float *want = NULL;
  EffnetResult result;

  while (thread != NULL && g_atomic_int_get (&other.runs) == 0)
    g_usleep (100);
  g_assert_true (effnet_session_run (session, input, &result, NULL));
  want = g_memdup2 (result.logits, result.n_classes * sizeof *want);
  for (unsigned i = 0; i < forks; i++) {
    int status;
    pid_t pid;

    g_assert_true (effnet_session_run (session, input, &result, NULL));
    pid = fork ();
    if (pid == 0)
      child (other.model, session, want);
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_cmpint (status, ==, 0);
  }
  g_atomic_int_set (&other.stop, 1);
  if (thread != NULL)
    g_thread_join (thread);
  g_assert_true (effnet_session_run (session, input, &result, NULL));
  effnet_session_free (session);
  effnet_model_unref (other.model);
}

/* ThreadSanitizer ends a process that makes threads after a fork. */
#if defined(__SANITIZE_THREAD__)
#  define NO_FORK 1
#else
#  define NO_FORK 0
#endif

/* AddressSanitizer's own allocator, unlike the C library's, is left locked in the child when
 * another thread allocates at that moment. */
#if defined(__SANITIZE_ADDRESS__)
#  define NO_BUSY_FORK 1
#else
#  define NO_BUSY_FORK NO_FORK
#endif

static void
test_fork (void)
{
  if (NO_FORK) {
    g_test_skip ("no threads after fork under this sanitizer");
    return;
  }
  check_forks (FALSE, 5);
}

static void
test_fork_while_busy (void)
{
  if (NO_BUSY_FORK) {
    g_test_skip ("no fork beside busy threads under this sanitizer");
    return;
  }
  check_forks (TRUE, 30);
}

/* ---- memory ---- */

static double
resident_mb (void)
{
  g_autofree char *text = NULL;
  unsigned long pages[2] = {0};

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%lu %lu", &pages[0], &pages[1]), ==, 2);
  return (double)pages[1] * (double)sysconf (_SC_PAGESIZE) / 1e6;
}

/* Models of all sizes, several open at a time, leave nothing behind. */
static void
test_memory_comes_back (void)
{
  static const char *const variants[] = {"lite0", "b0", "lite2", "b3", "b1",
                                         "lite4", "b2", "lite1", "b4", "lite3"};
  EffnetModel *kept = NULL;
  double before;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip ("the sanitizer keeps what is freed");
  return;
#endif
  effnet_model_unref (test_open_synthetic ("lite0", 1, 0));
  before = resident_mb ();
  for (unsigned i = 0; i < G_N_ELEMENTS (variants); i++) {
    EffnetModel *model = test_open_synthetic (variants[i], 1, 0);
    EffnetSession *session = test_new_session (model, 2);

    effnet_session_free (session);
    effnet_model_unref (kept);
    kept = model;
  }
  effnet_model_unref (kept);
  g_test_message ("%.1f MB before, %.1f after", before, resident_mb ());
  g_assert_cmpfloat (resident_mb () - before, <, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (input); i++)
    input[i] = (float)(i % 13) / 6 - 1;
  g_test_add_func ("/process/fork", test_fork);
  g_test_add_func ("/process/fork-while-busy", test_fork_while_busy);
  g_test_add_func ("/process/memory-comes-back", test_memory_comes_back);
  return g_test_run ();
}
