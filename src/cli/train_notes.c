/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What can be trained, but looks like a mistake, is told. */
#include "cli/train_groups.h"

/* A class whose name differs from another's in case or in spaces only. */
void
train_note_labels (TrainFit *fit)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (unsigned k = 0; k < fit->n_labels; k++) {
    g_autofree char *text = g_strstrip (g_strdup (train_label (fit, k)));
    g_autofree char *key = g_utf8_casefold (text, -1);
    const char *before = g_hash_table_lookup (seen, key);

    if (before != NULL)
      train_note (fit,
                  "'%s' and '%s' are two classes; if they are one, put their pictures together",
                  before, train_label (fit, k));
    else
      g_hash_table_insert (seen, g_steal_pointer (&key), (char *)train_label (fit, k));
  }
}

/* Pictures of @features that are trained on as well; the name of the first. */
static size_t
count_trained (GHashTable *trained, const TrainList *list, const TrainFeatures *features,
               const char **first)
{
  size_t n = 0;

  for (size_t i = 0; features != NULL && i < features->rows->len; i++)
    if (g_hash_table_contains (trained, train_row (features, i)->identity) && n++ == 0)
      *first = train_item (list, features, i)->path;
  return n;
}

void
train_note_overlap (TrainFit *fit)
{
  const Train *train = fit->train;
  g_autoptr (GHashTable) trained = g_hash_table_new (g_str_hash, g_str_equal);
  const char *first = NULL;
  size_t n;

  for (size_t i = 0; i < fit->n; i++)
    g_hash_table_add (trained, (char *)train_row (train->features, i)->identity);
  n = count_trained (trained, train->validation, train->validation_features, &first);
  if (n > 0)
    train_note (fit,
                "%" G_GSIZE_FORMAT " of the pictures to validate with are trained on as well, "
                "such as %s: the accuracy flatters",
                n, first);
  n = count_trained (trained, train->unknown, train->unknown_features, &first);
  if (n > 0)
    train_note (fit,
                "%" G_GSIZE_FORMAT " pictures of --unknown are trained on as well, such as %s: "
                "what is unknown is told badly",
                n, first);
}
