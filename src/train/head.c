/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/head.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

struct _EffnetHead {
  gatomicrefcount references;
  EffnetHeadInfo info; /* its pointers lead into what follows */
  float *numbers;
  double *projected; /* [n_means][n_basis] means in the basis */
  char **labels;
  char *texts[5];
};

static gboolean
all_finite (const float *values, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!isfinite (values[i]))
      return FALSE;
  return TRUE;
}

static size_t
count_numbers (const EffnetHeadInfo *info)
{
  size_t rows = info->n_classes + (size_t)info->n_means + info->n_basis;

  return rows * info->n_features + 2 * (size_t)info->n_classes;
}

static gboolean
check_sizes (const EffnetHeadInfo *info, GError **error)
{
  unsigned least = info->kind == EFFNET_HEAD_SOFTMAX ? 2 : 1;

  if ((unsigned)info->kind > EFFNET_HEAD_MULTI_LABEL)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the kind of the head is %d, expected 0 to 2",
                        (int)info->kind);
  if (info->n_classes < least || info->n_classes > EFFNET_CLASSES_MAX ||
      (info->kind == EFFNET_HEAD_ONE_LOGIT && info->n_classes != 1))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the head has %u logits, expected %s",
                        info->n_classes,
                        info->kind == EFFNET_HEAD_ONE_LOGIT ? "1 for yes or no"
                        : least == 2                        ? "2 or more for softmax"
                                                            : "1 or more");
  if (info->n_features == 0 || info->n_features > EFFNET_TRAIN_FEATURES_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the head has %u features, expected 1 to %d",
                        info->n_features, EFFNET_TRAIN_FEATURES_MAX);
  if (info->n_means > EFFNET_CLASSES_MAX || info->n_basis > EFFNET_HEAD_BASIS_MAX)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the head has %u means and %u rows of a basis, expected at most %d and %d",
                        info->n_means, info->n_basis, EFFNET_CLASSES_MAX, EFFNET_HEAD_BASIS_MAX);
  if (info->unknown_method != EFFNET_UNKNOWN_NONE && info->n_means == 0)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the head tells unknown by distance but has no means");
  return TRUE;
}

static gboolean
check_numbers (const EffnetHeadInfo *info, GError **error)
{
  size_t d = info->n_features, k = info->n_classes;
  const char *what = NULL;

  if ((unsigned)info->unknown_method > EFFNET_UNKNOWN_MAHALANOBIS)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the method for unknown is %d, expected 0 to 3", (int)info->unknown_method);
  if (!(info->temperature >= 0 && info->temperature <= EFFNET_TEMPERATURE_MAX))
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the temperature of the head is %g, expected 0 to %g", info->temperature,
                        EFFNET_TEMPERATURE_MAX);
  if (!all_finite (info->weights, k * d))
    what = "weights";
  else if (!all_finite (info->bias, k))
    what = "biases";
  else if (info->thresholds != NULL && !all_finite (info->thresholds, k))
    what = "thresholds";
  else if (info->n_means > 0 && !all_finite (info->means, info->n_means * d))
    what = "means";
  else if (info->n_basis > 0 && !all_finite (info->basis, info->n_basis * d))
    what = "basis";
  else if (isnan (info->unknown_threshold))
    what = "threshold of unknown";
  return what == NULL || effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                                      "the %s of the head are not finite numbers", what);
}

static const float *
copy_numbers (float **at, const float *values, size_t n)
{
  float *copy = *at;

  if (values == NULL || n == 0)
    return NULL;
  memcpy (copy, values, n * sizeof (float));
  *at += n;
  return copy;
}

/* @head's own copies of all that @info points to. */
static void
copy_info (EffnetHead *head, const EffnetHeadInfo *info)
{
  EffnetHeadInfo *own = &head->info;
  size_t d = info->n_features, k = info->n_classes;
  float *at = head->numbers;
  const char **texts[] = {&own->backbone, &own->backbone_path, &own->backbone_sha256,
                          &own->data_sha256, &own->version};

  *own = *info;
  own->weights = copy_numbers (&at, info->weights, k * d);
  own->bias = copy_numbers (&at, info->bias, k);
  own->thresholds = copy_numbers (&at, info->thresholds, k);
  own->means = copy_numbers (&at, info->means, info->n_means * d);
  own->basis = copy_numbers (&at, info->basis, info->n_basis * d);
  if (own->temperature == 0)
    own->temperature = 1;
  if (info->labels != NULL) {
    head->labels = g_new0 (char *, k + 1);
    for (size_t i = 0; i < k; i++)
      head->labels[i] = g_strdup (info->labels[i]);
    own->labels = (const char *const *)head->labels;
  }
  for (size_t i = 0; i < G_N_ELEMENTS (texts); i++)
    *texts[i] = head->texts[i] = g_strdup (*texts[i]);
}

EffnetHead *
effnet_head_new (const EffnetHeadInfo *info, GError **error)
{
  EffnetHead *head;

  g_assert (info != NULL && info->weights != NULL && info->bias != NULL);
  if (!check_sizes (info, error) || !check_numbers (info, error))
    return NULL;
  head = g_new0 (EffnetHead, 1);
  g_atomic_ref_count_init (&head->references);
  head->numbers = g_try_new (float, count_numbers (info));
  if (head->numbers == NULL) {
    effnet_fail_memory (error, "the head", count_numbers (info) * sizeof (float));
    g_free (head);
    return NULL;
  }
  copy_info (head, info);
  head->projected = effnet_head_project (&head->info);
  return head;
}

EffnetHead *
effnet_head_ref (EffnetHead *head)
{
  g_atomic_ref_count_inc (&head->references);
  return head;
}

void
effnet_head_unref (EffnetHead *head)
{
  if (!g_atomic_ref_count_dec (&head->references))
    return;
  for (size_t i = 0; i < G_N_ELEMENTS (head->texts); i++)
    g_free (head->texts[i]);
  g_strfreev (head->labels);
  g_free (head->numbers);
  g_free (head->projected);
  g_free (head);
}

void
effnet_head_get_info (const EffnetHead *head, EffnetHeadInfo *info)
{
  *info = head->info;
}

void
effnet_head_scores (EffnetHeadKind kind, unsigned n_classes, double temperature,
                    const float *logits, float *scores)
{
  double most = logits[0], sum = 0;

  if (kind != EFFNET_HEAD_SOFTMAX) {
    for (unsigned k = 0; k < n_classes; k++)
      scores[k] = (float)(1 / (1 + exp (-logits[k] / temperature)));
    return;
  }
  for (unsigned k = 1; k < n_classes; k++)
    most = MAX (most, logits[k]);
  for (unsigned k = 0; k < n_classes; k++)
    sum += exp ((logits[k] - most) / temperature);
  for (unsigned k = 0; k < n_classes; k++)
    scores[k] = (float)(exp ((logits[k] - most) / temperature) / sum);
}

/* out [n_basis] := basis times the features */
static void
project (const EffnetHeadInfo *info, const float *features, double scale, double *out)
{
  for (size_t b = 0; b < info->n_basis; b++) {
    const float *row = info->basis + b * info->n_features;
    double sum = 0;

    for (size_t j = 0; j < info->n_features; j++)
      sum += (double)row[j] * features[j];
    out[b] = scale * sum;
  }
}

double *
effnet_head_project (const EffnetHeadInfo *info)
{
  double *projected = g_new (double, (size_t)info->n_means * info->n_basis + 1);

  for (size_t m = 0; m < info->n_means; m++)
    project (info, info->means + m * info->n_features, 1, projected + m * info->n_basis);
  return projected;
}

double
effnet_head_distance (const EffnetHeadInfo *info, const double *projected, const float *features)
{
  size_t d = info->n_features;
  double best = INFINITY, scale = 1, length = 0;
  double own[EFFNET_HEAD_BASIS_MAX];

  if (info->unknown_method != EFFNET_UNKNOWN_EUCLIDEAN) {
    for (size_t j = 0; j < d; j++)
      length += (double)features[j] * features[j];
    scale = length > 0 ? 1 / sqrt (length) : 0;
  }
  project (info, features, scale, own);
  for (size_t m = 0; m < info->n_means; m++) {
    const float *mean = info->means + m * d;
    double square = 0;

    for (size_t j = 0; j < d; j++) {
      double difference = scale * features[j] - mean[j];
      square += difference * difference;
    }
    for (size_t b = 0; b < info->n_basis; b++) {
      double along = own[b] - projected[m * info->n_basis + b];
      square -= along * along;
    }
    best = MIN (best, square);
  }
  return sqrt (MAX (best, 0));
}

gboolean
effnet_head_apply (const EffnetHead *head, const float *features, float *logits, float *scores,
                   double *distance)
{
  const EffnetHeadInfo *info = &head->info;
  gboolean tells = info->unknown_method != EFFNET_UNKNOWN_NONE;
  float *out = logits != NULL ? logits : scores;

  if (out != NULL)
    for (unsigned k = 0; k < info->n_classes; k++) {
      const float *row = info->weights + (size_t)k * info->n_features;
      double sum = info->bias[k];

      for (unsigned j = 0; j < info->n_features; j++)
        sum += (double)row[j] * features[j];
      out[k] = (float)sum;
    }
  if (scores != NULL)
    effnet_head_scores (info->kind, info->n_classes, info->temperature, out, scores);
  if (distance == NULL)
    return FALSE;
  *distance = tells ? effnet_head_distance (info, head->projected, features) : 0;
  return tells && *distance > info->unknown_threshold;
}
