/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sets to train on: each class around a point of its own, @spread away from it. */
#ifndef TESTS_TRAIN_SETS_H
#define TESTS_TRAIN_SETS_H

#include "effnet/train.h"

typedef struct {
  EffnetTrainSet set; /* its pointers lead to what follows; weights not set */
  float *features, *weights;
  uint8_t *targets;
} TestSet;

/* Every class has a row, and multi-label and one logit rows with and without; for one logit
 * @n_classes is read as 1. */
TestSet *test_set_new (EffnetHeadKind kind, size_t n_rows, unsigned n_features, unsigned n_classes,
                       double spread, uint32_t seed);
void test_set_free (TestSet *set);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestSet, test_set_free)

#endif
