/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The report as an object, and what both of its forms say in the same words. Names are those of the
 * structures in effnet/evaluate.h. */
#include "cli/report.h"

#include <math.h>

#define VERSION 1 /* of the object's form */

/* ---- what is said of a picture and of a curve ------------------------------------------------ */

static double
sigmoid (double x)
{
  return 1 / (1 + exp (-x));
}

static CliAnswer
answer_softmax (const EffnetTrainSet *set, const float *logits, const uint8_t *target,
                double temperature)
{
  CliAnswer answer = {0};
  double sum = 0;

  for (unsigned k = 0; k < set->n_classes; k++) {
    if (logits[k] > logits[answer.answered])
      answer.answered = k;
    if (target[k])
      answer.given = k;
  }
  for (unsigned k = 0; k < set->n_classes; k++)
    sum += exp (((double)logits[k] - logits[answer.answered]) / temperature);
  answer.score = 1 / sum;
  return answer;
}

/* Of the classes whose decision is wrong the most certain one; else the first. */
static CliAnswer
answer_labels (const EffnetTrainSet *set, const EffnetHeadInfo *head, const float *logits,
               const uint8_t *target)
{
  CliAnswer answer = {0, 0, sigmoid (logits[0] / head->temperature)};
  double most = -1;

  for (unsigned k = 0; k < set->n_classes; k++) {
    double score = sigmoid (logits[k] / head->temperature);
    gboolean yes = score >= (head->thresholds == NULL ? 0.5 : head->thresholds[k]);

    if (yes == target[k] || fabs (score - 0.5) <= most)
      continue;
    most = fabs (score - 0.5);
    answer = (CliAnswer){k, k, score};
  }
  return answer;
}

CliAnswer
cli_report_answer (const CliReport *report, const CliJudged *judged, size_t row)
{
  const EffnetTrainSet *set = &judged->set;
  const float *logits = judged->logits + row * set->n_classes;
  const uint8_t *target = set->targets + row * set->n_classes;
  EffnetHeadInfo head;
  CliAnswer answer;

  effnet_head_get_info (report->head, &head);
  if (head.temperature <= 0)
    head.temperature = 1;
  if (head.kind == EFFNET_HEAD_SOFTMAX)
    return answer_softmax (set, logits, target, head.temperature);
  answer = answer_labels (set, &head, logits, target);
  if (head.kind == EFFNET_HEAD_ONE_LOGIT) {
    gboolean yes = answer.score >= (head.thresholds == NULL ? 0.5 : head.thresholds[0]);
    answer = (CliAnswer){target[0], yes, yes ? answer.score : 1 - answer.score};
  }
  return answer;
}

void
cli_report_words (const CliReport *report, const CliJudged *judged, size_t row,
                  const CliAnswer *answer, char **given, char **answered)
{
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  if (head.kind == EFFNET_HEAD_MULTI_LABEL) {
    const char *label = report->labels[answer->given];
    gboolean is = judged->set.targets[row * judged->set.n_classes + answer->given];

    *given = g_strconcat (is ? "" : "not ", label, NULL);
    *answered = g_strconcat (is ? "not " : "", label, NULL);
  } else {
    *given = g_strdup (report->labels[answer->given]);
    *answered = g_strdup (report->labels[answer->answered]);
  }
}

size_t
cli_report_count (const CliJudged *judged, EffnetHeadKind kind, unsigned class)
{
  const EffnetTrainSet *set = &judged->set;
  size_t n = 0;

  for (size_t row = 0; row < set->n_rows; row++)
    n += kind == EFFNET_HEAD_ONE_LOGIT ? set->targets[row] == class
                                       : set->targets[row * set->n_classes + class];
  return n;
}

char *
cli_report_advice (const EffnetCurvePoint *curve)
{
  const EffnetCurvePoint *half, *all;
  double gain;
  g_autoptr (GString) out = g_string_new (NULL);

  if (curve == NULL)
    return g_strdup ("");
  half = &curve[EFFNET_CURVE_POINTS - 2];
  all = &curve[EFFNET_CURVE_POINTS - 1];
  gain = (all->accuracy - half->accuracy) * 100;
  g_string_append_printf (out, "From %ld to %ld pictures or clips the accuracy went from ",
                          lround (half->n_groups), lround (all->n_groups));
  cli_append_number (out, half->accuracy * 100, 1);
  g_string_append (out, " to ");
  cli_append_number (out, all->accuracy * 100, 1);
  g_string_append (out, " %: ");
  if (all->accuracy >= 0.995)
    g_string_append (out, "more pictures of this kind have nothing left to teach; try others.");
  else if (gain >= 1)
    g_string_append (out, "more pictures help.");
  else
    g_string_append (out, "more pictures of this kind help little; look at the wrong ones.");
  return g_string_free (g_steal_pointer (&out), FALSE);
}

/* ---- the object ------------------------------------------------------------------------------ */

static JsonObject *
evaluation_object (const CliJudged *judged)
{
  const EffnetEvaluation *e = judged->evaluation;
  JsonObject *object = json_object_new ();
  JsonArray *bins = json_array_new (), *confusion = json_array_new ();
  size_t rows = e->n_classes, columns = e->n_classes;

  if (e->kind == EFFNET_HEAD_MULTI_LABEL) { /* a table of two by two for each */
    rows *= 2;
    columns = 2;
  }
  json_object_set_int_member (object, "pictures", (gint64)e->n_rows);
  json_object_set_int_member (object, "answers", (gint64)e->n_answers);
  json_object_set_int_member (object, "right", (gint64)e->n_right);
  json_object_set_double_member (object, "accuracy", e->accuracy);
  json_object_set_double_member (object, "low", e->low);
  json_object_set_double_member (object, "high", e->high);
  json_object_set_double_member (object, "loss", e->loss);
  json_object_set_double_member (object, "ece", e->ece);
  json_object_set_int_member (object, "unknown", (gint64)e->n_unknown);
  for (unsigned i = 0; i < EFFNET_RELIABILITY_BINS; i++) {
    JsonObject *bin = json_object_new ();
    json_object_set_int_member (bin, "n", (gint64)e->bins[i].n);
    json_object_set_double_member (bin, "score", e->bins[i].score);
    json_object_set_double_member (bin, "right", e->bins[i].right);
    json_array_add_object_element (bins, bin);
  }
  json_object_set_array_member (object, "reliability", bins);
  for (size_t row = 0; row < rows; row++) {
    JsonArray *line = json_array_new ();
    for (size_t column = 0; column < columns; column++)
      json_array_add_int_element (line, (gint64)e->confusion[row * columns + column]);
    json_array_add_array_element (confusion, line);
  }
  json_object_set_array_member (object, "confusion", confusion);
  return object;
}

static JsonArray *
wrong_array (const CliReport *report, const CliJudged *judged)
{
  JsonArray *array = json_array_new ();

  for (size_t i = 0; i < judged->evaluation->n_wrong; i++) {
    size_t row = judged->evaluation->wrong[i];
    CliAnswer answer = cli_report_answer (report, judged, row);
    JsonObject *object = json_object_new ();
    g_autofree char *given = NULL, *answered = NULL;

    cli_report_words (report, judged, row, &answer, &given, &answered);
    json_object_set_string_member (object, "picture", judged->names[row]);
    json_object_set_string_member (object, "given", given);
    json_object_set_string_member (object, "answered", answered);
    json_object_set_double_member (object, "score", answer.score);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonArray *
classes_array (const CliReport *report, const CliJudged *judged)
{
  JsonArray *array = json_array_new ();
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  for (unsigned k = 0; k < report->n_labels; k++) {
    const EffnetClassResult *result = &judged->evaluation->classes[k];
    JsonObject *object = json_object_new ();
    size_t n = cli_report_count (report->validated, head.kind, k);

    json_object_set_string_member (object, "label", report->labels[k]);
    json_object_set_int_member (object, "pictures", (gint64)n);
    json_object_set_boolean_member (object, "few", n < CLI_REPORT_FEW);
    json_object_set_int_member (object, "judged", (gint64)result->n);
    json_object_set_double_member (object, "precision", result->precision);
    json_object_set_double_member (object, "recall", result->recall);
    json_object_set_double_member (object, "f1", result->f1);
    json_object_set_double_member (object, "roc_area", result->roc_area);
    if (head.thresholds != NULL && k < head.n_classes)
      json_object_set_double_member (object, "threshold", head.thresholds[k]);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonObject *
training_object (const CliReport *report)
{
  const EffnetTrainReport *t = report->training;
  JsonObject *object = json_object_new ();
  JsonArray *path = json_array_new ();
  EffnetHeadInfo head;

  effnet_head_get_info (report->head, &head);
  json_object_set_int_member (object, "rows", (gint64)t->n_rows);
  json_object_set_double_member (object, "l2", t->l2);
  json_object_set_double_member (object, "loss", t->loss);
  json_object_set_double_member (object, "gradient", t->gradient);
  json_object_set_int_member (object, "iterations", t->iterations);
  json_object_set_int_member (object, "folds", t->n_folds);
  for (unsigned i = 0; i < t->n_path; i++) {
    JsonObject *point = json_object_new ();
    json_object_set_double_member (point, "l2", t->path[i].l2);
    json_object_set_double_member (point, "loss", t->path[i].loss);
    json_object_set_double_member (point, "accuracy", t->path[i].accuracy);
    json_array_add_object_element (path, point);
  }
  json_object_set_array_member (object, "path", path);
  if (t->n_path > 0)
    json_object_set_int_member (object, "path_rows", (gint64)t->n_path_rows);
  json_object_set_double_member (object, "temperature", head.temperature);
  json_object_set_int_member (object, "calibrated_by", (gint64)report->validated->set.n_rows);
  json_object_set_double_member (object, "ece_before", t->ece_before);
  json_object_set_double_member (object, "ece_after", t->ece_after);
  if (head.unknown_method != EFFNET_UNKNOWN_NONE) {
    json_object_set_double_member (object, "unknown_threshold", head.unknown_threshold);
    json_object_set_double_member (object, "known_accepted", t->known_accepted);
    if (t->unknown_flagged >= 0) {
      json_object_set_double_member (object, "unknown_flagged", t->unknown_flagged);
      json_object_set_double_member (object, "unknown_roc_area", t->unknown_area);
    }
  }
  return object;
}

static JsonArray *
curve_array (const EffnetCurvePoint *curve)
{
  JsonArray *array = json_array_new ();

  for (unsigned i = 0; curve != NULL && i < EFFNET_CURVE_POINTS; i++) {
    JsonObject *point = json_object_new ();
    json_object_set_double_member (point, "groups", curve[i].n_groups);
    json_object_set_double_member (point, "rows", curve[i].n_rows);
    json_object_set_double_member (point, "accuracy", curve[i].accuracy);
    json_object_set_double_member (point, "low", curve[i].low);
    json_object_set_double_member (point, "high", curve[i].high);
    json_array_add_object_element (array, point);
  }
  return array;
}

static JsonArray *
suspects_array (const CliReport *report)
{
  JsonArray *array = json_array_new ();

  for (size_t i = 0; i < report->n_suspects; i++) {
    const EffnetSuspect *suspect = &report->suspects[i];
    JsonObject *object = json_object_new ();

    json_object_set_string_member (object, "picture", report->validated->names[suspect->row]);
    json_object_set_string_member (object, "given", report->labels[suspect->given]);
    json_object_set_string_member (object, "likely", report->labels[suspect->likely]);
    json_object_set_double_member (object, "score", suspect->score);
    json_object_set_double_member (object, "likely_score", suspect->likely_score);
    json_array_add_object_element (array, object);
  }
  return array;
}

static JsonArray *
pairs_array (const CliReport *report)
{
  JsonArray *array = json_array_new ();

  for (size_t i = 0; i < report->n_pairs; i++) {
    const CliPair *pair = &report->pairs[i];
    JsonArray *names = json_array_new ();
    JsonObject *object = json_object_new ();

    json_array_add_string_element (names, report->validated->names[pair->a]);
    json_array_add_string_element (names, report->validated->names[pair->b]);
    json_object_set_array_member (object, "pictures", names);
    json_object_set_double_member (object, "distance", pair->distance);
    json_array_add_object_element (array, object);
  }
  return array;
}

JsonObject *
cli_report_json (const CliReport *report)
{
  JsonObject *object = json_object_new ();
  JsonArray *unreadable = json_array_new ();
  const CliJudged *judged = report->held_out != NULL ? report->held_out : report->validated;
  g_autofree char *advice = cli_report_advice (report->curve);

  json_object_set_int_member (object, "report_version", VERSION);
  json_object_set_string_member (object, "name", report->name);
  json_object_set_string_member (object, "command", report->command);
  json_object_set_double_member (object, "seconds", report->seconds);
  json_object_set_object_member (object, "training", training_object (report));
  json_object_set_object_member (object, "cross_validated", evaluation_object (report->validated));
  if (report->held_out != NULL)
    json_object_set_object_member (object, "held_out", evaluation_object (report->held_out));
  json_object_set_array_member (object, "classes", classes_array (report, judged));
  json_object_set_array_member (object, "learning_curve", curve_array (report->curve));
  json_object_set_string_member (object, "advice", advice);
  json_object_set_array_member (object, "wrong", wrong_array (report, judged));
  json_object_set_array_member (object, "suspected_labels", suspects_array (report));
  json_object_set_array_member (object, "near_duplicates", pairs_array (report));
  for (const char *const *name = report->unreadable; name != NULL && *name != NULL; name++)
    json_array_add_string_element (unreadable, *name);
  json_object_set_array_member (object, "unreadable", unreadable);
  return object;
}
