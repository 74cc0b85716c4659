/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scheduler: shares, mailboxes, cancelling, memory and threads. Jobs count and sleep, or run
 * small synthetic networks. */
#include <effnet/scheduler.h>
#include <string.h>

#include "open.h"

#define INPUT 64 /* pixels a side */

static float input[INPUT * INPUT * 3];

/* ---- results ---- */

typedef struct {
  float logits[1000];
  gboolean ok;
} Answer;

static void
classify (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  Answer *answer = data;
  EffnetResult result;

  (void)executor;
  g_assert_no_error (error);
  answer->ok = effnet_session_run (session, input, &result, NULL);
  if (answer->ok)
    memcpy (answer->logits, result.logits, sizeof answer->logits);
}

static void
test_same_results (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("lite0", 3, INPUT);
  EffnetSession *session = test_new_session (model, 1);
  EffnetResult want;

  g_assert_true (effnet_session_run (session, input, &want, NULL));
  for (unsigned threads = 1; threads <= 4; threads++) {
    g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (threads, "same");
    Answer answers[6] = {0};
    EffnetStream *streams[6];

    for (unsigned i = 0; i < 6; i++)
      streams[i] = effnet_stream_new (scheduler, 1, 1);
    for (unsigned round = 0; round < 5; round++) {
      memset (answers, 0, sizeof answers);
      for (unsigned i = 0; i < 6 - round; i++) { /* more than executors, and fewer */
        EffnetJob job = {.model = model, .run = classify, .data = &answers[i]};

        g_assert_true (effnet_stream_submit (streams[i], &job, EFFNET_SUBMIT_APPEND));
      }
      for (unsigned i = 0; i < 6 - round; i++) {
        g_assert_true (effnet_stream_wait (streams[i]));
        g_assert_true (answers[i].ok);
        g_assert_cmpmem (answers[i].logits, sizeof answers[i].logits, want.logits,
                         want.n_classes * sizeof (float));
      }
    }
    for (unsigned i = 0; i < 6; i++)
      effnet_stream_free (streams[i]);
  }
  effnet_session_free (session);
}

/* ---- turns ---- */

/* Keeps the only executor busy until it is let go, so that what is submitted meanwhile is decided
 * by turns alone. */
typedef struct {
  GMutex lock;
  GCond cond;
  gboolean held, open;
} Gate;

static void
hold (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  Gate *gate = data;

  g_assert_null (session);
  g_assert_no_error (error);
  g_assert_cmpuint (effnet_executor_get_index (executor), <,
                    effnet_scheduler_get_size (effnet_executor_get_scheduler (executor)));
  g_mutex_lock (&gate->lock);
  gate->held = TRUE;
  g_cond_broadcast (&gate->cond);
  while (!gate->open)
    g_cond_wait (&gate->cond, &gate->lock);
  g_mutex_unlock (&gate->lock);
}

static EffnetStream *
close_gate (Gate *gate, EffnetScheduler *scheduler)
{
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 1);
  EffnetJob job = {.run = hold, .data = gate};

  g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND));
  g_mutex_lock (&gate->lock);
  while (!gate->held)
    g_cond_wait (&gate->cond, &gate->lock);
  g_mutex_unlock (&gate->lock);
  return stream;
}

static void
open_gate (Gate *gate, EffnetStream *stream)
{
  g_mutex_lock (&gate->lock);
  gate->open = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->lock);
  g_assert_true (effnet_stream_wait (stream));
  effnet_stream_free (stream);
}

typedef struct {
  GString *order; /* a letter for each job that ran */
  char name;
  gint ran, destroyed; /* atomic */
  unsigned cost;
} Mark;

static void
mark (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  Mark *m = data;

  (void)executor;
  (void)session;
  (void)error;
  if (m->order != NULL)
    g_string_append_c (m->order, m->name);
  g_atomic_int_inc (&m->ran);
}

static void
mark_destroyed (void *data)
{
  Mark *m = data;

  g_atomic_int_inc (&m->destroyed);
}

static void
submit_marks (EffnetStream *stream, Mark *m, unsigned n, int64_t deadline_ns)
{
  EffnetJob job = {.cost = m->cost,
                   .deadline_ns = deadline_ns,
                   .run = mark,
                   .destroy = mark_destroyed,
                   .data = m};

  for (unsigned i = 0; i < n; i++)
    g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND));
}

static unsigned
count_letter (const char *text, size_t n, char letter)
{
  unsigned count = 0;

  for (size_t i = 0; i < n; i++)
    count += text[i] == letter;
  return count;
}

typedef struct {
  const char *name;
  unsigned weight[3], cost[3];
  unsigned want[3]; /* of a period of jobs */
} Shares;

static const Shares shares[] = {
    {"equal", {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},
    {"weights", {3, 1, 2}, {1, 1, 1}, {3, 1, 2}},
    {"costs", {1, 1, 1}, {1, 10, 5}, {10, 1, 2}},
    {"both", {5, 1, 1}, {5, 1, 2}, {2, 2, 1}},
};

/* While all have jobs, each stretch of whole periods gives each its share, to one job. */
static void
test_shares (gconstpointer data)
{
  const Shares *s = data;
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "shares");
  g_autoptr (GString) order = g_string_new (NULL);
  unsigned period = s->want[0] + s->want[1] + s->want[2], periods = 200 / period;
  EffnetStream *streams[3];
  Mark marks[3] = {0};
  Gate gate = {0};
  EffnetStream *gated = close_gate (&gate, scheduler);

  for (unsigned i = 0; i < 3; i++) {
    streams[i] = effnet_stream_new (scheduler, s->weight[i], 1000);
    marks[i] = (Mark){.order = order, .name = (char)('a' + i), .cost = s->cost[i]};
    submit_marks (streams[i], &marks[i], 300, 0);
  }
  open_gate (&gate, gated);
  for (unsigned i = 0; i < 3; i++) {
    g_assert_true (effnet_stream_wait (streams[i]));
    effnet_stream_free (streams[i]);
    g_assert_cmpint (marks[i].ran, ==, 300);
    g_assert_cmpint (marks[i].destroyed, ==, 300);
  }
  for (unsigned k = 1; k <= periods; k++) {
    for (unsigned i = 0; i < 3; i++) {
      unsigned got = count_letter (order->str, (size_t)k * period, (char)('a' + i));

      g_assert_cmpuint (got + 1, >=, k * s->want[i]);
      g_assert_cmpuint (got, <=, k * s->want[i] + 1);
    }
  }
}

/* A stream that had no jobs for long gets its share from now on, not what it might have had. */
static void
test_idle_saves_nothing (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "idle");
  g_autoptr (GString) order = g_string_new (NULL);
  EffnetStream *busy = effnet_stream_new (scheduler, 1, 200);
  EffnetStream *idle = effnet_stream_new (scheduler, 1, 200);
  Mark a = {.order = order, .name = 'a', .cost = 50}, b = {.order = order, .name = 'b', .cost = 1};
  Gate gate = {0};
  EffnetStream *gated;

  submit_marks (busy, &a, 20, 0);
  g_assert_true (effnet_stream_wait (busy));
  gated = close_gate (&gate, scheduler);
  g_string_truncate (order, 0);
  a.cost = 1;
  submit_marks (busy, &a, 100, 0);
  submit_marks (idle, &b, 100, 0);
  open_gate (&gate, gated);
  g_assert_true (effnet_stream_wait (busy));
  g_assert_true (effnet_stream_wait (idle));
  for (size_t n = 2; n <= 200; n += 2)
    g_assert_cmpuint (count_letter (order->str, n, 'b'), ==, n / 2);
  effnet_stream_free (busy);
  effnet_stream_free (idle);
}

/* The earliest deadline first, until its stream is a few inferences ahead of the others. */
static void
test_deadlines (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "deadlines");
  g_autoptr (GString) order = g_string_new (NULL);
  int64_t now = g_get_monotonic_time () * 1000, second = 1000000000;
  EffnetStream *streams[3];
  Mark marks[3];
  Gate gate = {0};
  EffnetStream *gated = close_gate (&gate, scheduler);
  EffnetQueueStats stats;

  for (unsigned i = 0; i < 3; i++) {
    streams[i] = effnet_stream_new (scheduler, 1, 100);
    marks[i] = (Mark){.order = order, .name = (char)('a' + i), .cost = 1};
  }
  submit_marks (streams[0], &marks[0], 50, 0);
  submit_marks (streams[1], &marks[1], 50, now + 100 * second);
  submit_marks (streams[2], &marks[2], 50, now - second);
  open_gate (&gate, gated);
  for (unsigned i = 0; i < 3; i++)
    g_assert_true (effnet_stream_wait (streams[i]));
  g_test_message ("%s", order->str);
  g_assert_cmpint (order->str[0], ==, 'c');
  g_assert_true (strchr (order->str, 'c') < strchr (order->str, 'b'));
  g_assert_true (strchr (order->str, 'b') < strchr (order->str, 'a'));
  for (size_t n = 1; n <= 90; n++) /* nobody is ahead by more than 5 */
    for (unsigned i = 0; i < 3; i++)
      g_assert_cmpuint (count_letter (order->str, n, (char)('a' + i)), <=, n / 3 + 6);
  effnet_stream_get_stats (streams[2], &stats);
  g_assert_cmpuint (stats.late, ==, 50);
  effnet_stream_get_stats (streams[1], &stats);
  g_assert_cmpuint (stats.late, ==, 0);
  for (unsigned i = 0; i < 3; i++)
    effnet_stream_free (streams[i]);
}

/* ---- queues ---- */

static void
check_counts (EffnetStream *stream, uint64_t submitted, uint64_t started, uint64_t replaced,
              uint64_t refused, uint64_t cancelled)
{
  EffnetQueueStats stats;

  effnet_stream_get_stats (stream, &stats);
  g_assert_cmpuint (stats.submitted, ==, submitted);
  g_assert_cmpuint (stats.started, ==, started);
  g_assert_cmpuint (stats.replaced, ==, replaced);
  g_assert_cmpuint (stats.refused, ==, refused);
  g_assert_cmpuint (stats.cancelled, ==, cancelled);
  g_assert_cmpuint (stats.waiting, ==, 0);
  g_assert_cmpuint (stats.running, ==, 0);
}

static void
test_newest_wins (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "newest");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 1);
  Mark marks[10] = {0};
  Gate gate = {0};
  EffnetStream *gated = close_gate (&gate, scheduler);
  EffnetQueueStats stats;

  for (unsigned i = 0; i < 10; i++) {
    EffnetJob job = {.run = mark, .destroy = mark_destroyed, .data = &marks[i]};

    g_assert_true (effnet_stream_is_free (stream) == (i == 0));
    g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_REPLACE));
    g_assert_cmpint (i == 0 || marks[i - 1].destroyed, ==, 1);
  }
  effnet_stream_get_stats (stream, &stats);
  g_assert_cmpuint (stats.waiting, ==, 1);
  g_usleep (20000);
  open_gate (&gate, gated);
  g_assert_true (effnet_stream_wait (stream));
  for (unsigned i = 0; i < 10; i++) {
    g_assert_cmpint (marks[i].ran, ==, i == 9);
    g_assert_cmpint (marks[i].destroyed, ==, 1);
  }
  check_counts (stream, 10, 1, 9, 0, 0);
  effnet_stream_get_stats (stream, &stats);
  g_assert_cmpuint (stats.wait_p50_ns, >=, 20000000); /* it waited for the gate */
  effnet_stream_free (stream);
  effnet_scheduler_get_stats (scheduler, &stats);
  g_assert_cmpuint (stats.submitted, ==, 11);
  g_assert_cmpuint (stats.replaced, ==, 9);
  g_assert_cmpuint (stats.cost, ==, 2);
}

static void
test_append_is_bounded (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "append");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 3);
  g_autoptr (GString) order = g_string_new (NULL);
  Mark marks[5];
  Gate gate = {0};
  EffnetStream *gated = close_gate (&gate, scheduler);

  for (unsigned i = 0; i < 5; i++) {
    EffnetJob job = {.run = mark, .destroy = mark_destroyed, .data = &marks[i]};

    marks[i] = (Mark){.order = order, .name = (char)('a' + i)};
    g_assert_true (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_APPEND) == (i < 3));
    g_assert_cmpint (marks[i].destroyed, ==, i >= 3); /* refused: it is gone already */
  }
  open_gate (&gate, gated);
  g_assert_true (effnet_stream_wait (stream));
  g_assert_cmpstr (order->str, ==, "abc");
  check_counts (stream, 5, 3, 0, 2, 0);
  effnet_stream_free (stream);
}

static void
test_cancel_drops_what_waits (void)
{
  g_autoptr (EffnetScheduler) scheduler = test_new_scheduler (1, "drop");
  EffnetStream *stream = effnet_stream_new (scheduler, 1, 5);
  Mark m = {0};
  Gate gate = {0};
  EffnetStream *gated = close_gate (&gate, scheduler);
  EffnetJob job = {.run = mark, .destroy = mark_destroyed, .data = &m};
  uint64_t epoch = effnet_stream_get_epoch (stream);

  submit_marks (stream, &m, 4, 0);
  effnet_stream_set_cancelled (stream, TRUE);
  g_assert_cmpint (m.destroyed, ==, 4);
  g_assert_false (effnet_stream_wait (stream));
  g_assert_false (effnet_stream_is_free (stream));
  g_assert_false (effnet_stream_submit (stream, &job, EFFNET_SUBMIT_REPLACE));
  g_assert_cmpint (m.destroyed, ==, 5);
  effnet_stream_set_cancelled (stream, FALSE);
  g_assert_cmpuint (effnet_stream_get_epoch (stream), ==, epoch + 2);
  g_assert_true (effnet_stream_is_free (stream));
  submit_marks (stream, &m, 1, 0);
  open_gate (&gate, gated);
  g_assert_true (effnet_stream_wait (stream));
  g_assert_cmpint (m.ran, ==, 1);
  check_counts (stream, 6, 1, 0, 1, 4);
  effnet_stream_free (stream);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (input); i++)
    input[i] = (float)(i % 13) / 6 - 1;
  g_test_add_func ("/scheduler/same-results", test_same_results);
  for (unsigned i = 0; i < G_N_ELEMENTS (shares); i++) {
    g_autofree char *name = g_strdup_printf ("/scheduler/shares/%s", shares[i].name);

    g_test_add_data_func (name, &shares[i], test_shares);
  }
  g_test_add_func ("/scheduler/idle-saves-nothing", test_idle_saves_nothing);
  g_test_add_func ("/scheduler/deadlines", test_deadlines);
  g_test_add_func ("/scheduler/newest-wins", test_newest_wins);
  g_test_add_func ("/scheduler/append-is-bounded", test_append_is_bounded);
  g_test_add_func ("/scheduler/cancel-drops-what-waits", test_cancel_drops_what_waits);
  return g_test_run ();
}
