/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the report on a training needs beside what training itself gives: the learning curve, labels
 * in doubt, pairs of pictures, and the pictures themselves, small. */
#include "cli/train_report.h"

#include "cli/outfile.h"
#include "cli/report.h"
#include "cli/source.h"

#include <stdlib.h>
#include <string.h>

#define SIDE         160 /* pixels of a small picture */
#define QUALITY      80
#define MAX_SUSPECTS 50
#define MAX_PAIRS    50
#define LOO_ROWS     600      /* above it the folds' heads stand in for leave-one-out, */
#define LOO_NUMBERS  20000000 /* and above so many in its products, rows squared times classes */
#define CURVE_ROWS   20000
#define CURVE_SCORES 1000000 /* rows times classes */

typedef struct {
  const Train *train;
  EffnetSession *session;
  int timeout_s;
  CliJudged validated, held;
  EffnetEvaluation *by_folds;
  GPtrArray *names, *held_names;
  float *held_logits, *loo;
  EffnetCurvePoint curve[EFFNET_CURVE_POINTS];
  EffnetSuspect suspects[MAX_SUSPECTS];
  CliPair pairs[MAX_PAIRS];
} Report;

/* File, or clip and frame, of each of @rows of @features. */
static GPtrArray *
name_rows (const TrainList *list, const TrainFeatures *features, const size_t *rows, size_t n)
{
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);

  for (size_t i = 0; i < n; i++) {
    const TrainRow *row = &g_array_index (features->rows, TrainRow, rows[i]);
    const TrainItem *item = list->items->pdata[row->item];

    g_ptr_array_add (names, item->is_clip ? g_strdup_printf ("%s frame %" G_GUINT64_FORMAT,
                                                             item->path, row->frame)
                                          : g_strdup (item->path));
  }
  return names;
}

/* Upright, at most SIDE pixels a side. */
static GBytes *
shrink (Report *report, const EffnetImage *image)
{
  g_autofree uint8_t *rgb = g_new (uint8_t, SIDE * SIDE * 3);
  unsigned width, height, longer;

  if (!effnet_session_get_frame_size (report->session, image, &width, &height, NULL))
    return NULL;
  longer = MAX (width, height);
  if (longer > SIDE) {
    width = MAX (width * SIDE / longer, 1);
    height = MAX (height * SIDE / longer, 1);
  }
  if (!effnet_session_picture (report->session, image, width, height, rgb, NULL))
    return NULL;
  return effnet_encode_jpeg (rgb, width, height, QUALITY, NULL);
}

/* As CliThumbnail. */
static GBytes *
thumbnail (const CliJudged *judged, size_t row, void *user_data)
{
  Report *report = user_data;
  const Train *train = report->train;
  gboolean own = judged == &report->validated || train->validation == NULL;
  const TrainFeatures *features = own ? train->features : train->validation_features;
  const TrainList *list = own ? train->list : train->validation;
  const size_t *rows = judged == &report->validated ? train->own_rows : train->held_rows;
  const TrainRow *wanted = &g_array_index (features->rows, TrainRow, rows[row]);
  const TrainItem *item = list->items->pdata[wanted->item];
  Source *source = source_open (item->path, report->timeout_s, NULL);
  GBytes *jpeg = NULL;
  SourceFrame frame;

  while (source != NULL && jpeg == NULL && source_next (source, &frame, NULL) == 1)
    if (frame.index >= wanted->frame) {
      jpeg = shrink (report, &frame.image);
      break;
    }
  source_close (source);
  return jpeg;
}

/* What was trained on, judged by the folds' heads. */
static gboolean
judge_folds (Report *report, GError **error)
{
  const Train *train = report->train;

  report->by_folds = effnet_evaluate_logits (train->head, &train->own, train->fold_logits, error);
  report->names = name_rows (train->list, train->features, train->own_rows, train->own.n_rows);
  report->validated = (CliJudged){.set = train->own,
                                  .names = (const char *const *)report->names->pdata,
                                  .logits = train->fold_logits,
                                  .evaluation = report->by_folds,
                                  .distances = train->report->distances};
  return report->by_folds != NULL;
}

static void
judge_held (Report *report)
{
  const Train *train = report->train;
  const EffnetTrainSet *set = &train->held;
  gboolean own = train->validation == NULL;

  report->held_logits = g_new (float, set->n_rows * set->n_classes);
  for (size_t i = 0; i < set->n_rows; i++)
    effnet_head_apply (train_final_head (train), set->features + i * set->n_features,
                       report->held_logits + i * set->n_classes, NULL, NULL);
  report->held_names =
      name_rows (own ? train->list : train->validation,
                 own ? train->features : train->validation_features, train->held_rows, set->n_rows);
  report->held = (CliJudged){.set = *set,
                             .names = (const char *const *)report->held_names->pdata,
                             .logits = report->held_logits,
                             .evaluation = train->evaluation};
}

static size_t
find_suspects (Report *report)
{
  const Train *train = report->train;
  const EffnetTrainOptions options = {
      .kind = train->kind, .balanced = TRUE, .seed = train->seed, .threads = train->threads};
  const EffnetTrainSet *set = &train->own;
  const float *logits = train->report->logits;

  if (train->features->copies == 0 && set->n_rows <= LOO_ROWS &&
      set->n_rows * set->n_rows * set->n_classes <= LOO_NUMBERS) {
    report->loo = g_new (float, set->n_rows * set->n_classes);
    if (effnet_head_leave_one_out (train->head, set, &options, NULL, report->loo, NULL))
      logits = report->loo;
  }
  return effnet_suspect_labels (train->head, set, logits, 0, MAX_SUSPECTS, report->suspects);
}

static int
by_distance (const void *a, const void *b)
{
  const CliPair *x = a, *y = b;

  if (x->distance != y->distance)
    return x->distance < y->distance ? -1 : 1;
  return x->a < y->a ? -1 : x->a > y->a;
}

/* The nearest pairs among what was trained on, each once. */
static size_t
find_pairs (Report *report)
{
  const Train *train = report->train;
  size_t n_rows = train->features->rows->len, n = 0;
  g_autofree size_t *place = g_new0 (size_t, n_rows); /* in the set, from 1 */
  g_autofree CliPair *pairs = g_new (CliPair, n_rows);

  for (size_t i = 0; i < train->own.n_rows; i++)
    place[train->own_rows[i]] = i + 1;
  for (size_t i = 0; i < n_rows; i++) {
    size_t other = train->nearest_row[i];
    gboolean both = other < n_rows && place[i] > 0 && place[other] > 0;
    gboolean second = both && other < i && train->nearest_row[other] == i;

    if (both && !second && (double)train->nearest[i] <= train->near_limit)
      pairs[n++] = (CliPair){place[i] - 1, place[other] - 1, train->nearest[i]};
  }
  qsort (pairs, n, sizeof *pairs, by_distance);
  n = MIN (n, MAX_PAIRS);
  memcpy (report->pairs, pairs, n * sizeof *pairs);
  return n;
}

static gboolean
put (const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);

  g_autoptr (OutFile) out = out_create (path, error);

  return out != NULL && out_write (out, text, strlen (text), error) &&
         out_commit (g_steal_pointer (&out), error);
}

static gboolean
write_files (Report *report, const CliReport *content, const char *folder, GError **error)
{
  GString *page = cli_report_html (content, thumbnail, report);
  JsonObject *object = cli_report_json (content);
  g_autofree char *json = gst_effnet_json_text (object);
  gboolean ok =
      put (folder, "report.html", page->str, error) && put (folder, "report.json", json, error);

  g_string_free (page, TRUE);
  json_object_unref (object);
  return ok;
}

gboolean
train_report_write (const Train *train, EffnetModel *model, const TrainReportAsk *ask,
                    const char *folder, GError **error)
{
  const EffnetSessionOptions options = {.frontend_only = TRUE};
  const EffnetTrainOptions curve_options = {.kind = train->kind,
                                            .l2 = train->report->l2,
                                            .balanced = TRUE,
                                            .seed = train->seed,
                                            .threads = train->threads};
  g_autoptr (EffnetSession) session = effnet_session_new (model, &options, error);
  Report report = {.train = train, .session = session, .timeout_s = ask->timeout_s};
  CliReport content = {.name = ask->name,
                       .command = ask->command,
                       .labels = (const char *const *)train->labels->pdata,
                       .n_labels = train->labels->len,
                       .head = train_final_head (train),
                       .training = train->report,
                       .unreadable = (const char *const *)ask->unreadable->pdata,
                       .seconds = ask->seconds};
  gboolean ok = session != NULL && judge_folds (&report, error);

  if (ok) {
    content.validated = &report.validated;
    if (train->held.n_rows > 0) {
      judge_held (&report);
      content.held_out = &report.held;
    }
    if (train->own.n_rows <= CURVE_ROWS &&
        train->own.n_rows * train->own.n_classes <= CURVE_SCORES &&
        effnet_learning_curve (&train->own, &curve_options, NULL, report.curve, NULL))
      content.curve = report.curve;
    content.n_suspects = find_suspects (&report);
    content.suspects = report.suspects;
    content.n_pairs = find_pairs (&report);
    content.pairs = report.pairs;
    ok = write_files (&report, &content, folder, error);
  }
  effnet_evaluation_free (report.by_folds);
  g_clear_pointer (&report.names, g_ptr_array_unref);
  g_clear_pointer (&report.held_names, g_ptr_array_unref);
  g_free (report.held_logits);
  g_free (report.loo);
  return ok;
}
