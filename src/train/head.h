/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A head as it is in memory: one block of numbers and one of strings, never changed once made. */
#ifndef EFFNET_TRAIN_HEAD_H
#define EFFNET_TRAIN_HEAD_H

#include "effnet/train.h"

/* Scores of [k] logits in place: softmax, or the sigmoid of each. */
void effnet_head_scores (EffnetHeadKind kind, unsigned n_classes, double temperature,
                         const float *logits, float *scores);
/* [n_means][n_basis] the means in the basis, for the next; free with g_free(). */
double *effnet_head_project (const EffnetHeadInfo *info);
/* The distance as EffnetUnknownMethod defines it, of any info with means. */
double effnet_head_distance (const EffnetHeadInfo *info, const double *projected,
                             const float *features);

#endif
