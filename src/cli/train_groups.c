/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which pictures stand on the same side of a split. */
#include "cli/train_groups.h"

#define FEWEST_GROUPS 3 /* of a class, if it has as many pictures */

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

/* Near-duplicates and frames of one clip are kept together, as far as that leaves each class
 * something to hold out: cameras that never move make pictures that are all nearly the same. */
gboolean
train_find_groups (TrainFit *fit, GCancellable *cancellable, GError **error)
{
  static const struct {
    double distance;
    gboolean by_name;
  } tries[] = {{0, TRUE}, {0.1, TRUE}, {0.05, TRUE}, {0.05, FALSE}, {0.02, FALSE}, {-1, FALSE}};
  Train *train = fit->train;
  g_autofree const char **hashes = g_new (const char *, fit->n);
  unsigned too_alike = fit->n_labels, last = G_N_ELEMENTS (tries) - 1;

  train->nearest = g_new (float, fit->n);
  train->nearest_row = g_new (size_t, fit->n);
  fit->groups = g_new (unsigned, fit->n);
  for (size_t i = 0; i < fit->n; i++)
    hashes[i] = train_row (train->features, i)->identity;
  for (unsigned t = 0; t <= last; t++) {
    g_autofree unsigned *before = item_groups (fit, tries[t].by_name);
    unsigned n = effnet_train_groups (
        fit->n, train->features->n_features, train->features->features, hashes, before,
        tries[t].distance, train->threads, cancellable, fit->groups, t == 0 ? train->nearest : NULL,
        t == 0 ? train->nearest_row : NULL, error);
    unsigned k;

    if (n == 0)
      return FALSE;
    k = class_too_alike (fit, n, fit->groups);
    if (t == 0)
      too_alike = k;
    if (k < fit->n_labels && t < last)
      continue;
    train->n_duplicates = fit->n - n;
    if (t > 0)
      train_note (fit,
                  "the pictures of '%s' look so much alike that nearly equal ones are not all kept "
                  "together: the accuracy may flatter; pictures from other days help",
                  train_label (fit, too_alike));
    return TRUE;
  }
  return TRUE;
}
