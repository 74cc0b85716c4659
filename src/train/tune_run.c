/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The steps of training, and what the pictures that are held out say after each epoch. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "train/loss.h"
#include "train/tune.h"

#define STEP_TILE 8192 /* parameters */

/* One run. */
typedef struct {
  EffnetTune *tune;
  GCancellable *cancellable;
  size_t n;              /* rows: pictures that are trained on */
  size_t *pictures;      /* [n] of each row */
  size_t *order;         /* [n] rows, shuffled each epoch */
  size_t *views;         /* [n] the arrays of this epoch, in that order */
  EffnetTargets targets; /* of the rows */
  double *row;           /* [2][n_classes] scratch */
  double *losses;        /* [2][n_held_out]: of the head alone, of the newest epoch */
  uint64_t random;
  size_t step, steps; /* of all epochs */
  double rate;
} Run;

/* splitmix64 (Steele, Lea and Flood, 2014) */
static uint64_t
draw (uint64_t *state)
{
  uint64_t z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* Fisher and Yates. Row i shows its view (i + @epoch). */
static void
shuffle (Run *run, unsigned epoch)
{
  for (size_t i = run->n; i-- > 1;) {
    size_t j = (size_t)(draw (&run->random) % (i + 1)), kept = run->order[i];

    run->order[i] = run->order[j];
    run->order[j] = kept;
  }
  for (size_t i = 0; i < run->n; i++) {
    const EffnetTunePicture *picture =
        effnet_tune_picture (run->tune, run->pictures[run->order[i]]);

    run->views[i] = picture->first + (run->order[i] + epoch) % picture->n_views;
  }
}

/* ---- loss ------------------------------------------------------------------------------------ */

static gboolean
is_softmax (const EffnetTune *tune)
{
  return tune->info.kind == EFFNET_HEAD_SOFTMAX;
}

/* Loss of row @row with its logits @z; its gradient, times @share, to @dz. */
static double
row_loss (const Run *run, size_t row, const float *z, double share, float *dz)
{
  const EffnetTargets *t = &run->targets;
  const uint8_t *y = t->targets + row * t->k;
  const double *weights = t->weights + row * t->n_weights;
  double *logits = run->row, *p = logits + t->k;

  for (unsigned c = 0; c < t->k; c++)
    logits[c] = z[c];
  effnet_loss_scores (t->softmax, t->k, logits, p);
  for (unsigned c = 0; c < t->k; c++)
    dz[c] = (float)((p[c] - y[c]) * weights[t->n_weights > 1 ? c : 0] * share);
  if (t->n_weights > 1)
    return effnet_loss_row (FALSE, t->k, logits, y, weights);
  return *weights * effnet_loss_row (t->softmax, t->k, logits, y, NULL);
}

/* ---- steps ----------------------------------------------------------------------------------- */

typedef struct {
  float *theta, *gradient, *velocity;
  size_t n;
  float rate, momentum, decay;
} Update;

static void
update_tile (void *user, size_t tile, unsigned worker)
{
  const Update *u = user;
  size_t end = MIN ((tile + 1) * STEP_TILE, u->n);

  (void)worker;
  for (size_t i = tile * STEP_TILE; i < end; i++) {
    u->velocity[i] = u->momentum * u->velocity[i] + (u->gradient[i] + u->decay * u->theta[i]);
    u->theta[i] -= u->rate * u->velocity[i];
  }
}

/* @n parameters from @at on. */
static void
update (const Run *run, size_t at, size_t n, double decay)
{
  EffnetTune *tune = run->tune;
  EffnetParams *params = &tune->graph.params;
  Update u = {.theta = params->theta + at,
              .gradient = params->gradient + at,
              .velocity = tune->velocity + at,
              .n = n,
              .rate = (float)run->rate,
              .momentum = (float)tune->options.momentum,
              .decay = (float)decay};

  effnet_pool_run (tune->pool, effnet_div_up (n, STEP_TILE), update_tile, &u);
}

/* Up over the first twentieth of the steps, then down as half a cosine. */
static double
rate_of (const Run *run)
{
  size_t warm = MAX (1, run->steps / 20);
  double done = (double)(run->step - MIN (run->step, warm)) / (double)MAX (1, run->steps - warm);

  if (run->step < warm)
    return run->tune->options.learning_rate * (double)(run->step + 1) / (double)warm;
  return run->tune->options.learning_rate * 0.5 * (1 + cos (G_PI * done));
}

static void
take_step (Run *run)
{
  EffnetTune *tune = run->tune;
  EffnetParams *params = &tune->graph.params;

  run->rate = rate_of (run);
  effnet_params_chain (params, tune->pool);
  for (size_t i = 0; i < params->n_layers; i++) {
    const EffnetParam *p = &params->layers[i];

    if (!p->is_trained)
      continue;
    update (run, p->weight, effnet_param_size (p), tune->options.weight_decay);
    update (run, p->gamma, p->beta + p->layer.out - p->gamma, 0); /* beta is behind gamma */
  }
  effnet_params_refresh (params, &tune->graph.products);
  run->step++;
}

static gboolean
is_cancelled (void *cancellable)
{
  return g_cancellable_is_cancelled (cancellable);
}

/* The gradients of a batch, in as many passes as its memory asks for; adds to *@loss. */
static gboolean
run_batch (Run *run, size_t first, size_t count, double *loss, GError **error)
{
  EffnetTune *tune = run->tune;
  unsigned k = tune->info.n_classes;

  effnet_params_forget (&tune->graph.params);
  for (size_t at = 0, n; at < count; at += n) {
    n = MIN (tune->graph.images, count - at);
    if (!effnet_tune_pass (tune, run->views + first + at, n, TRUE, run->cancellable, error))
      return FALSE;
    for (size_t i = 0; i < n; i++)
      *loss += row_loss (run, run->order[first + at + i], tune->logits + i * k, 1 / (double)count,
                         tune->dlogits + i * k);
    if (!effnet_graph_backward (&tune->graph, n, tune->dlogits, is_cancelled, run->cancellable))
      return effnet_fail (error, EFFNET_ERROR_CANCELLED, "training was cancelled");
  }
  take_step (run);
  return TRUE;
}

/* ---- epochs ---------------------------------------------------------------------------------- */

gboolean
effnet_tune_held_out (EffnetTune *tune, float **logits, uint8_t **targets,
                      GCancellable *cancellable, GError **error)
{
  unsigned k = tune->info.n_classes;
  size_t n = 0, *arrays = g_new (size_t, tune->report.n_held_out);
  gboolean ok = TRUE;

  *logits = g_new (float, tune->report.n_held_out *k);
  *targets = g_new (uint8_t, tune->report.n_held_out * k);
  for (size_t i = 0; i < tune->pictures->len; i++) {
    if (!effnet_tune_picture (tune, i)->held_out)
      continue;
    memcpy (*targets + n * k, effnet_tune_targets (tune, i), k);
    arrays[n++] = effnet_tune_picture (tune, i)->first;
  }
  for (size_t i = 0, count; ok && i < n; i += count) {
    count = MIN (tune->graph.images, n - i);
    ok = effnet_tune_pass (tune, arrays + i, count, FALSE, cancellable, error);
    if (ok)
      memcpy (*logits + i * k, tune->logits, count * k * sizeof **logits);
  }
  g_free (arrays);
  return ok;
}

/* Right decisions of a row. */
static unsigned
count_right (const EffnetTune *tune, const float *z, const uint8_t *y)
{
  unsigned k = tune->info.n_classes, best = 0, right = 0;

  for (unsigned c = 0; c < k; c++) {
    best = z[c] > z[best] ? c : best;
    right += (z[c] > 0) == (y[c] != 0);
  }
  return is_softmax (tune) ? y[best] : right;
}

/* @epoch's loss and accuracy; *@losses: of each picture. */
static gboolean
judge (const Run *run, EffnetTuneEpoch *epoch, double *losses, GError **error)
{
  EffnetTune *tune = run->tune;
  unsigned k = tune->info.n_classes;
  size_t n = tune->report.n_held_out, right = 0;
  g_autofree float *logits = NULL;
  g_autofree uint8_t *targets = NULL;
  g_autofree double *z = g_new (double, k);
  double temperature, loss = 0;

  if (!effnet_tune_held_out (tune, &logits, &targets, run->cancellable, error))
    return FALSE;
  temperature = effnet_calibrate_temperature (tune->info.kind, n, k, logits, targets);
  for (size_t i = 0; i < n; i++) {
    for (unsigned c = 0; c < k; c++)
      z[c] = logits[i * k + c] / temperature;
    losses[i] = effnet_loss_row (is_softmax (tune), k, z, targets + i * k, NULL);
    loss += losses[i];
    right += count_right (tune, logits + i * k, targets + i * k);
  }
  epoch->loss = loss / (double)n;
  epoch->accuracy = (double)right / (double)(n * (is_softmax (tune) ? 1 : k));
  return TRUE;
}

/* TRUE when the pictures' losses fell by more than a standard error of the mean: what a few of them
 * make of chance is not worth another backbone. */
static gboolean
fell (const Run *run)
{
  size_t n = run->tune->report.n_held_out;
  double sum = 0, squares = 0, mean;

  for (size_t i = 0; i < n; i++)
    sum += run->losses[i] - run->losses[n + i];
  mean = sum / (double)n;
  for (size_t i = 0; i < n; i++) {
    double off = run->losses[i] - run->losses[n + i] - mean;

    squares += off * off;
  }
  return mean > 0.01 * run->tune->report.epochs[0].loss &&
         mean > sqrt (squares / (double)MAX (1, n - 1) / (double)n);
}

/* No picture that the head alone gets right is paid for a smaller loss. */
static gboolean
is_better (const Run *run, const EffnetTuneEpoch *epoch)
{
  const EffnetTuneReport *report = &run->tune->report;

  return epoch->loss < report->epochs[report->best_epoch].loss &&
         epoch->accuracy >= report->epochs[0].accuracy && fell (run);
}

static gboolean
run_epoch (Run *run, unsigned number, EffnetTrainProgress progress, void *progress_data,
           GError **error)
{
  EffnetTune *tune = run->tune;
  EffnetTuneReport *report = &tune->report;
  EffnetTuneEpoch *epoch = &report->epochs[number];
  size_t batch = tune->options.batch;

  shuffle (run, number - 1);
  for (size_t i = 0; i < run->n; i += batch) {
    if (!run_batch (run, i, MIN (batch, run->n - i), &epoch->train_loss, error))
      return FALSE;
    if (progress != NULL)
      progress ((double)run->step / (double)run->steps, progress_data);
  }
  epoch->train_loss /= (double)run->n;
  epoch->rate = run->rate;
  if (!judge (run, epoch, run->losses + report->n_held_out, error))
    return FALSE;
  report->n_epochs = number;
  if (!is_better (run, epoch))
    return TRUE;
  report->best_epoch = number;
  memcpy (tune->best, tune->graph.params.theta, tune->graph.params.n_trained * sizeof (float));
  return TRUE;
}

static gboolean
check_pictures (const EffnetTune *tune, GError **error)
{
  if (tune->report.n_trained == 0 || tune->report.n_held_out == 0)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "%zu pictures to train on and %zu held out; expected at least one of each: "
                        "hold some out (--validate 0.2)",
                        tune->report.n_trained, tune->report.n_held_out);
  return TRUE;
}

/* Memory, the rows that are trained on and their weights. */
static gboolean
begin (Run *run, GError **error)
{
  const EffnetTune *tune = run->tune;
  unsigned k = tune->info.n_classes;
  size_t n = tune->report.n_trained;
  uint8_t *targets = g_new (uint8_t, n * k);

  run->pictures = g_new (size_t, 3 * n);
  run->order = run->pictures + n;
  run->views = run->order + n;
  run->row = g_new (double, 2 * (size_t)k);
  run->losses = g_new (double, 2 * tune->report.n_held_out);
  for (size_t i = 0; i < tune->pictures->len; i++) {
    if (effnet_tune_picture (tune, i)->held_out)
      continue;
    memcpy (targets + run->n * k, effnet_tune_targets (tune, i), k);
    run->pictures[run->n] = i;
    run->order[run->n] = run->n;
    run->n++;
  }
  run->random = tune->options.seed;
  run->steps = tune->options.epochs * effnet_div_up (n, tune->options.batch);
  EffnetTrainSet set = {.n_rows = n, .n_classes = k, .targets = targets};
  return effnet_targets_init (&run->targets, &set, tune->info.kind, tune->options.balanced, error);
}

static void
end (Run *run)
{
  g_free ((uint8_t *)run->targets.targets);
  effnet_targets_clear (&run->targets);
  g_free (run->pictures);
  g_free (run->row);
  g_free (run->losses);
}

gboolean
effnet_tune_run (EffnetTune *tune, EffnetTrainProgress progress, void *progress_data,
                 GCancellable *cancellable, EffnetTuneReport *report, GError **error)
{
  EffnetParams *params = &tune->graph.params;
  Run run = {.tune = tune, .cancellable = cancellable};
  gboolean ok;

  if (!check_pictures (tune, error))
    return FALSE;
  ok = begin (&run, error) && judge (&run, &tune->report.epochs[0], run.losses, error);
  for (unsigned i = 1; ok && i <= tune->options.epochs; i++) {
    if (i > tune->report.best_epoch + tune->options.patience)
      break;
    ok = run_epoch (&run, i, progress, progress_data, error);
  }
  end (&run);
  tune->report.is_better = tune->report.best_epoch > 0;
  memcpy (params->theta, tune->best, params->n_trained * sizeof (float));
  effnet_params_refresh (params, &tune->graph.products);
  if (ok && report != NULL)
    *report = tune->report;
  return ok;
}
