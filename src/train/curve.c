/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The learning curve: heads of an eighth, a quarter, a half and all of the groups, each judged by
 * the fold that none of them saw. The smaller parts lie within the larger ones. */
#include <math.h>

#include "base/error.h"
#include "train/fit.h"

static size_t
count_groups (const EffnetTrainSet *set, const EffnetPart *part)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);

  for (size_t i = 0; i < part->n_train; i++) {
    size_t row = part->train[i];

    g_hash_table_add (seen, GSIZE_TO_POINTER (set->groups != NULL ? set->groups[row] : row));
  }
  return g_hash_table_size (seen);
}

/* @eighth: [n_rows] 0 to 7; a head is trained on those below @eighths. */
static gboolean
find_point (EffnetFit *fit, const uint8_t *eighth, unsigned eighths, double l2,
            EffnetCurvePoint *point, GError **error)
{
  size_t n = fit->rows.n, n_held = 0;
  double curvature = effnet_fit_first_curvature (fit);
  g_autofree EffnetPart *parts = g_new0 (EffnetPart, fit->n_folds);
  g_autofree uint8_t *side = g_new (uint8_t, n);
  EffnetL2Point result;
  gboolean ok = TRUE;

  *point = (EffnetCurvePoint){0};
  for (unsigned f = 0; ok && f < fit->n_folds; f++) {
    for (size_t i = 0; i < n; i++)
      side[i] = fit->fold[i] == f ? 1 : eighth[i] < eighths ? 0 : 2;
    ok = effnet_part_init (&parts[f], fit, side, error);
    if (ok) {
      point->n_groups += (double)count_groups (fit->set, &parts[f]) / fit->n_folds;
      point->n_rows += (double)parts[f].n_train / fit->n_folds;
      n_held += parts[f].n_held * (fit->targets.softmax ? 1 : fit->targets.k);
    }
  }
  ok = ok && effnet_parts_solve (fit, parts, fit->n_folds, l2 * (double)n / fmax (point->n_rows, 1),
                                 &curvature, error);
  if (ok) {
    effnet_parts_judge (fit, parts, fit->n_folds, &result);
    point->accuracy = result.accuracy;
    effnet_wilson_interval ((size_t)lround (result.accuracy * (double)n_held), n_held, &point->low,
                            &point->high);
  }
  for (unsigned f = 0; f < fit->n_folds; f++)
    effnet_part_clear (&parts[f]);
  return ok;
}

gboolean
effnet_learning_curve (const EffnetTrainSet *set, const EffnetTrainOptions *options,
                       GCancellable *cancellable, EffnetCurvePoint points[EFFNET_CURVE_POINTS],
                       GError **error)
{
  EffnetFit fit;
  EffnetCross cross = {0};
  g_autofree uint8_t *eighth = NULL;
  gboolean ok = effnet_fit_init (&fit, set, options, cancellable, error);
  double l2 = fit.options.l2;

  if (ok && fit.n_folds < 2)
    ok = effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                      "a learning curve needs 2 folds or more, and as many groups; there are %u",
                      fit.n_folds);
  if (ok && l2 == 0 && !fit.options.unpenalised) {
    ok = effnet_cross_validate (&fit, NULL, NULL, &cross, error);
    l2 = cross.l2;
  }
  if (ok) {
    eighth = g_new0 (uint8_t, set->n_rows);
    effnet_train_folds (set, 8, fit.options.seed + 1, eighth);
  }
  for (unsigned i = 0; ok && i < EFFNET_CURVE_POINTS; i++)
    ok = find_point (&fit, eighth, 1u << i, l2, &points[i], error);
  effnet_cross_clear (&cross);
  effnet_fit_clear (&fit);
  return ok;
}
