/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The training of a head from start to end: strength, minimum, calibration. The steps are in files
 * of their own. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "train/calibrate.h"
#include "train/fit.h"
#include "train/unknown.h"

/* What is being made, as long as it belongs to nobody. */
typedef struct {
  EffnetFit fit;
  EffnetCross cross;
  EffnetSolution solution;
  EffnetUnknown unknown;
  double *theta;                      /* [k][r + 1] */
  float *weights, *bias, *thresholds; /* [k][d], [k], [k] */
  EffnetTrainReport *report;
} Training;

static double
chosen_l2 (const Training *training)
{
  const EffnetTrainOptions *options = &training->fit.options;

  if (options->unpenalised)
    return 0;
  if (options->l2 > 0)
    return options->l2;
  if (training->fit.n_folds > 1)
    return training->cross.l2;
  return 0.001 * MAX (training->fit.rows.variance, 1e-30); /* the middle of the path */
}

static gboolean
copy_weights (Training *training, GError **error)
{
  const EffnetFit *fit = &training->fit;
  unsigned k = fit->targets.k;
  size_t d = fit->rows.d;
  double *weights = effnet_train_numbers (k, d, "the weights", error);
  double *bias = g_new0 (double, k);
  gboolean ok =
      weights != NULL && effnet_rows_weights (&fit->rows, training->theta, k, weights, bias, error);

  training->weights = g_new0 (float, k *d);
  training->bias = g_new0 (float, k);
  for (size_t i = 0; ok && i < k * d; i++)
    training->weights[i] = (float)weights[i];
  for (unsigned i = 0; ok && i < k; i++)
    training->bias[i] = (float)bias[i];
  g_free (weights);
  g_free (bias);
  return ok;
}

static gboolean
minimise (Training *training, EffnetTrainProgress progress, void *progress_data, GError **error)
{
  EffnetFit *fit = &training->fit;
  double curvature = effnet_fit_first_curvature (fit);
  g_autofree size_t *all = g_new (size_t, fit->rows.n);

  if (fit->n_folds > 1) {
    if (!effnet_cross_validate (fit, progress, progress_data, &training->cross, error))
      return FALSE;
    training->theta = g_steal_pointer (&training->cross.theta);
    curvature = training->cross.curvature;
  } else {
    training->theta = effnet_train_numbers (fit->targets.k, fit->rows.r + 1, "the head", error);
    if (training->theta == NULL)
      return FALSE;
  }
  for (size_t i = 0; i < fit->rows.n; i++)
    all[i] = i;
  return effnet_fit_minimum (fit, all, fit->rows.n, chosen_l2 (training), curvature,
                             training->theta, &training->solution, error) &&
         copy_weights (training, error);
}

static void
fit_fold_temperature (void *user, size_t fold, unsigned worker)
{
  const EffnetHeldOut *held = user;

  (void)worker;
  held->temperatures[fold] = effnet_calibrate_fit (held, (unsigned)fold);
}

/* What the folds' heads say of the rows they did not see, into the report, and from there
 * temperature and thresholds; copies of pictures left out. How well scores are calibrated is
 * measured at temperatures that the rows in question had no part in. */
static void
calibrate (Training *training, double *temperature)
{
  const EffnetFit *fit = &training->fit;
  EffnetTrainReport *report = training->report;
  EffnetHeldOut held = {.kind = fit->options.kind,
                        .n_rows = fit->n_judged,
                        .n_classes = fit->targets.k,
                        .logits = report->logits,
                        .targets = fit->set->targets};

  for (size_t i = 0; i < fit->rows.n * held.n_classes; i++)
    report->logits[i] = (float)training->cross.logits[i];
  memcpy (report->fold, fit->fold, fit->rows.n);
  *temperature = effnet_calibrate_fit (&held, 0);
  training->thresholds = g_new0 (float, held.n_classes);
  effnet_calibrate_thresholds (&held, *temperature, fit->options.precision, training->thresholds);
  effnet_calibration_measure (&held, 1, &report->loss_before, &report->ece_before);
  held.fold = report->fold;
  held.temperatures = report->fold_temperatures = g_new0 (double, fit->n_folds);
  effnet_train_each (fit->pool, fit->n_folds, fit_fold_temperature, &held);
  effnet_calibration_measure (&held, 1, &report->loss_after, &report->ece_after);
}

static gboolean
start_report (Training *training, GError **error)
{
  const EffnetFit *fit = &training->fit;
  size_t n = fit->rows.n, k = fit->targets.k;
  EffnetTrainReport *report = training->report;

  report->n_rows = n;
  report->n_classes = fit->targets.k;
  report->n_folds = fit->n_folds;
  report->unknown_flagged = report->unknown_area = -1;
  if (fit->n_folds < 2)
    return TRUE;
  report->fold = g_try_new0 (uint8_t, n);
  report->logits = g_try_new0 (float, n *k);
  report->distances = g_try_new0 (float, n);
  return (report->fold != NULL && report->logits != NULL && report->distances != NULL) ||
         effnet_fail_memory (error, "the report of the training", n * (4 * k + 5));
}

static gboolean
run (Training *training, const EffnetTrainSet *set, const EffnetTrainOptions *options,
     EffnetTrainProgress progress, void *progress_data, GCancellable *cancellable,
     EffnetHeadInfo *info, GError **error)
{
  EffnetFit *fit = &training->fit;
  EffnetTrainReport *report = training->report;

  if (!effnet_fit_init (fit, set, options, cancellable, error) || !start_report (training, error) ||
      !minimise (training, progress, progress_data, error))
    return FALSE;
  report->l2 = chosen_l2 (training);
  report->loss = training->solution.loss;
  report->gradient = training->solution.gradient;
  report->iterations = training->solution.steps;
  report->n_path = training->cross.n_path;
  report->n_path_rows = report->n_path > 0 ? training->cross.n_path_rows : 0;
  memcpy (report->path, training->cross.path, sizeof report->path);
  *info = (EffnetHeadInfo){.kind = fit->options.kind,
                           .n_classes = set->n_classes,
                           .n_features = set->n_features,
                           .weights = training->weights,
                           .bias = training->bias,
                           .temperature = 1,
                           .l2 = report->l2,
                           .version = effnet_version (),
                           .n_pictures = set->n_rows,
                           .seed = fit->options.seed,
                           .accuracy = -1};
  if (fit->n_folds > 1) {
    calibrate (training, &info->temperature);
    info->thresholds = training->thresholds;
  }
  if (!fit->options.no_unknown &&
      !effnet_unknown_fit (&training->unknown, fit, report, info, error))
    return FALSE;
  if (progress != NULL)
    progress (1, progress_data);
  return TRUE;
}

EffnetHead *
effnet_head_train (const EffnetTrainSet *set, const EffnetTrainOptions *options,
                   EffnetTrainProgress progress, void *progress_data, GCancellable *cancellable,
                   EffnetTrainReport **report, GError **error)
{
  Training training = {.report = g_new0 (EffnetTrainReport, 1)};
  EffnetHead *head = NULL;
  EffnetHeadInfo info;

  if (run (&training, set, options, progress, progress_data, cancellable, &info, error))
    head = effnet_head_new (&info, error);
  effnet_fit_clear (&training.fit);
  effnet_cross_clear (&training.cross);
  effnet_unknown_clear (&training.unknown);
  g_free (training.theta);
  g_free (training.weights);
  g_free (training.bias);
  g_free (training.thresholds);
  if (head == NULL || report == NULL)
    g_clear_pointer (&training.report, effnet_train_report_free);
  if (report != NULL)
    *report = training.report;
  return head;
}

void
effnet_train_report_free (EffnetTrainReport *report)
{
  if (report == NULL)
    return;
  g_free (report->fold);
  g_free (report->logits);
  g_free (report->distances);
  g_free (report->fold_temperatures);
  g_free (report);
}
