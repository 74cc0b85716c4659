/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant/means.h"

#include <string.h>

#include "quant/moments.h"

/* What is walked along with the layers. */
typedef struct {
  const EffnetNet *net;
  float *trunk;    /* [channels] of the block's input, then of its output */
  float *inside;   /* [channels] of what the next layer of the block reads */
  float *squeezed; /* [channels] */
  float *norm;     /* [2][channels]: gamma, beta */
  size_t widest;
} Walk;

gboolean
effnet_means_are_known (const EffnetBound *bound, size_t n_layers, gboolean *known, GError **error)
{
  *known = TRUE;
  for (size_t i = 0; i < n_layers && *known; i++) {
    size_t n = bound[i].layer.out;
    g_autofree float *norm = NULL;
    gboolean identity = TRUE;

    if (!bound[i].layer.has_norm)
      continue;
    if (bound[i].tensors[EFFNET_ROLE_GAMMA] == NULL) {
      *known = FALSE;
      break;
    }
    norm = g_try_new (float, 2 * n);
    if (norm == NULL)
      return effnet_fail_memory (error, "batch norm", 2 * n * sizeof *norm);
    if (!effnet_bound_read (&bound[i], EFFNET_ROLE_GAMMA, norm, error) ||
        !effnet_bound_read (&bound[i], EFFNET_ROLE_MEAN, norm + n, error))
      return FALSE;
    for (size_t c = 0; c < n && identity; c++)
      identity = norm[c] == 1.0f && norm[n + c] == 0.0f;
    *known = !identity;
  }
  return TRUE;
}

/* to[c] = E[act (N (beta, gamma^2))] */
static gboolean
after_norm (Walk *walk, const EffnetBound *bound, EffnetActivation activation, float *to,
            GError **error)
{
  size_t n = bound->layer.out;

  if (!effnet_bound_read (bound, EFFNET_ROLE_GAMMA, walk->norm, error) ||
      !effnet_bound_read (bound, EFFNET_ROLE_BETA, walk->norm + n, error))
    return FALSE;
  for (size_t c = 0; c < n; c++)
    to[c] = (float)effnet_mean_activated (activation, walk->norm[n + c], walk->norm[c]);
  return TRUE;
}

/* to = act (W * from + b); no deviation. */
static gboolean
fully_connected (Walk *walk, const EffnetBound *bound, EffnetActivation activation,
                 const float *from, float *to, GError **error)
{
  size_t in = bound->layer.in;
  g_autofree double *scale = g_try_new (double, bound->layer.out);
  g_autofree float *row = g_try_new (float, in);

  if (scale == NULL || row == NULL)
    return effnet_fail_memory (error, "a row of weights", in * sizeof *row);
  if (!effnet_fold_scale (bound, scale, walk->norm, error))
    return FALSE;
  for (size_t o = 0; o < bound->layer.out; o++) {
    double sum = walk->norm[o];

    if (!effnet_fold_rows (bound, scale, o, 1, row, error))
      return FALSE;
    for (size_t c = 0; c < in; c++)
      sum += (double)row[c] * from[c];
    to[o] = (float)effnet_mean_activated (activation, sum, 0.0);
  }
  return TRUE;
}

/* The trunk behind a block, whose last layer made walk->inside. */
static void
add_to_trunk (Walk *walk, const EffnetLayer *layer)
{
  for (size_t c = 0; c < layer->out; c++)
    walk->trunk[c] = walk->inside[c] + (layer->block->has_skip ? walk->trunk[c] : 0.0f);
}

/* Moves the walk past a layer: to what the next one reads. */
static gboolean
pass_layer (Walk *walk, const EffnetBound *bound, GError **error)
{
  const EffnetLayer *layer = &bound->layer;
  EffnetActivation activation = walk->net->activation;

  switch (layer->kind) {
  case EFFNET_LAYER_STEM:
    return after_norm (walk, bound, activation, walk->trunk, error);
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_DEPTHWISE:
  case EFFNET_LAYER_MIDDLE:
  case EFFNET_LAYER_DEPTHWISE_2:
  case EFFNET_LAYER_HEAD:
    return after_norm (walk, bound, activation, walk->inside, error);
  case EFFNET_LAYER_CONV:
    if (!after_norm (walk, bound, activation, walk->inside, error))
      return FALSE;
    if (!layer->block->has_project)
      add_to_trunk (walk, layer);
    return TRUE;
  case EFFNET_LAYER_SE_REDUCE:
    return fully_connected (walk, bound, activation, walk->inside, walk->squeezed, error);
  case EFFNET_LAYER_SE_EXPAND: {
    float *gate = walk->norm + walk->widest;

    if (!fully_connected (walk, bound, EFFNET_ACTIVATION_SIGMOID, walk->squeezed, gate, error))
      return FALSE;
    for (size_t c = 0; c < layer->out; c++)
      walk->inside[c] *= gate[c];
    if (layer->block->se_place == EFFNET_SE_AFTER_PROJECT)
      add_to_trunk (walk, layer);
    return TRUE;
  }
  case EFFNET_LAYER_PROJECT:
    if (!after_norm (walk, bound, EFFNET_ACTIVATION_NONE, walk->inside, error))
      return FALSE;
    if (layer->block->se_place != EFFNET_SE_AFTER_PROJECT)
      add_to_trunk (walk, layer);
    return TRUE;
  default:
    return TRUE;
  }
}

/* What @layer reads; NULL = the picture. */
static const float *
read_by (const Walk *walk, const EffnetLayer *layer)
{
  switch (layer->kind) {
  case EFFNET_LAYER_STEM:
    return NULL;
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_HEAD:
    return walk->trunk;
  case EFFNET_LAYER_DEPTHWISE:
  case EFFNET_LAYER_CONV:
    return layer->block->has_expand ? walk->inside : walk->trunk;
  case EFFNET_LAYER_SE_EXPAND:
    return walk->squeezed;
  default:
    return walk->inside;
  }
}

size_t
effnet_channels_read (const EffnetLayer *layer)
{
  return layer->kind == EFFNET_LAYER_DEPTHWISE || layer->kind == EFFNET_LAYER_DEPTHWISE_2
             ? layer->out
             : layer->in;
}

EffnetMeans *
effnet_means_alloc (const EffnetNet *net, GError **error)
{
  size_t total = 0, n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  g_autoptr (EffnetMeans) means = g_new0 (EffnetMeans, 1);

  for (size_t i = 0; i < n_layers; i++)
    total += effnet_channels_read (&layers[i]);
  means->n_layers = n_layers;
  means->of = g_try_new0 (const float *, n_layers);
  means->values = g_try_new0 (float, total);
  if (means->of != NULL && means->values != NULL)
    return g_steal_pointer (&means);
  effnet_fail_memory (error, "the means of activations", total * sizeof (float));
  return NULL;
}

EffnetMeans *
effnet_means_new (const EffnetNet *net, const EffnetBound *bound, GError **error)
{
  size_t widest = 0, at = 0;
  g_autofree float *work = NULL;
  g_autoptr (EffnetMeans) means = effnet_means_alloc (net, error);
  Walk walk = {.net = net};

  if (means == NULL)
    return NULL;
  for (size_t i = 0; i < net->n_layers; i++)
    widest = MAX (widest, MAX (bound[i].layer.in, bound[i].layer.out));
  work = g_try_new (float, 5 * widest);
  if (work == NULL) {
    effnet_fail_memory (error, "the means of activations", 5 * widest * sizeof (float));
    return NULL;
  }
  walk.widest = widest;
  walk.trunk = work;
  walk.inside = work + widest;
  walk.squeezed = work + 2 * widest;
  walk.norm = work + 3 * widest;
  for (size_t i = 0; i < net->n_layers; i++) {
    const float *read = read_by (&walk, &bound[i].layer);

    if (read != NULL) {
      size_t n = effnet_channels_read (&bound[i].layer);

      means->of[i] = memcpy (means->values + at, read, n * sizeof (float));
      at += n;
    }
    if (!pass_layer (&walk, &bound[i], error))
      return NULL;
  }
  return g_steal_pointer (&means);
}

void
effnet_means_free (EffnetMeans *means)
{
  if (means == NULL)
    return;
  g_free (means->of);
  g_free (means->values);
  g_free (means);
}
