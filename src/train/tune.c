/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bind/checkpoint.h"
#include "train/tune.h"

#include <string.h>

#include "train/layout.h"

#define MEMORY      ((size_t)256 << 20)
#define WORK_MEMORY ((size_t)192 << 20)

static gboolean
check_range (const char *what, double value, double low, double high, GError **error)
{
  if (value >= low && value <= high)
    return TRUE;
  return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                      "%s %g is out of range; expected a number from %g to %g", what, value, low,
                      high);
}

static gboolean
set_options (EffnetTuneOptions *o, GError **error)
{
  o->epochs = o->epochs > 0 ? o->epochs : 20;
  o->patience = o->patience > 0 ? o->patience : 6;
  o->batch = o->batch > 0 ? o->batch : 32;
  o->learning_rate = o->learning_rate != 0 ? o->learning_rate : 0.01;
  o->momentum = o->momentum != 0 ? o->momentum : 0.9;
  o->weight_decay = o->weight_decay != 0 ? o->weight_decay : 1e-4;
  o->memory = o->memory > 0 ? o->memory : MEMORY;
  o->work_memory = o->work_memory > 0 ? o->work_memory : WORK_MEMORY;
  return check_range ("the number of epochs", o->epochs, 1, EFFNET_TUNE_EPOCHS_MAX, error) &&
         check_range ("a batch of", o->batch, 1, 4096, error) &&
         check_range ("the learning rate", o->learning_rate, 1e-9, 10, error) &&
         check_range ("the momentum", o->momentum, 0, 0.999, error) &&
         check_range ("the weight decay", o->weight_decay, 0, 1, error) &&
         check_range ("the number of threads", o->threads, 0, EFFNET_THREADS_MAX, error);
}

/* The first block of those that are trained. */
static unsigned
first_block (const EffnetNet *net, EffnetTuneDepth depth)
{
  unsigned first = net->n_blocks;

  if (depth == EFFNET_TUNE_ALL)
    return 0;
  while (first > 0 && net->blocks[first - 1].stage + 1 == net->n_stages)
    first--;
  return first;
}

/* What graph.c goes backward through, and what it goes forward through before. */
static gboolean
check_depth (const EffnetNet *net, EffnetTuneDepth depth, GError **error)
{
  for (unsigned i = 0; i < net->n_blocks; i++) {
    const EffnetBlock *b = &net->blocks[i];

    if (b->se_place == EFFNET_SE_AFTER_PROJECT || b->kind == EFFNET_BLOCK_MECO)
      return effnet_fail (
          error, EFFNET_ERROR_UNSUPPORTED,
          "%s cannot be tuned: blocks.%u.%u has its squeeze-excite at the end or two "
          "depthwise convolutions; train a head without tuning",
          net->variant, b->stage, b->index);
    if (i >= first_block (net, depth) && b->kind != EFFNET_BLOCK_MBCONV)
      return effnet_fail (
          error, EFFNET_ERROR_UNSUPPORTED,
          "blocks.%u.%u of %s cannot be tuned, only MBConv blocks can: tune the last block only",
          b->stage, b->index, net->variant);
  }
  return TRUE;
}

/* The backbone's file again, as it was when the model was opened, and its layers. */
static gboolean
open_backbone (EffnetTune *tune, size_t *n_layers, GError **error)
{
  const EffnetModel *model = tune->model;
  const char *path = model->backbone != NULL ? model->backbone : model->path;
  g_autoptr (EffnetTensorTable) classifier = NULL;

  if (path == NULL)
    return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                        "synthetic weights have no file to train from; open a model's");
  if (model->net->n_classes == 0)
    return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                        "a model without a classifier cannot be tuned at once; train without "
                        "tuning first, then tune the model that makes");
  tune->tensors = effnet_checkpoint_open (path, NULL, error);
  if (tune->tensors == NULL)
    return FALSE;
  if (model->backbone != NULL &&
      (classifier = effnet_tensor_table_open (model->path, error)) == NULL)
    return FALSE;
  tune->bound =
      effnet_bind (model->net, tune->tensors, classifier, model->bn_epsilon, n_layers, error);
  return tune->bound != NULL;
}

static gboolean
get_memory (EffnetTune *tune, GError **error)
{
  EffnetLayout layout = {0};
  size_t n = tune->graph.params.n_trained, k = tune->info.n_classes;

  for (unsigned i = 0; i < 2; i++) {
    layout = (EffnetLayout){.base = tune->memory.base};
    tune->inputs =
        effnet_layout_take (&layout, tune->graph.images * effnet_graph_input_size (&tune->graph));
    tune->logits = effnet_layout_take (&layout, tune->graph.images * k);
    tune->dlogits = effnet_layout_take (&layout, tune->graph.images * k);
    tune->velocity = effnet_layout_take (&layout, n);
    tune->best = effnet_layout_take (&layout, n);
    if (i == 0 && effnet_arena_init (&tune->memory, layout.floats * sizeof (float)) != 0)
      return effnet_fail_memory (error, "training", layout.floats * sizeof (float));
  }
  return TRUE;
}

/* The classifier begins as the head. */
static void
take_head (EffnetTune *tune)
{
  EffnetParams *params = &tune->graph.params;
  const EffnetParam *p = &params->layers[params->n_layers - 1];

  memcpy (params->theta + p->weight, tune->info.weights, effnet_param_size (p) * sizeof (float));
  memcpy (params->theta + p->beta, tune->info.bias, p->layer.out * sizeof (float));
  memcpy (tune->best, params->theta, params->n_trained * sizeof (float));
  effnet_params_refresh (params, &tune->graph.products);
}

EffnetTune *
effnet_tune_new (EffnetModel *model, const EffnetHead *head, const EffnetTuneOptions *options,
                 GError **error)
{
  g_autoptr (EffnetTune) tune = g_new0 (EffnetTune, 1);
  size_t n_layers = 0;

  if (options != NULL)
    tune->options = *options;
  tune->model = effnet_model_ref (model);
  tune->head = effnet_head_ref ((EffnetHead *)head);
  effnet_head_get_info (head, &tune->info);
  tune->pool = effnet_pool_get (tune->options.threads);
  tune->pictures = g_array_new (FALSE, FALSE, sizeof (EffnetTunePicture));
  tune->targets = g_byte_array_new ();
  if (!set_options (&tune->options, error))
    return NULL;
  if (tune->info.n_features != model->net->head_channels) {
    effnet_fail (error, EFFNET_ERROR_MISMATCH, "the head is for %u features, but %s has %u",
                 tune->info.n_features, model->name, model->net->head_channels);
    return NULL;
  }
  if (!check_depth (model->net, tune->options.depth, error) ||
      !open_backbone (tune, &n_layers, error) ||
      !effnet_graph_init (&tune->graph, model->net, tune->bound, n_layers, tune->info.n_classes,
                          first_block (model->net, tune->options.depth), tune->options.batch,
                          tune->options.work_memory, tune->pool, error) ||
      !get_memory (tune, error))
    return NULL;
  take_head (tune);
  tune->report.n_parameters = tune->graph.params.n_trained;
  tune->cache = effnet_cache_new (effnet_graph_input_size (&tune->graph), tune->options.memory,
                                  tune->options.folder);
  tune->options.folder = NULL;
  return g_steal_pointer (&tune);
}

void
effnet_tune_free (EffnetTune *tune)
{
  if (tune == NULL)
    return;
  effnet_cache_free (tune->cache);
  effnet_graph_clear (&tune->graph);
  effnet_arena_clear (&tune->memory);
  g_free (tune->bound);
  effnet_tensor_table_free (tune->tensors);
  g_array_unref (tune->pictures);
  g_byte_array_unref (tune->targets);
  effnet_pool_unref (tune->pool);
  effnet_head_unref (tune->head);
  effnet_model_unref (tune->model);
  g_free (tune);
}

gboolean
effnet_tune_add (EffnetTune *tune, const float *nhwc, unsigned n_views, const uint8_t *targets,
                 gboolean held_out, GError **error)
{
  const EffnetNet *net = tune->model->net;
  EffnetTunePicture picture = {tune->n_arrays, held_out ? 1 : n_views, held_out};

  for (unsigned i = 0; i < picture.n_views; i++) {
    effnet_graph_prepare (&tune->graph, nhwc + (size_t)i * net->in_height * net->in_width * 3,
                          tune->inputs);
    if (!effnet_cache_add (tune->cache, tune->inputs, error))
      return FALSE;
    tune->n_arrays++;
  }
  g_array_append_val (tune->pictures, picture);
  g_byte_array_append (tune->targets, targets, tune->info.n_classes);
  *(held_out ? &tune->report.n_held_out : &tune->report.n_trained) += 1;
  tune->report.file_bytes = effnet_cache_file_bytes (tune->cache);
  return TRUE;
}

static gboolean
is_cancelled (void *cancellable)
{
  return g_cancellable_is_cancelled (cancellable);
}

gboolean
effnet_tune_pass (EffnetTune *tune, const size_t *which, size_t n, gboolean keep,
                  GCancellable *cancellable, GError **error)
{
  size_t size = effnet_graph_input_size (&tune->graph);

  for (size_t i = 0; i < n; i++) {
    if (!effnet_cache_read (tune->cache, which[i], tune->inputs + i * size, error))
      return FALSE;
  }
  tune->graph.keep = keep;
  if (effnet_graph_forward (&tune->graph, n, tune->inputs, tune->logits, is_cancelled, cancellable))
    return TRUE;
  return effnet_fail (error, EFFNET_ERROR_CANCELLED, "training was cancelled");
}
