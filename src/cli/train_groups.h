/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A head in the making, private to train_fit.c and train_groups.c. */
#ifndef EFFNET_CLI_TRAIN_GROUPS_H
#define EFFNET_CLI_TRAIN_GROUPS_H

#include "cli/train.h"

typedef struct {
  Train *train;
  GPtrArray *notes;
  size_t n;                     /* rows of the list */
  unsigned n_labels, n_classes; /* n_classes: of the targets */
  uint8_t *labels;              /* [n][n_labels] 0 or 1 */
  unsigned *groups;             /* [n] */
  gboolean can_hold_out;        /* each class has two groups or more */
} TrainFit;

/* A sentence for the user. */
void train_note (TrainFit *fit, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* Classes with nearly the same name; pictures that should not be trained on, and are. */
void train_note_labels (TrainFit *fit);
void train_note_overlap (TrainFit *fit);
/* Groups of rows that are not to be parted; whether each class has two or more of them. FALSE with
 * an error. */
gboolean train_find_groups (TrainFit *fit, GCancellable *cancellable, GError **error);

static inline const TrainRow *
train_row (const TrainFeatures *features, size_t i)
{
  return &g_array_index (features->rows, TrainRow, i);
}

static inline const TrainItem *
train_item (const TrainList *list, const TrainFeatures *features, size_t i)
{
  return list->items->pdata[train_row (features, i)->item];
}

static inline const char *
train_label (const TrainFit *fit, unsigned k)
{
  return fit->train->list->labels->pdata[k];
}

#endif
