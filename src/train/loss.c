/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/loss.h"

#include <math.h>

#include "train/rows.h"

/* Weights of column @k times n / (classes * rows of the class), as scikit-learn balances them. */
static void
balance_column (EffnetTargets *targets, const EffnetTrainSet *set, unsigned k)
{
  size_t n_yes = 0;

  for (size_t i = 0; i < set->n_rows; i++)
    n_yes += set->targets[i * targets->k + k];
  for (size_t i = 0; i < set->n_rows; i++) {
    gboolean yes = set->targets[i * targets->k + k];
    size_t count = yes ? n_yes : set->n_rows - n_yes;

    if (!targets->softmax)
      targets->weights[i * targets->n_weights + k] *= (double)set->n_rows / (2.0 * (double)count);
    else if (yes)
      targets->weights[i] *= (double)set->n_rows / ((double)targets->k * (double)count);
  }
}

gboolean
effnet_targets_init (EffnetTargets *targets, const EffnetTrainSet *set, EffnetHeadKind kind,
                     gboolean balanced, GError **error)
{
  *targets = (EffnetTargets){.softmax = kind == EFFNET_HEAD_SOFTMAX,
                             .k = set->n_classes,
                             .targets = set->targets,
                             .n_weights = 1};
  if (balanced && !targets->softmax)
    targets->n_weights = targets->k;
  targets->weights =
      effnet_train_numbers (set->n_rows, targets->n_weights, "the weights of the rows", error);
  if (targets->weights == NULL)
    return FALSE;
  for (size_t i = 0; i < set->n_rows; i++)
    for (unsigned k = 0; k < targets->n_weights; k++)
      targets->weights[i * targets->n_weights + k] = set->weights != NULL ? set->weights[i] : 1;
  for (unsigned k = 0; balanced && k < targets->k; k++)
    balance_column (targets, set, k);
  return TRUE;
}

void
effnet_targets_clear (EffnetTargets *targets)
{
  g_free (targets->weights);
  targets->weights = NULL;
}

static double
largest (unsigned k, const double *z)
{
  double most = z[0];

  for (unsigned i = 1; i < k; i++)
    most = MAX (most, z[i]);
  return most;
}

void
effnet_loss_scores (gboolean softmax, unsigned k, const double *z, double *p)
{
  double most = softmax ? largest (k, z) : 0, sum = 0;

  if (!softmax) {
    for (unsigned i = 0; i < k; i++)
      p[i] = 1 / (1 + exp (-z[i]));
    return;
  }
  for (unsigned i = 0; i < k; i++)
    sum += p[i] = exp (z[i] - most);
  for (unsigned i = 0; i < k; i++)
    p[i] /= sum;
}

double
effnet_loss_row (gboolean softmax, unsigned k, const double *z, const uint8_t *y,
                 const double *weights)
{
  double most, sum = 0, of_class = 0;

  if (!softmax) {
    for (unsigned i = 0; i < k; i++) {
      double loss = MAX (z[i], 0) - (y[i] ? z[i] : 0) + log1p (exp (-fabs (z[i])));
      sum += weights != NULL ? weights[i] * loss : loss;
    }
    return sum;
  }
  most = largest (k, z);
  for (unsigned i = 0; i < k; i++) {
    sum += exp (z[i] - most);
    of_class += y[i] ? z[i] : 0;
  }
  return log (sum) + most - of_class;
}

void
effnet_loss_curve (gboolean softmax, unsigned k, const double *p, double *u)
{
  double mean = 0;

  for (unsigned i = 0; softmax && i < k; i++)
    mean += p[i] * u[i];
  for (unsigned i = 0; i < k; i++)
    u[i] = softmax ? p[i] * (u[i] - mean) : p[i] * (1 - p[i]) * u[i];
}
