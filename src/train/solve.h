/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The minimum of the loss in effnet/train.h: Newton's method, whose steps are found by conjugate
 * gradients (Nocedal and Wright, "Numerical Optimization", 2nd edition, algorithm 7.1),
 * preconditioned with the inverse of curvature * covariance + l2. Sums go over a fixed number of
 * slices of the rows, so that the bits do not depend on the number of workers. */
#ifndef EFFNET_TRAIN_SOLVE_H
#define EFFNET_TRAIN_SOLVE_H

#include "train/loss.h"
#include "train/rows.h"

typedef struct {
  const EffnetRows *rows;
  const EffnetTargets *targets;
  const size_t *which; /* [n] rows to train on */
  size_t n;
  double l2;
  const double *inverse; /* [r][r] */
  double curvature;      /* mean second derivative that @inverse was made with */
  double tolerance;      /* of the loss, relative: how far from the minimum it may end */
  unsigned n_slices;
  EffnetPool *pool; /* (nullable) */
  GCancellable *cancellable;
} EffnetProblem;

typedef struct {
  double loss;      /* with the penalty */
  double gradient;  /* largest entry */
  double curvature; /* mean second derivative at the end */
  unsigned steps, products;
} EffnetSolution;

/* From theta [k][r + 1], biases last, to the minimum, in place. FALSE with IO or CANCELLED. */
gboolean effnet_solve (const EffnetProblem *problem, double *theta, EffnetSolution *solution,
                       GError **error);
/* Logits [k] of each of @n rows by theta. Not over the pool. */
gboolean effnet_solve_apply (const EffnetRows *rows, const double *theta, unsigned k,
                             const size_t *which, size_t n, double *logits, GError **error);

#endif
