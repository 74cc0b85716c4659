/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What executors own: threads, sessions, data. And random sequences of all that a scheduler does.
 */
#include <effnet/scheduler.h>
#include <sys/wait.h>
#include <unistd.h>

#include "open.h"

#define INPUT 64 /* pixels a side */

static float input[INPUT * INPUT * 3];

/* A job of one inference. */
typedef struct {
  gint started, ran, cancelled, destroyed; /* atomic */
  _Atomic float first;                     /* logit of the last that ran */
} Tally;

static void
infer (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  g_autoptr (GError) failed = NULL;
  Tally *tally = data;
  EffnetResult result;

  g_assert_no_error (error);
  g_atomic_int_inc (&tally->started);
  if (effnet_session_run (session, input, &result, &failed)) {
    tally->first = result.logits[0];
    g_atomic_int_inc (&tally->ran);
    return;
  }
  g_assert_error (failed, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  g_assert_true (effnet_executor_is_cancelled (executor));
  g_atomic_int_inc (&tally->cancelled);
}

static void
destroyed (void *data)
{
  g_atomic_int_inc (&((Tally *)data)->destroyed);
}

static gboolean
submit (EffnetStream *stream, EffnetModel *model, Tally *tally, EffnetSubmit how)
{
  EffnetJob job = {
      .model = model, .cost = 1, .run = infer, .destroy = destroyed, .data = tally, .nhwc = input};

  return effnet_stream_submit (stream, &job, how);
}

static unsigned
count_threads (void)
{
  GDir *dir = g_dir_open ("/proc/self/task", 0, NULL);
  unsigned n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  g_dir_close (dir);
  return n;
}

/* Threads that stay: /proc tells of a joined one a moment longer, and ThreadSanitizer has one of
 * its own from the first on. */
static unsigned
count_settled_threads (void)
{
  unsigned n = 0, again = count_threads ();

  while (n != again) {
    n = again;
    g_usleep (20000);
    again = count_threads ();
  }
  return n;
}

static unsigned
count_sessions (EffnetScheduler *scheduler)
{
  EffnetQueueStats stats;

  effnet_scheduler_get_stats (scheduler, &stats);
  return stats.sessions;
}

/* ---- threads ---- */

static void
test_threads (void)
{
  EffnetModel *model = test_open_synthetic ("lite0", 1, INPUT);
  unsigned before = count_settled_threads ();
  EffnetScheduler *scheduler = test_new_scheduler (3, NULL),
                  *named = test_new_scheduler (3, "named");
  EffnetStream *streams[8];
  Tally tally = {0};

  g_assert_cmpuint (effnet_scheduler_get_size (scheduler), ==, 3);
  g_assert_true (named != scheduler);
  for (unsigned i = 0; i < 8; i++) {
    EffnetScheduler *same = test_new_scheduler (3, NULL);

    g_assert_true (same == scheduler);
    streams[i] = effnet_stream_new (same, 1, 4);
    effnet_scheduler_unref (same);
  }
  g_assert_cmpuint (count_threads (), ==, before);
  for (unsigned i = 0; i < 8; i++)
    for (unsigned k = 0; k < 4; k++)
      g_assert_true (submit (streams[i], model, &tally, EFFNET_SUBMIT_APPEND));
  for (unsigned i = 0; i < 8; i++)
    g_assert_true (effnet_stream_wait (streams[i]));
  g_assert_cmpuint (count_threads (), ==, before + 3);
  g_assert_true (submit (streams[0], model, &tally, EFFNET_SUBMIT_APPEND)); /* over all three */
  g_assert_true (effnet_stream_wait (streams[0]));
  g_assert_cmpuint (count_threads (), ==, before + 3);
  g_assert_cmpint (tally.ran, ==, 33);
  g_assert_cmpuint (count_sessions (scheduler), <=, 3);
  for (unsigned i = 0; i < 8; i++)
    effnet_stream_free (streams[i]);
  effnet_model_unref (model);
  effnet_scheduler_unref (named);
  effnet_scheduler_unref (scheduler);
  g_assert_cmpuint (count_settled_threads (), ==, before);
}

static void
test_too_many_threads (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (effnet_scheduler_new (EFFNET_THREADS_MAX + 1, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
}

/* Jobs at a leisurely pace all go to the same executor: one arena serves them. */
static void
test_few_sessions (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("lite0", 1, INPUT);
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (4, "few");
  EffnetStream *streams[6];
  Tally tally = {0};

  for (unsigned i = 0; i < 6; i++)
    streams[i] = effnet_stream_new (scheduler, 1, 1);
  for (unsigned round = 0; round < 5; round++) {
    for (unsigned i = 0; i < 6; i++) {
      g_assert_true (submit (streams[i], model, &tally, EFFNET_SUBMIT_APPEND));
      g_assert_true (effnet_stream_wait (streams[i]));
    }
  }
  g_assert_cmpuint (count_sessions (scheduler), <=, 2);
  for (unsigned i = 0; i < 6; i++)
    effnet_stream_free (streams[i]);
}

/* ---- sessions ---- */

static void
test_model_given_up (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (2, "given-up");
  EffnetStream *streams[4];
  EffnetModel *old = test_open_synthetic ("lite0", 1, INPUT), *new;
  Tally tally = {0};
  EffnetModel *again;

  for (unsigned i = 0; i < 4; i++) {
    streams[i] = effnet_stream_new (scheduler, 1, 3);
    for (unsigned k = 0; k < 3; k++)
      g_assert_true (submit (streams[i], old, &tally, EFFNET_SUBMIT_APPEND));
  }
  again = test_open_synthetic ("lite0", 1, INPUT);
  g_assert_true (again == old);
  effnet_model_unref (again);
  new = test_open_synthetic ("lite1", 1, INPUT);
  effnet_model_unref (old); /* while its jobs run */
  for (unsigned i = 0; i < 4; i++) {
    g_assert_true (submit (streams[i], new, &tally, EFFNET_SUBMIT_REPLACE));
    g_assert_true (effnet_stream_wait (streams[i]));
  }
  g_assert_cmpuint (count_sessions (scheduler), >=, 1);
  g_assert_cmpuint (count_sessions (scheduler), <=, 2); /* of the new one only */
  effnet_model_unref (new);                             /* while nothing runs */
  g_assert_cmpuint (count_sessions (scheduler), ==, 0);
  for (unsigned i = 0; i < 4; i++)
    effnet_stream_free (streams[i]);
}

/* ---- cancelling ---- */

/* From cancelling to the end of the job that ran, with every executor busy. */
static void
test_cancel_is_prompt (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("b4", 1, INPUT);
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (2, "prompt");
  EffnetStream *streams[4];
  Tally tally = {0};
  int64_t best = G_MAXINT64;
  unsigned submitted = 0;

  for (unsigned i = 0; i < 4; i++)
    streams[i] = effnet_stream_new (scheduler, 1, 8);
  for (unsigned round = 0; round < 10; round++) {
    int64_t before;
    gint started;

    for (unsigned i = 0; i < 4; i++)
      while (submit (streams[i], model, &tally, EFFNET_SUBMIT_APPEND))
        submitted++;
    submitted += 4; /* those refused */
    for (started = g_atomic_int_get (&tally.started); g_atomic_int_get (&tally.started) == started;)
      g_usleep (100);
    before = g_get_monotonic_time ();
    for (unsigned i = 0; i < 4; i++)
      effnet_stream_set_cancelled (streams[i], TRUE);
    for (unsigned i = 0; i < 4; i++)
      g_assert_false (effnet_stream_wait (streams[i]));
    best = MIN (best, g_get_monotonic_time () - before);
    g_assert_cmpint (tally.destroyed, ==, submitted);
    for (unsigned i = 0; i < 4; i++)
      effnet_stream_set_cancelled (streams[i], FALSE);
  }
  g_test_message ("%.2f ms at best, %d inferences cut short", (double)best / 1e3, tally.cancelled);
  g_assert_cmpint (best, <, 20000);
  g_assert_cmpint (tally.cancelled, >, 0);
  g_assert_true (submit (streams[0], model, &tally, EFFNET_SUBMIT_APPEND)); /* usable again */
  g_assert_true (effnet_stream_wait (streams[0]));
  for (unsigned i = 0; i < 4; i++)
    effnet_stream_free (streams[i]);
}

/* ---- data of executors ---- */

typedef struct {
  GThread *thread;
  gint lives; /* atomic */
} Kept;

static Kept kept;

static void
kept_end (void *data)
{
  g_assert_true (data == &kept);
  g_assert_true (g_thread_self () == kept.thread);
  g_atomic_int_add (&kept.lives, -1);
}

static void
keep (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  static const char a, b;

  (void)session;
  (void)error;
  (void)data;
  if (effnet_executor_get_data (executor, &a) == NULL) {
    kept.thread = g_thread_self ();
    effnet_executor_set_data (executor, &a, &kept, kept_end);
    effnet_executor_set_data (executor, &b, &kept, kept_end);
    g_atomic_int_add (&kept.lives, 2);
  }
  effnet_executor_set_data (executor, &b, NULL, NULL);
  g_assert_true (effnet_executor_get_data (executor, &a) == &kept);
  g_assert_null (effnet_executor_get_data (executor, &b));
}

static void
test_data (void)
{
  EffnetScheduler *scheduler = test_new_scheduler (1, "data");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 2);
  EffnetJob job = {.run = keep};

  for (unsigned i = 0; i < 2; i++)
    g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND));
  g_assert_true (effnet_stream_wait (stream));
  g_assert_cmpint (g_atomic_int_get (&kept.lives), ==, 1);
  effnet_stream_free (stream);
  g_assert_cmpint (g_atomic_int_get (&kept.lives), ==, 1);
  effnet_scheduler_unref (scheduler);
  g_assert_cmpint (g_atomic_int_get (&kept.lives), ==, 0);
}

static void
unref_scheduler (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  (void)executor;
  (void)session;
  (void)error;
  effnet_scheduler_unref (data);
}

/* A job may have the last reference to another scheduler, and one of its own that is not the last
 * until its stream is gone. */
static void
test_unref_in_a_job (void)
{
  EffnetScheduler *scheduler = test_new_scheduler (1, "unref"),
                  *other = test_new_scheduler (1, "other");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 2);
  EffnetJob job = {.run = unref_scheduler, .data = scheduler};

  g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND));
  job.data = other;
  g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND));
  g_assert_true (effnet_stream_wait (stream));
  effnet_stream_free (stream);
}

/* ---- fork ---- */

/* Exits with 0 when all still works in the child; SIGALRM ends one that hangs. */
static G_GNUC_NORETURN void
child (EffnetScheduler *scheduler, EffnetStream *stream, EffnetModel *model, float want)
{
  Tally tally = {0};
  EffnetStream *another;

  alarm (20);
  if (!submit (stream, model, &tally, EFFNET_SUBMIT_APPEND) || !effnet_stream_wait (stream) ||
      tally.ran != 1 || tally.first != want)
    _exit (1);
  another = effnet_stream_new (scheduler, 1, 1);
  if (!submit (another, model, &tally, EFFNET_SUBMIT_REPLACE) || !effnet_stream_wait (another))
    _exit (2);
  effnet_stream_free (another);
  effnet_stream_free (stream);
  effnet_model_unref (model);
  effnet_scheduler_unref (scheduler);
  _exit (0);
}

/* ThreadSanitizer ends a process that makes threads after a fork. */
#if defined(__SANITIZE_THREAD__)
#  define FORKS 0
#else
#  define FORKS 20
#endif

static void
test_fork (void)
{
  if (g_getenv ("EFFNET_TEST_EMULATED") != NULL) {
    g_test_skip ("under qemu-user the child of a process with threads has none");
    return;
  }
  EffnetScheduler *scheduler = test_new_scheduler (2, "fork"),
                  *unused = test_new_scheduler (2, "unused");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 1);
  EffnetModel *model = test_open_synthetic ("lite0", 5, INPUT);
  Tally tally = {0};

  for (int i = 0; i < FORKS; i++) {
    int status;
    pid_t pid;

    g_assert_true (submit (stream, model, &tally, EFFNET_SUBMIT_APPEND));
    g_assert_true (effnet_stream_wait (stream));
    pid = fork ();
    if (pid == 0)
      child (scheduler, stream, model, tally.first);
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_cmpint (status, ==, 0);
  }
  if (FORKS == 0)
    g_test_skip ("no threads after fork under this sanitizer");
  effnet_stream_free (stream);
  effnet_model_unref (model);
  effnet_scheduler_unref (unused);
  effnet_scheduler_unref (scheduler);
}

/* ---- random sequences ---- */

#define SEQUENCES 1000
#define STREAMS   5

typedef struct {
  EffnetScheduler *scheduler;
  EffnetModel *models[2];
  EffnetStream *streams[STREAMS];
  unsigned submitted[STREAMS]; /* to that stream, refused ones included */
  Tally tallies[STREAMS];
} World;

static void
end_stream (World *world, unsigned i)
{
  effnet_stream_free (world->streams[i]);
  world->streams[i] = NULL;
  g_assert_cmpint (world->tallies[i].destroyed, ==, world->submitted[i]);
  g_assert_cmpint (world->tallies[i].started, ==,
                   world->tallies[i].ran + world->tallies[i].cancelled);
  world->tallies[i] = (Tally){0};
  world->submitted[i] = 0;
}

static void
act (World *world, GRand *rand, unsigned i)
{
  EffnetStream *stream = world->streams[i];
  EffnetQueueStats stats;

  switch (g_rand_int_range (rand, 0, 12)) {
  case 0:
    effnet_stream_set_cancelled (stream, TRUE);
    break;
  case 1:
    effnet_stream_set_cancelled (stream, FALSE);
    break;
  case 2:
    effnet_stream_wait (stream);
    break;
  case 3:
    end_stream (world, i);
    break;
  case 4:
    effnet_stream_set_weight (stream, (unsigned)g_rand_int_range (rand, 0, 5));
    break;
  case 5:
    effnet_stream_get_stats (stream, &stats);
    g_assert_cmpuint (stats.running, <=, 1);
    g_assert_cmpuint (stats.submitted, ==, world->submitted[i]);
    break;
  case 6: {
    if (g_rand_int_range (rand, 0, 10) > 0)
      break; /* opening takes longer than all else */
    unsigned k = (unsigned)g_rand_int_range (rand, 0, 2);
    EffnetModel *model =
        test_open_synthetic (k == 0 ? "lite0" : "lite1", 1 + g_rand_int (rand) % 2, INPUT);

    effnet_model_unref (world->models[k]);
    world->models[k] = model;
    break;
  }
  default:
    submit (stream, world->models[g_rand_int_range (rand, 0, 2)], &world->tallies[i],
            g_rand_boolean (rand) ? EFFNET_SUBMIT_REPLACE : EFFNET_SUBMIT_APPEND);
    world->submitted[i]++;
  }
}

static void
run_sequence (World *world, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  unsigned steps = (unsigned)g_rand_int_range (rand, 5, 40);

  world->scheduler = test_new_scheduler ((unsigned)g_rand_int_range (rand, 1, 4), "random");
  effnet_scheduler_set_batch (world->scheduler, g_rand_int (rand) % 5,
                              g_rand_int_range (rand, 0, 1000000));
  for (unsigned step = 0; step < steps; step++) {
    unsigned i = (unsigned)g_rand_int_range (rand, 0, STREAMS);

    if (world->streams[i] == NULL)
      world->streams[i] = effnet_stream_new (
          world->scheduler, (unsigned)g_rand_int_range (rand, 0, 5), g_rand_int (rand) % 4);
    else
      act (world, rand, i);
    if (g_rand_int_range (rand, 0, 10) == 0)
      g_usleep (g_rand_int (rand) % 1000);
  }
  for (unsigned i = 0; i < STREAMS; i++) {
    if (world->streams[i] != NULL)
      end_stream (world, i);
  }
  effnet_scheduler_unref (world->scheduler);
}

static void
test_random_sequences (void)
{
  const guint32 sequences = g_getenv ("EFFNET_TEST_EMULATED") != NULL ? SEQUENCES / 10 : SEQUENCES;
  unsigned before = count_settled_threads ();
  World world = {
      .models = {test_open_synthetic ("lite0", 1, INPUT), test_open_synthetic ("lite1", 1, INPUT)}};

  for (guint32 seed = 1; seed <= sequences; seed++)
    run_sequence (&world, seed);
  for (unsigned k = 0; k < 2; k++)
    effnet_model_unref (world.models[k]);
  g_assert_cmpuint (count_settled_threads (), ==, before);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (input); i++)
    input[i] = (float)(i % 13) / 6 - 1;
  g_test_add_func ("/executors/threads", test_threads);
  g_test_add_func ("/executors/too-many-threads", test_too_many_threads);
  g_test_add_func ("/executors/few-sessions", test_few_sessions);
  g_test_add_func ("/executors/model-given-up", test_model_given_up);
  g_test_add_func ("/executors/cancel-is-prompt", test_cancel_is_prompt);
  g_test_add_func ("/executors/data", test_data);
  g_test_add_func ("/executors/unref-in-a-job", test_unref_in_a_job);
  g_test_add_func ("/executors/fork", test_fork);
  g_test_add_func ("/executors/random-sequences", test_random_sequences);
  return g_test_run ();
}
