/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The solver against stored minima of scikit-learn, and what holds of every training: the same
 * bits for any number of threads, sets that cannot be trained on, cancelling. */
#include <math.h>
#include <string.h>

#include "effnet/train.h"
#include "golden.inc"
#include "sets.h"

/* Weights [k][d] and bias of @head beside rows of d + 1 numbers, in units of the largest. */
static double
difference (const EffnetHead *head, const double *expected)
{
  EffnetHeadInfo info;
  double worst = 0, largest = 0;

  effnet_head_get_info (head, &info);
  for (unsigned k = 0; k < info.n_classes; k++)
    for (unsigned j = 0; j <= info.n_features; j++) {
      double value = j < info.n_features ? info.weights[k * info.n_features + j] : info.bias[k];
      double target = expected[k * (info.n_features + 1) + j];

      worst = MAX (worst, fabs (value - target));
      largest = MAX (largest, fabs (target));
    }
  return worst / largest;
}

static void
check_golden (EffnetHeadKind kind, double l2, const double *expected)
{
  uint8_t targets[GOLDEN_ROWS * GOLDEN_CLASSES] = {0};
  unsigned k = kind == EFFNET_HEAD_ONE_LOGIT ? 1 : GOLDEN_CLASSES;
  EffnetTrainSet set = {GOLDEN_ROWS, GOLDEN_FEATURES, k, golden_features, targets,
                        NULL,        golden_weights};
  EffnetTrainOptions options = {.kind = kind, .l2 = l2, .n_folds = 1, .threads = 1};
  g_autoptr (EffnetTrainReport) report = NULL;
  g_autoptr (EffnetHead) head = NULL;
  g_autoptr (GError) error = NULL;

  for (size_t i = 0; i < GOLDEN_ROWS; i++)
    if (k == 1)
      targets[i] = golden_classes[i] == 1;
    else
      targets[i * k + golden_classes[i]] = 1;
  head = effnet_head_train (&set, &options, NULL, NULL, NULL, &report, &error);
  g_assert_no_error (error);
  g_test_message ("difference %g, gradient %g", difference (head, expected), report->gradient);
  g_assert_cmpfloat (difference (head, expected), <, 1e-6); /* float32 weights */
  g_assert_cmpfloat (report->gradient, <, 1e-8);
  g_assert_cmpuint (report->n_folds, ==, 1);
  g_assert_null (report->logits);
}

static void
test_golden (void)
{
  check_golden (EFFNET_HEAD_SOFTMAX, 0.5, golden_softmax_strong);
  check_golden (EFFNET_HEAD_SOFTMAX, 0.01, golden_softmax_weak);
  check_golden (EFFNET_HEAD_ONE_LOGIT, 0.5, golden_one_strong);
  check_golden (EFFNET_HEAD_ONE_LOGIT, 0.01, golden_one_weak);
  check_golden (EFFNET_HEAD_MULTI_LABEL, 0.5, golden_labels_strong);
  check_golden (EFFNET_HEAD_MULTI_LABEL, 0.01, golden_labels_weak);
}

/* More rows than features and fewer: both ways through the solver, at their gradient. */
static void
test_shapes (void)
{
  static const struct {
    size_t n;
    unsigned d, k;
  } shapes[] = {{300, 7, 4}, {40, 200, 3}, {64, 64, 2}, {65, 64, 5},
                {63, 64, 2}, {2, 100, 2},  {500, 8, 60}};

  for (size_t i = 0; i < G_N_ELEMENTS (shapes); i++)
    for (unsigned kind = 0; kind < 3; kind++) {
      g_autoptr (TestSet) set =
          test_set_new ((EffnetHeadKind)kind, shapes[i].n, shapes[i].d, shapes[i].k, 2, i + 1);
      EffnetTrainOptions options = {
          .kind = (EffnetHeadKind)kind, .threads = 1, .balanced = i % 2 == 1};
      g_autoptr (EffnetTrainReport) report = NULL;
      g_autoptr (GError) error = NULL;
      g_autoptr (EffnetHead) head =
          effnet_head_train (&set->set, &options, NULL, NULL, NULL, &report, &error);

      g_assert_nonnull (head);
      g_assert_no_error (error);
      g_assert_cmpfloat (report->gradient, <, 1e-6);
      g_assert_cmpfloat (report->l2, >, 0);
    }
}

typedef struct {
  EffnetHead *head;
  EffnetTrainReport *report;
} Trained;

static Trained
train_with (const EffnetTrainSet *set, EffnetTrainOptions options, unsigned threads)
{
  Trained trained;
  g_autoptr (GError) error = NULL;

  options.threads = threads;
  trained.head = effnet_head_train (set, &options, NULL, NULL, NULL, &trained.report, &error);
  g_assert_no_error (error);
  return trained;
}

#define ROWS 250 /* of the sets that are trained on by several threads */

static void
test_threads (void)
{
  static const unsigned threads[] = {2, 5};

  for (unsigned kind = 0; kind < 3; kind++)
    for (size_t d = 20; d <= 400; d *= 20) {
      g_autoptr (TestSet) set = test_set_new ((EffnetHeadKind)kind, ROWS, (unsigned)d, 4, 1, 3);
      EffnetTrainOptions options = {.kind = (EffnetHeadKind)kind, .seed = 5};
      Trained one = train_with (&set->set, options, 1);
      EffnetHeadInfo a, b;

      effnet_head_get_info (one.head, &a);
      for (size_t i = 0; i < G_N_ELEMENTS (threads); i++) {
        Trained many = train_with (&set->set, options, threads[i]);

        effnet_head_get_info (many.head, &b);
        g_assert_cmpmem (a.weights, a.n_classes * d * 4, b.weights, b.n_classes * d * 4);
        g_assert_cmpmem (a.bias, a.n_classes * 4, b.bias, b.n_classes * 4);
        g_assert_cmpmem (a.means, a.n_means * d * 4, b.means, b.n_means * d * 4);
        g_assert_cmpmem (a.basis, a.n_basis * d * 4, b.basis, b.n_basis * d * 4);
        g_assert_true (a.temperature == b.temperature &&
                       a.unknown_threshold == b.unknown_threshold);
        g_assert_cmpmem (one.report->logits, ROWS * a.n_classes * 4, many.report->logits,
                         ROWS * a.n_classes * 4);
        g_assert_cmpmem (one.report->fold, ROWS, many.report->fold, ROWS);
        effnet_head_unref (many.head);
        effnet_train_report_free (many.report);
      }
      effnet_head_unref (one.head);
      effnet_train_report_free (one.report);
    }
}

static void
refuse (const EffnetTrainSet *set, const EffnetTrainOptions *options, const char *words)
{
  g_autoptr (EffnetTrainReport) report = NULL;
  g_autoptr (GError) error = NULL;
  EffnetHead *head = effnet_head_train (set, options, NULL, NULL, NULL, &report, &error);

  g_assert_null (head);
  g_assert_null (report);
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  if (strstr (error->message, words) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, words);
}

static void
test_refused (void)
{
  g_autoptr (TestSet) good = test_set_new (EFFNET_HEAD_SOFTMAX, 20, 6, 3, 1, 1);
  EffnetTrainOptions options = {.threads = 1};
  EffnetTrainSet set = good->set;

  set.n_classes = 1;
  refuse (&set, &options, "1 class to tell apart");
  set = good->set;
  set.n_rows = 1;
  refuse (&set, &options, "no rows are of class");
  set.n_rows = 0;
  refuse (&set, &options, "0 rows");
  set = good->set;
  set.n_features = 0;
  refuse (&set, &options, "0 features");
  good->features[13] = NAN;
  refuse (&good->set, &options, "feature 1 of row 2 is nan");
  good->features[13] = 0;
  good->targets[3] = 2;
  refuse (&good->set, &options, "target of row 1 for class 0 is 2");
  good->targets[3] = good->targets[4] = good->targets[5] = 1;
  refuse (&good->set, &options, "row 1 is of 3 classes");
  good->targets[4] = good->targets[5] = 0;
  good->weights[4] = 0;
  refuse (&good->set, &options, "weight of row 4 is 0");
  good->weights[4] = 1;
  options.l2 = -1;
  refuse (&good->set, &options, "penalty is -1");
  options.l2 = 0;
  options.n_folds = 21;
  refuse (&good->set, &options, "21 folds");
  options.n_folds = 0;
  options.kind = EFFNET_HEAD_ONE_LOGIT;
  refuse (&good->set, &options, "expected 1 for a head of one logit");
  options.kind = (EffnetHeadKind)7;
  refuse (&good->set, &options, "kind of the head is 7");
  options.kind = EFFNET_HEAD_MULTI_LABEL;
  for (size_t i = 0; i < 20; i++)
    good->targets[i * 3 + 1] = 1;
  refuse (&good->set, &options, "all rows are of class 1");
}

static void
train_finite (const EffnetTrainSet *set, const EffnetTrainOptions *options)
{
  g_autoptr (EffnetTrainReport) report = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetHead) head = effnet_head_train (set, options, NULL, NULL, NULL, &report, &error);
  g_autoptr (EffnetEvaluation) evaluation = NULL;

  g_assert_no_error (error);
  evaluation = effnet_evaluate (head, set, &error);
  g_assert_no_error (error);
  g_assert_true (isfinite (report->loss) && isfinite (evaluation->loss));
}

static void
test_degenerate (void)
{
  EffnetTrainOptions options = {.threads = 1};
  g_autoptr (TestSet) same = test_set_new (EFFNET_HEAD_SOFTMAX, 12, 6, 2, 1, 1);
  g_autoptr (TestSet) two = test_set_new (EFFNET_HEAD_SOFTMAX, 2, 50, 2, 1, 1);
  g_autoptr (TestSet) rare = test_set_new (EFFNET_HEAD_SOFTMAX, 40, 6, 3, 1, 1);
  g_autoptr (TestSet) many = test_set_new (EFFNET_HEAD_SOFTMAX, 500, 10, 100, 1, 1);
  g_autoptr (TestSet) apart = test_set_new (EFFNET_HEAD_SOFTMAX, 40, 80, 2, 1, 1);
  g_autoptr (TestSet) huge = test_set_new (EFFNET_HEAD_ONE_LOGIT, 40, 6, 1, 1, 1);
  unsigned one_group[40] = {0};

  for (size_t i = 0; i < 12 * 6; i++)
    same->features[i] = 3;
  train_finite (&same->set, &options);
  train_finite (&two->set, &options);
  for (size_t i = 0; i < 40; i++) { /* one row of class 2: its fold never saw it */
    memset (rare->targets + i * 3, 0, 3);
    rare->targets[i * 3 + (i == 0 ? 2 : i % 2)] = 1;
  }
  train_finite (&rare->set, &options);
  rare->set.groups = one_group; /* nothing can be held out */
  train_finite (&rare->set, &options);
  train_finite (&many->set, &options);
  for (size_t i = 0; i < 40 * 6; i++)
    huge->features[i] *= 1e15f;
  options.kind = EFFNET_HEAD_ONE_LOGIT;
  train_finite (&huge->set, &options);
  options.kind = EFFNET_HEAD_SOFTMAX;
  options.unpenalised = TRUE; /* a plane between the classes, and nothing that bounds the weights */
  train_finite (&apart->set, &options);
  options.n_folds = 1;
  train_finite (&apart->set, &options);
}

typedef struct {
  GCancellable *cancellable;
  gint64 when;
} Cancel;

static gpointer
cancel_soon (gpointer data)
{
  Cancel *cancel = data;

  g_usleep (30000);
  cancel->when = g_get_monotonic_time ();
  g_cancellable_cancel (cancel->cancellable);
  return NULL;
}

static void
test_cancel (void)
{
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, 1200, 1280, 6, 1, 1);
  EffnetTrainOptions options = {.threads = 2};

  for (unsigned i = 0; i < 3; i++) {
    g_autoptr (GCancellable) cancellable = g_cancellable_new ();
    g_autoptr (EffnetTrainReport) report = NULL;
    g_autoptr (GError) error = NULL;
    Cancel cancel = {cancellable, g_get_monotonic_time ()};
    GThread *thread = NULL;

    if (i == 0)
      g_cancellable_cancel (cancellable);
    else
      thread = g_thread_new ("cancel", cancel_soon, &cancel);
    g_assert_null (
        effnet_head_train (&set->set, &options, NULL, NULL, cancellable, &report, &error));
    if (thread != NULL)
      g_thread_join (thread);
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
    g_assert_null (report);
    g_test_message ("returned %" G_GINT64_FORMAT " us later",
                    g_get_monotonic_time () - cancel.when);
    g_assert_cmpint (g_get_monotonic_time () - cancel.when, <, 5 * G_USEC_PER_SEC);
  }
}

/* A thousand classes of five rows each; with -m slow, which tests of the suite "long" ask for. */
static void
test_many_classes (void)
{
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, 5000, 16, 1000, 0.3, 1);
  EffnetTrainOptions options = {.l2 = 1e-3, .n_folds = 2};

  train_finite (&set->set, &options);
}

/* Of many rows some choose the strength; what is held out and the head are of all, whatever the
 * number of threads. */
static void
test_many_rows (void)
{
  enum { N = 8500, D = 6, K = 3 };
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, N, D, K, 1.5, 1);
  g_autoptr (EffnetTrainReport) report = NULL, again = NULL, given = NULL;
  g_autoptr (GError) error = NULL;
  EffnetTrainOptions options = {.threads = 1, .n_folds = 3};
  g_autoptr (EffnetHead) head =
      effnet_head_train (&set->set, &options, NULL, NULL, NULL, &report, &error);
  g_autoptr (EffnetHead) other = NULL, fixed = NULL;
  EffnetHeadInfo a, b;

  g_assert_no_error (error);
  g_assert_cmpuint (report->n_path_rows, >, N / 2 - 10);
  g_assert_cmpuint (report->n_path_rows, <, N / 2 + 10);
  options.threads = 3;
  other = effnet_head_train (&set->set, &options, NULL, NULL, NULL, &again, &error);
  g_assert_cmpmem (report->logits, sizeof (float) * N * K, again->logits, sizeof (float) * N * K);
  options.l2 = report->l2;
  fixed = effnet_head_train (&set->set, &options, NULL, NULL, NULL, &given, &error);
  g_assert_cmpuint (given->n_path_rows, ==, 0);
  effnet_head_get_info (head, &a);
  effnet_head_get_info (fixed, &b);
  for (size_t i = 0; i < D * K; i++)
    g_assert_cmpfloat (fabsf (a.weights[i] - b.weights[i]), <, 1e-4);
  for (size_t i = 0; i < N * K; i++)
    g_assert_cmpfloat (fabsf (report->logits[i] - given->logits[i]), <, 0.1);
}

static void
note_progress (double done, void *user_data)
{
  double *last = user_data;

  g_assert_cmpfloat (done, >=, *last);
  g_assert_cmpfloat (done, <=, 1);
  *last = done;
}

static void
test_progress (void)
{
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, 60, 10, 3, 1, 1);
  EffnetTrainOptions options = {.threads = 1, .n_folds = 3, .seed = 9};
  g_autoptr (EffnetTrainReport) report = NULL;
  g_autoptr (GError) error = NULL;
  double last = 0;
  g_autoptr (EffnetHead) head =
      effnet_head_train (&set->set, &options, note_progress, &last, NULL, &report, &error);
  EffnetHeadInfo info;

  g_assert_no_error (error);
  g_assert_cmpfloat (last, ==, 1);
  g_assert_cmpuint (report->n_folds, ==, 3);
  for (unsigned i = 1; i < report->n_path; i++)
    g_assert_cmpfloat (report->path[i].l2, <, report->path[i - 1].l2);
  effnet_head_get_info (head, &info);
  g_assert_cmpuint (info.seed, ==, 9);
  g_assert_cmpfloat (info.l2, ==, report->l2);
  g_assert_cmpstr (info.version, ==, effnet_version ());
  g_assert_nonnull (info.thresholds);
  g_assert_cmpint (info.unknown_method, ==, EFFNET_UNKNOWN_MAHALANOBIS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train/golden", test_golden);
  g_test_add_func ("/train/shapes", test_shapes);
  g_test_add_func ("/train/threads", test_threads);
  g_test_add_func ("/train/refused", test_refused);
  g_test_add_func ("/train/degenerate", test_degenerate);
  if (g_test_slow ())
    g_test_add_func ("/train/many-classes", test_many_classes);
  g_test_add_func ("/train/cancel", test_cancel);
  g_test_add_func ("/train/progress", test_progress);
  g_test_add_func ("/train/many-rows", test_many_rows);
  return g_test_run ();
}
