/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a session makes of logits, and how it is stopped. */
#include <effnet/effnet.h>
#include <math.h>
#include <string.h>

#include "engine/result.h"
#include "open.h"

typedef struct {
  EffnetModel *model;
  EffnetSession *session;
  float *input;
} Fixture;

static void
set_up (Fixture *f, const char *variant, unsigned size, unsigned threads)
{
  EffnetModelOptions options = {.variant = variant,
                                .precision = EFFNET_PRECISION_FP32,
                                .synthetic_seed = 5,
                                .input_size = size};
  EffnetModelInfo info;

  f->model = test_open (NULL, &options);
  f->session = test_new_session (f->model, threads);
  effnet_model_get_info (f->model, &info);
  f->input = g_new0 (float, (size_t)info.input_width *info.input_height * 3);
  for (size_t i = 0; i < (size_t)info.input_width * info.input_height * 3; i++)
    f->input[i] = (float)(i % 17) / 8 - 1;
}

static void
tear_down (Fixture *f)
{
  effnet_session_free (f->session);
  effnet_model_unref (f->model);
  g_free (f->input);
}

/* ---- scores ---- */

static void
test_certainty (void)
{
  static const float sure[] = {0, 1, 0, 0}, even[] = {0.25f, 0.25f, 0.25f, 0.25f};
  static const float mixed[] = {0.25f, 0.125f, 0.5f, 0.125f}, alone[] = {1}, quarter[] = {0.25f};
  static const float halves[] = {0.5f, 0.5f, 1, 0}, logits[] = {3, -1};
  const EffnetOutputActivation softmax = EFFNET_OUTPUT_ACTIVATION_SOFTMAX,
                               sigmoid = EFFNET_OUTPUT_ACTIVATION_SIGMOID;
  const struct {
    const float *p;
    unsigned n;
    EffnetOutputActivation activation;
    double margin, entropy; /* nats */
  } rows[] = {
      {sure, 4, softmax, 1, 0},
      {even, 4, softmax, 0, 2 * G_LN2},
      {mixed, 4, softmax, 0.25, 1.75 * G_LN2},
      {alone, 1, softmax, 1, 0},
      {alone, 1, sigmoid, 1, 0},
      {quarter, 1, sigmoid, 0.5, 2 * G_LN2 - 0.75 * log (3)},
      {halves, 4, sigmoid, 0.5, 2 * G_LN2},
      {logits, 2, EFFNET_OUTPUT_ACTIVATION_NONE, 4, 0},
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (rows); i++) {
    EffnetResult result = {.probabilities = rows[i].p, .n_classes = rows[i].n};

    effnet_result_measure (&result, rows[i].activation);
    g_assert_cmpfloat (result.margin, ==, rows[i].margin);
    g_assert_cmpfloat_with_epsilon (result.entropy, rows[i].entropy, 1e-15);
  }
}

static void
test_sigmoid_range (void)
{
  static const float logits[] = {0, 1, -1, 1e38f, -1e38f, 90, -90};
  static const double want[] = {0.5, 0.73105857863000490, 0.26894142136999512, 1, 0, 1, 8.2e-40};
  float scores[G_N_ELEMENTS (logits)];

  effnet_result_activate (EFFNET_OUTPUT_ACTIVATION_SIGMOID, 1.0, logits, scores,
                          G_N_ELEMENTS (logits));
  for (unsigned i = 0; i < G_N_ELEMENTS (logits); i++)
    g_assert_cmpfloat_with_epsilon (scores[i], want[i], 1e-7);
}

/* By hand: e^(ln 4 / 2) = 2, e^(-ln 4 / 2) = 1/2; and extremes that are no NaN. */
static void
test_temperature_of_scores (void)
{
  const float logits[] = {logf (4), 0, -logf (4)};
  static const double want[2][3] = {{2 / 3.5, 1 / 3.5, 0.5 / 3.5}, {2.0 / 3, 0.5, 1.0 / 3}};
  static const EffnetOutputActivation activations[] = {EFFNET_OUTPUT_ACTIVATION_SOFTMAX,
                                                       EFFNET_OUTPUT_ACTIVATION_SIGMOID};
  float scores[3];

  for (unsigned a = 0; a < 2; a++) {
    effnet_result_activate (activations[a], 2.0, logits, scores, 3);
    for (unsigned i = 0; i < 3; i++)
      g_assert_cmpfloat_with_epsilon (scores[i], want[a][i], 1e-6);
    effnet_result_activate (activations[a], G_MINDOUBLE, logits, scores, 3);
    g_assert_cmpfloat (scores[0], ==, 1.0f);
    g_assert_cmpfloat (scores[2], ==, 0.0f);
  }
  effnet_result_activate (EFFNET_OUTPUT_ACTIVATION_NONE, 2.0, logits, scores, 3);
  g_assert_cmpmem (scores, sizeof scores, logits, sizeof logits);
}

/* A session's own temperature; 0 is the model's again, here 1. */
static void
test_temperature (void)
{
  EffnetSessionOptions options = {.temperature = EFFNET_TEMPERATURE_MAX + 1};
  Fixture f;
  EffnetResult result;
  GError *error = NULL;
  double plain, ratio;

  set_up (&f, "lite0", 64, 1);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  plain = log ((double)result.probabilities[0] / (double)result.probabilities[1]);
  effnet_session_set_temperature (f.session, 2.0);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  ratio = log ((double)result.probabilities[0] / (double)result.probabilities[1]);
  g_assert_cmpfloat_with_epsilon (ratio, plain / 2, 1e-4);
  g_assert_cmpfloat (fabs (plain), >, 1e-3);
  effnet_session_set_temperature (f.session, 0.0);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  ratio = log ((double)result.probabilities[0] / (double)result.probabilities[1]);
  g_assert_cmpfloat (ratio, ==, plain);
  g_assert_null (effnet_session_new (f.model, &options, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_error_free (error);
  tear_down (&f);
}

static void
test_activations (void)
{
  Fixture f;
  EffnetResult result;
  double sum = 0;

  set_up (&f, "lite0", 64, 1);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  for (unsigned i = 0; i < result.n_classes; i++)
    sum += (double)result.probabilities[i];
  g_assert_cmpfloat_with_epsilon (sum, 1, 1e-5);

  effnet_session_set_activation (f.session, EFFNET_OUTPUT_ACTIVATION_SIGMOID);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  for (unsigned i = 0; i < result.n_classes; i++)
    g_assert_cmpfloat_with_epsilon (result.probabilities[i],
                                    1 / (1 + exp (-(double)result.logits[i])), 1e-7);

  effnet_session_set_activation (f.session, EFFNET_OUTPUT_ACTIVATION_NONE);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  g_assert_cmpmem (result.probabilities, result.n_classes * sizeof (float), result.logits,
                   result.n_classes * sizeof (float));
  tear_down (&f);
}

static void
test_wrong_activation (void)
{
  EffnetSessionOptions options = {.activation = (EffnetOutputActivation)9};
  g_autoptr (GError) error = NULL;
  Fixture f;

  set_up (&f, "lite0", 64, 1);
  g_assert_null (effnet_session_new (f.model, &options, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  tear_down (&f);
}

/* Numbers that are none must not come out as scores. */
static void
test_not_finite (void)
{
  g_autoptr (GError) error = NULL;
  EffnetResult result;
  Fixture f;

  set_up (&f, "lite0", 64, 1);
  f.input[100] = NAN;
  g_assert_false (effnet_session_run (f.session, f.input, &result, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
  g_assert_nonnull (strstr (error->message, "lite0"));
  f.input[100] = 0;
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  tear_down (&f);
}

/* ---- cancelling ---- */

static void
test_cancelled (void)
{
  static const uint8_t pixels[4 * 4 * 3];
  EffnetImage image = {
      .format = EFFNET_PIXEL_FORMAT_RGB, .width = 4, .height = 4, .data = {pixels}, .stride = {12}};
  g_autoptr (GError) error = NULL;
  EffnetResult result;
  Fixture f;

  set_up (&f, "lite0", 64, 1);
  effnet_session_set_cancelled (f.session, TRUE);
  g_assert_false (effnet_session_run (f.session, f.input, &result, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_false (effnet_session_classify (f.session, &image, &result, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  effnet_session_set_cancelled (f.session, FALSE);
  g_assert_true (effnet_session_run (f.session, f.input, &result, NULL));
  tear_down (&f);
}

typedef struct {
  Fixture *fixture;
  gint runs; /* begun */
  gint64 returned;
  GError *error;
} Run;

static gpointer
run_until_error (gpointer data)
{
  Run *run = data;
  EffnetResult result;

  do
    g_atomic_int_inc (&run->runs);
  while (effnet_session_run (run->fixture->session, run->fixture->input, &result, &run->error));
  run->returned = g_get_monotonic_time ();
  return NULL;
}

#define PROMPT  20000 /* us */
#define CLASSES 1000  /* of synthetic weights */

/* The logits of a run; free with g_free(). */
static float *
run_logits (const Fixture *f)
{
  EffnetResult result;

  g_assert_true (effnet_session_run (f->session, f->input, &result, NULL));
  return g_memdup2 (result.logits, result.n_classes * sizeof (float));
}

/* TRUE: skipped, since every instruction takes ten. */
static gboolean
is_emulated (void)
{
  if (g_getenv ("EFFNET_TEST_EMULATED") == NULL)
    return FALSE;
  g_test_skip ("no emulated CPU is prompt");
  return TRUE;
}

/* A run ends soon after the flag, wherever in the network it is; in half of the tries at least,
 * since a busy machine may stop either thread for longer. The next one is as if it had not been. */
static void
check_prompt (const char *variant, unsigned size, unsigned threads)
{
  g_autofree float *want = NULL;
  unsigned prompt = 0;
  Fixture f;

  set_up (&f, variant, size, threads);
  want = run_logits (&f);
  for (unsigned i = 0; i < 5; i++) {
    g_autofree float *found = NULL;
    Run run = {.fixture = &f};
    GThread *thread = g_thread_new ("run", run_until_error, &run);
    gint64 before;

    while (g_atomic_int_get (&run.runs) == 0)
      g_thread_yield ();
    g_usleep (1000 + 7000 * i);
    before = g_get_monotonic_time ();
    effnet_session_set_cancelled (f.session, TRUE);
    g_thread_join (thread);
    prompt += run.returned - before < PROMPT;
    g_assert_error (run.error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
    g_clear_error (&run.error);
    effnet_session_set_cancelled (f.session, FALSE);
    found = run_logits (&f);
    g_assert_cmpmem (found, CLASSES * sizeof (float), want, CLASSES * sizeof (float));
  }
  g_assert_cmpuint (prompt, >=, 3);
  tear_down (&f);
}

static void
test_prompt (void)
{
  if (is_emulated ())
    return;
  check_prompt ("b4", 380, 1);
  check_prompt ("b4", 380, 2);
}

#define SIDE    4000 /* pixels of a frame */
#define REGIONS 300
#define CHECKED 3 /* regions */

typedef struct {
  EffnetSession *session;
  EffnetImage image;
  const EffnetRegion *regions; /* [REGIONS] */
  gint begun, called;
  gint64 returned;
  GError *error;
} Frame;

static void
count_region (unsigned region, const EffnetResult *result, void *user_data)
{
  Frame *frame = user_data;

  g_assert_true (isfinite (result->logits[0]));
  g_assert_cmpint (frame->called++, ==, (gint)region);
}

static void
take_logits (unsigned region, const EffnetResult *result, void *user_data)
{
  float *logits = user_data; /* [CHECKED][CLASSES] */

  memcpy (logits + (size_t)region * CLASSES, result->logits, CLASSES * sizeof *logits);
}

/* Those of the first regions; free with g_free(). */
static float *
region_logits (const Frame *frame)
{
  float *logits = g_new0 (float, CHECKED *CLASSES);

  g_assert_true (effnet_session_classify_regions (frame->session, &frame->image, frame->regions,
                                                  CHECKED, take_logits, logits, NULL));
  return logits;
}

static gpointer
classify_frame (gpointer data)
{
  Frame *frame = data;

  g_atomic_int_set (&frame->begun, 1);
  g_assert_false (effnet_session_classify_regions (frame->session, &frame->image, frame->regions,
                                                   REGIONS, count_region, frame, &frame->error));
  frame->returned = g_get_monotonic_time ();
  return NULL;
}

/* Many regions of a large frame: while tables are made, pixels read, or the network runs. */
static void
test_prompt_regions (void)
{
  g_autofree uint8_t *pixels = g_malloc ((size_t)SIDE * SIDE);
  g_autofree float *want = NULL;
  EffnetRegion regions[REGIONS];
  EffnetImage image = {.format = EFFNET_PIXEL_FORMAT_GRAY8,
                       .width = SIDE,
                       .height = SIDE,
                       .data = {pixels},
                       .stride = {SIDE}};
  unsigned prompt = 0;
  Fixture f;

  if (is_emulated ())
    return;
  for (size_t i = 0; i < (size_t)SIDE * SIDE; i++)
    pixels[i] = (uint8_t)(i / SIDE / 16 * 37 + i % SIDE / 16);
  for (unsigned i = 0; i < REGIONS; i++)
    regions[i] = (EffnetRegion){i, i, SIDE - 2 * i, SIDE - i};
  set_up (&f, "b0", 0, 2);
  for (unsigned i = 0; i < 6; i++) {
    Frame frame = {.session = f.session, .image = image, .regions = regions};
    g_autofree float *found = NULL;
    GThread *thread;
    gint64 before;

    if (want == NULL)
      want = region_logits (&frame);
    thread = g_thread_new ("frame", classify_frame, &frame);
    while (!g_atomic_int_get (&frame.begun))
      g_thread_yield ();
    g_usleep (40000 * i);
    before = g_get_monotonic_time ();
    effnet_session_set_cancelled (f.session, TRUE);
    g_thread_join (thread);
    prompt += frame.returned - before < PROMPT;
    g_assert_error (frame.error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
    g_clear_error (&frame.error);
    g_assert_cmpint (frame.called, <, REGIONS);
    effnet_session_set_cancelled (f.session, FALSE);
    found = region_logits (&frame);
    g_assert_cmpmem (found, CHECKED * CLASSES * sizeof (float), want,
                     CHECKED * CLASSES * sizeof (float));
  }
  g_assert_cmpuint (prompt, >=, 3);
  tear_down (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/session/certainty", test_certainty);
  g_test_add_func ("/session/sigmoid-range", test_sigmoid_range);
  g_test_add_func ("/session/activations", test_activations);
  g_test_add_func ("/session/temperature-of-scores", test_temperature_of_scores);
  g_test_add_func ("/session/temperature", test_temperature);
  g_test_add_func ("/session/wrong-activation", test_wrong_activation);
  g_test_add_func ("/session/not-finite", test_not_finite);
  g_test_add_func ("/session/cancelled", test_cancelled);
  g_test_add_func ("/session/prompt", test_prompt);
  g_test_add_func ("/session/prompt-regions", test_prompt_regions);
  return g_test_run ();
}
