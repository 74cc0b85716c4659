/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Leave-one-out by one Newton step. With H the Hessian of the loss, x a row, B = x' H^-1 x (its
 * classes by its classes), V the second derivative and g the first of the row's loss, the logits
 * without the row are z + B (I - V B)^-1 g.
 *
 * B is found among the rows instead of the weights: with G = X X' / l2 and D_c the diagonals of
 * weight * p_c, as in the Laplace approximation of a Gaussian process (Rasmussen and Williams,
 * "Gaussian Processes for Machine Learning", section 3.5),
 *   B[c][e] = (c == e) (G - G E_c G)_ii + (G E_c M^-1 E_e G)_ii,
 *   E_c = D_c^1/2 (I + D_c^1/2 G D_c^1/2)^-1 D_c^1/2,   M = sum of all E_c;
 * with sigmoids D_c = weight * p_c (1 - p_c) and the second term is none. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/fit.h"

/* The bias is free: in G it is a feature of such variance, in squares of logits. */
#define BIAS_VARIANCE 1e6

typedef struct {
  EffnetRows rows;
  EffnetTargets targets;
  EffnetPool *pool;
  GCancellable *cancellable;
  size_t n;
  unsigned k;
  double *scale;    /* [n_weights] 1 / sum of the weights */
  double *p;        /* [n][k] */
  double *root;     /* [n] of D_c */
  double *gram;     /* G [n][n] */
  double *system;   /* [n][n] then its factor's inverse times D_c^1/2 */
  double *half;     /* [n][n] that times G */
  double *sum;      /* M [n][n], of softmax */
  double *products; /* [k][n][n] G E_c, of softmax */
  double *variance; /* [k][n] (G - G E_c G)_ii */
} Loo;

static double
weight_of (const Loo *loo, size_t row, unsigned c)
{
  unsigned column = loo->targets.n_weights > 1 ? c : 0;

  return loo->targets.weights[row * loo->targets.n_weights + column] * loo->scale[column];
}

static EffnetDgemm
square_product (const Loo *loo, int transpose_a, const double *a, const double *b, double beta,
                double *c)
{
  return (EffnetDgemm){.transpose_a = transpose_a,
                       .m = loo->n,
                       .n = loo->n,
                       .k = loo->n,
                       .alpha = 1,
                       .beta = beta,
                       .a = a,
                       .lda = loo->n,
                       .b = b,
                       .ldb = loo->n,
                       .c = c,
                       .ldc = loo->n};
}

/* system := (I + D^1/2 G D^1/2)^-1/2 D^1/2 */
static void
invert_system (Loo *loo)
{
  size_t n = loo->n;

  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      loo->system[i * n + j] =
          loo->root[i] * loo->gram[i * n + j] * loo->root[j] + (i == j ? 1 : 0);
  effnet_cholesky (loo->system, n, n, 1, loo->cancellable);
  effnet_invert_lower (loo->system, n, n, loo->cancellable);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++)
      loo->system[i * n + j] *= loo->root[j];
}

static void
add_class (Loo *loo, unsigned c)
{
  size_t n = loo->n;
  EffnetDgemm product;

  for (size_t i = 0; i < n; i++) {
    double p = loo->p[i * loo->k + c];

    loo->root[i] = sqrt (weight_of (loo, i, c) * (loo->targets.softmax ? p : p * (1 - p)));
  }
  invert_system (loo);
  product = square_product (loo, 0, loo->system, loo->gram, 0, loo->half);
  effnet_multiply (&product, loo->pool, loo->cancellable);
  for (size_t i = 0; i < n; i++)
    loo->variance[c * n + i] = loo->gram[i * n + i];
  for (size_t j = 0; j < n; j++)
    for (size_t i = 0; i < n; i++)
      loo->variance[c * n + i] -= loo->half[j * n + i] * loo->half[j * n + i];
  if (!loo->targets.softmax)
    return;
  product = square_product (loo, 1, loo->system, loo->system, c == 0 ? 0 : 1, loo->sum);
  effnet_multiply (&product, loo->pool, loo->cancellable);
  product = square_product (loo, 1, loo->half, loo->system, 0, loo->products + c * n * n);
  effnet_multiply (&product, loo->pool, loo->cancellable);
}

/* products := G E_c M^-1/2 */
static void
divide_products (Loo *loo)
{
  size_t n = loo->n;

  effnet_cholesky (loo->sum, n, n, 1e-300, loo->cancellable);
  for (size_t i = 0; i < n * loo->k && !g_cancellable_is_cancelled (loo->cancellable);
       i += EFFNET_ROWS_BLOCK)
    effnet_solve_right_transposed (loo->sum, n, n, loo->products + i * n,
                                   MIN (EFFNET_ROWS_BLOCK, n * loo->k - i), n);
}

/* v [k] := a^-1 v, a [k][k]; Gauss with pivots. */
static void
solve_small (double *a, double *v, unsigned k)
{
  for (unsigned j = 0; j < k; j++) {
    unsigned pivot = j;

    for (unsigned i = j + 1; i < k; i++)
      if (fabs (a[i * k + j]) > fabs (a[pivot * k + j]))
        pivot = i;
    for (unsigned l = 0; l < k && pivot != j; l++) {
      double swap = a[j * k + l];

      a[j * k + l] = a[pivot * k + l];
      a[pivot * k + l] = swap;
    }
    if (pivot != j) {
      double swap = v[j];

      v[j] = v[pivot];
      v[pivot] = swap;
    }
    for (unsigned i = j + 1; i < k; i++) {
      double factor = a[i * k + j] / a[j * k + j];

      for (unsigned l = j; l < k; l++)
        a[i * k + l] -= factor * a[j * k + l];
      v[i] -= factor * v[j];
    }
  }
  for (unsigned i = k; i-- > 0;) {
    for (unsigned l = i + 1; l < k; l++)
      v[i] -= a[i * k + l] * v[l];
    v[i] /= a[i * k + i];
  }
}

/* scratch: B [k][k], V B [k][k], v [k] */
static void
leave_out_softmax (const Loo *loo, size_t i, double *scratch, float *logits)
{
  unsigned k = loo->k;
  size_t n = loo->n;
  double *b = scratch, *system = b + k * k, *v = system + k * k;
  const double *p = loo->p + i * k;
  double weight = weight_of (loo, i, 0);

  for (unsigned c = 0; c < k; c++)
    for (unsigned e = 0; e < k; e++) {
      const double *x = loo->products + (c * n + i) * n, *y = loo->products + (e * n + i) * n;

      b[c * k + e] = c == e ? loo->variance[c * n + i] : 0;
      for (size_t j = 0; j < n; j++)
        b[c * k + e] += x[j] * y[j];
    }
  for (unsigned c = 0; c < k; c++)
    v[c] = weight * (p[c] - loo->targets.targets[i * k + c]);
  for (unsigned e = 0; e < k; e++) { /* I - V B, by columns */
    double mean = 0;

    for (unsigned c = 0; c < k; c++)
      mean += p[c] * b[c * k + e];
    for (unsigned c = 0; c < k; c++)
      system[c * k + e] = (c == e) - weight * p[c] * (b[c * k + e] - mean);
  }
  solve_small (system, v, k);
  for (unsigned c = 0; c < k; c++)
    for (unsigned e = 0; e < k; e++)
      logits[c] += (float)(b[c * k + e] * v[e]);
}

static void
leave_out_sigmoids (const Loo *loo, size_t i, float *logits)
{
  for (unsigned c = 0; c < loo->k; c++) {
    double p = loo->p[i * loo->k + c], b = loo->variance[c * loo->n + i];
    double weight = weight_of (loo, i, c);

    logits[c] += (float)(b * weight * (p - loo->targets.targets[i * loo->k + c]) /
                         (1 - weight * p * (1 - p) * b));
  }
}

static gboolean
allocate (Loo *loo, GError **error)
{
  size_t n = loo->n, many = loo->targets.softmax ? n : 0;
  const char *what = "leave-one-out";

  return (loo->p = effnet_train_numbers (n, loo->k, what, error)) != NULL &&
         (loo->root = effnet_train_numbers (n, 1, what, error)) != NULL &&
         (loo->gram = effnet_train_numbers (n, n, what, error)) != NULL &&
         (loo->system = effnet_train_numbers (n, n, what, error)) != NULL &&
         (loo->half = effnet_train_numbers (n, n, what, error)) != NULL &&
         (loo->variance = effnet_train_numbers (loo->k, n, what, error)) != NULL &&
         (many == 0 ||
          ((loo->sum = effnet_train_numbers (n, n, what, error)) != NULL &&
           (loo->products = effnet_train_numbers (loo->k * n, n, what, error)) != NULL));
}

static void
release (Loo *loo)
{
  effnet_rows_clear (&loo->rows);
  effnet_targets_clear (&loo->targets);
  if (loo->pool != NULL)
    effnet_pool_unref (loo->pool);
  g_free (loo->scale);
  g_free (loo->p);
  g_free (loo->root);
  g_free (loo->gram);
  g_free (loo->system);
  g_free (loo->half);
  g_free (loo->sum);
  g_free (loo->products);
  g_free (loo->variance);
}

static gboolean
prepare (Loo *loo, const EffnetTrainSet *set, const EffnetTrainOptions *options, double l2,
         GError **error)
{
  size_t n = set->n_rows;

  if (options->threads != 1)
    loo->pool = effnet_pool_get (options->threads);
  if (!effnet_targets_init (&loo->targets, set, options->kind, options->balanced, error) ||
      !effnet_rows_init (&loo->rows, set, FALSE, loo->pool, loo->cancellable, error) ||
      !allocate (loo, error) || !effnet_rows_gram (&loo->rows, TRUE, loo->gram, error))
    return FALSE;
  for (size_t i = 0; i < n * n; i++)
    loo->gram[i] = loo->gram[i] / l2 + BIAS_VARIANCE;
  loo->scale = g_new0 (double, loo->targets.n_weights);
  for (unsigned c = 0; c < loo->targets.n_weights; c++) {
    for (size_t i = 0; i < n; i++)
      loo->scale[c] += loo->targets.weights[i * loo->targets.n_weights + c];
    loo->scale[c] = 1 / loo->scale[c];
  }
  return TRUE;
}

static gboolean
check (const EffnetHeadInfo *info, const EffnetTrainSet *set, const EffnetTrainOptions *options,
       GError **error)
{
  if (!effnet_fit_check (set, options, error))
    return FALSE;
  if (info->n_classes != set->n_classes || info->n_features != set->n_features ||
      info->kind != options->kind)
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "the rows have %u features and %u classes, the head %u and %u",
                        set->n_features, set->n_classes, info->n_features, info->n_classes);
  if (set->n_rows > EFFNET_LOO_ROWS_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "there are %zu rows to leave out one by one, expected at most %d",
                        set->n_rows, EFFNET_LOO_ROWS_MAX);
  return info->l2 > 0 ||
         effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                      "the head was trained without a penalty, which leave-one-out needs");
}

gboolean
effnet_head_leave_one_out (const EffnetHead *head, const EffnetTrainSet *set,
                           const EffnetTrainOptions *options, GCancellable *cancellable,
                           float *logits, GError **error)
{
  EffnetHeadInfo info;
  EffnetTrainOptions own = {0};
  Loo loo = {.n = set->n_rows, .k = set->n_classes, .cancellable = cancellable};
  g_autofree double *scratch = g_new (double, 2 * loo.k * (size_t)loo.k + loo.k);
  gboolean ok;

  effnet_head_get_info (head, &info);
  own.kind = info.kind;
  if (options != NULL)
    own = *options;
  ok = check (&info, set, &own, error) && prepare (&loo, set, &own, info.l2, error);
  for (size_t i = 0; ok && i < loo.n; i++) {
    effnet_head_apply (head, set->features + i * set->n_features, logits + i * loo.k, NULL, NULL);
    for (unsigned c = 0; c < loo.k; c++)
      scratch[c] = logits[i * loo.k + c];
    effnet_loss_scores (loo.targets.softmax, loo.k, scratch, loo.p + i * loo.k);
  }
  for (unsigned c = 0; ok && c < loo.k && !g_cancellable_is_cancelled (cancellable); c++)
    add_class (&loo, c);
  if (ok && loo.targets.softmax)
    divide_products (&loo);
  ok = ok && !effnet_train_cancelled (cancellable, error);
  for (size_t i = 0; ok && i < loo.n; i++)
    if (loo.targets.softmax)
      leave_out_softmax (&loo, i, scratch, logits + i * loo.k);
    else
      leave_out_sigmoids (&loo, i, logits + i * loo.k);
  release (&loo);
  return ok;
}
