/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Parts of a set: folds and splits, stratified by class, in whole groups. Groups go one by one, the
 * largest and those of rare classes first, to the part that has the least of their classes. */
#include <string.h>

#include "effnet/train.h"
#include "base/random.h"

typedef struct {
  size_t first, count; /* of the rows in the order of groups */
  size_t rarity;       /* rows of its rarest class */
  uint64_t random;
} Group;

typedef struct {
  const EffnetTrainSet *set;
  size_t *order; /* [n_rows] by group */
  size_t *total; /* [n_classes + 1] rows of each class, and of none */
} Draw;

static int
compare_rows (const void *a, const void *b, void *user)
{
  const unsigned *groups = user;
  size_t i = *(const size_t *)a, j = *(const size_t *)b;

  if (groups != NULL && groups[i] != groups[j])
    return groups[i] < groups[j] ? -1 : 1;
  return i < j ? -1 : i > j;
}

static int
compare_groups (const void *a, const void *b, void *user)
{
  const Group *x = a, *y = b;

  (void)user;
  if (x->count != y->count)
    return x->count > y->count ? -1 : 1;
  if (x->rarity != y->rarity)
    return x->rarity < y->rarity ? -1 : 1;
  if (x->random != y->random)
    return x->random < y->random ? -1 : 1;
  return x->first < y->first ? -1 : x->first > y->first;
}

/* The next class of a row from @k on; n_classes once for a row of none, then n_classes + 1. */
static unsigned
next_class (const EffnetTrainSet *set, size_t row, unsigned k, gboolean *any)
{
  const uint8_t *targets = set->targets + row * set->n_classes;

  for (; k < set->n_classes; k++)
    if (targets[k]) {
      *any = TRUE;
      return k;
    }
  return k == set->n_classes && !*any ? k : set->n_classes + 1;
}

/* Calls for each class of each row of @group; returns the sum of what it is of @counts. */
static double
visit (const Draw *draw, const Group *group, const double *counts, double *add, size_t *rarity)
{
  double sum = 0;

  for (size_t i = 0; i < group->count; i++) {
    size_t row = draw->order[group->first + i];
    gboolean any = FALSE;

    for (unsigned k = next_class (draw->set, row, 0, &any); k <= draw->set->n_classes;
         k = next_class (draw->set, row, k + 1, &any)) {
      if (counts != NULL)
        sum += counts[k] / (double)draw->total[k];
      if (add != NULL)
        add[k] += 1;
      if (rarity != NULL)
        *rarity = MIN (*rarity, draw->total[k]);
    }
  }
  return sum;
}

static void
count_classes (Draw *draw)
{
  const EffnetTrainSet *set = draw->set;

  for (size_t row = 0; row < set->n_rows; row++) {
    gboolean any = FALSE;

    for (unsigned k = next_class (set, row, 0, &any); k <= set->n_classes;
         k = next_class (set, row, k + 1, &any))
      draw->total[k]++;
  }
}

static GArray *
list_groups (const Draw *draw, uint64_t seed)
{
  const EffnetTrainSet *set = draw->set;
  GArray *list = g_array_new (FALSE, FALSE, sizeof (Group));

  for (size_t i = 0; i < set->n_rows;) {
    Group group = {.first = i, .rarity = SIZE_MAX, .random = effnet_random (seed, draw->order[i])};

    do
      i++;
    while (i < set->n_rows && set->groups != NULL &&
           set->groups[draw->order[i]] == set->groups[draw->order[group.first]]);
    group.count = i - group.first;
    visit (draw, &group, NULL, NULL, &group.rarity);
    g_array_append_val (list, group);
  }
  g_array_sort_with_data (list, compare_groups, NULL);
  return list;
}

/* @even: of parts that have as little of the classes the one with the fewest rows, not the first.
 */
static void
assign (const EffnetTrainSet *set, unsigned n_parts, const double *share, gboolean even,
        uint64_t seed, uint8_t *part)
{
  size_t columns = set->n_classes + 1;
  Draw draw = {.set = set};
  g_autofree double *counts = g_new0 (double, n_parts *columns);
  g_autofree double *rows = g_new0 (double, n_parts);
  g_autofree size_t *order = g_new (size_t, set->n_rows + 1);
  g_autofree size_t *total = g_new0 (size_t, columns);
  g_autoptr (GArray) groups = NULL;

  draw.order = order;
  draw.total = total;
  for (size_t i = 0; i < set->n_rows; i++)
    order[i] = i;
  g_qsort_with_data (order, (int)set->n_rows, sizeof *order, compare_rows, (void *)set->groups);
  count_classes (&draw);
  groups = list_groups (&draw, seed);

  for (size_t g = 0; g < groups->len; g++) {
    const Group *group = &g_array_index (groups, Group, g);
    unsigned best = 0;
    double least = 0;

    for (unsigned p = 0; p < n_parts; p++) {
      double cost = visit (&draw, group, counts + p * columns, NULL, NULL) / share[p];

      if (p == 0 || cost < least ||
          (even && cost == least && rows[p] / share[p] < rows[best] / share[best])) {
        best = p;
        least = cost;
      }
    }
    visit (&draw, group, NULL, counts + best * columns, NULL);
    rows[best] += (double)group->count;
    for (size_t i = 0; i < group->count; i++)
      part[order[group->first + i]] = (uint8_t)best;
  }
}

void
effnet_train_folds (const EffnetTrainSet *set, unsigned n_folds, uint64_t seed, uint8_t *fold)
{
  double share[EFFNET_TRAIN_FOLDS_MAX];

  g_assert (n_folds >= 2 && n_folds <= EFFNET_TRAIN_FOLDS_MAX);
  for (unsigned i = 0; i < n_folds; i++)
    share[i] = 1;
  assign (set, n_folds, share, TRUE, seed, fold);
}

size_t
effnet_train_split (const EffnetTrainSet *set, double fraction, uint64_t seed, uint8_t *side)
{
  double share[] = {1 - fraction, fraction};
  size_t n = 0;

  g_assert (fraction > 0 && fraction < 1);
  assign (set, 2, share, FALSE, seed, side);
  for (size_t i = 0; i < set->n_rows; i++)
    n += side[i];
  return n;
}
