/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Cross-validation: each fold's rows by a head of the other folds' rows, from the strongest penalty
 * to the weakest. Each strength starts from the minimum of the one before. */
#include <math.h>
#include <string.h>

#include "train/fit.h"

#define PATIENCE 3 /* strengths in a row that are worse than the best: no weaker one is tried */

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

static gboolean
follow_path (EffnetFit *fit, EffnetPart *folds, EffnetTrainProgress progress, void *progress_data,
             EffnetCross *cross, GError **error)
{
  double strongest = 0.1 * (fit->rows.variance > 0 ? fit->rows.variance : 1);
  double curvature = effnet_fit_first_curvature (fit), best = INFINITY;
  gboolean given = fit->options.unpenalised || fit->options.l2 > 0;
  unsigned worse = 0, n_path = given ? 1 : EFFNET_L2_PATH_MAX;

  for (unsigned i = 0; i < n_path && worse < PATIENCE; i++) {
    EffnetL2Point *point = &cross->path[i];
    double l2 = given ? fit->options.l2 : strongest * pow (10, -0.5 * i);

    if (!effnet_parts_solve (fit, folds, fit->n_folds, l2, &curvature, error))
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

gboolean
effnet_cross_validate (EffnetFit *fit, EffnetTrainProgress progress, void *progress_data,
                       EffnetCross *cross, GError **error)
{
  g_autofree EffnetPart *folds = g_new0 (EffnetPart, fit->n_folds);
  g_autofree uint8_t *side = g_new (uint8_t, fit->rows.n);
  gboolean ok;

  *cross = (EffnetCross){0};
  cross->logits =
      effnet_train_numbers (fit->rows.n, fit->targets.k, "the logits of the folds", error);
  cross->theta = cross->logits == NULL
                     ? NULL
                     : effnet_train_numbers (fit->targets.k, fit->rows.r + 1, "the head", error);
  ok = cross->theta != NULL;
  for (unsigned f = 0; ok && f < fit->n_folds; f++) {
    for (size_t i = 0; i < fit->rows.n; i++)
      side[i] = fit->fold[i] == f;
    ok = effnet_part_init (&folds[f], fit, side, error);
  }
  ok = ok && follow_path (fit, folds, progress, progress_data, cross, error);
  for (unsigned f = 0; f < fit->n_folds; f++)
    effnet_part_clear (&folds[f]);
  return ok;
}

void
effnet_cross_clear (EffnetCross *cross)
{
  g_free (cross->logits);
  g_free (cross->theta);
  *cross = (EffnetCross){0};
}
