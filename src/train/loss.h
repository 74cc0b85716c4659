/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The two losses and their derivatives with respect to the logits, a row at a time. */
#ifndef EFFNET_TRAIN_LOSS_H
#define EFFNET_TRAIN_LOSS_H

#include "effnet/train.h"

typedef struct {
  gboolean softmax; /* else a sigmoid for each class */
  unsigned k;
  const uint8_t *targets; /* [n][k] */
  double *weights;        /* [n][n_weights] */
  unsigned n_weights;     /* 1, or k: of each class by itself */
} EffnetTargets;

/* Weights of the rows, "balanced" among them. FALSE with IO. */
gboolean effnet_targets_init (EffnetTargets *targets, const EffnetTrainSet *set,
                              EffnetHeadKind kind, gboolean balanced, GError **error);
void effnet_targets_clear (EffnetTargets *targets);

/* Softmax or sigmoids of z [k]. */
void effnet_loss_scores (gboolean softmax, unsigned k, const double *z, double *p);
/* Loss of a row: sum of the classes' for sigmoids. @weights: [k] of each class, or NULL. */
double effnet_loss_row (gboolean softmax, unsigned k, const double *z, const uint8_t *y,
                        const double *weights);
/* u := the second derivative times u, with p the scores. */
void effnet_loss_curve (gboolean softmax, unsigned k, const double *p, double *u);

#endif
