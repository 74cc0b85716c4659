/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Heads of some of the rows, judged by others: the folds of cross-validation and the points of a
 * learning curve. */
#include <string.h>

#include "train/fit.h"

#define COARSE 1e-5 /* how far from the minimum a part may end, of the loss */
#define LEAST  1e-6 /* mean second derivative */

typedef struct {
  const EffnetFit *fit;
  EffnetPart *parts;
  double l2, curvature;
} Round;

static void
solve_part (void *user, size_t tile, unsigned worker)
{
  const Round *round = user;
  const EffnetFit *fit = round->fit;
  EffnetPart *part = &round->parts[tile];
  EffnetProblem problem = {.rows = &fit->rows,
                           .targets = &fit->targets,
                           .which = part->train,
                           .n = part->n_train,
                           .l2 = round->l2,
                           .inverse = fit->inverse,
                           .curvature = round->curvature,
                           .tolerance = COARSE,
                           .n_slices = 1,
                           .cancellable = fit->cancellable};

  (void)worker;
  if (part->n_train == 0 || effnet_solve (&problem, part->theta, &part->solution, &part->error))
    effnet_solve_apply (&fit->rows, part->theta, fit->targets.k, part->held, part->n_held,
                        part->logits, &part->error);
}

gboolean
effnet_part_init (EffnetPart *part, const EffnetFit *fit, const uint8_t *side, GError **error)
{
  size_t n = fit->rows.n;

  *part = (EffnetPart){.train = g_new (size_t, n), .held = g_new (size_t, n)};
  for (size_t i = 0; i < n; i++)
    if (side[i] == 1)
      part->held[part->n_held++] = i;
    else if (side[i] == 0)
      part->train[part->n_train++] = i;
  part->theta =
      effnet_train_numbers (fit->targets.k, fit->rows.r + 1, "the heads of the folds", error);
  if (part->theta == NULL)
    return FALSE;
  part->logits = effnet_train_numbers (MAX (part->n_held, 1), fit->targets.k,
                                       "the logits of the folds", error);
  return part->logits != NULL;
}

void
effnet_part_clear (EffnetPart *part)
{
  g_free (part->train);
  g_free (part->held);
  g_free (part->theta);
  g_free (part->logits);
  g_clear_error (&part->error);
}

gboolean
effnet_parts_solve (EffnetFit *fit, EffnetPart *parts, unsigned n_parts, double l2,
                    double *curvature, GError **error)
{
  Round round = {.fit = fit, .parts = parts, .l2 = l2, .curvature = MAX (*curvature, LEAST)};

  if (!effnet_fit_precondition (fit, round.curvature, l2, error))
    return FALSE;
  effnet_train_each (fit->pool, n_parts, solve_part, &round);
  *curvature = 0;
  for (unsigned i = 0; i < n_parts; i++) {
    *curvature += parts[i].solution.curvature / n_parts;
    if (parts[i].error != NULL) {
      g_propagate_error (error, g_steal_pointer (&parts[i].error));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
is_right (const EffnetTargets *targets, const double *z, const uint8_t *y, unsigned k)
{
  unsigned best = 0;

  if (!targets->softmax)
    return (z[k] > 0) == y[k];
  for (unsigned i = 1; i < targets->k; i++)
    if (z[i] > z[best])
      best = i;
  return y[best];
}

void
effnet_parts_judge (const EffnetFit *fit, const EffnetPart *parts, unsigned n_parts,
                    EffnetL2Point *point)
{
  const EffnetTargets *targets = &fit->targets;
  unsigned k = targets->k, answers = targets->softmax ? 1 : k;
  gboolean each = targets->n_weights > 1;
  double weight = 0, n = 0;

  *point = (EffnetL2Point){0};
  for (unsigned part = 0; part < n_parts; part++)
    for (size_t i = 0; i < parts[part].n_held; i++) {
      size_t row = parts[part].held[i];
      const double *z = parts[part].logits + i * k;
      const double *weights = targets->weights + row * targets->n_weights;
      const uint8_t *y = targets->targets + row * k;

      if (row >= fit->n_judged)
        continue;
      point->loss += (each ? 1 : weights[0]) *
                     effnet_loss_row (targets->softmax, k, z, y, each ? weights : NULL);
      for (unsigned c = 0; c < targets->n_weights; c++)
        weight += weights[c] / targets->n_weights;
      for (unsigned c = 0; c < answers; c++)
        point->accuracy += is_right (targets, z, y, c);
      n += answers;
    }
  point->loss /= MAX (weight, 1e-300);
  point->accuracy /= MAX (n, 1);
}
