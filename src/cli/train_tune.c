/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet train --tune: the pictures once more, as the network's input, and the head's backbone
 * with it. The head alone stays where tuning does not beat it. */
#include "cli/train.h"

#include "cli/progress.h"
#include "cli/source.h"
#include "cli/stop.h"

#include <stdio.h>
#include <string.h>

/* Reads frames of a list in their order. */
typedef struct {
  const TrainExtract *how;
  EffnetSession *session;
  EffnetAugmenter *augmenter;
  Source *source;
  const TrainItem *item; /* that the source is of */
  float *nhwc;           /* [1 + copies][pixels] */
  size_t pixels;
  size_t done, all; /* rows */
} Reader;

static gboolean
reader_init (Reader *reader, const TrainExtract *how, size_t rows, GError **error)
{
  EffnetModelInfo info;

  effnet_model_get_info (how->model, &info);
  *reader =
      (Reader){.how = how, .pixels = (size_t)info.input_width * info.input_height * 3, .all = rows};
  reader->session = effnet_session_new (how->model, how->session_options, error);
  if (reader->session == NULL)
    return FALSE;
  reader->augmenter = effnet_augmenter_new (how->model);
  reader->nhwc = g_try_new (float, reader->pixels *(1 + how->copies));
  if (reader->nhwc != NULL)
    return TRUE;
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory for a picture's copies");
  return FALSE;
}

static void
reader_clear (Reader *reader)
{
  source_close (reader->source);
  effnet_session_free (reader->session);
  effnet_augmenter_free (reader->augmenter);
  g_free (reader->nhwc);
  progress_clear ();
}

/* Frame @row, which was read before, and @copies of it into reader->nhwc. */
static gboolean
read_row (Reader *reader, const TrainItem *item, const TrainRow *row, unsigned copies,
          GError **error)
{
  g_autofree char *sum = g_strndup (row->identity, strcspn (row->identity, ":"));
  SourceFrame frame;
  EffnetImage altered;

  if (cli_stopped () != 0) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED, "stopped");
    return FALSE;
  }
  if (progress_is_due ())
    progress_show ((double)reader->done++ / (double)reader->all, item->path);
  if (reader->item != item) {
    source_close (reader->source);
    reader->item = item;
    reader->source = source_open (item->path, reader->how->timeout_s, error);
  }
  do {
    if (reader->source == NULL || source_next (reader->source, &frame, error) != 1) {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_IO, "ends before it did");
      g_prefix_error (error, "%s: ", item->path);
      return FALSE;
    }
  } while (frame.index < row->frame);
  if (!effnet_session_preprocess (reader->session, &frame.image, reader->nhwc, error))
    return FALSE;
  for (unsigned copy = 1; copy <= copies; copy++) {
    guint64 seed = train_copy_seed (sum, frame.index, copy, reader->how->seed);

    if (!effnet_augmenter_run (reader->augmenter, &frame.image, seed, &altered, error) ||
        !effnet_session_preprocess (reader->session, &altered, reader->nhwc + copy * reader->pixels,
                                    error))
      return FALSE;
  }
  return TRUE;
}

/* Rows which[0 .. set->n_rows - 1] of @features. */
static gboolean
add_rows (Reader *reader, EffnetTune *tune, const TrainList *list, const TrainFeatures *features,
          const size_t *which, const EffnetTrainSet *set, gboolean held_out, GError **error)
{
  unsigned copies = held_out ? 0 : reader->how->copies;

  reader->item = NULL;
  for (size_t i = 0; i < set->n_rows; i++) {
    const TrainRow *row = &g_array_index (features->rows, TrainRow, which[i]);

    if (!read_row (reader, list->items->pdata[row->item], row, copies, error) ||
        !effnet_tune_add (tune, reader->nhwc, 1 + copies, set->targets + i * set->n_classes,
                          held_out, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
add_all (Reader *reader, Train *train, EffnetTune *tune, GError **error)
{
  gboolean other = train->validation_features != NULL;

  return add_rows (reader, tune, train->list, train->features, train->own_rows, &train->own, FALSE,
                   error) &&
         add_rows (reader, tune, other ? train->validation : train->list,
                   other ? train->validation_features : train->features, train->held_rows,
                   &train->held, TRUE, error);
}

/* What the features of the pictures that are held out are now. The others have seen their labels.
 */
static gboolean
renew_features (Train *train, EffnetTune *tune, GError **error)
{
  float *held = (float *)train->held.features;
  gboolean ok = TRUE;

  for (size_t i = 0; ok && i < train->held.n_rows; i++)
    ok = effnet_tune_apply (tune, train->own.n_rows + i, 0, held + i * train->held.n_features, NULL,
                            error);
  return ok;
}

/* Shares of known and unknown pictures that the new head takes for that. */
static gboolean
judge_unknown (Reader *reader, Train *train, EffnetTune *tune, GError **error)
{
  TrainFeatures *unknown = train->unknown_features;
  size_t n = train->held.n_rows, d = train->held.n_features, accepted = 0, flagged = 0;
  size_t n_unknown = unknown != NULL ? unknown->rows->len : 0;
  g_autofree float *distances = g_new (float, n + n_unknown);
  double distance = 0;

  for (size_t i = 0; i < n; i++) {
    accepted +=
        !effnet_head_apply (train->tuned_head, train->held.features + i * d, NULL, NULL, &distance);
    distances[i] = (float)distance;
  }
  train->report->known_accepted = (double)accepted / (double)n;
  reader->item = NULL;
  for (size_t i = 0; i < n_unknown; i++) {
    const TrainRow *row = &g_array_index (unknown->rows, TrainRow, i);
    float *features = unknown->features + i * d;

    if (!read_row (reader, train->unknown->items->pdata[row->item], row, 0, error))
      return FALSE;
    effnet_tune_apply_input (tune, reader->nhwc, features, NULL);
    flagged += effnet_head_apply (train->tuned_head, features, NULL, NULL, &distance);
    distances[n + i] = (float)distance;
  }
  if (n_unknown == 0)
    return TRUE;
  train->report->unknown_flagged = (double)flagged / (double)n_unknown;
  train->report->unknown_area = effnet_roc_area (n, distances, n_unknown, distances + n);
  return TRUE;
}

static void
on_progress (double done, void *cancellable)
{
  if (progress_is_due ())
    progress_show (done, "tuning");
  if (cli_stopped () != 0)
    g_cancellable_cancel (cancellable);
}

static gboolean
tune_and_judge (Reader *reader, Train *train, EffnetTune *tune, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  if (!add_all (reader, train, tune, error) ||
      !effnet_tune_run (tune, on_progress, cancellable, cancellable, &train->tuned, error))
    return FALSE;
  if (!train->tuned.is_better)
    return TRUE;
  train->tuned_head = effnet_tune_get_head (tune, error);
  return train->tuned_head != NULL && renew_features (train, tune, error) &&
         judge_unknown (reader, train, tune, error) &&
         train_judge (train, train->tuned_head, error);
}

gboolean
train_tune (Train *train, const TrainExtract *how, const EffnetTuneOptions *options, GError **error)
{
  gboolean ok;
  Reader reader;

  if (train->held.n_rows == 0) {
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                         "--tune keeps what pictures that are held out prefer, and none are: there "
                         "are too few; more pictures, or others (--validate DIR)");
    return FALSE;
  }
  train->tune = effnet_tune_new (how->model, train->head, options, error);
  if (train->tune == NULL)
    return FALSE;
  ok = reader_init (&reader, how,
                    train->own.n_rows + train->held.n_rows +
                        (train->unknown_features != NULL ? train->unknown_features->rows->len : 0),
                    error) &&
       tune_and_judge (&reader, train, train->tune, error);
  reader_clear (&reader);
  return ok;
}
