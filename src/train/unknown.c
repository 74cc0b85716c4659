/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The spread is the covariance S of rows about the mean of their class, shrunk towards its mean
 * variance t: (1 - a) S + a t I. In the span Q of its largest directions, with T = Q S Q' and
 * rho = a t / (1 - a), the square of the Mahalanobis distance is, but for a factor,
 * |e|^2 - |B e|^2 with B' B = Q' T (T + rho I)^-1 Q. Q is found by orthogonal iteration (Golub and
 * Van Loan, "Matrix Computations", section 8.2.4). */
#include "train/unknown.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/random.h"
#include "train/head.h"

#define SHRINK     0.1   /* a */
#define BASIS      64    /* directions */
#define ITERATIONS 5     /* towards them */
#define DEPENDENT  1e-20 /* share of a row's square that is left beside those before it */
#define ROWS_MAX   4096  /* that they are found from */

/* One fit: of all rows, or of those of all folds but one. */
typedef struct {
  const EffnetFit *fit;
  EffnetHeadInfo info;
  float *means, *basis; /* what info points to */
  unsigned left_out;    /* fold; n_folds = none */
  unsigned n_labels;    /* means that there may be */
  unsigned *mean_of;    /* [n_labels] row of means, or n_labels when there is none */
  size_t *rows;         /* [n] that the spread is found from */
  size_t n;
  double *q, *y;         /* [BASIS][d] */
  double *block, *along; /* [EFFNET_ROWS_BLOCK][d], [BASIS][EFFNET_ROWS_BLOCK] */
  float *distances;      /* [n_rows] of the report, or NULL */
  GError *error;
} Spread;

/* The first class of a row; behind the last when it has none (one logit: no). */
static unsigned
label_of (const EffnetTrainSet *set, size_t row)
{
  const uint8_t *y = set->targets + row * set->n_classes;
  unsigned k = 0;

  while (k < set->n_classes && !y[k])
    k++;
  return k;
}

static void
read_unit (const Spread *spread, size_t row, double *out)
{
  const EffnetTrainSet *set = spread->fit->set;
  const float *x = set->features + row * set->n_features;
  double square = 0, scale = 1;

  for (unsigned j = 0; j < set->n_features; j++)
    square += (double)x[j] * x[j];
  if (spread->info.unknown_method != EFFNET_UNKNOWN_EUCLIDEAN)
    scale = square > 0 ? 1 / sqrt (square) : 0;
  for (unsigned j = 0; j < set->n_features; j++)
    out[j] = scale * x[j];
}

static void
find_means (Spread *spread)
{
  const EffnetFit *fit = spread->fit;
  size_t d = fit->rows.d;
  g_autofree double *sums = g_new0 (double, spread->n_labels *d);
  g_autofree size_t *counts = g_new0 (size_t, spread->n_labels);

  for (size_t i = 0; i < fit->rows.n; i++) {
    unsigned label = label_of (fit->set, i);

    if (fit->fold[i] == spread->left_out && spread->left_out < fit->n_folds)
      continue;
    read_unit (spread, i, spread->block);
    counts[label]++;
    for (size_t j = 0; j < d; j++)
      sums[label * d + j] += spread->block[j];
  }
  for (unsigned label = 0; label < spread->n_labels; label++) {
    spread->mean_of[label] = counts[label] > 0 ? spread->info.n_means++ : spread->n_labels;
    for (size_t j = 0; j < d && counts[label] > 0; j++)
      spread->means[spread->mean_of[label] * d + j] =
          (float)(sums[label * d + j] / (double)counts[label]);
  }
  spread->info.means = spread->means;
}

/* Rows less the mean of their class */
static void
read_residuals (const Spread *spread, size_t first, size_t count)
{
  size_t d = spread->fit->rows.d;

  for (size_t i = 0; i < count; i++) {
    size_t row = spread->rows[first + i];
    const float *mean = spread->means + spread->mean_of[label_of (spread->fit->set, row)] * d;
    double *out = spread->block + i * d;

    read_unit (spread, row, out);
    for (size_t j = 0; j < d; j++)
      out[j] -= mean[j];
  }
}

static double
dot (const double *a, const double *b, size_t n)
{
  double sum = 0;

  for (size_t i = 0; i < n; i++)
    sum += a[i] * b[i];
  return sum;
}

/* c [q][n] := (or +=) a [q][k] b, b [k][n] or transposed [n][k] */
static void
multiply (const Spread *spread, const double *a, size_t lda, const double *b, int transpose_b,
          size_t n, size_t k, double beta, double *c, size_t ldc)
{
  effnet_dgemm (&(EffnetDgemm){.transpose_b = transpose_b,
                               .m = spread->info.n_basis,
                               .n = n,
                               .k = k,
                               .alpha = 1,
                               .beta = beta,
                               .a = a,
                               .lda = lda,
                               .b = b,
                               .ldb = spread->fit->rows.d,
                               .c = c,
                               .ldc = ldc});
}

/* y := q S; @t: (nullable): [q][q] := q S q'. Returns the trace of S. */
static double
apply_covariance (Spread *spread, double *t)
{
  size_t d = spread->fit->rows.d, q = spread->info.n_basis;
  double trace = 0;

  memset (spread->y, 0, q * d * sizeof (double));
  for (size_t i = 0; i < spread->n; i += EFFNET_ROWS_BLOCK) {
    size_t count = MIN (EFFNET_ROWS_BLOCK, spread->n - i);

    if (g_cancellable_is_cancelled (spread->fit->cancellable))
      return 0;
    read_residuals (spread, i, count);
    for (size_t j = 0; j < count * d; j++)
      trace += spread->block[j] * spread->block[j] / (double)spread->n;
    multiply (spread, spread->q, d, spread->block, 1, count, d, 0, spread->along,
              EFFNET_ROWS_BLOCK);
    for (size_t j = 0; j < q * EFFNET_ROWS_BLOCK; j++)
      spread->along[j] /= (double)spread->n;
    multiply (spread, spread->along, EFFNET_ROWS_BLOCK, spread->block, 0, d, count, 1, spread->y,
              d);
  }
  if (t != NULL)
    multiply (spread, spread->y, d, spread->q, 1, q, d, 0, t, q);
  return trace;
}

/* q := rows of y, orthonormal, by the modified Gram-Schmidt process, each twice; a row that depends
 * on those before it is zero, as happens when there are fewer different rows than directions. */
static void
orthonormalise (Spread *spread)
{
  size_t d = spread->fit->rows.d, q = spread->info.n_basis;

  for (size_t i = 0; i < q; i++) {
    double *row = spread->q + i * d, before, after, scale;

    memcpy (row, spread->y + i * d, d * sizeof (double));
    before = dot (row, row, d);
    for (size_t pass = 0; pass < 2 * i; pass++) {
      const double *other = spread->q + pass % i * d;
      double along = dot (row, other, d);

      for (size_t j = 0; j < d; j++)
        row[j] -= along * other[j];
    }
    after = dot (row, row, d);
    scale = after > DEPENDENT * before ? 1 / sqrt (after) : 0;
    for (size_t j = 0; j < d; j++)
      row[j] *= scale;
  }
}

/* basis := C Q with C' C = T (T + rho I)^-1 = I - rho (T + rho I)^-1 */
static void
weigh (Spread *spread, const double *t, double rho, double *scratch, double *inverse)
{
  size_t d = spread->fit->rows.d, q = spread->info.n_basis;

  for (size_t i = 0; i < q * q; i++)
    scratch[i] = t[i] + (i % (q + 1) == 0 ? rho : 0);
  effnet_invert (scratch, q, 1e-300, inverse, NULL, NULL);
  for (size_t i = 0; i < q * q; i++)
    inverse[i] = (i % (q + 1) == 0 ? 1 : 0) - rho * inverse[i];
  effnet_cholesky (inverse, q, q, 1e-12, NULL);
  for (size_t i = 0; i < q; i++)
    for (size_t j = 0; j < d; j++) {
      double sum = 0;

      for (size_t k = i; k < q; k++)
        sum += inverse[k * q + i] * spread->q[k * d + j];
      spread->basis[i * d + j] = (float)sum;
    }
  spread->info.basis = spread->basis;
}

static void
find_basis (Spread *spread)
{
  size_t d = spread->fit->rows.d, q;
  size_t all = spread->n, step = (all + ROWS_MAX - 1) / ROWS_MAX;
  g_autofree double *t = g_new0 (double, 3 * BASIS * BASIS);
  double trace = 0;

  for (size_t i = 0; i * step < all; i++)
    spread->rows[i] = spread->rows[i * step];
  spread->n = (all + step - 1) / step;
  q = MIN (BASIS, MIN (d, spread->n - MIN (spread->n, spread->info.n_means)));
  spread->info.n_basis = (unsigned)q;
  if (q == 0)
    return;
  for (size_t i = 0; i < q * d; i++)
    spread->y[i] = (double)(effnet_random (0, i) >> 11) * 0x1p-53 - 0.5;
  for (unsigned i = 0; i < ITERATIONS; i++) {
    orthonormalise (spread);
    trace = apply_covariance (spread, t + BASIS * BASIS);
  }
  if (trace > 0)
    weigh (spread, t + BASIS * BASIS, SHRINK / (1 - SHRINK) * trace / (double)d, t,
           t + 2 * BASIS * BASIS);
  else
    spread->info.n_basis = 0;
}

/* How far the rows of the fold left out are from the others */
static void
measure (Spread *spread)
{
  const EffnetFit *fit = spread->fit;
  g_autofree double *projected = effnet_head_project (&spread->info);

  for (size_t i = 0; i < fit->rows.n; i++)
    if (fit->fold[i] == spread->left_out)
      spread->distances[i] = (float)effnet_head_distance (
          &spread->info, projected, fit->set->features + i * fit->set->n_features);
}

static gboolean
allocate (Spread *spread)
{
  size_t d = spread->fit->rows.d;
  const char *what = "telling unknown";

  spread->n_labels = spread->fit->targets.k + 1;
  spread->mean_of = g_new0 (unsigned, spread->n_labels);
  spread->rows = g_new0 (size_t, spread->fit->rows.n);
  spread->means = g_try_new0 (float, spread->n_labels *d);
  spread->basis = g_try_new0 (float, BASIS *d);
  if (spread->means == NULL || spread->basis == NULL)
    return effnet_fail_memory (&spread->error, what, (BASIS + spread->n_labels) * d * 4);
  return (spread->q = effnet_train_numbers (BASIS, d, what, &spread->error)) != NULL &&
         (spread->y = effnet_train_numbers (BASIS, d, what, &spread->error)) != NULL &&
         (spread->block = effnet_train_numbers (EFFNET_ROWS_BLOCK, d, what, &spread->error)) !=
             NULL &&
         (spread->along = effnet_train_numbers (BASIS, EFFNET_ROWS_BLOCK, what, &spread->error)) !=
             NULL;
}

static void
find_spread (void *user, size_t tile, unsigned worker)
{
  Spread *spread = (Spread *)user + tile;
  const EffnetFit *fit = spread->fit;

  (void)worker;
  if (!allocate (spread))
    return;
  for (size_t i = 0; i < fit->rows.n; i++)
    if (fit->fold[i] != spread->left_out || spread->left_out >= fit->n_folds)
      spread->rows[spread->n++] = i;
  find_means (spread);
  if (spread->info.unknown_method == EFFNET_UNKNOWN_MAHALANOBIS)
    find_basis (spread);
  if (spread->left_out < fit->n_folds)
    measure (spread);
}

static int
compare_floats (const void *a, const void *b)
{
  float x = *(const float *)a, y = *(const float *)b;

  return x < y ? -1 : x > y;
}

static double
share_above (const float *sorted, size_t n, double threshold)
{
  size_t above = 0;

  while (above < n && sorted[n - 1 - above] > threshold)
    above++;
  return n > 0 ? (double)above / (double)n : 0;
}

/* Between two neighbours of both lists together: known below and unknown above. */
static double
best_threshold (const float *known, size_t n_known, const float *unknown, size_t n_unknown)
{
  double best = -1, threshold = 0;
  size_t flagged = n_unknown;

  for (size_t i = 0, j = 0; i < n_known; i++) {
    double right, next;

    if (i + 1 < n_known && known[i + 1] == known[i])
      continue;
    for (; j < n_unknown && unknown[j] <= known[i]; j++)
      flagged--;
    next = i + 1 < n_known ? known[i + 1] : INFINITY;
    next = MIN (next, j < n_unknown ? unknown[j] : INFINITY);
    right = (double)(i + 1) / (double)n_known + (double)flagged / (double)n_unknown;
    if (right > best) {
      best = right;
      threshold = isfinite (next) ? (known[i] + next) / 2 : known[i];
    }
  }
  return threshold;
}

static void
choose_threshold (const EffnetFit *fit, EffnetTrainReport *report, EffnetHeadInfo *info)
{
  size_t n = fit->n_judged, n_unknown = fit->options.n_unknown;
  g_autofree float *known = g_new (float, n);
  g_autofree float *unknown = g_new (float, n_unknown + 1);
  g_autofree double *projected = effnet_head_project (info);
  size_t rank = (size_t)ceil (fit->options.known_rate * (double)n);

  memcpy (known, report->distances, n * sizeof (float));
  qsort (known, n, sizeof (float), compare_floats);
  for (size_t i = 0; i < n_unknown; i++)
    unknown[i] = (float)effnet_head_distance (info, projected,
                                              fit->options.unknown_features + i * info->n_features);
  qsort (unknown, n_unknown, sizeof (float), compare_floats);
  info->unknown_threshold =
      n_unknown > 0 ? best_threshold (known, n, unknown, n_unknown) : known[CLAMP (rank, 1, n) - 1];
  report->known_accepted = 1 - share_above (known, n, info->unknown_threshold);
  if (n_unknown > 0) {
    report->unknown_flagged = share_above (unknown, n_unknown, info->unknown_threshold);
    report->unknown_area = effnet_roc_area (n, known, n_unknown, unknown);
  }
}

gboolean
effnet_unknown_fit (EffnetUnknown *unknown, const EffnetFit *fit, EffnetTrainReport *report,
                    EffnetHeadInfo *info, GError **error)
{
  unsigned n = fit->n_folds + 1;
  g_autofree Spread *spreads = NULL;
  gboolean ok = TRUE;

  if (fit->n_folds < 2)
    return TRUE;
  spreads = g_new0 (Spread, n);
  for (unsigned i = 0; i < n; i++) {
    spreads[i] = (Spread){.fit = fit,
                          .info = {.n_classes = info->n_classes,
                                   .n_features = info->n_features,
                                   .unknown_method = fit->options.unknown_method},
                          .left_out = i,
                          .distances = report->distances};
    if (spreads[i].info.unknown_method == EFFNET_UNKNOWN_NONE)
      spreads[i].info.unknown_method = EFFNET_UNKNOWN_MAHALANOBIS;
  }
  effnet_train_each (fit->pool, n, find_spread, spreads);
  for (unsigned i = 0; i < n; i++) {
    if (ok && spreads[i].error != NULL) {
      g_propagate_error (error, g_steal_pointer (&spreads[i].error));
      ok = FALSE;
    }
    if (i == fit->n_folds) { /* of all rows: the head's */
      unknown->means = g_steal_pointer (&spreads[i].means);
      unknown->basis = g_steal_pointer (&spreads[i].basis);
    }
    g_free (spreads[i].means);
    g_free (spreads[i].basis);
    g_free (spreads[i].mean_of);
    g_free (spreads[i].rows);
    g_free (spreads[i].q);
    g_free (spreads[i].y);
    g_free (spreads[i].block);
    g_free (spreads[i].along);
    g_clear_error (&spreads[i].error);
  }
  if (!ok || effnet_train_cancelled (fit->cancellable, error))
    return FALSE;
  info->unknown_method = spreads[n - 1].info.unknown_method;
  info->n_means = spreads[n - 1].info.n_means;
  info->n_basis = spreads[n - 1].info.n_basis;
  info->means = unknown->means;
  info->basis = unknown->basis;
  choose_threshold (fit, report, info);
  return TRUE;
}

void
effnet_unknown_clear (EffnetUnknown *unknown)
{
  g_free (unknown->means);
  g_free (unknown->basis);
}
