/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From features to a head and what it is worth. What is said of accuracy comes from pictures that
 * the head in question did not see, and neither did it see others that are nearly the same. */
#include "cli/train_groups.h"

#include "cli/stop.h"

#include <string.h>

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, text);
  return FALSE;
}

/* ---- classes --------------------------------------------------------------------------------- */

/* [rows][n_labels] of @list's pictures; NULL with an error for a class that is not trained. */
static uint8_t *
mark_labels (const TrainFit *fit, const TrainList *list, const TrainFeatures *features,
             GError **error)
{
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree uint8_t *marks = g_new0 (uint8_t, (gsize)features->rows->len * fit->n_labels + 1);

  for (unsigned k = 0; k < fit->n_labels; k++)
    g_hash_table_insert (ids, (char *)train_label (fit, k), GUINT_TO_POINTER (k + 1));
  for (guint i = 0; i < features->rows->len; i++) {
    const TrainItem *item = train_item (list, features, i);

    for (char **label = item->labels; label != NULL && *label != NULL; label++) {
      unsigned id = GPOINTER_TO_UINT (g_hash_table_lookup (ids, *label));

      if (id == 0) {
        fail (error, "the class '%s' of %s is not among those trained", *label, item->path);
        return NULL;
      }
      marks[(gsize)i * fit->n_labels + id - 1] = 1;
    }
  }
  return g_steal_pointer (&marks);
}

static size_t
count_label (const TrainFit *fit, unsigned k)
{
  size_t count = 0;

  for (size_t i = 0; i < fit->n; i++)
    count += fit->labels[i * fit->n_labels + k];
  return count;
}

static gboolean
check_classes (const TrainFit *fit, GError **error)
{
  const Train *train = fit->train;
  const GPtrArray *unreadable = train->features->unreadable;
  const char *first = unreadable->len > 0 ? unreadable->pdata[0] : "";

  if (fit->n == 0)
    return fail (error, "none of the %u pictures could be read; the first: %s",
                 train->list->items->len, first);
  if (fit->n_labels < 2 && train->kind != EFFNET_HEAD_MULTI_LABEL)
    return fail (error,
                 "all pictures are of one class, '%s'; training needs two or more, for example "
                 "one folder with pictures of anything else",
                 train_label (fit, 0));
  if (train->kind == EFFNET_HEAD_ONE_LOGIT && fit->n_labels != 2)
    return fail (error, "there are %u classes; --one-logit is for two", fit->n_labels);
  for (unsigned k = 0; k < fit->n_labels; k++) {
    size_t count = count_label (fit, k);

    if (count == 0)
      return fail (error, "no picture of the class '%s' could be read; the first of %u: %s",
                   train_label (fit, k), unreadable->len, first);
    if (train->kind == EFFNET_HEAD_MULTI_LABEL && count == fit->n)
      return fail (error,
                   "every picture has the class '%s'; a head of several labels learns it only from "
                   "pictures without it, too",
                   train_label (fit, k));
  }
  return TRUE;
}

/* The same file in two classes: of several labels it has both; of one it is a mistake, and no
 * picture at all tells two classes apart when one has only pictures of the other. */
static gboolean
check_twins (TrainFit *fit, GError **error)
{
  g_autoptr (GHashTable) first = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree size_t *shared = g_new0 (size_t, fit->n_labels);
  const Train *train = fit->train;
  size_t n_twins = 0;

  for (size_t i = 0; i < fit->n; i++) {
    const char *identity = train_row (train->features, i)->identity;
    size_t before = GPOINTER_TO_SIZE (g_hash_table_lookup (first, identity));
    uint8_t *mine = fit->labels + i * fit->n_labels, *other;

    if (before == 0) {
      g_hash_table_insert (first, (char *)identity, GSIZE_TO_POINTER (i + 1));
      continue;
    }
    other = fit->labels + (before - 1) * fit->n_labels;
    if (memcmp (mine, other, fit->n_labels) == 0)
      continue;
    if (n_twins++ == 0 && train->kind != EFFNET_HEAD_MULTI_LABEL)
      train_note (fit, "%s and %s are the same picture in two classes",
                  train_item (train->list, train->features, before - 1)->path,
                  train_item (train->list, train->features, i)->path);
    for (unsigned k = 0; k < fit->n_labels; k++) {
      shared[k] += mine[k] + other[k];
      if (train->kind == EFFNET_HEAD_MULTI_LABEL)
        mine[k] = other[k] = mine[k] | other[k];
    }
  }
  if (train->kind == EFFNET_HEAD_MULTI_LABEL)
    return TRUE;
  for (unsigned k = 0; k < fit->n_labels; k++)
    if (n_twins > 0 && shared[k] >= count_label (fit, k))
      return fail (error,
                   "every picture of the class '%s' is in another class, too; the classes cannot "
                   "be told apart",
                   train_label (fit, k));
  if (n_twins > 1)
    train_note (fit, "%" G_GSIZE_FORMAT " pictures in all are in two classes", n_twins);
  return TRUE;
}

/* ---- sets ------------------------------------------------------------------------------------ */

/* [n][n_classes] of marks [n][n_labels]. */
static uint8_t *
make_targets (const TrainFit *fit, const uint8_t *marks, size_t n)
{
  unsigned positive = 1;

  if (fit->train->kind != EFFNET_HEAD_ONE_LOGIT)
    return g_memdup2 (marks, MAX (n * fit->n_labels, 1));
  for (unsigned k = 0; k < fit->n_labels; k++)
    if (g_strcmp0 (fit->train->positive, train_label (fit, k)) == 0)
      positive = k;
  uint8_t *targets = g_new (uint8_t, MAX (n, 1));
  for (size_t i = 0; i < n; i++)
    targets[i] = marks[i * fit->n_labels + positive];
  return targets;
}

/* Rows with @side of 1 go to the set that is held out; the others close up, and their copies. */
static void
split_rows (TrainFit *fit, const uint8_t *side, uint8_t *targets)
{
  Train *train = fit->train;
  size_t d = train->features->n_features, copies = train->features->copies, k = fit->n_classes;
  float *all = train->features->features;
  size_t n_own = 0, n_held = 0, at = 0;
  float *held;
  uint8_t *held_targets;

  for (size_t i = 0; i < fit->n; i++)
    n_held += side[i];
  held = g_new (float, MAX (n_held * d, 1));
  held_targets = g_new (uint8_t, MAX (n_held * k, 1));
  train->own_rows = g_new (size_t, fit->n);
  train->held_rows = g_new (size_t, MAX (n_held, 1));
  n_held = 0;
  for (size_t i = 0; i < fit->n; i++) {
    if (side[i]) {
      memcpy (held + n_held * d, all + i * d, d * sizeof *held);
      memcpy (held_targets + n_held * k, targets + i * k, k);
      train->held_rows[n_held++] = i;
      continue;
    }
    memmove (all + n_own * d, all + i * d, d * sizeof *all);
    memmove (targets + n_own * k, targets + i * k, k);
    fit->groups[n_own] = fit->groups[i];
    train->own_rows[n_own++] = i;
  }
  for (size_t i = 0; i < fit->n && copies > 0; i++) {
    if (side[i])
      continue;
    memmove (all + n_own * d + at, all + (fit->n + i * copies) * d, copies * d * sizeof *all);
    at += copies * d;
  }
  if (n_held > 0)
    train->held = (EffnetTrainSet){.n_rows = n_held,
                                   .n_features = (unsigned)d,
                                   .n_classes = (unsigned)k,
                                   .features = held,
                                   .targets = held_targets};
  else
    g_free (held), g_free (held_targets);
  train->own = (EffnetTrainSet){.n_rows = n_own,
                                .n_features = (unsigned)d,
                                .n_classes = (unsigned)k,
                                .features = all,
                                .targets = targets,
                                .groups = fit->groups};
}

/* Targets and groups of the copies are those of their pictures. */
static void
make_set (TrainFit *fit)
{
  Train *train = fit->train;
  size_t n = train->own.n_rows, copies = train->features->copies, k = fit->n_classes;
  size_t all = n * (1 + copies);
  uint8_t *targets = g_new (uint8_t, MAX (all * k, 1));
  unsigned *groups = g_new (unsigned, MAX (all, 1));

  for (size_t i = 0; i < all; i++) {
    size_t from = i < n ? i : (i - n) / copies;

    memcpy (targets + i * k, train->own.targets + from * k, k);
    groups[i] = train->own.groups[from];
  }
  g_free ((uint8_t *)train->own.targets);
  g_clear_pointer (&fit->groups, g_free);
  train->own.targets = targets;
  train->own.groups = groups;
  train->set = train->own;
  train->set.n_rows = all;
}

/* TRUE when each class, and of yes and no each, is on both sides. */
static gboolean
is_fair (const TrainFit *fit, const uint8_t *targets, const uint8_t *side)
{
  for (unsigned k = 0; k < fit->n_classes; k++) {
    size_t n[2][2] = {{0}};

    for (size_t i = 0; i < fit->n; i++)
      n[side[i]][targets[i * fit->n_classes + k]]++;
    if (n[0][0] == 0 || n[0][1] == 0 || n[1][1] == 0)
      return FALSE;
  }
  return TRUE;
}

static void
split (TrainFit *fit)
{
  Train *train = fit->train;
  g_autofree uint8_t *side = g_new0 (uint8_t, fit->n);
  uint8_t *targets = make_targets (fit, fit->labels, fit->n);
  const EffnetTrainSet whole = {.n_rows = fit->n,
                                .n_features = train->features->n_features,
                                .n_classes = fit->n_classes,
                                .features = train->features->features,
                                .targets = targets,
                                .groups = fit->groups};

  if (train->fraction > 0 && train->validation == NULL) {
    effnet_train_split (&whole, train->fraction, train->seed, side);
    if (!is_fair (fit, targets, side)) {
      memset (side, 0, fit->n);
      if (fit->can_hold_out)
        train_note (fit,
                    "there are too few pictures to hold %g of them out with some of each class: "
                    "accuracy is by cross-validation",
                    train->fraction);
    }
  }
  split_rows (fit, side, targets);
  make_set (fit);
}

static gboolean
take_validation (TrainFit *fit, GError **error)
{
  Train *train = fit->train;
  const TrainFeatures *features = train->validation_features;
  g_autofree uint8_t *marks = NULL;

  if (features == NULL)
    return TRUE;
  if (features->rows->len == 0)
    return fail (error, "no picture to validate with could be read; the first: %s",
                 features->unreadable->len > 0 ? (char *)features->unreadable->pdata[0] : "none");
  marks = mark_labels (fit, train->validation, features, error);
  if (marks == NULL)
    return FALSE;
  train->held_rows = g_renew (size_t, train->held_rows, features->rows->len);
  for (size_t i = 0; i < features->rows->len; i++)
    train->held_rows[i] = i;
  train->held = (EffnetTrainSet){
      .n_rows = features->rows->len,
      .n_features = features->n_features,
      .n_classes = fit->n_classes,
      .features = g_memdup2 (features->features,
                             (gsize)features->rows->len * features->n_features * sizeof (float)),
      .targets = make_targets (fit, marks, features->rows->len)};
  return TRUE;
}

/* ---- the head -------------------------------------------------------------------------------- */

static void
on_progress (double done, void *cancellable)
{
  (void)done;
  if (cli_stopped () != 0)
    g_cancellable_cancel (cancellable);
}

/* So that the head's temperature makes of each what the temperature of the other folds would, and
 * what is said of scores comes from pictures that had no part in any of it. */
static void
scale_fold_logits (Train *train)
{
  const EffnetTrainReport *report = train->report;
  size_t k = train->own.n_classes;
  EffnetHeadInfo info;

  effnet_head_get_info (train->head, &info);
  train->fold_logits = g_new (float, train->own.n_rows *k);
  for (size_t i = 0; i < train->own.n_rows * k; i++)
    train->fold_logits[i] = (float)(report->logits[i] * info.temperature /
                                    report->fold_temperatures[report->fold[i / k]]);
}

static gboolean
train_head (TrainFit *fit, GCancellable *cancellable, GError **error)
{
  Train *train = fit->train;
  const TrainFeatures *unknown = train->unknown_features;
  const EffnetTrainOptions options = {
      .kind = train->kind,
      .l2 = train->l2,
      .n_folds = fit->can_hold_out ? 0 : 1,
      .balanced = TRUE,
      .seed = train->seed,
      .threads = train->threads,
      .unknown_features = unknown != NULL && unknown->rows->len > 0 ? unknown->features : NULL,
      .n_unknown = unknown != NULL ? unknown->rows->len : 0,
      .n_originals = train->own.n_rows,
  };

  train->head = effnet_head_train (&train->set, &options, on_progress, cancellable, cancellable,
                                   &train->report, error);
  if (train->head != NULL && train->report->n_folds < 2 && train->held.n_rows == 0)
    train_note (fit,
                "a class has too few pictures to hold any out: how good the head is, is not known");
  if (train->head != NULL && train->report->n_folds > 1)
    scale_fold_logits (train);
  return train->head != NULL;
}

/* The logits by @head of what is held out, each half times the head's and over the other half's
 * temperature: the temperature of a head that was tuned was chosen by just these pictures. */
static EffnetEvaluation *
evaluate_halves (const EffnetHead *head, const EffnetTrainSet *held, GError **error)
{
  size_t n = held->n_rows, k = held->n_classes;
  g_autofree float *logits = g_new (float, n *k);
  g_autofree float *some = g_new (float, n *k);
  g_autofree uint8_t *targets = g_new (uint8_t, n * k);
  double factor[2], distance;
  size_t n_unknown = 0;
  EffnetEvaluation *out;
  EffnetHeadInfo info;

  effnet_head_get_info (head, &info);
  for (size_t i = 0; i < n; i++)
    n_unknown += effnet_head_apply (head, held->features + i * held->n_features, logits + i * k,
                                    NULL, &distance);
  for (size_t half = 0; half < 2; half++) {
    size_t used = 0;

    for (size_t i = 1 - half; i < n; i += 2, used++) {
      memcpy (some + used * k, logits + i * k, k * sizeof *some);
      memcpy (targets + used * k, held->targets + i * k, k);
    }
    factor[half] = info.temperature /
                   effnet_calibrate_temperature (info.kind, used, (unsigned)k, some, targets);
  }
  for (size_t i = 0; i < n * k; i++)
    logits[i] = (float)(logits[i] * factor[i / k % 2]);
  out = effnet_evaluate_logits (head, held, logits, error);
  if (out != NULL)
    out->n_unknown = n_unknown;
  return out;
}

/* At the temperature 1 when @plain, so that the difference is what calibration did. */
static EffnetEvaluation *
evaluate (const Train *train, const EffnetHead *like, gboolean plain, GError **error)
{
  g_autoptr (EffnetHead) head = NULL;
  EffnetHeadInfo info;

  effnet_head_get_info (like, &info);
  if (plain)
    info.temperature = 1;
  head = effnet_head_new (&info, error);
  if (head == NULL)
    return NULL;
  if (train->held.n_rows == 0)
    return effnet_evaluate_logits (head, &train->own,
                                   plain ? train->report->logits : train->fold_logits, error);
  return like == train->head || plain ? effnet_evaluate (head, &train->held, error)
                                      : evaluate_halves (head, &train->held, error);
}

gboolean
train_judge (Train *train, EffnetHead *head, GError **error)
{
  g_autoptr (EffnetEvaluation) plain = NULL;

  if (train->held.n_rows == 0 && train->report->n_folds < 2)
    return TRUE;
  g_clear_pointer (&train->evaluation, effnet_evaluation_free);
  train->evaluation = evaluate (train, head, FALSE, error);
  if (train->evaluation == NULL)
    return FALSE;
  plain = evaluate (train, head, TRUE, error);
  train->ece_before = plain != NULL ? plain->ece : 0;
  return plain != NULL;
}

/* Of what was trained on, in its order: the bytes of the pictures and their classes. */
static char *
data_sum (const Train *train)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  for (size_t i = 0; i < train->own.n_rows; i++) {
    const TrainItem *item = train_item (train->list, train->features, train->own_rows[i]);
    g_autofree char *labels = g_strjoinv ("|", item->labels);
    g_autofree char *line = g_strdup_printf (
        "%s\t%s\n", train_row (train->features, train->own_rows[i])->identity, labels);

    g_checksum_update (checksum, (const guchar *)line, -1);
  }
  return g_strdup (g_checksum_get_string (checksum));
}

/* The head with the names of its classes and where it is from. */
static gboolean
finish (TrainFit *fit, GError **error)
{
  Train *train = fit->train;
  const char *positive[] = {train->labels->pdata[train->labels->len - 1], NULL};
  g_autofree const char **names = g_new0 (const char *, train->labels->len + 1);
  EffnetHeadInfo info;
  EffnetHead *head;

  memcpy (names, train->labels->pdata, train->labels->len * sizeof *names);
  train->data_sha256 = data_sum (train);
  effnet_head_get_info (train->head, &info);
  info.labels = train->kind == EFFNET_HEAD_ONE_LOGIT ? positive : names;
  info.data_sha256 = train->data_sha256;
  info.version = effnet_version ();
  info.n_pictures = train->own.n_rows;
  info.seed = train->seed;
  info.accuracy = train->evaluation != NULL ? train->evaluation->accuracy : -1;
  head = effnet_head_new (&info, error);
  if (head == NULL)
    return FALSE;
  effnet_head_unref (train->head);
  train->head = head;
  return TRUE;
}

static void
name_classes (TrainFit *fit)
{
  Train *train = fit->train;
  gboolean swap = train->kind == EFFNET_HEAD_ONE_LOGIT &&
                  g_strcmp0 (train->positive, train_label (fit, 0)) == 0;

  train->labels = g_ptr_array_new ();
  for (unsigned k = 0; k < fit->n_labels; k++)
    g_ptr_array_add (train->labels, (char *)train_label (fit, swap ? fit->n_labels - 1 - k : k));
}

gboolean
train_fit (Train *train, GPtrArray *notes, GError **error)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  TrainFit fit = {.train = train, .notes = notes, .n = train->features->rows->len};
  gboolean ok;

  fit.n_labels = train->list->labels->len;
  fit.n_classes = train->kind == EFFNET_HEAD_ONE_LOGIT ? 1 : fit.n_labels;
  fit.labels = mark_labels (&fit, train->list, train->features, error);
  ok = fit.labels != NULL && check_classes (&fit, error) && check_twins (&fit, error) &&
       train_find_groups (&fit, cancellable, error);
  if (ok) {
    train_note_labels (&fit);
    name_classes (&fit);
    split (&fit);
    ok = take_validation (&fit, error);
  }
  if (ok) {
    train_note_overlap (&fit);
    ok = train_head (&fit, cancellable, error) && train_judge (train, train->head, error) &&
         finish (&fit, error);
  }
  g_free (fit.labels);
  g_free (fit.groups);
  return ok;
}

void
train_clear (Train *train)
{
  g_clear_pointer (&train->report, effnet_train_report_free);
  g_clear_pointer (&train->evaluation, effnet_evaluation_free);
  g_clear_pointer (&train->head, effnet_head_unref);
  g_clear_pointer (&train->tuned_head, effnet_head_unref);
  g_clear_pointer (&train->tune, effnet_tune_free);
  g_clear_pointer (&train->labels, g_ptr_array_unref);
  g_free ((uint8_t *)train->own.targets);
  g_free ((unsigned *)train->own.groups);
  g_free ((float *)train->held.features);
  g_free ((uint8_t *)train->held.targets);
  g_free (train->fold_logits);
  g_free (train->own_rows);
  g_free (train->held_rows);
  g_free (train->nearest);
  g_free (train->nearest_row);
  g_free (train->data_sha256);
  train_features_free (train->features);
  train_features_free (train->validation_features);
  train_features_free (train->unknown_features);
  train_list_free (train->list);
  train_list_free (train->validation);
  train_list_free (train->unknown);
}
