/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scheduler: shares, mailboxes, cancelling, memory and threads. Jobs count and sleep, or run
 * small synthetic networks. */
#include <effnet/scheduler.h>
#include <string.h>

#include "open.h"

#define INPUT 64 /* pixels a side */

static float input[INPUT * INPUT * 3];

static EffnetModel *
open_model (const char *variant, uint64_t seed, unsigned size)
{
  EffnetModelOptions options = {.variant = variant, .synthetic_seed = seed, .input_size = size};

  return test_open (NULL, &options);
}

static EffnetScheduler *
new_scheduler (unsigned threads, const char *name)
{
  g_autoptr (GError) error = NULL;
  EffnetScheduler *scheduler = effnet_scheduler_new (threads, name, &error);

  g_assert_no_error (error);
  return scheduler;
}

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
  g_autoptr (EffnetModel) model = open_model ("lite0", 3, INPUT);
  EffnetSession *session = test_new_session (model, 1);
  EffnetResult want;

  g_assert_true (effnet_session_run (session, input, &want, NULL));
  for (unsigned threads = 1; threads <= 4; threads++) {
    g_autoptr (EffnetScheduler) scheduler = new_scheduler (threads, "same");
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (input); i++)
    input[i] = (float)(i % 13) / 6 - 1;
  g_test_add_func ("/scheduler/same-results", test_same_results);
  return g_test_run ();
}
