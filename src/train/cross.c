/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cross-validation: each fold's rows by a head of the other folds' rows, from the strongest penalty
 * to the weakest. Each strength starts from the minimum of the one before. Of many rows some choose
 * the strength, and all are then solved for it. */
#include <math.h>
#include <string.h>

#include "train/fit.h"

#define PATIENCE  3    /* strengths in a row that are worse than the best: no weaker one is tried */
#define ENOUGH    1e-3 /* a loss that leaves nothing to choose by */
#define PATH_ROWS 4000 /* with twice as many, or more, about so many choose the strength */

/* What the best strength so far leaves behind. */
static void
keep (const EffnetFit *fit, const EffnetPart *folds, double l2, EffnetCross *cross)
{
  size_t size = fit->targets.k * (fit->rows.r + 1);

  cross->l2 = l2;
  cross->curvature = 0;
  memset (cross->theta, 0, size * sizeof (double));
  for (unsigned f = 0; f < fit->n_folds; f++) {
    const EffnetPart *fold = &folds[f];

    cross->curvature += fold->solution.curvature / fit->n_folds;
    for (size_t i = 0; i < size; i++)
      cross->theta[i] += fold->theta[i] / fit->n_folds;
    for (size_t i = 0; i < fold->n_held; i++)
      memcpy (cross->logits + fold->held[i] * fit->targets.k, fold->logits + i * fit->targets.k,
              fit->targets.k * sizeof (double));
  }
}

/* @share: of all rows that the folds have. The penalty stands for so much for each row. */
static gboolean
follow_path (EffnetFit *fit, EffnetPart *folds, double share, EffnetTrainProgress progress,
             void *progress_data, EffnetCross *cross, GError **error)
{
  double strongest = 0.1 * (fit->rows.variance > 0 ? fit->rows.variance : 1);
  double curvature = effnet_fit_first_curvature (fit), best = INFINITY;
  gboolean given = fit->options.unpenalised || fit->options.l2 > 0;
  unsigned worse = 0, n_path = given ? 1 : EFFNET_L2_PATH_MAX;

  for (unsigned i = 0; i < n_path && worse < PATIENCE && best > ENOUGH; i++) {
    EffnetL2Point *point = &cross->path[i];
    double l2 = given ? fit->options.l2 : strongest * pow (10, -0.5 * i);

    if (!effnet_parts_solve (fit, folds, fit->n_folds, l2 / share, &curvature, error))
      return FALSE;
    effnet_parts_judge (fit, folds, fit->n_folds, point);
    point->l2 = l2;
    cross->n_path = given ? 0 : i + 1;
    worse = point->loss < best ? 0 : worse + 1;
    if (worse == 0) {
      best = point->loss;
      keep (fit, folds, l2, cross);
    }
    if (progress != NULL)
      progress (0.8 * (i + 1) / n_path, progress_data);
  }
  return TRUE;
}

static void
clear_folds (const EffnetFit *fit, EffnetPart *folds)
{
  for (unsigned f = 0; f < fit->n_folds; f++)
    effnet_part_clear (&folds[f]);
}

/* @part: (nullable): of it only the rows of part 0 */
static gboolean
open_folds (const EffnetFit *fit, const uint8_t *part, EffnetPart *folds, GError **error)
{
  g_autofree uint8_t *side = g_new (uint8_t, fit->rows.n);
  gboolean ok = TRUE;

  for (unsigned f = 0; ok && f < fit->n_folds; f++) {
    for (size_t i = 0; i < fit->rows.n; i++)
      side[i] = part != NULL && part[i] > 0 ? 2 : fit->fold[i] == f;
    ok = effnet_part_init (&folds[f], fit, side, error);
  }
  return ok;
}

/* The strength by some of the rows, whole groups of each class. The heads of the folds are left in
 * @thetas as a start. */
static gboolean
choose_by_some (EffnetFit *fit, unsigned n_parts, EffnetTrainProgress progress, void *progress_data,
                EffnetCross *cross, double **thetas, GError **error)
{
  g_autofree EffnetPart *folds = g_new0 (EffnetPart, fit->n_folds);
  g_autofree uint8_t *part = g_new0 (uint8_t, fit->rows.n);
  double n = 0;
  gboolean ok;

  effnet_train_folds (fit->set, n_parts, fit->options.seed + 2, part);
  for (size_t i = 0; i < fit->rows.n; i++)
    n += part[i] == 0;
  ok = open_folds (fit, part, folds, error) &&
       follow_path (fit, folds, n / (double)fit->rows.n, progress, progress_data, cross, error);
  cross->n_path_rows = (size_t)n;
  for (unsigned f = 0; f < fit->n_folds; f++)
    thetas[f] = g_steal_pointer (&folds[f].theta);
  clear_folds (fit, folds);
  return ok;
}

/* With the strength of @cross, all rows. */
static gboolean
solve_all (EffnetFit *fit, EffnetCross *cross, double *const *thetas, GError **error)
{
  g_autofree EffnetPart *folds = g_new0 (EffnetPart, fit->n_folds);
  double curvature = cross->curvature;
  gboolean ok = open_folds (fit, NULL, folds, error);

  for (unsigned f = 0; ok && f < fit->n_folds; f++)
    memcpy (folds[f].theta, thetas[f], fit->targets.k * (fit->rows.r + 1) * sizeof (double));
  ok = ok && effnet_parts_solve (fit, folds, fit->n_folds, cross->l2, &curvature, error);
  if (ok)
    keep (fit, folds, cross->l2, cross);
  clear_folds (fit, folds);
  return ok;
}

gboolean
effnet_cross_validate (EffnetFit *fit, EffnetTrainProgress progress, void *progress_data,
                       EffnetCross *cross, GError **error)
{
  g_autofree EffnetPart *folds = g_new0 (EffnetPart, fit->n_folds);
  g_autofree double **thetas = g_new0 (double *, fit->n_folds);
  unsigned n_parts = (unsigned)MIN (fit->rows.n / PATH_ROWS, EFFNET_TRAIN_FOLDS_MAX);
  gboolean ok;

  *cross = (EffnetCross){0};
  cross->logits =
      effnet_train_numbers (fit->rows.n, fit->targets.k, "the logits of the folds", error);
  cross->theta = cross->logits == NULL
                     ? NULL
                     : effnet_train_numbers (fit->targets.k, fit->rows.r + 1, "the head", error);
  if (cross->theta == NULL)
    return FALSE;
  if (n_parts > 1 && fit->options.l2 == 0 && !fit->options.unpenalised) {
    ok = choose_by_some (fit, n_parts, progress, progress_data, cross, thetas, error) &&
         solve_all (fit, cross, thetas, error);
  } else {
    ok = open_folds (fit, NULL, folds, error) &&
         follow_path (fit, folds, 1, progress, progress_data, cross, error);
    cross->n_path_rows = fit->rows.n;
    clear_folds (fit, folds);
  }
  for (unsigned f = 0; f < fit->n_folds; f++)
    g_free (thetas[f]);
  return ok;
}

void
effnet_cross_clear (EffnetCross *cross)
{
  g_free (cross->logits);
  g_free (cross->theta);
  *cross = (EffnetCross){0};
}
