/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counts of what a head decides, against the targets; and the labels that look wrong. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/calibrate.h"
#include "train/head.h"

typedef struct {
  size_t row;
  float certainty;
} Wrong;

typedef struct {
  const EffnetHeadInfo *info;
  const EffnetTrainSet *set;
  EffnetEvaluation *out;
  EffnetReliability reliability;
  Wrong *wrong; /* [n_rows] */
} Count;

static gboolean
check_set (const EffnetHeadInfo *info, const EffnetTrainSet *set, gboolean features, GError **error)
{
  if (set->n_classes != info->n_classes || (features && set->n_features != info->n_features))
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "the rows have %u features and %u classes, the head %u and %u",
                        set->n_features, set->n_classes, info->n_features, info->n_classes);
  for (size_t i = 0; i < set->n_rows; i++) {
    const uint8_t *y = set->targets + i * set->n_classes;
    size_t sum = 0;

    for (unsigned k = 0; k < set->n_classes; k++)
      sum += y[k] > 1 ? 2 * (size_t)set->n_classes : y[k];
    if (sum > set->n_classes || (info->kind == EFFNET_HEAD_SOFTMAX && sum != 1))
      return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the targets of row %zu are not %s", i,
                          info->kind == EFFNET_HEAD_SOFTMAX ? "one 1 among zeros"
                                                            : "zeros and ones");
  }
  return TRUE;
}

static double
threshold_of (const EffnetHeadInfo *info, unsigned k)
{
  return info->thresholds != NULL ? info->thresholds[k] : 0.5;
}

static void
count_softmax_row (Count *count, const float *scores, const uint8_t *y, float *certainty)
{
  EffnetEvaluation *out = count->out;
  unsigned k = out->n_classes, best = effnet_calibrate_best (scores, k), given = 0;

  while (!y[given])
    given++;
  out->confusion[given * k + best]++;
  out->classes[given].n++;
  out->classes[best].n_answered++;
  out->classes[best].n_right += best == given;
  out->n_right += best == given;
  effnet_reliability_add (&count->reliability, scores[best], best == given);
  *certainty = best == given ? -1 : scores[best];
}

/* Of one logit class 0 is no and 1 yes. */
static void
count_label (Count *count, unsigned k, float score, unsigned given, float *certainty)
{
  EffnetEvaluation *out = count->out;
  unsigned said = score >= threshold_of (count->info, k);
  gboolean one = out->kind == EFFNET_HEAD_ONE_LOGIT;

  out->confusion[(one ? 0 : 4 * k) + 2 * given + said]++;
  for (unsigned value = one ? 0 : 1; value < 2; value++) {
    EffnetClassResult *of = &out->classes[one ? value : k];

    of->n += given == value;
    of->n_answered += said == value;
    of->n_right += given == value && said == value;
  }
  out->n_right += said == given;
  effnet_reliability_add (&count->reliability, score, given);
  if (said != given)
    *certainty = MAX (*certainty, said ? score : 1 - score);
}

static int
compare_wrong (const void *a, const void *b)
{
  const Wrong *x = a, *y = b;

  if (x->certainty != y->certainty)
    return x->certainty > y->certainty ? -1 : 1;
  return x->row < y->row ? -1 : x->row > y->row;
}

static void
finish_classes (Count *count, const float *logits)
{
  EffnetEvaluation *out = count->out;
  size_t n = out->n_rows, columns = count->set->n_classes;
  g_autofree float *low = g_new (float, n + 1);
  g_autofree float *high = g_new (float, n + 1);

  for (unsigned k = 0; k < out->n_classes; k++) {
    EffnetClassResult *of = &out->classes[k];
    gboolean no = out->kind == EFFNET_HEAD_ONE_LOGIT && k == 0;
    unsigned column = out->kind == EFFNET_HEAD_ONE_LOGIT ? 0 : k;
    size_t n_low = 0, n_high = 0;

    for (size_t i = 0; i < n; i++) {
      float logit = logits[i * columns + column];

      if (count->set->targets[i * columns + column] != no)
        high[n_high++] = no ? -logit : logit;
      else
        low[n_low++] = no ? -logit : logit;
    }
    of->precision = of->n_answered > 0 ? (double)of->n_right / (double)of->n_answered : 0;
    of->recall = of->n > 0 ? (double)of->n_right / (double)of->n : 0;
    of->f1 = of->n_right > 0 ? 2 * of->precision * of->recall / (of->precision + of->recall) : 0;
    of->roc_area = effnet_roc_area (n_low, low, n_high, high);
  }
}

static void
finish (Count *count, const float *logits)
{
  EffnetEvaluation *out = count->out;

  finish_classes (count, logits);
  qsort (count->wrong, out->n_wrong, sizeof *count->wrong, compare_wrong);
  out->wrong = g_new (size_t, out->n_wrong + 1);
  for (size_t i = 0; i < out->n_wrong; i++)
    out->wrong[i] = count->wrong[i].row;
  out->accuracy = out->n_answers > 0 ? (double)out->n_right / (double)out->n_answers : 0;
  effnet_wilson_interval (out->n_right, out->n_answers, &out->low, &out->high);
  out->ece = effnet_reliability_finish (&count->reliability);
  memcpy (out->bins, count->reliability.bins, sizeof out->bins);
}

EffnetEvaluation *
effnet_evaluate_logits (const EffnetHead *head, const EffnetTrainSet *set, const float *logits,
                        GError **error)
{
  EffnetHeadInfo info;
  EffnetEvaluation *out;
  g_autofree float *scores = NULL;
  g_autofree Wrong *wrong = NULL;
  Count count = {.info = &info, .set = set};
  unsigned k = set->n_classes;
  double ece;

  effnet_head_get_info (head, &info);
  if (!check_set (&info, set, FALSE, error))
    return NULL;
  count.out = out = g_new0 (EffnetEvaluation, 1);
  out->kind = info.kind;
  out->n_rows = set->n_rows;
  out->n_classes = info.kind == EFFNET_HEAD_ONE_LOGIT ? 2 : k;
  out->n_answers = info.kind == EFFNET_HEAD_SOFTMAX ? set->n_rows : set->n_rows * k;
  out->classes = g_new0 (EffnetClassResult, out->n_classes);
  out->confusion = g_new0 (size_t, info.kind == EFFNET_HEAD_MULTI_LABEL
                                       ? (size_t)k * 4
                                       : (size_t)out->n_classes * out->n_classes);
  scores = g_new (float, k);
  count.wrong = wrong = g_new (Wrong, set->n_rows + 1);
  for (size_t i = 0; i < set->n_rows; i++) {
    const uint8_t *y = set->targets + i * k;
    float certainty = -1;

    effnet_head_scores (info.kind, k, info.temperature, logits + i * k, scores);
    if (info.kind == EFFNET_HEAD_SOFTMAX)
      count_softmax_row (&count, scores, y, &certainty);
    for (unsigned c = 0; info.kind != EFFNET_HEAD_SOFTMAX && c < k; c++)
      count_label (&count, c, scores[c], y[c], &certainty);
    if (certainty >= 0)
      wrong[out->n_wrong++] = (Wrong){i, certainty};
  }
  effnet_calibration_measure (
      &(EffnetHeldOut){info.kind, set->n_rows, k, logits, set->targets, NULL, NULL},
      info.temperature, &out->loss, &ece);
  finish (&count, logits);
  return out;
}

EffnetEvaluation *
effnet_evaluate (const EffnetHead *head, const EffnetTrainSet *set, GError **error)
{
  EffnetHeadInfo info;
  EffnetEvaluation *out;
  g_autofree float *logits = NULL;
  size_t n_unknown = 0;

  effnet_head_get_info (head, &info);
  if (!check_set (&info, set, TRUE, error))
    return NULL;
  logits = g_try_new (float, set->n_rows * set->n_classes + 1);
  if (logits == NULL) {
    effnet_fail_memory (error, "the logits", set->n_rows * set->n_classes * sizeof (float));
    return NULL;
  }
  for (size_t i = 0; i < set->n_rows; i++) {
    double distance;

    n_unknown += effnet_head_apply (head, set->features + i * set->n_features,
                                    logits + i * set->n_classes, NULL, &distance);
  }
  out = effnet_evaluate_logits (head, set, logits, error);
  if (out != NULL)
    out->n_unknown = n_unknown;
  return out;
}

void
effnet_evaluation_free (EffnetEvaluation *evaluation)
{
  if (evaluation == NULL)
    return;
  g_free (evaluation->classes);
  g_free (evaluation->confusion);
  g_free (evaluation->wrong);
  g_free (evaluation);
}

static int
compare_suspects (const void *a, const void *b)
{
  const EffnetSuspect *x = a, *y = b;

  if (x->score != y->score)
    return x->score < y->score ? -1 : 1;
  return x->row != y->row ? (x->row < y->row ? -1 : 1) : (x->given < y->given ? -1 : 1);
}

size_t
effnet_suspect_labels (const EffnetHead *head, const EffnetTrainSet *set, const float *logits,
                       double max_score, size_t n, EffnetSuspect *suspects)
{
  EffnetHeadInfo info;
  unsigned k = set->n_classes;
  g_autofree float *scores = g_new (float, k);
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (EffnetSuspect));

  effnet_head_get_info (head, &info);
  for (size_t i = 0; i < set->n_rows; i++) {
    const uint8_t *y = set->targets + i * k;
    unsigned best;

    effnet_head_scores (info.kind, k, info.temperature, logits + i * k, scores);
    best = effnet_calibrate_best (scores, k);
    for (unsigned c = 0; c < k; c++) {
      gboolean softmax = info.kind == EFFNET_HEAD_SOFTMAX, one = info.kind == EFFNET_HEAD_ONE_LOGIT;
      EffnetSuspect suspect = {.row = i,
                               .given = one ? y[c] : c,
                               .likely = softmax ? best
                                         : one   ? !y[c]
                                                 : c,
                               .score = softmax || y[c] ? scores[c] : 1 - scores[c]};

      suspect.likely_score = softmax ? scores[best] : 1 - suspect.score;
      if ((softmax && !y[c]) || suspect.score > (max_score == 0 ? 0.1 : max_score))
        continue;
      g_array_append_val (found, suspect);
    }
  }
  g_array_sort (found, compare_suspects);
  n = MIN (n, found->len);
  if (n > 0)
    memcpy (suspects, found->data, n * sizeof *suspects);
  return n;
}
