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

/* Mean loss and expected calibration error of logits at @temperature. */
void effnet_calibration_measure (EffnetHeadKind kind, size_t n_rows, unsigned n_classes,
                                 const float *logits, const uint8_t *targets, double temperature,
                                 double *loss, double *ece);
/* thresholds [n_classes], as effnet_head_train() says */
void effnet_calibrate_thresholds (EffnetHeadKind kind, size_t n_rows, unsigned n_classes,
                                  const float *logits, const uint8_t *targets, double temperature,
                                  double precision, float *thresholds);
/* The largest of [k]; the first of equal ones. */
unsigned effnet_calibrate_best (const float *values, unsigned k);

#endif
