/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The training of a head from start to end: strength, minimum, calibration. The steps are in files
 * of their own. */
#include "base/error.h"
#include "effnet/train.h"

EffnetHead *
effnet_head_train (const EffnetTrainSet *set, const EffnetTrainOptions *options,
                   EffnetTrainProgress progress, void *progress_data, GCancellable *cancellable,
                   EffnetTrainReport **report, GError **error)
{
  (void)set, (void)options, (void)progress, (void)progress_data, (void)cancellable, (void)report;
  effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
  return NULL;
}

void
effnet_train_report_free (EffnetTrainReport *report)
{
  if (report == NULL)
    return;
  g_free (report->fold);
  g_free (report->logits);
  g_free (report->distances);
  g_free (report);
}

unsigned
effnet_train_groups (size_t n_rows, unsigned n_features, const float *features,
                     const char *const *hashes, const unsigned *groups_before, double max_distance,
                     unsigned threads, GCancellable *cancellable, unsigned *groups, float *nearest,
                     size_t *nearest_row, GError **error)
{
  (void)n_features, (void)features, (void)hashes, (void)groups_before, (void)max_distance;
  (void)threads, (void)cancellable, (void)nearest, (void)nearest_row, (void)n_rows, (void)groups;
  effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
  return 0;
}

void
effnet_train_folds (const EffnetTrainSet *set, unsigned n_folds, uint64_t seed, uint8_t *fold)
{
  (void)seed;
  for (size_t i = 0; i < set->n_rows; i++)
    fold[i] = (uint8_t)(i % n_folds);
}

size_t
effnet_train_split (const EffnetTrainSet *set, double fraction, uint64_t seed, uint8_t *side)
{
  (void)seed, (void)fraction;
  for (size_t i = 0; i < set->n_rows; i++)
    side[i] = 0;
  return 0;
}

EffnetEvaluation *
effnet_evaluate (const EffnetHead *head, const EffnetTrainSet *set, GError **error)
{
  (void)head, (void)set;
  effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
  return NULL;
}

EffnetEvaluation *
effnet_evaluate_logits (const EffnetHead *head, const EffnetTrainSet *set, const float *logits,
                        GError **error)
{
  (void)head, (void)set, (void)logits;
  effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
  return NULL;
}

void
effnet_evaluation_free (EffnetEvaluation *evaluation)
{
  g_free (evaluation);
}

gboolean
effnet_learning_curve (const EffnetTrainSet *set, const EffnetTrainOptions *options,
                       GCancellable *cancellable, EffnetCurvePoint points[EFFNET_CURVE_POINTS],
                       GError **error)
{
  (void)set, (void)options, (void)cancellable, (void)points;
  return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
}

gboolean
effnet_head_leave_one_out (const EffnetHead *head, const EffnetTrainSet *set,
                           const EffnetTrainOptions *options, GCancellable *cancellable,
                           float *logits, GError **error)
{
  (void)head, (void)set, (void)options, (void)cancellable, (void)logits;
  return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED, "this build does not train");
}

size_t
effnet_suspect_labels (const EffnetHead *head, const EffnetTrainSet *set, const float *logits,
                       double max_score, size_t n, EffnetSuspect *suspects)
{
  (void)head, (void)set, (void)logits, (void)max_score, (void)n, (void)suspects;
  return 0;
}

double
effnet_calibrate_temperature (EffnetHeadKind kind, size_t n_rows, unsigned n_classes,
                              const float *logits, const uint8_t *targets)
{
  (void)kind, (void)n_rows, (void)n_classes, (void)logits, (void)targets;
  return 1;
}

double
effnet_roc_area (size_t n_low, const float *low, size_t n_high, const float *high)
{
  (void)n_low, (void)low, (void)n_high, (void)high;
  return 0.5;
}

void
effnet_wilson_interval (size_t n_right, size_t n, double *low, double *high)
{
  (void)n_right, (void)n;
  *low = 0;
  *high = 1;
}
