/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From logits of rows that were not trained on: temperature, thresholds, and the statistics that
 * tell how good scores are. */
#ifndef EFFNET_TRAIN_CALIBRATE_H
#define EFFNET_TRAIN_CALIBRATE_H

#include "effnet/train.h"

/* What EffnetEvaluation has of them; FALSE answers are counted as answers. */
typedef struct {
  size_t n;
  double sum; /* of the distances of score and share right, weighted with the counts */
  EffnetReliabilityBin bins[EFFNET_RELIABILITY_BINS];
} EffnetReliability;

void effnet_reliability_add (EffnetReliability *reliability, double score, gboolean right);
/* Turns sums into means and returns the expected calibration error. */
double effnet_reliability_finish (EffnetReliability *reliability);

/* Rows that a head answered without having been trained on them. Borrowed. */
typedef struct {
  EffnetHeadKind kind;
  size_t n_rows;
  unsigned n_classes;
  const float *logits;    /* [n_rows][n_classes] */
  const uint8_t *targets; /* [n_rows][n_classes] */
  const uint8_t *fold;    /* (nullable): [n_rows] */
  double *temperatures;   /* (nullable): of each fold's rows */
} EffnetHeldOut;

/* Mean loss and expected calibration error at @temperature, or at each fold's. */
void effnet_calibration_measure (const EffnetHeldOut *held, double temperature, double *loss,
                                 double *ece);
/* effnet_calibrate_temperature() of the rows, without those of fold @left_out where there are
 * folds. */
double effnet_calibrate_fit (const EffnetHeldOut *held, unsigned left_out);
/* thresholds [n_classes], as effnet_head_train() says */
void effnet_calibrate_thresholds (const EffnetHeldOut *held, double temperature, double precision,
                                  float *thresholds);
/* The largest of [k]; the first of equal ones. */
unsigned effnet_calibrate_best (const float *values, unsigned k);

#endif
