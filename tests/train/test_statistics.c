/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Splits, groups, evaluation, leave-one-out and learning curve, against counts made here another
 * way, and products of matrices against plain sums. */
#include <math.h>
#include <string.h>

#include "effnet/train.h"
#include "kernels/dense.h"
#include "sets.h"

static EffnetHead *
train (const EffnetTrainSet *set, EffnetTrainOptions *options)
{
  g_autoptr (GError) error = NULL;
  EffnetHead *head;

  options->threads = 1;
  head = effnet_head_train (set, options, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  return head;
}

static void
test_dense (void)
{
  static const size_t sizes[][3] = {
      {1, 1, 1}, {5, 7, 3}, {64, 5, 700}, {3, 200, 64}, {130, 70, 90}};

  for (size_t i = 0; i < G_N_ELEMENTS (sizes); i++)
    for (unsigned way = 0; way < 8; way++) {
      size_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
      g_autofree double *a = g_new (double, m *k), *b = g_new (double, k *n);
      g_autofree double *c = g_new (double, m *n), *plain = g_new (double, m *n);
      int ta = way & 1, tb = way >> 1 & 1;
      EffnetDgemm g = {ta, tb, m, n, k, 0.5, way & 4 ? 2 : 0, a, ta ? m : k, b, tb ? k : n, c, n};

      for (size_t j = 0; j < m * k; j++)
        a[j] = sin ((double)j);
      for (size_t j = 0; j < k * n; j++)
        b[j] = cos (3 * (double)j);
      for (size_t j = 0; j < m * n; j++)
        c[j] = plain[j] = way & 4 ? (double)j : NAN; /* beta 0 must not read it */
      effnet_dgemm (&g);
      g.c = plain;
      effnet_dgemm_plain (&g);
      for (size_t x = 0; x < m * n; x++) {
        double sum = way & 4 ? 2 * (double)x : 0, bound;

        for (size_t l = 0; l < k; l++)
          sum +=
              0.5 * a[ta ? l * m + x / n : x / n * k + l] * b[tb ? x % n * k + l : l * n + x % n];
        /* k products of at most 1/2 onto 2 x, each way of summing within (k + 2) eps of their size
         */
        bound = (double)(k + 2) * ((double)k / 2 + 2 * (double)x) * 0x1p-52;

        g_assert_cmpfloat (fabs (c[x] - sum), <=, bound);
        g_assert_cmpfloat (fabs (plain[x] - sum), <=, bound);
      }
    }
}

static void
test_folds (void)
{
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, 120, 4, 3, 1, 1);
  unsigned groups[120];
  uint8_t fold[120], again[120], side[120];
  size_t counts[5][3] = {0}, held = 0;

  for (unsigned i = 0; i < 120; i++)
    groups[i] = 1000 - i / 6 * 3 - i % 3; /* pairs of rows of one class */
  set->set.groups = groups;
  effnet_train_folds (&set->set, 5, 7, fold);
  effnet_train_folds (&set->set, 5, 7, again);
  g_assert_cmpmem (fold, 120, again, 120);
  effnet_train_folds (&set->set, 5, 8, again);
  g_assert_cmpint (memcmp (fold, again, 120), !=, 0);
  for (unsigned i = 0; i < 120; i++) {
    counts[fold[i]][i % 3]++;
    for (unsigned j = 0; j < i; j++)
      g_assert_true (groups[i] != groups[j] || fold[i] == fold[j]);
  }
  for (unsigned f = 0; f < 5; f++)
    for (unsigned k = 0; k < 3; k++)
      g_assert_cmpuint (counts[f][k], ==, 8);

  g_assert_cmpuint (effnet_train_split (&set->set, 0.2, 7, side), ==, 24);
  for (unsigned i = 0; i < 120; i++) {
    held += side[i];
    for (unsigned j = 0; j < i; j++)
      g_assert_true (groups[i] != groups[j] || side[i] == side[j]);
  }
  g_assert_cmpuint (held, ==, 24);
}

/* Several limits at once are what each alone gives; what both know, merged, is what one call gives;
 * the nearest row is the nearest by plain loops. */
static void
check_near (const TestSet *set, const unsigned *expected, const char *const *hashes,
            const unsigned *before)
{
  const double limits[] = {1.2, EFFNET_DUPLICATE_DISTANCE, 0.01};
  size_t n = set->set.n_rows, d = set->set.n_features;
  g_autofree unsigned *groups = g_new (unsigned, 3 * n), *one = g_new (unsigned, n);
  g_autofree float *nearest = g_new (float, n);
  g_autofree size_t *row = g_new (size_t, n);

  g_assert_true (effnet_train_near (n, (unsigned)d, set->features, 3, limits, 3, NULL, groups,
                                    nearest, row, NULL));
  for (unsigned limit = 0; limit < 3; limit++) {
    effnet_train_groups (n, (unsigned)d, set->features, NULL, NULL, limits[limit], 1, NULL, one,
                         NULL, NULL, NULL);
    g_assert_cmpmem (one, n * sizeof *one, groups + limit * n, n * sizeof *one);
  }
  effnet_train_groups (n, (unsigned)d, NULL, hashes, before, -1, 1, NULL, one, NULL, NULL, NULL);
  effnet_train_merge (n, one, groups + n, one);
  g_assert_cmpmem (one, n * sizeof *one, expected, n * sizeof *one);
  for (size_t i = 0; i < n; i++) {
    double best = -1, norm[2] = {0};

    for (size_t j = 0; j < n; j++) {
      double product = 0;

      norm[0] = norm[1] = 0;
      for (size_t f = 0; f < d; f++) {
        double a = set->features[i * d + f], b = set->features[j * d + f];

        product += a * b;
        norm[0] += a * a;
        norm[1] += b * b;
      }
      if (j != i)
        best = MAX (best, product / sqrt (norm[0] * norm[1]));
    }
    g_assert_cmpfloat (fabs (nearest[i] - sqrt (2 - 2 * best)), <, 1e-5);
    g_assert_cmpuint (row[i], !=, i);
  }
}

static void
test_groups (void)
{
  enum { N = 150, D = 40 };
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, N, D, 2, 1, 1);
  const char *hashes[N] = {NULL};
  unsigned before[N], groups[N], again[N];
  float nearest[N];
  size_t row[N];
  g_autoptr (GError) error = NULL;

  for (unsigned i = 0; i < N; i++)
    before[i] = i < 2 ? 9 : 100 + i;
  for (unsigned j = 0; j < D; j++) { /* rows 140 and 3 nearly the same, but for their length */
    set->features[140 * D + j] = 3 * set->features[3 * D + j];
    set->features[140 * D + j] += 0.01f * set->features[5 * D + j];
  }
  hashes[10] = "a";
  hashes[77] = "b";
  hashes[99] = "a";
  g_assert_cmpuint (effnet_train_groups (N, D, set->features, hashes, before, 0, 2, NULL, groups,
                                         nearest, row, &error),
                    ==, N - 3);
  g_assert_no_error (error);
  g_assert_cmpuint (groups[0], ==, 0);
  g_assert_cmpuint (groups[0], ==, groups[1]);
  g_assert_cmpuint (groups[10], ==, groups[99]);
  g_assert_cmpuint (groups[3], ==, groups[140]);
  g_assert_cmpuint (row[3], ==, 140);
  g_assert_cmpuint (row[140], ==, 3);
  g_assert_cmpfloat (nearest[3], <, 0.02);
  g_assert_cmpfloat (nearest[3], ==, nearest[140]);
  effnet_train_groups (N, D, set->features, hashes, before, 0, 1, NULL, again, NULL, NULL, &error);
  g_assert_cmpmem (groups, sizeof groups, again, sizeof again);
  check_near (set, groups, hashes, before);
  g_assert_cmpuint (effnet_train_groups (N, D, set->features, NULL, NULL, -1, 1, NULL, groups, NULL,
                                         NULL, &error),
                    ==, N);
  set->features[0] = INFINITY;
  g_assert_cmpuint (
      effnet_train_groups (N, D, set->features, NULL, NULL, 0, 1, NULL, groups, NULL, NULL, &error),
      ==, 0);
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
}

static void
test_intervals (void)
{
  /* Wilson's interval as Brown, Cai and DasGupta give it, computed by hand for 8 of 10 */
  double low, high;
  const float a[] = {0.1f, 0.4f, 0.4f, 0.8f}, b[] = {0.4f, 0.9f};

  effnet_wilson_interval (8, 10, &low, &high);
  g_assert_cmpfloat (fabs (low - 0.490162), <, 1e-6);
  g_assert_cmpfloat (fabs (high - 0.943318), <, 1e-6);
  effnet_wilson_interval (0, 0, &low, &high);
  g_assert_true (low == 0 && high == 1);
  effnet_wilson_interval (10, 10, &low, &high);
  g_assert_true (high > 1 - 1e-12 && low > 0.72 && low < 0.73);
  /* 0.4: above 1, level with 2; 0.9: above all 4 */
  g_assert_cmpfloat (effnet_roc_area (4, a, 2, b), ==, (1 + 2 * 0.5 + 4) / 8.0);
  g_assert_cmpfloat (effnet_roc_area (4, a, 0, b), ==, 0.5);
}

static void
test_evaluate (void)
{
  static const float weights[] = {1, -1, 0}, bias[] = {0, 0, 0}, line[] = {1};
  static const float x[] = {2, 1, -3, -2, 0.5f, 4};
  static const uint8_t y[] = {1, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1};
  static const uint8_t yes[] = {1, 0, 0, 0, 1, 1};
  EffnetHeadInfo info = {.n_classes = 3, .n_features = 1, .weights = weights, .bias = bias};
  EffnetTrainSet set = {.n_rows = 6, .n_features = 1, .n_classes = 3, .features = x, .targets = y};
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetHead) head = effnet_head_new (&info, &error);
  g_autoptr (EffnetEvaluation) of = effnet_evaluate (head, &set, &error);
  static const size_t confusion[] = {2, 0, 0, 1, 2, 0, 1, 0, 0};
  EffnetHeadInfo one = {.kind = EFFNET_HEAD_ONE_LOGIT,
                        .n_classes = 1,
                        .n_features = 1,
                        .weights = line,
                        .bias = bias};
  g_autoptr (EffnetHead) gate = effnet_head_new (&one, &error);
  g_autoptr (EffnetEvaluation) of_gate = NULL;

  g_assert_no_error (error);
  g_assert_cmpmem (of->confusion, 9 * sizeof (size_t), confusion, sizeof confusion);
  g_assert_cmpuint (of->n_right, ==, 4);
  g_assert_cmpuint (of->n_wrong, ==, 2);
  g_assert_cmpuint (of->wrong[0], ==, 5); /* surest: a logit of 4 */
  g_assert_cmpuint (of->wrong[1], ==, 1);
  g_assert_cmpfloat (of->classes[0].precision, ==, 0.5);
  g_assert_cmpfloat (of->classes[1].recall, ==, 2.0 / 3);
  g_assert_cmpfloat (of->classes[2].f1, ==, 0);
  set.n_classes = 1;
  set.targets = yes;
  of_gate = effnet_evaluate (gate, &set, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (of_gate->n_classes, ==, 2);
  g_assert_cmpuint (of_gate->confusion[1], ==, 1); /* no, but called yes */
  g_assert_cmpuint (of_gate->confusion[3], ==, 3);
  g_assert_cmpfloat (of_gate->classes[0].roc_area, ==, of_gate->classes[1].roc_area);
  set.n_classes = 2;
  g_assert_null (effnet_evaluate (gate, &set, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH);
}

/* Against heads that are trained without the row. */
static void
test_leave_one_out (void)
{
  for (unsigned kind = 0; kind < 3; kind++) {
    enum { N = 40, D = 12 };
    g_autoptr (TestSet) set = test_set_new ((EffnetHeadKind)kind, N, D, 3, 2, 4);
    EffnetTrainOptions options = {.kind = (EffnetHeadKind)kind, .l2 = 0.1, .n_folds = 1};
    g_autoptr (EffnetHead) head = train (&set->set, &options);
    unsigned k = set->set.n_classes;
    float logits[N * 3], before[3], truth[3];
    double error_sum = 0, change = 0;
    g_autoptr (GError) error = NULL;

    g_assert_true (effnet_head_leave_one_out (head, &set->set, &options, NULL, logits, &error));
    for (unsigned i = 0; i < N; i++) {
      const float *x = set->features + i * D;
      g_autoptr (EffnetHead) without = NULL;

      effnet_head_apply (head, x, before, NULL, NULL);
      set->weights[i] = 1e-9f;
      without = train (&set->set, &options);
      set->weights[i] = 1;
      effnet_head_apply (without, x, truth, NULL, NULL);
      for (unsigned c = 0; c < k; c++) {
        error_sum += fabs (logits[i * k + c] - truth[c]);
        change += fabs (before[c] - truth[c]);
      }
    }
    g_test_message ("kind %u: off by %.3f of what leaving out changes", kind, error_sum / change);
    g_assert_cmpfloat (error_sum, <, 0.1 * change); /* the weight of one row in 40 is part of it */
  }
}

static void
test_suspects (void)
{
  enum { N = 90, D = 8 };
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, N, D, 3, 0.3, 2);
  EffnetTrainOptions options = {0};
  g_autoptr (EffnetHead) head = NULL;
  g_autoptr (GError) error = NULL;
  float logits[N * 3];
  EffnetSuspect suspects[4];

  memset (set->targets + 31 * 3, 0, 3); /* of class 1: said to be of class 2 */
  set->targets[31 * 3 + 2] = 1;
  head = train (&set->set, &options);
  g_assert_true (effnet_head_leave_one_out (head, &set->set, NULL, NULL, logits, &error));
  g_assert_cmpuint (effnet_suspect_labels (head, &set->set, logits, 0, 4, suspects), >=, 1);
  g_assert_cmpuint (suspects[0].row, ==, 31);
  g_assert_cmpuint (suspects[0].given, ==, 2);
  g_assert_cmpuint (suspects[0].likely, ==, 1);
  g_assert_cmpfloat (suspects[0].score, <, 0.1);
}

static void
test_curve (void)
{
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, 200, 30, 4, 1.5, 2);
  EffnetTrainOptions options = {.threads = 2, .seed = 3};
  EffnetCurvePoint points[EFFNET_CURVE_POINTS];
  g_autoptr (GError) error = NULL;

  g_assert_true (effnet_learning_curve (&set->set, &options, NULL, points, &error));
  for (unsigned i = 0; i < EFFNET_CURVE_POINTS; i++) {
    g_test_message ("%g rows: %.3f (%.3f to %.3f)", points[i].n_rows, points[i].accuracy,
                    points[i].low, points[i].high);
    g_assert_true (points[i].low < points[i].accuracy && points[i].accuracy < points[i].high);
    g_assert_cmpfloat (fabs (points[i].n_rows - 160.0 / (8 >> i)), <, 8);
    g_assert_cmpfloat (points[i].n_groups, ==, points[i].n_rows);
  }
  g_assert_cmpfloat (points[3].accuracy, >, points[0].accuracy);
  options.n_folds = 1;
  g_assert_false (effnet_learning_curve (&set->set, &options, NULL, points, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
}

/* Copies of few rows, other rows near them, and far away ones. */
static void
test_unknown (void)
{
  enum { N = 120, D = 50 };
  static const EffnetUnknownMethod methods[] = {EFFNET_UNKNOWN_EUCLIDEAN, EFFNET_UNKNOWN_COSINE,
                                                EFFNET_UNKNOWN_MAHALANOBIS};
  g_autoptr (TestSet) set = test_set_new (EFFNET_HEAD_SOFTMAX, N, D, 3, 0.5, 2);
  g_autoptr (TestSet) other = test_set_new (EFFNET_HEAD_SOFTMAX, 60, D, 5, 0.5, 77);

  for (unsigned i = 0; i < G_N_ELEMENTS (methods); i++) {
    EffnetTrainOptions options = {.threads = 1,
                                  .unknown_method = methods[i],
                                  .unknown_features = other->features,
                                  .n_unknown = 60};
    g_autoptr (EffnetTrainReport) report = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (EffnetHead) head =
        effnet_head_train (&set->set, &options, NULL, NULL, NULL, &report, &error);
    EffnetHeadInfo info;
    double distance;

    g_assert_no_error (error);
    effnet_head_get_info (head, &info);
    g_assert_cmpint (info.unknown_method, ==, methods[i]);
    g_assert_cmpuint (info.n_means, ==, 3);
    g_assert_cmpfloat (report->unknown_area, >, 0.99);
    g_assert_cmpfloat (report->known_accepted, >, 0.95);
    g_assert_cmpfloat (report->unknown_flagged, >, 0.95);
    g_assert_false (effnet_head_apply (head, set->features, NULL, NULL, &distance));
    g_assert_cmpfloat (distance, <=, info.unknown_threshold);
    g_assert_true (effnet_head_apply (head, other->features, NULL, NULL, &distance));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/statistics/dense", test_dense);
  g_test_add_func ("/statistics/folds", test_folds);
  g_test_add_func ("/statistics/groups", test_groups);
  g_test_add_func ("/statistics/intervals", test_intervals);
  g_test_add_func ("/statistics/evaluate", test_evaluate);
  g_test_add_func ("/statistics/leave-one-out", test_leave_one_out);
  g_test_add_func ("/statistics/suspects", test_suspects);
  g_test_add_func ("/statistics/curve", test_curve);
  g_test_add_func ("/statistics/unknown", test_unknown);
  return g_test_run ();
}
