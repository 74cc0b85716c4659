/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A set made ready for the solver, and what is asked of it: cross-validation along a path of
 * strengths, and the minimum on any of its rows. */
#ifndef EFFNET_TRAIN_FIT_H
#define EFFNET_TRAIN_FIT_H

#include "train/solve.h"

typedef struct {
  const EffnetTrainSet *set;
  EffnetTrainOptions options; /* defaults filled in */
  EffnetPool *pool;           /* NULL for one thread */
  GCancellable *cancellable;
  EffnetRows rows;
  EffnetTargets targets;
  double *covariance, *scratch, *inverse; /* [r][r] */
  unsigned n_folds;
  uint8_t *fold;   /* [n_rows] */
  size_t n_judged; /* rows that are no altered copies: the first so many */
} EffnetFit;

/* FALSE with ARGUMENT: the sentence says what is wrong with the set or the options. */
gboolean effnet_fit_check (const EffnetTrainSet *set, const EffnetTrainOptions *options,
                           GError **error);
/* Checks, draws the folds and reads the rows. FALSE with ARGUMENT, IO or CANCELLED; clear in any
 * case. */
gboolean effnet_fit_init (EffnetFit *fit, const EffnetTrainSet *set,
                          const EffnetTrainOptions *options, GCancellable *cancellable,
                          GError **error);
void effnet_fit_clear (EffnetFit *fit);
/* The mean second derivative before anything is trained. */
double effnet_fit_first_curvature (const EffnetFit *fit);
/* Makes the inverse that preconditions problems of strength @l2. */
gboolean effnet_fit_precondition (EffnetFit *fit, double curvature, double l2, GError **error);
/* The minimum on the rows which[0 .. n - 1], over the pool, precise. */
gboolean effnet_fit_minimum (EffnetFit *fit, const size_t *which, size_t n, double l2,
                             double curvature, double *theta, EffnetSolution *solution,
                             GError **error);

/* Rows that are held out, and a head of others. */
typedef struct {
  size_t *train, *held; /* rows */
  size_t n_train, n_held;
  double *theta;  /* [k][r + 1] */
  double *logits; /* [n_held][k] */
  EffnetSolution solution;
  GError *error;
} EffnetPart;

/* @side: [n_rows] 0 = train, 1 = held out, 2 = neither. FALSE with IO; clear in any case. */
gboolean effnet_part_init (EffnetPart *part, const EffnetFit *fit, const uint8_t *side,
                           GError **error);
void effnet_part_clear (EffnetPart *part);
/* Trains all from where they are, about, at once, each on one thread. @curvature: mean second
 * derivative before, then after. */
gboolean effnet_parts_solve (EffnetFit *fit, EffnetPart *parts, unsigned n_parts, double l2,
                             double *curvature, GError **error);
/* Loss and accuracy of the rows held out, all parts together. */
void effnet_parts_judge (const EffnetFit *fit, const EffnetPart *parts, unsigned n_parts,
                         EffnetL2Point *point);

/* Of all rows, by heads that were trained without their fold: */
typedef struct {
  double l2, curvature;
  double *logits; /* [n_rows][k] */
  double *theta;  /* [k][r + 1] mean of the folds */
  unsigned n_path;
  EffnetL2Point path[EFFNET_L2_PATH_MAX];
  size_t n_path_rows; /* that it was chosen by */
} EffnetCross;

/* Along the path, or for options.l2 alone. FALSE with IO or CANCELLED; clear in any case. */
gboolean effnet_cross_validate (EffnetFit *fit, EffnetTrainProgress progress, void *progress_data,
                                EffnetCross *cross, GError **error);
void effnet_cross_clear (EffnetCross *cross);

#endif
