/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A batch is so many single runs, bit for bit, whoever asks for it. */
#include <effnet/scheduler.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "open.h"

#define MOST 9 /* images */

typedef struct {
  const char *name, *variant;
  EffnetPrecision precision;
  unsigned size; /* of the input */
} Case;

/* With and without squeeze-excite; scaled weights and scaled rows; pixels that fill no blocks. */
static const Case cases[] = {
    {"lite0", "lite0", EFFNET_PRECISION_FP32, 64},
    {"lite0-odd", "lite0", EFFNET_PRECISION_FP32, 97},
    {"b0", "b0", EFFNET_PRECISION_FP32, 96},
    {"b0-odd", "b0", EFFNET_PRECISION_FP32, 75},
    {"lite0-bf16", "lite0", EFFNET_PRECISION_BF16, 97},
    {"b0-bf16", "b0", EFFNET_PRECISION_BF16, 129},
    {"lite0-int8", "lite0", EFFNET_PRECISION_INT8, 64},
    {"lite0-int8-odd", "lite0", EFFNET_PRECISION_INT8, 33},
    {"b0-int8", "b0", EFFNET_PRECISION_INT8, 75},
    {"es-odd", "es", EFFNET_PRECISION_FP32, 65},
    {"v2-b0-bf16", "v2-b0", EFFNET_PRECISION_BF16, 75},
    {"seend", "b0-seend-all", EFFNET_PRECISION_FP32, 75},
    {"meco-int8", "b0-meco-wide", EFFNET_PRECISION_INT8, 65},
    {"b3", "b3", EFFNET_PRECISION_FP32, 160},
};

typedef struct {
  unsigned n;
  float *logits;   /* [MOST][n_classes] */
  float *features; /* [MOST][n_features] */
  double entropy[MOST];
} Wanted;

static void
compare (unsigned i, const EffnetResult *got, void *user_data)
{
  Wanted *want = user_data;

  g_assert_cmpuint (i, ==, want->n++);
  g_assert_cmpmem (got->logits, got->n_classes * sizeof (float),
                   want->logits + (size_t)i * got->n_classes, got->n_classes * sizeof (float));
  g_assert_cmpmem (got->features, got->n_features * sizeof (float),
                   want->features + (size_t)i * got->n_features, got->n_features * sizeof (float));
  g_assert_true (got->entropy == want->entropy[i]);
  g_assert_cmpuint (got->infer_ns, >, 0);
}

static float *
make_inputs (size_t per_image)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  float *inputs = g_new (float, MOST *per_image);

  for (size_t i = 0; i < MOST * per_image; i++)
    inputs[i] = (float)g_rand_double_range (rand, -2, 2);
  return inputs;
}

static void
run_singly (EffnetModel *model, const float *inputs, size_t per_image, Wanted *want)
{
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autoptr (GError) error = NULL;
  EffnetResult result;

  for (size_t i = 0; i < MOST; i++) {
    effnet_session_run (session, inputs + i * per_image, &result, &error);
    g_assert_no_error (error);
    if (i == 0) {
      want->logits = g_new (float, (size_t)MOST *result.n_classes);
      want->features = g_new (float, (size_t)MOST *result.n_features);
    }
    memcpy (want->logits + i * result.n_classes, result.logits, result.n_classes * sizeof (float));
    memcpy (want->features + i * result.n_features, result.features,
            result.n_features * sizeof (float));
    want->entropy[i] = result.entropy;
  }
}

static void
test_same_bits (gconstpointer data)
{
  const Case *c = data;
  /* An emulated CPU would take half an hour for the larger ones. */
  unsigned side =
      g_getenv ("EFFNET_TEST_EMULATED") != NULL ? MIN (c->size, 32 + c->size % 2) : c->size;
  EffnetModelOptions options = {
      .variant = c->variant, .precision = c->precision, .synthetic_seed = 5, .input_size = side};
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = test_open_in_precision (&options);
  static const unsigned sizes[] = {2, 1, 5, 3, MOST, 1, 4};
  size_t per_image = (size_t)side * side * 3;
  g_autofree float *inputs = make_inputs (per_image);
  Wanted want = {0};

  if (model == NULL)
    return;
  run_singly (model, inputs, per_image, &want);
  for (unsigned threads = 1; threads <= 3; threads++) {
    g_autoptr (EffnetSession) session = test_new_session (model, threads);

    for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
      want.n = 0;
      g_assert_true (effnet_session_run_batch (session, inputs, sizes[i], compare, &want, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (want.n, ==, sizes[i]);
    }
  }
  g_free (want.logits);
  g_free (want.features);
}

static void
never (unsigned i, const EffnetResult *result, void *user_data)
{
  (void)i;
  (void)result;
  (void)user_data;
  g_assert_not_reached ();
}

static void
test_refused (void)
{
  g_autoptr (EffnetModel) model = test_open_synthetic ("lite0", 5, 32);
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autofree float *inputs = make_inputs ((size_t)32 * 32 * 3);
  g_autoptr (GError) error = NULL;

  g_assert_true (effnet_session_run_batch (session, inputs, 0, never, NULL, &error));
  g_assert_false (
      effnet_session_run_batch (session, inputs, EFFNET_BATCH_MAX + 1, never, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  effnet_session_set_cancelled (session, TRUE);
  g_assert_false (effnet_session_run_batch (session, inputs, 2, never, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
}

/* Address space of the process now. */
static rlim_t
address_space (void)
{
  FILE *file = fopen ("/proc/self/statm", "r");
  unsigned long pages;

  g_assert_nonnull (file);
  g_assert_cmpint (fscanf (file, "%lu", &pages), ==, 1);
  fclose (file);
  return (rlim_t)pages * (rlim_t)sysconf (_SC_PAGESIZE);
}

/* A batch for which there is no memory leaves a session that classifies frames. */
static void
test_no_memory (void)
{
  static guint8 pixels[64 * 64];
  static float logits[1000], inputs[EFFNET_BATCH_MAX]; /* none is read */
  EffnetImage frame = {.format = EFFNET_PIXEL_FORMAT_GRAY8,
                       .width = 64,
                       .height = 64,
                       .data = {pixels},
                       .stride = {64}};
  g_autoptr (EffnetModel) model = test_open_synthetic ("b0", 5, 0);
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autoptr (GError) error = NULL;
  struct rlimit before, less;
  EffnetModelInfo info;
  EffnetResult result;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip ("the sanitizer needs address space of its own");
  return;
#endif
  if (g_getenv ("EFFNET_TEST_EMULATED") != NULL) {
    g_test_skip ("qemu-user sets no limits for what it runs");
    return;
  }
  effnet_model_get_info (model, &info);
  for (unsigned i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i * 37 % 251);
  g_assert_true (effnet_session_classify (session, &frame, &result, NULL));
  memcpy (logits, result.logits, sizeof logits);
  g_assert_cmpint (getrlimit (RLIMIT_AS, &before), ==, 0);
  less = before;
  less.rlim_cur = address_space () + 8 * info.arena_bytes;
  g_assert_cmpint (setrlimit (RLIMIT_AS, &less), ==, 0);
  g_assert_false (
      effnet_session_run_batch (session, inputs, EFFNET_BATCH_MAX, never, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_IO);
  g_assert_true (effnet_session_classify (session, &frame, &result, NULL));
  g_assert_cmpmem (result.logits, sizeof logits, logits, sizeof logits);
  g_assert_cmpint (setrlimit (RLIMIT_AS, &before), ==, 0);
}

/* ---- by the scheduler ---- */

#define SIDE    64 /* of the input */
#define STREAMS 6

typedef struct {
  float *input;
  float logits[1000], want[1000];
  gint ran, cancelled, destroyed; /* atomic */
} Shot;

static void
shoot (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  g_autoptr (GError) failed = NULL;
  Shot *shot = data;
  EffnetResult result;

  g_assert_no_error (error);
  if (effnet_session_run (session, shot->input, &result, &failed)) {
    memcpy (shot->logits, result.logits, sizeof shot->logits);
    g_atomic_int_inc (&shot->ran);
    return;
  }
  g_assert_error (failed, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  g_assert_true (effnet_executor_is_cancelled (executor));
  g_atomic_int_inc (&shot->cancelled);
}

static void
shot_down (void *data)
{
  g_atomic_int_inc (&((Shot *)data)->destroyed);
}

typedef struct {
  EffnetModel *model;
  EffnetScheduler *scheduler;
  EffnetStream *streams[STREAMS];
  Shot shots[STREAMS];
} Range;

static void
set_up (Range *r, unsigned threads, unsigned n_streams)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);
  EffnetSession *session;

  memset (r, 0, sizeof *r);
  r->model = test_open_synthetic ("b0", 5, SIDE);
  r->scheduler = test_new_scheduler (threads, "range");
  session = test_new_session (r->model, 1);
  for (unsigned i = 0; i < n_streams; i++) {
    EffnetResult result;

    r->streams[i] = effnet_stream_new (r->scheduler, 1, 1);
    r->shots[i].input = g_new (float, SIDE *SIDE * 3);
    for (unsigned k = 0; k < SIDE * SIDE * 3; k++)
      r->shots[i].input[k] = (float)g_rand_double_range (rand, -2, 2);
    g_assert_true (effnet_session_run (session, r->shots[i].input, &result, NULL));
    memcpy (r->shots[i].want, result.logits, sizeof r->shots[i].want);
  }
  effnet_session_free (session);
}

static void
tear_down (Range *r)
{
  for (unsigned i = 0; i < STREAMS; i++) {
    effnet_stream_free (r->streams[i]);
    g_free (r->shots[i].input);
  }
  effnet_model_unref (r->model);
  effnet_scheduler_unref (r->scheduler);
}

static void
fire (Range *r, unsigned i)
{
  EffnetJob job = {.model = r->model,
                   .cost = 1,
                   .run = shoot,
                   .destroy = shot_down,
                   .data = &r->shots[i],
                   .nhwc = r->shots[i].input};

  memset (r->shots[i].logits, 0, sizeof r->shots[i].logits);
  r->shots[i].ran = r->shots[i].cancelled = r->shots[i].destroyed = 0;
  g_assert_true (effnet_stream_submit (r->streams[i], &job, EFFNET_SUBMIT_REPLACE));
}

static void
check_hit (Range *r, unsigned i)
{
  g_assert_true (effnet_stream_wait (r->streams[i]));
  g_assert_cmpint (r->shots[i].ran, ==, 1);
  g_assert_cmpint (r->shots[i].destroyed, ==, 1);
  g_assert_cmpmem (r->shots[i].logits, sizeof r->shots[i].logits, r->shots[i].want,
                   sizeof r->shots[i].want);
}

static uint64_t
count_batched (Range *r)
{
  EffnetQueueStats stats;

  effnet_scheduler_get_stats (r->scheduler, &stats);
  return stats.batched;
}

/* All streams have jobs before the time of the first has come: full batches at once, and the rest
 * when no other stream can add to it. The time is far away: it does not decide. */
static void
test_streams_together (void)
{
  Range r;

  set_up (&r, 1, STREAMS);
  effnet_scheduler_set_batch (r.scheduler, 3, 1000 * G_GINT64_CONSTANT (1000000000));
  for (unsigned round = 1; round <= 10; round++) {
    for (unsigned i = 0; i < STREAMS; i++)
      fire (&r, i);
    for (unsigned i = 0; i < STREAMS; i++)
      check_hit (&r, i);
    g_assert_cmpuint (count_batched (&r), ==, STREAMS * round);
  }
  effnet_scheduler_set_batch (r.scheduler, 1, 0);
  for (unsigned i = 0; i < STREAMS; i++)
    fire (&r, i);
  for (unsigned i = 0; i < STREAMS; i++)
    check_hit (&r, i);
  g_assert_cmpuint (count_batched (&r), ==, STREAMS * 10);
  tear_down (&r);
}

/* Who waits alone waits as long as it is told, and no longer; a stream alone does not wait. */
static void
test_timeout (void)
{
  int64_t before;
  Range r;

  set_up (&r, 2, 3);
  effnet_scheduler_set_batch (r.scheduler, 8, 30 * G_GINT64_CONSTANT (1000000));
  before = g_get_monotonic_time ();
  fire (&r, 0);
  fire (&r, 1);
  check_hit (&r, 0);
  check_hit (&r, 1);
  g_assert_cmpint (g_get_monotonic_time () - before, >=, 30000);
  g_assert_cmpuint (count_batched (&r), ==, 2);
  effnet_stream_free (g_steal_pointer (&r.streams[1]));
  effnet_stream_free (g_steal_pointer (&r.streams[2]));
  effnet_scheduler_set_batch (r.scheduler, 8, 1000 * G_GINT64_CONSTANT (1000000000));
  fire (&r, 0);
  check_hit (&r, 0);
  tear_down (&r);
}

/* The only executor is busy until the last job of a batch has ended. */
static void
test_busy (void)
{
  EffnetQueueStats all, own;
  Range r;

  set_up (&r, 1, STREAMS);
  effnet_scheduler_set_batch (r.scheduler, STREAMS, 1000 * G_GINT64_CONSTANT (1000000000));
  for (unsigned i = 0; i < STREAMS; i++)
    fire (&r, i);
  for (unsigned i = 0; i < STREAMS; i++)
    check_hit (&r, i);
  g_assert_cmpuint (count_batched (&r), ==, STREAMS);
  effnet_scheduler_get_stats (r.scheduler, &all);
  for (unsigned i = 0; i < STREAMS; i++) {
    effnet_stream_get_stats (r.streams[i], &own);
    g_assert_cmpuint (own.busy_ns, >, 0);
    g_assert_cmpuint (own.busy_ns, <=, all.busy_ns);
  }
  tear_down (&r);
}

/* Whoever is cancelled in a batch, the others get their results. */
static void
test_cancel_one (void)
{
  const unsigned rounds = g_getenv ("EFFNET_TEST_EMULATED") != NULL ? 20 : 200;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  unsigned cut = 0;
  Range r;

  set_up (&r, 2, STREAMS);
  for (unsigned round = 0; round < rounds; round++) {
    unsigned victim = (unsigned)g_rand_int_range (rand, 0, STREAMS);

    effnet_scheduler_set_batch (r.scheduler, (unsigned)g_rand_int_range (rand, 1, 7),
                                g_rand_int_range (rand, 0, 2000000));
    for (unsigned i = 0; i < STREAMS; i++)
      fire (&r, i);
    if (g_rand_boolean (rand))
      g_usleep (g_rand_int (rand) % 3000);
    effnet_stream_set_cancelled (r.streams[victim], TRUE);
    g_assert_false (effnet_stream_wait (r.streams[victim]));
    g_assert_cmpint (g_atomic_int_get (&r.shots[victim].destroyed), ==, 1);
    cut += g_atomic_int_get (&r.shots[victim].ran) == 0;
    effnet_stream_set_cancelled (r.streams[victim], FALSE);
    for (unsigned i = 0; i < STREAMS; i++) {
      if (i != victim)
        check_hit (&r, i);
    }
  }
  g_test_message ("%u of %u cut short, %u of %u in batches", cut, rounds,
                  (unsigned)count_batched (&r), rounds * STREAMS);
  g_assert_cmpuint (cut, >, 0);
  g_assert_cmpuint (count_batched (&r), >, 0);
  tear_down (&r);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/batch/same-bits/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_same_bits);
  }
  g_test_add_func ("/batch/refused", test_refused);
  g_test_add_func ("/batch/no-memory", test_no_memory);
  g_test_add_func ("/batch/streams-together", test_streams_together);
  g_test_add_func ("/batch/busy", test_busy);
  g_test_add_func ("/batch/timeout", test_timeout);
  g_test_add_func ("/batch/cancel-one", test_cancel_one);
  return g_test_run ();
}
