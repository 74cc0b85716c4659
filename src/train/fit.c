/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/fit.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/linear.h"

#define MANY      10000000 /* rows times classes: logits of which two folds at once are enough */
#define PRECISE   1e-13    /* of the loss */
#define SLICES    8        /* of the rows of a precise minimum */
#define CURVATURE 1e-6     /* the least that preconditions */

static gboolean
check_sizes (const EffnetTrainSet *set, EffnetHeadKind kind, GError **error)
{
  if ((unsigned)kind > EFFNET_HEAD_MULTI_LABEL)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the kind of the head is %d, expected 0 to 2",
                        (int)kind);
  if (set->n_rows == 0 || set->n_rows > G_MAXINT)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "there are %zu rows to train on, expected 1 to %d", set->n_rows, G_MAXINT);
  if (set->n_features == 0 || set->n_features > EFFNET_TRAIN_FEATURES_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the rows have %u features, expected 1 to %d",
                        set->n_features, EFFNET_TRAIN_FEATURES_MAX);
  if (kind == EFFNET_HEAD_ONE_LOGIT && set->n_classes != 1)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "there are %u classes, expected 1 for a head of one logit", set->n_classes);
  if (kind == EFFNET_HEAD_SOFTMAX && set->n_classes < 2)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "there is %u class to tell apart, expected 2 or more", set->n_classes);
  if (set->n_classes == 0 || set->n_classes > EFFNET_CLASSES_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "there are %u classes, expected 1 to %d",
                        set->n_classes, EFFNET_CLASSES_MAX);
  return TRUE;
}

static gboolean
check_row (const EffnetTrainSet *set, EffnetHeadKind kind, size_t row, size_t *n_yes,
           GError **error)
{
  const float *features = set->features + row * set->n_features;
  const uint8_t *targets = set->targets + row * set->n_classes;
  size_t sum = 0;

  for (unsigned j = 0; j < set->n_features; j++)
    if (!isfinite (features[j]))
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "feature %u of row %zu is %g, expected a finite number", j, row,
                          (double)features[j]);
  for (unsigned k = 0; k < set->n_classes; k++) {
    if (targets[k] > 1)
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "the target of row %zu for class %u is %u, expected 0 or 1", row, k,
                          targets[k]);
    n_yes[k] += targets[k];
    sum += targets[k];
  }
  if (kind == EFFNET_HEAD_SOFTMAX && sum != 1)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "row %zu is of %zu classes, expected 1 for softmax", row, sum);
  if (set->weights != NULL && !(set->weights[row] > 0 && isfinite (set->weights[row])))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the weight of row %zu is %g, expected a finite number above 0", row,
                        (double)set->weights[row]);
  return TRUE;
}

static gboolean
check_options (const EffnetTrainOptions *options, size_t n_rows, GError **error)
{
  if (!(options->l2 >= 0 && isfinite (options->l2)))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the strength of the penalty is %g, expected 0 or more", options->l2);
  if (options->n_folds > EFFNET_TRAIN_FOLDS_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "there are %u folds, expected up to %d",
                        options->n_folds, EFFNET_TRAIN_FOLDS_MAX);
  if (options->threads > EFFNET_THREADS_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "there are %u threads, expected up to %d",
                        options->threads, EFFNET_THREADS_MAX);
  if (!(options->known_rate >= 0 && options->known_rate <= 1) ||
      !(options->precision >= 0 && options->precision <= 1))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "known_rate is %g and precision %g, expected 0 to 1", options->known_rate,
                        options->precision);
  if ((unsigned)options->unknown_method > EFFNET_UNKNOWN_MAHALANOBIS)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the method for unknown is %d, expected 0 to 3",
                        (int)options->unknown_method);
  if (options->n_originals > n_rows)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "n_originals is %zu, expected up to the %zu rows of the set",
                        options->n_originals, n_rows);
  return TRUE;
}

gboolean
effnet_fit_check (const EffnetTrainSet *set, const EffnetTrainOptions *options, GError **error)
{
  g_autofree size_t *n_yes = NULL;

  if (!check_sizes (set, options->kind, error) || !check_options (options, set->n_rows, error))
    return FALSE;
  n_yes = g_new0 (size_t, set->n_classes);
  for (size_t row = 0; row < set->n_rows; row++)
    if (!check_row (set, options->kind, row, n_yes, error))
      return FALSE;
  for (unsigned k = 0; k < set->n_classes; k++)
    if (n_yes[k] == 0 || (options->kind != EFFNET_HEAD_SOFTMAX && n_yes[k] == set->n_rows))
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "%s rows are of class %u, expected rows of it and of others",
                          n_yes[k] == 0 ? "no" : "all", k);
  for (size_t i = 0; i < options->n_unknown * set->n_features; i++)
    if (!isfinite (options->unknown_features[i]))
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                          "row %zu of the unknown features has a number that is not finite",
                          i / set->n_features);
  return TRUE;
}

/* Groups with a row whose target for @k is @yes. */
static size_t
count_groups (const EffnetTrainSet *set, unsigned k, unsigned yes)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (size_t i = 0; i < set->n_rows && g_hash_table_size (seen) < EFFNET_TRAIN_FOLDS_MAX; i++)
    if (k == set->n_classes || set->targets[i * set->n_classes + k] == yes)
      g_hash_table_add (seen, GSIZE_TO_POINTER (set->groups != NULL ? set->groups[i] : i));
  return g_hash_table_size (seen);
}

/* As many as asked for, but no more than the smallest class has groups, and 2 if that is 1. */
static unsigned
count_folds (const EffnetTrainSet *set, const EffnetTrainOptions *options)
{
  size_t all = count_groups (set, set->n_classes, 1);
  size_t n = options->n_folds != 0 ? options->n_folds : set->n_rows > MANY / set->n_classes ? 2 : 5;

  if (n == 1 || all < 2)
    return 1;
  for (unsigned k = 0; k < set->n_classes && options->n_folds == 0; k++) {
    n = MIN (n, MAX (count_groups (set, k, 1), 2));
    if (options->kind != EFFNET_HEAD_SOFTMAX)
      n = MIN (n, MAX (count_groups (set, k, 0), 2));
  }
  return (unsigned)MIN (n, all);
}

gboolean
effnet_fit_init (EffnetFit *fit, const EffnetTrainSet *set, const EffnetTrainOptions *options,
                 GCancellable *cancellable, GError **error)
{
  static const EffnetTrainOptions defaults;
  size_t r;

  *fit = (EffnetFit){
      .set = set, .options = options != NULL ? *options : defaults, .cancellable = cancellable};
  if (!effnet_fit_check (set, &fit->options, error))
    return FALSE;
  if (fit->options.known_rate == 0)
    fit->options.known_rate = 0.95;
  if (fit->options.precision == 0)
    fit->options.precision = 0.95;
  if (fit->options.threads != 1)
    fit->pool = effnet_pool_get (fit->options.threads);
  fit->n_judged = fit->options.n_originals > 0 ? fit->options.n_originals : set->n_rows;
  fit->n_folds = count_folds (set, &fit->options);
  fit->fold = g_new0 (uint8_t, set->n_rows);
  if (fit->n_folds > 1)
    effnet_train_folds (set, fit->n_folds, fit->options.seed, fit->fold);

  if (!effnet_targets_init (&fit->targets, set, fit->options.kind, fit->options.balanced, error) ||
      !effnet_rows_init (&fit->rows, set, TRUE, fit->pool, cancellable, error))
    return FALSE;
  r = fit->rows.r;
  return (fit->covariance = effnet_train_numbers (r, r, "the covariance", error)) != NULL &&
         (fit->scratch = effnet_train_numbers (r, r, "the covariance", error)) != NULL &&
         (fit->inverse = effnet_train_numbers (r, r, "its inverse", error)) != NULL &&
         effnet_rows_covariance (&fit->rows, fit->covariance, error);
}

void
effnet_fit_clear (EffnetFit *fit)
{
  effnet_rows_clear (&fit->rows);
  effnet_targets_clear (&fit->targets);
  g_free (fit->covariance);
  g_free (fit->scratch);
  g_free (fit->inverse);
  g_free (fit->fold);
  if (fit->pool != NULL)
    effnet_pool_unref (fit->pool);
  *fit = (EffnetFit){0};
}

double
effnet_fit_first_curvature (const EffnetFit *fit)
{
  double share = fit->targets.softmax ? 1.0 / fit->targets.k : 0.5;

  return share * (1 - share);
}

gboolean
effnet_fit_precondition (EffnetFit *fit, double curvature, double l2, GError **error)
{
  size_t r = fit->rows.r;
  double least = 1e-9 * MAX (fit->rows.variance, 1e-30);

  curvature = MAX (curvature, CURVATURE);
  for (size_t i = 0; i < r * r; i++)
    fit->scratch[i] = curvature * fit->covariance[i];
  for (size_t i = 0; i < r; i++)
    fit->scratch[i * r + i] += MAX (l2, least * curvature);
  effnet_invert (fit->scratch, r, least * curvature, fit->inverse, fit->pool, fit->cancellable);
  return !effnet_train_cancelled (fit->cancellable, error);
}

gboolean
effnet_fit_minimum (EffnetFit *fit, const size_t *which, size_t n, double l2, double curvature,
                    double *theta, EffnetSolution *solution, GError **error)
{
  EffnetProblem problem = {.rows = &fit->rows,
                           .targets = &fit->targets,
                           .which = which,
                           .n = n,
                           .l2 = l2,
                           .inverse = fit->inverse,
                           .curvature = MAX (curvature, CURVATURE),
                           .tolerance = PRECISE,
                           .n_slices = (unsigned)CLAMP (n / EFFNET_ROWS_BLOCK, 1, SLICES),
                           .pool = fit->pool,
                           .cancellable = fit->cancellable};

  return effnet_fit_precondition (fit, curvature, l2, error) &&
         effnet_solve (&problem, theta, solution, error);
}
