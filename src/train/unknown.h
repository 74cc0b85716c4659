/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How far is too far: the means of the classes, the spread that they share, and the distance that
 * nearly all rows stay below when they were not among those that the means were made of. */
#ifndef EFFNET_TRAIN_UNKNOWN_H
#define EFFNET_TRAIN_UNKNOWN_H

#include "train/fit.h"

typedef struct {
  float *means; /* [n_means][d] */
  float *basis; /* [n_basis][d] */
} EffnetUnknown;

/* Fills what @info has of unknown with pointers into @unknown, and what @report has. Without folds
 * there is no threshold, and nothing is told. FALSE with IO or CANCELLED. */
gboolean effnet_unknown_fit (EffnetUnknown *unknown, const EffnetFit *fit,
                             EffnetTrainReport *report, EffnetHeadInfo *info, GError **error);
void effnet_unknown_clear (EffnetUnknown *unknown);

#endif
