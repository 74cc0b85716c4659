/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a batch gives, and what the scheduler costs: microseconds of CPU time an image, which a busy
 * machine stretches less than the time of day; the least of many short turns of each way, taken in
 * rotation so that all meet the same neighbours. Not a test.
 *
 * bench-batch THREADS SECONDS VARIANT... */
#define _POSIX_C_SOURCE 200809L
#include <effnet/scheduler.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const unsigned batches[] = {1, 2, 4, 8};
#define BATCHES G_N_ELEMENTS (batches)

typedef struct {
  EffnetSession *session;
  EffnetStream *stream;
  EffnetModel *model;
  float *inputs; /* [8][H][W][3] */
} Bench;

static void
ignore (unsigned i, const EffnetResult *result, void *user_data)
{
  (void)i;
  (void)result;
  (void)user_data;
}

static void
must (gboolean ok, GError *error)
{
  if (!ok) {
    fprintf (stderr, "%s\n", error != NULL ? error->message : "failed");
    exit (1);
  }
}

static void
run_job (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  Bench *bench = data;
  EffnetResult result;

  (void)executor;
  must (error == NULL && effnet_session_run (session, bench->inputs, &result, NULL), NULL);
}

static double
cpu_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Microseconds an image of one turn. Way 0 .. BATCHES - 1: batches; then the scheduler. */
static double
turn (Bench *bench, unsigned way)
{
  GError *error = NULL;
  double before = cpu_us ();

  if (way < BATCHES) {
    must (effnet_session_run_batch (bench->session, bench->inputs, batches[way], ignore, NULL,
                                    &error),
          error);
    return (cpu_us () - before) / batches[way];
  }
  EffnetJob job = {.model = bench->model, .run = run_job, .data = bench};
  must (effnet_stream_submit (bench->stream, &job, EFFNET_SUBMIT_APPEND), NULL);
  must (effnet_stream_wait (bench->stream), NULL);
  return cpu_us () - before;
}

static void
measure (Bench *bench, double seconds, double *best)
{
  double end = cpu_us () + seconds * 1e6;

  for (unsigned way = 0; way <= BATCHES; way++) {
    turn (bench, way); /* memory, caches, sessions */
    best[way] = turn (bench, way);
  }
  while (cpu_us () < end) {
    for (unsigned way = 0; way <= BATCHES; way++)
      best[way] = MIN (best[way], turn (bench, way));
  }
}

static void
bench_model (const char *variant, EffnetPrecision precision, unsigned threads, double seconds)
{
  EffnetModelOptions options = {.variant = variant, .precision = precision, .synthetic_seed = 1};
  EffnetSessionOptions session_options = {.threads = threads};
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (NULL, &options, &error);
  g_autoptr (EffnetScheduler) scheduler = effnet_scheduler_new (threads, "bench", NULL);
  double best[BATCHES + 1];
  EffnetModelInfo info;
  Bench bench;
  size_t n;

  if (model == NULL) {
    printf ("%s: %s\n", variant, error->message);
    return;
  }
  effnet_model_get_info (model, &info);
  n = (size_t)8 * info.input_height * info.input_width * 3;
  bench = (Bench){.session = effnet_session_new (model, &session_options, &error),
                  .stream = effnet_stream_new (scheduler, 1, 1),
                  .model = model,
                  .inputs = g_new (float, n)};
  must (bench.session != NULL, error);
  for (size_t i = 0; i < n; i++)
    bench.inputs[i] = (float)(i * 7919 % 1009) / 504.5f - 1;
  measure (&bench, seconds, best);
  printf ("%-6s %-4s %u threads: %8.0f us an image; batch of 2 %.3f, 4 %.3f, 8 %.3f; by the "
          "scheduler %.3f\n",
          variant, info.precision, threads, best[0], best[1] / best[0], best[2] / best[0],
          best[3] / best[0], best[4] / best[0]);
  effnet_stream_free (bench.stream);
  effnet_session_free (bench.session);
  g_free (bench.inputs);
}

int
main (int argc, char **argv)
{
  if (argc < 4) {
    fprintf (stderr, "Usage: bench-batch THREADS SECONDS VARIANT...\n");
    return 2;
  }
  for (int i = 3; i < argc; i++) {
    bench_model (argv[i], EFFNET_PRECISION_FP32, (unsigned)atoi (argv[1]), atof (argv[2]));
    bench_model (argv[i], EFFNET_PRECISION_BF16, (unsigned)atoi (argv[1]), atof (argv[2]));
  }
  return 0;
}
