/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Deeper fine-tuning through its public functions, with the model that ships: the same bits for any
 * number of threads and wherever the pictures are kept, a folder that opens with the trained
 * weights, and a head that nothing beat is kept. tune_pytorch.py compares the losses. */
#include "effnet/train.h"

#include <math.h>
#include <string.h>
#include <glib/gstdio.h>

#define SIDE     64
#define PIXELS   ((size_t)SIDE * SIDE * 3)
#define PICTURES 20
#define VIEWS    2
#define CLASSES  3

typedef struct {
  EffnetModel *model;
  EffnetHead *head;
  EffnetTune *tune;
  EffnetTuneReport report;
} Fixture;

static float
draw (uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return (float)((int32_t)(*state >> 11) - (1 << 20)) * 0x1p-20f;
}

/* Stripes whose width is the class, under noise. */
static void
paint (float *nhwc, unsigned label, uint32_t *state)
{
  for (size_t i = 0; i < PIXELS; i++)
    nhwc[i] = ((i / 3 % SIDE) >> (label + 1) & 1 ? 0.8f : -0.8f) + 0.4f * draw (state);
}

/* A head that knows nothing. */
static EffnetHead *
new_head (EffnetHeadKind kind, unsigned k, unsigned d)
{
  g_autofree float *zeros = g_new0 (float, (size_t)k *(d + 1));
  const char *const labels[] = {"fine", "middling", "coarse", NULL};
  EffnetHeadInfo info = {.kind = kind,
                         .n_classes = k,
                         .n_features = d,
                         .weights = zeros,
                         .bias = zeros,
                         .labels = k == CLASSES ? labels : NULL,
                         .l2 = 0.01,
                         .accuracy = -1};
  EffnetHead *head = effnet_head_new (&info, NULL);

  g_assert_nonnull (head);
  return head;
}

static char *
model_path (void)
{
  return g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), "models", "lite0", NULL);
}

/* @lie: 1: what is trained on has the labels of others. */
static void
set_up (Fixture *f, EffnetHeadKind kind, unsigned k, unsigned lie, const EffnetTuneOptions *options)
{
  g_autofree char *path = model_path ();
  g_autofree float *nhwc = g_new (float, VIEWS *PIXELS);
  EffnetModelOptions model_options = {.input_size = SIDE, .precision = EFFNET_PRECISION_FP32};
  g_autoptr (GError) error = NULL;
  uint32_t state = 3;

  *f = (Fixture){.model = effnet_model_open (path, &model_options, &error)};
  g_assert_no_error (error);
  f->head = new_head (kind, k, 1280);
  f->tune = effnet_tune_new (f->model, f->head, options, &error);
  g_assert_no_error (error);
  for (unsigned i = 0; i < PICTURES; i++) {
    uint8_t targets[CLASSES] = {0};

    for (unsigned v = 0; v < VIEWS; v++)
      paint (nhwc + v * PIXELS, i % CLASSES, &state);
    unsigned label = (i + (i < PICTURES - 6 ? lie : 0)) % CLASSES;
    targets[k > 1 ? label : 0] = k > 1 || label == 0;
    effnet_tune_add (f->tune, nhwc, VIEWS, targets, i >= PICTURES - 6, &error);
    g_assert_no_error (error);
  }
}

static void
run (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  effnet_tune_run (f->tune, NULL, NULL, NULL, &f->report, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *f)
{
  effnet_tune_free (f->tune);
  effnet_head_unref (f->head);
  effnet_model_unref (f->model);
}

static void
test_same_bits (void)
{
  const EffnetTuneOptions variants[] = {
      {.epochs = 2, .batch = 5, .threads = 1},
      {.epochs = 2, .batch = 5, .threads = 3, .memory = 30000}, /* most in a file */
  };
  float logits[2][CLASSES];
  EffnetTuneReport reports[2];

  for (unsigned i = 0; i < 2; i++) {
    Fixture f;

    set_up (&f, EFFNET_HEAD_SOFTMAX, CLASSES, 0, &variants[i]);
    run (&f);
    g_assert_true (effnet_tune_apply (f.tune, 3, 1, NULL, logits[i], NULL));
    reports[i] = f.report;
    g_assert_cmpuint (f.report.n_trained, ==, PICTURES - 6);
    g_assert_cmpuint (f.report.n_held_out, ==, 6);
    g_assert_true ((f.report.file_bytes > 0) == (i == 1));
    tear_down (&f);
  }
  g_assert_cmpmem (logits[0], sizeof logits[0], logits[1], sizeof logits[1]);
  g_assert_cmpmem (reports[0].epochs, sizeof reports[0].epochs, reports[1].epochs,
                   sizeof reports[1].epochs);
}

static void
remove_folder (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_remove (path);
  }
  g_rmdir (folder);
}

/* What the saved folder says of a picture is what the trained network said. */
static void
check_saved (Fixture *f)
{
  g_autofree char *folder = g_dir_make_tmp ("effnet-tune-XXXXXX", NULL);
  g_autofree float *nhwc = g_new (float, PIXELS);
  EffnetModelOptions options = {.input_size = SIDE, .precision = EFFNET_PRECISION_FP32};
  g_autoptr (GError) error = NULL;
  uint32_t state = 3;
  float expected[CLASSES];
  EffnetResult result;

  g_autoptr (EffnetHead) head = effnet_tune_get_head (f->tune, &error);
  g_assert_no_error (error);
  g_assert_false (
      effnet_tune_save (f->tune, head, folder, &(EffnetHeadSaveOptions){.head_only = TRUE}, NULL));
  effnet_tune_save (f->tune, head, folder, NULL, &error);
  g_assert_no_error (error);
  g_autoptr (EffnetModel) model = effnet_model_open (folder, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (effnet_model_get_label (model, 2), ==, "coarse");
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, NULL);
  paint (nhwc, 0, &state); /* the first view of the first picture */
  g_assert_true (effnet_session_run (session, nhwc, &result, &error));
  g_assert_true (effnet_tune_apply (f->tune, 0, 0, NULL, expected, NULL));
  for (unsigned i = 0; i < CLASSES; i++)
    g_assert_cmpfloat (fabsf (result.logits[i] - expected[i]), <=, 1e-4f);
  remove_folder (folder);
}

static void
test_result (void)
{
  for (unsigned all = 0; all < 2; all++) {
    EffnetTuneOptions options = {.depth = all ? EFFNET_TUNE_ALL : EFFNET_TUNE_LAST_BLOCK,
                                 .epochs = 8,
                                 .batch = 4,
                                 .learning_rate = 0.003,
                                 .balanced = TRUE};
    Fixture f;

    set_up (&f, EFFNET_HEAD_SOFTMAX, CLASSES, 0, &options);
    run (&f);
    g_assert_true (f.report.is_better);
    g_assert_cmpfloat (f.report.epochs[f.report.best_epoch].loss, <, f.report.epochs[0].loss);
    g_assert_cmpuint (f.report.n_parameters, >, all ? 3000000 : 1000000);
    check_saved (&f);
    tear_down (&f);
  }
}

/* Steps that only harm: the head stays, bit for bit. */
static void
test_kept (void)
{
  EffnetTuneOptions options = {.epochs = 4};
  float before[CLASSES], after[CLASSES];
  Fixture f;

  set_up (&f, EFFNET_HEAD_SOFTMAX, CLASSES, 1, &options);
  g_assert_true (effnet_tune_apply (f.tune, 0, 0, NULL, before, NULL));
  run (&f);
  g_assert_false (f.report.is_better);
  g_assert_cmpuint (f.report.best_epoch, ==, 0);
  g_assert_true (effnet_tune_apply (f.tune, 0, 0, NULL, after, NULL));
  g_assert_cmpmem (before, sizeof before, after, sizeof after);
  g_autoptr (EffnetHead) head = effnet_tune_get_head (f.tune, NULL);
  g_assert_true (head == f.head);
  tear_down (&f);
}

static void
test_kinds (void)
{
  EffnetTuneOptions options = {.epochs = 8, .batch = 4, .learning_rate = 0.003, .balanced = TRUE};
  Fixture f;

  set_up (&f, EFFNET_HEAD_ONE_LOGIT, 1, 0, &options);
  run (&f);
  g_assert_true (f.report.is_better);
  tear_down (&f);
  set_up (&f, EFFNET_HEAD_MULTI_LABEL, CLASSES, 0, &options);
  run (&f);
  g_assert_true (f.report.is_better);
  tear_down (&f);
}

static void
cancel (double done, void *cancellable)
{
  g_assert_cmpfloat (done, >, 0);
  g_cancellable_cancel (cancellable);
}

static void
test_refused (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  EffnetTuneOptions options = {.momentum = 1};
  EffnetModelOptions synthetic = {.variant = "lite0", .synthetic_seed = 1, .input_size = 32};
  Fixture f;

  set_up (&f, EFFNET_HEAD_SOFTMAX, CLASSES, 0, NULL);
  g_assert_false (effnet_tune_run (f.tune, cancel, cancellable, cancellable, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_null (effnet_tune_new (f.model, f.head, &options, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  g_autoptr (EffnetHead) narrow = new_head (EFFNET_HEAD_SOFTMAX, CLASSES, 1000);
  g_assert_null (effnet_tune_new (f.model, narrow, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH);
  g_clear_error (&error);
  g_autoptr (EffnetModel) none = effnet_model_open (NULL, &synthetic, NULL);
  g_assert_null (effnet_tune_new (none, f.head, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  g_autoptr (EffnetTune) empty = effnet_tune_new (f.model, f.head, NULL, NULL);
  g_assert_false (effnet_tune_run (empty, NULL, NULL, NULL, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  options = (EffnetTuneOptions){.memory = 1, .folder = "/nowhere/at/all"};
  g_autoptr (EffnetTune) nowhere = effnet_tune_new (f.model, f.head, &options, NULL);
  g_autofree float *nhwc = g_new0 (float, PIXELS);
  g_assert_false (effnet_tune_add (nowhere, nhwc, 1, (const uint8_t[CLASSES]){1}, FALSE, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_IO);
  tear_down (&f);
}

/* Blocks that the pass backward does not know are refused. */
static void
test_other_blocks (void)
{
  EffnetModelOptions options = {.variant = "b0-seend-all", .synthetic_seed = 1, .input_size = 32};
  g_autoptr (GError) error = NULL;
  EffnetModel *model = effnet_model_open (NULL, &options, &error);
  EffnetHead *head = new_head (EFFNET_HEAD_SOFTMAX, CLASSES, 1280);

  g_assert_no_error (error);
  g_assert_null (effnet_tune_new (model, head, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "b0-seend-all cannot be tuned: blocks.0.0"));
  effnet_head_unref (head);
  effnet_model_unref (model);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train/tune/same-bits", test_same_bits);
  g_test_add_func ("/train/tune/result", test_result);
  g_test_add_func ("/train/tune/kept", test_kept);
  g_test_add_func ("/train/tune/kinds", test_kinds);
  g_test_add_func ("/train/tune/refused", test_refused);
  g_test_add_func ("/train/tune/other-blocks", test_other_blocks);
  return g_test_run ();
}
