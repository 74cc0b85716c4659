/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sets.h"

#include <math.h>

static double
draw_normal (GRand *random)
{
  double radius = sqrt (-2 * log (1 - g_rand_double (random)));

  return radius * cos (2 * G_PI * g_rand_double (random));
}

TestSet *
test_set_new (EffnetHeadKind kind, size_t n_rows, unsigned n_features, unsigned n_classes,
              double spread, uint32_t seed)
{
  TestSet *set = g_new0 (TestSet, 1);
  unsigned k = kind == EFFNET_HEAD_ONE_LOGIT ? 1 : n_classes,
           points = kind == EFFNET_HEAD_SOFTMAX ? k : k + 1;
  GRand *random = g_rand_new_with_seed (seed);
  double *point = g_new (double, (size_t)points *n_features);

  set->features = g_new (float, n_rows *n_features);
  set->weights = g_new (float, n_rows);
  set->targets = g_new0 (uint8_t, n_rows * k);
  for (size_t j = 0; j < (size_t)points * n_features; j++)
    point[j] = draw_normal (random);
  for (size_t i = 0; i < n_rows; i++) {
    size_t of = i % points;

    for (unsigned j = 0; j < n_features; j++)
      set->features[i * n_features + j] =
          (float)(point[of * n_features + j] + spread * draw_normal (random));
    if (of < k)
      set->targets[i * k + of] = 1;
    if (kind == EFFNET_HEAD_MULTI_LABEL && i % (points + 1) == 1 && i > points)
      set->targets[i * k + (of + 1) % k] = 1;
    set->weights[i] = 1;
  }
  set->set = (EffnetTrainSet){.n_rows = n_rows,
                              .n_features = n_features,
                              .n_classes = k,
                              .features = set->features,
                              .targets = set->targets,
                              .weights = set->weights};
  g_rand_free (random);
  g_free (point);
  return set;
}

void
test_set_free (TestSet *set)
{
  g_free (set->features);
  g_free (set->weights);
  g_free (set->targets);
  g_free (set);
}
