/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which pictures stand on the same side of a split. */
#include "cli/train_groups.h"

#include <string.h>

#define FEWEST_GROUPS 3    /* of a class, if it has as many pictures */
#define CAUTIOUS      0.2  /* a distance that is not too wide, whatever the pictures are */
#define MIXED_MAX     0.05 /* share of the pictures that stand in groups of several classes */

void
train_note (TrainFit *fit, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_ptr_array_add (fit->notes, g_strdup_vprintf (format, arguments));
  va_end (arguments);
}

/* [rows] numbers: rows of one item, and with @by_name of one sequence, have the same. */
static unsigned *
item_groups (const TrainFit *fit, gboolean by_name)
{
  const Train *train = fit->train;
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);
  unsigned *groups = g_new (unsigned, fit->n);

  for (size_t i = 0; i < fit->n; i++) {
    const TrainItem *item = train_item (train->list, train->features, i);
    unsigned id = train_row (train->features, i)->item + 1;

    if (by_name && item->sequence != NULL) {
      unsigned before = GPOINTER_TO_UINT (g_hash_table_lookup (ids, item->sequence));
      if (before == 0)
        g_hash_table_insert (ids, item->sequence, GUINT_TO_POINTER (id));
      else
        id = before;
    }
    groups[i] = id;
  }
  return groups;
}

/* The class that has too few groups to hold any out, though it has pictures; n_labels: none. */
static unsigned
class_too_alike (TrainFit *fit, unsigned n_groups, const unsigned *groups)
{
  g_autofree unsigned *seen = g_new0 (unsigned, n_groups);
  unsigned found = fit->n_labels;

  fit->can_hold_out = TRUE;
  for (unsigned k = 0; k < fit->n_labels; k++) {
    size_t rows = 0, own = 0;

    for (size_t i = 0; i < fit->n; i++) {
      if (!fit->labels[i * fit->n_labels + k])
        continue;
      rows++;
      own += seen[groups[i]] != k + 1;
      seen[groups[i]] = k + 1;
    }
    fit->can_hold_out = fit->can_hold_out && own > 1;
    if (own < MIN (rows, FEWEST_GROUPS) && found == fit->n_labels)
      found = k;
  }
  return found;
}

/* What is nearly the same has the same classes. Where a distance ties together pictures of
 * different ones, or all of one, it is too wide for these pictures and this network: for a camera
 * that never moves, or features that hardly differ. */
static gboolean
mixes_classes (const TrainFit *fit, const unsigned *groups)
{
  g_autofree size_t *first = g_new0 (size_t, fit->n); /* row of each group, from 1 */
  g_autofree gboolean *is_mixed = g_new0 (gboolean, fit->n);
  size_t n_mixed = 0;

  for (size_t i = 0; i < fit->n; i++) {
    size_t *of = &first[groups[i]];

    if (*of == 0)
      *of = i + 1;
    is_mixed[groups[i]] |= memcmp (fit->labels + i * fit->n_labels,
                                   fit->labels + (*of - 1) * fit->n_labels, fit->n_labels) != 0;
  }
  for (size_t i = 0; i < fit->n; i++)
    n_mixed += is_mixed[groups[i]];
  return (double)n_mixed > MIXED_MAX * (double)fit->n;
}

static const double limits[] = {EFFNET_DUPLICATE_DISTANCE, 0.35, 0.2, 0.1, 0.05, 0.02};

/* How groups are made, from the widest on. */
static const struct {
  unsigned limit;
  gboolean by_name;
} tries[] = {{0, TRUE}, {1, TRUE},  {2, TRUE},  {3, TRUE},
             {4, TRUE}, {4, FALSE}, {5, FALSE}, {G_N_ELEMENTS (limits), FALSE}};

/* Groups of the try @t; their number. @near: [limits][n] */
static unsigned
make_groups (TrainFit *fit, unsigned t, const unsigned *near)
{
  g_autofree const char **hashes = g_new (const char *, fit->n);
  g_autofree unsigned *before = item_groups (fit, tries[t].by_name);
  g_autofree unsigned *known = g_new (unsigned, fit->n);

  for (size_t i = 0; i < fit->n; i++)
    hashes[i] = train_row (fit->train->features, i)->identity;
  effnet_train_groups (fit->n, 1, NULL, hashes, before, -1, 1, NULL, known, NULL, NULL, NULL);
  return effnet_train_merge (
      fit->n, known,
      tries[t].limit < G_N_ELEMENTS (limits) ? near + tries[t].limit * fit->n : known, fit->groups);
}

/* Near-duplicates and frames of one clip are kept together, as far as that leaves each class
 * something to hold out: cameras that never move make pictures that are all nearly the same. */
gboolean
train_find_groups (TrainFit *fit, GCancellable *cancellable, GError **error)
{
  Train *train = fit->train;
  const TrainFeatures *features = train->features;
  g_autofree unsigned *near = g_new (unsigned, G_N_ELEMENTS (limits) * fit->n);
  unsigned too_alike = fit->n_labels, last = G_N_ELEMENTS (tries) - 1, first = 0;

  train->nearest = g_new (float, fit->n);
  train->nearest_row = g_new (size_t, fit->n);
  fit->groups = g_new (unsigned, fit->n);
  if (!effnet_train_near (fit->n, features->n_features, features->features, G_N_ELEMENTS (limits),
                          limits, train->threads, cancellable, near, train->nearest,
                          train->nearest_row, error))
    return FALSE;
  while (limits[first] > CAUTIOUS &&
         (class_too_alike (fit, make_groups (fit, first, near), fit->groups) < fit->n_labels ||
          (train->kind != EFFNET_HEAD_MULTI_LABEL && mixes_classes (fit, near + first * fit->n))))
    first++;
  train->near_limit = limits[first];
  for (unsigned t = first; t <= last; t++) {
    unsigned n = make_groups (fit, t, near), k = class_too_alike (fit, n, fit->groups);

    if (t == first)
      too_alike = k;
    if (k < fit->n_labels && t < last)
      continue;
    train->n_duplicates = fit->n - n;
    if (t > first)
      train_note (fit,
                  "the pictures of '%s' look so much alike that nearly equal ones are not all kept "
                  "together: the accuracy may flatter; pictures from other days help",
                  train_label (fit, too_alike));
    return TRUE;
  }
  return TRUE;
}
