/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What training made: features, a head, and the tensors of the backbone. */
#include <stdlib.h>
#include <string.h>

#include "bind/dialect.h"
#include "train/calibrate.h"
#include "train/head.h"
#include "train/head_file.h"
#include "train/tune.h"

#define SURE  0.95 /* share of right answers from which a class counts as recognised */
#define KNOWN 0.95 /* of the pictures of the classes, that shall not count as unknown */

static void
give (const EffnetTune *tune, float *features, float *logits)
{
  if (features != NULL)
    memcpy (features, tune->graph.features, tune->info.n_features * sizeof *features);
  if (logits != NULL)
    memcpy (logits, tune->logits, tune->info.n_classes * sizeof *logits);
}

gboolean
effnet_tune_apply (EffnetTune *tune, size_t index, unsigned view, float *features, float *logits,
                   GError **error)
{
  size_t array = effnet_tune_picture (tune, index)->first + view;

  if (!effnet_tune_pass (tune, &array, 1, FALSE, NULL, error))
    return FALSE;
  give (tune, features, logits);
  return TRUE;
}

void
effnet_tune_apply_input (EffnetTune *tune, const float *nhwc, float *features, float *logits)
{
  effnet_graph_prepare (&tune->graph, nhwc, tune->inputs);
  effnet_graph_forward (&tune->graph, 1, tune->inputs, tune->logits, NULL, NULL);
  give (tune, features, logits);
}

/* Features and targets of the pictures of one side. */
typedef struct {
  EffnetTrainSet set;
  float *features, *logits;
  uint8_t *targets;
} Side;

static gboolean
read_side (EffnetTune *tune, gboolean held_out, Side *side, GError **error)
{
  size_t n = held_out ? tune->report.n_held_out : tune->report.n_trained, row = 0;
  unsigned k = tune->info.n_classes, d = tune->info.n_features;

  *side = (Side){.features = g_try_new (float, n *d),
                 .logits = g_try_new (float, n *k),
                 .targets = g_try_new (uint8_t, n * k)};
  if (side->features == NULL || side->logits == NULL || side->targets == NULL)
    return effnet_fail_memory (error, "the features of the pictures", n * d * sizeof (float));
  side->set = (EffnetTrainSet){.n_rows = n,
                               .n_features = d,
                               .n_classes = k,
                               .features = side->features,
                               .targets = side->targets};
  for (size_t i = 0; i < tune->pictures->len; i++) {
    if (effnet_tune_picture (tune, i)->held_out != held_out)
      continue;
    if (!effnet_tune_apply (tune, i, 0, side->features + row * d, side->logits + row * k, error))
      return FALSE;
    memcpy (side->targets + row++ * k, effnet_tune_targets (tune, i), k);
  }
  return TRUE;
}

static void
clear_side (Side *side)
{
  g_free (side->features);
  g_free (side->logits);
  g_free (side->targets);
}

static int
by_size (gconstpointer left, gconstpointer right)
{
  double a = *(const double *)left, b = *(const double *)right;

  return a < b ? -1 : a > b;
}

/* The distance that @share of the pictures held out stay below. */
static double
far_away (const EffnetHeadInfo *info, const Side *held_out, double share)
{
  size_t n = held_out->set.n_rows, last = (size_t)(share * (double)n);
  g_autofree double *distances = g_new (double, n);
  g_autofree double *projected = effnet_head_project (info);

  for (size_t i = 0; i < n; i++)
    distances[i] =
        effnet_head_distance (info, projected, held_out->features + i * info->n_features);
  qsort (distances, n, sizeof *distances, by_size);
  return distances[MIN (last, n - 1)];
}

/* Means and spread of the classes as effnet_head_train() finds them in the new features, which have
 * seen their labels; how far is too far and what is sure, the pictures held out say. */
static EffnetHead *
calibrated (EffnetTune *tune, EffnetHeadInfo *info, const Side *trained, const Side *held_out,
            GError **error)
{
  EffnetTrainOptions options = {.kind = info->kind,
                                .l2 = info->l2,
                                .n_folds = 2,
                                .seed = tune->options.seed,
                                .threads = tune->options.threads,
                                .unknown_method = info->unknown_method,
                                .no_unknown = info->unknown_method == EFFNET_UNKNOWN_NONE};
  const EffnetHeldOut held = {.kind = info->kind,
                              .n_rows = held_out->set.n_rows,
                              .n_classes = info->n_classes,
                              .logits = held_out->logits,
                              .targets = held_out->targets};
  g_autofree float *thresholds = g_new (float, info->n_classes);
  g_autoptr (EffnetHead) fitted = NULL;

  info->temperature = effnet_calibrate_fit (&held, 0);
  effnet_calibrate_thresholds (&held, info->temperature, SURE, thresholds);
  info->thresholds = thresholds;
  if (!options.no_unknown) {
    EffnetHeadInfo other;

    fitted = effnet_head_train (&trained->set, &options, NULL, NULL, NULL, NULL, error);
    if (fitted == NULL)
      return NULL;
    effnet_head_get_info (fitted, &other);
    info->unknown_method = other.unknown_method;
    info->n_means = other.n_means;
    info->means = other.means;
    info->n_basis = other.n_basis;
    info->basis = other.basis;
    info->unknown_threshold = far_away (info, held_out, KNOWN);
  }
  return effnet_head_new (info, error);
}

EffnetHead *
effnet_tune_get_head (EffnetTune *tune, GError **error)
{
  const EffnetParams *params = &tune->graph.params;
  const EffnetParam *classifier = &params->layers[params->n_layers - 1];
  EffnetHeadInfo info = tune->info;
  Side trained = {0}, held_out = {0};
  EffnetHead *head = NULL;

  if (!tune->report.is_better)
    return effnet_head_ref (tune->head);
  info.weights = params->theta + classifier->weight;
  info.bias = params->theta + classifier->beta;
  info.accuracy = tune->report.epochs[tune->report.best_epoch].accuracy;
  if (read_side (tune, FALSE, &trained, error) && read_side (tune, TRUE, &held_out, error))
    head = calibrated (tune, &info, &trained, &held_out, error);
  clear_side (&trained);
  clear_side (&held_out);
  return head;
}

/* The tensors of @layer that are trained, under the names that effnet_head_save_tuned() wants. */
static gboolean
add_layer (const EffnetTune *tune, EffnetDialect names, const EffnetParam *p,
           EffnetTensorTable *table)
{
  size_t offsets[EFFNET_ROLE_COUNT] = {0};
  EffnetLayerTensor tensors[EFFNET_ROLE_COUNT];
  unsigned n = effnet_layer_tensors (&p->layer, !p->has_norm, tensors);

  offsets[EFFNET_ROLE_WEIGHT] = p->weight;
  offsets[EFFNET_ROLE_GAMMA] = p->gamma;
  offsets[EFFNET_ROLE_BETA] = offsets[EFFNET_ROLE_BIAS] = p->beta;
  for (unsigned i = 0; i < n; i++) {
    const EffnetLayerTensor *t = &tensors[i];

    if (t->role == EFFNET_ROLE_MEAN || t->role == EFFNET_ROLE_VARIANCE)
      continue;
    g_autofree char *name = effnet_dialect_tensor (names, tune->model->net, &p->layer, t->role);
    float *data = effnet_tensor_table_add (table, name, t->n_dims, t->shape);
    if (data == NULL)
      return FALSE;
    memcpy (data, tune->graph.params.theta + offsets[t->role],
            effnet_tensor_table_find (table, name)->n_elements * sizeof *data);
  }
  return TRUE;
}

gboolean
effnet_tune_save (EffnetTune *tune, const EffnetHead *head, const char *folder,
                  const EffnetHeadSaveOptions *options, GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_new ("tuned");
  EffnetDialect dialect = effnet_dialect_detect (tune->tensors);
  const EffnetParams *params = &tune->graph.params;

  if (!tune->report.is_better)
    return effnet_head_save (head, tune->model, folder, options, error);
  if (options != NULL && options->head_only)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "a head on a backbone that was trained cannot be saved without it; leave "
                        "out --head-only or --tune");
  if (!effnet_dialect_is_folded (dialect))
    dialect = EFFNET_DIALECT_TIMM;
  for (size_t i = 0; i + 1 < params->n_layers; i++) {
    if (params->layers[i].is_trained && !add_layer (tune, dialect, &params->layers[i], table))
      return effnet_fail_memory (error, "the trained weights", params->n_trained * sizeof (float));
  }
  return effnet_head_save_tuned (head, tune->model, table, folder, options, error);
}
