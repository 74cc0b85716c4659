/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dialects: what checkpoints call the layers. A dialect is a row of name patterns; nothing else in
 * the house knows a tensor's name. In a pattern {s} is the stage from 0, {S} from 1, {i} the block
 * in its stage, {n} the block in the net, {H} the number of stages plus 1. */
#include <string.h>

#include "plan/bind.h"

typedef struct {
  const char *name;
  /* convolution and batch norm of each layer; norm NULL = folded, the convolution has a bias */
  struct {
    const char *conv, *norm;
  } stem, expand, depthwise, project, head,
      /* the same in a block without expand conv, where the numbering differs */
      plain_depthwise, plain_project;
  const char *se_reduce, *se_expand, *plain_se_reduce, *plain_se_expand, *classifier;
} Dialect;

static const Dialect dialects[] = {
    [EFFNET_DIALECT_TIMM] =
        {
            .name = "timm",
            .stem = {"conv_stem", "bn1"},
            .expand = {"blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn1"},
            .depthwise = {"blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn2"},
            .project = {"blocks.{s}.{i}.conv_pwl", "blocks.{s}.{i}.bn3"},
            .plain_depthwise = {"blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn1"},
            .plain_project = {"blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn2"},
            .head = {"conv_head", "bn2"},
            .se_reduce = "blocks.{s}.{i}.se.conv_reduce",
            .se_expand = "blocks.{s}.{i}.se.conv_expand",
            .plain_se_reduce = "blocks.{s}.{i}.se.conv_reduce",
            .plain_se_expand = "blocks.{s}.{i}.se.conv_expand",
            .classifier = "classifier",
        },
    [EFFNET_DIALECT_TORCHVISION] =
        {
            .name = "torchvision",
            .stem = {"features.0.0", "features.0.1"},
            .expand = {"features.{S}.{i}.block.0.0", "features.{S}.{i}.block.0.1"},
            .depthwise = {"features.{S}.{i}.block.1.0", "features.{S}.{i}.block.1.1"},
            .project = {"features.{S}.{i}.block.3.0", "features.{S}.{i}.block.3.1"},
            .plain_depthwise = {"features.{S}.{i}.block.0.0", "features.{S}.{i}.block.0.1"},
            .plain_project = {"features.{S}.{i}.block.2.0", "features.{S}.{i}.block.2.1"},
            .head = {"features.{H}.0", "features.{H}.1"},
            .se_reduce = "features.{S}.{i}.block.2.fc1",
            .se_expand = "features.{S}.{i}.block.2.fc2",
            .plain_se_reduce = "features.{S}.{i}.block.1.fc1",
            .plain_se_expand = "features.{S}.{i}.block.1.fc2",
            .classifier = "classifier.1",
        },
    [EFFNET_DIALECT_LUKEMELAS] =
        {
            .name = "lukemelas",
            .stem = {"_conv_stem", "_bn0"},
            .expand = {"_blocks.{n}._expand_conv", "_blocks.{n}._bn0"},
            .depthwise = {"_blocks.{n}._depthwise_conv", "_blocks.{n}._bn1"},
            .project = {"_blocks.{n}._project_conv", "_blocks.{n}._bn2"},
            .plain_depthwise = {"_blocks.{n}._depthwise_conv", "_blocks.{n}._bn1"},
            .plain_project = {"_blocks.{n}._project_conv", "_blocks.{n}._bn2"},
            .head = {"_conv_head", "_bn1"},
            .se_reduce = "_blocks.{n}._se_reduce",
            .se_expand = "_blocks.{n}._se_expand",
            .plain_se_reduce = "_blocks.{n}._se_reduce",
            .plain_se_expand = "_blocks.{n}._se_expand",
            .classifier = "_fc",
        },
    [EFFNET_DIALECT_FOLDED] =
        {
            .name = "folded",
            .stem = {"stem.conv", NULL},
            .expand = {"blocks.{n}.expand", NULL},
            .depthwise = {"blocks.{n}.dw", NULL},
            .project = {"blocks.{n}.project", NULL},
            .plain_depthwise = {"blocks.{n}.dw", NULL},
            .plain_project = {"blocks.{n}.project", NULL},
            .head = {"head.conv", NULL},
            .se_reduce = "blocks.{n}.se.reduce",
            .se_expand = "blocks.{n}.se.expand",
            .plain_se_reduce = "blocks.{n}.se.reduce",
            .plain_se_expand = "blocks.{n}.se.expand",
            .classifier = "classifier",
        },
};

const char *
effnet_dialect_name (EffnetDialect dialect)
{
  return dialect < G_N_ELEMENTS (dialects) ? dialects[dialect].name : "unknown";
}

EffnetDialect
effnet_dialect_detect (const EffnetTensorTable *tensors)
{
  for (EffnetDialect dialect = 0; dialect < G_N_ELEMENTS (dialects); dialect++) {
    g_autofree char *stem = g_strconcat (dialects[dialect].stem.conv, ".weight", NULL);

    if (effnet_tensor_table_find (tensors, stem) != NULL)
      return dialect;
  }
  return EFFNET_DIALECT_UNKNOWN;
}

unsigned
effnet_dialect_classes (EffnetDialect dialect, const EffnetTensorTable *tensors)
{
  g_autofree char *name = NULL;
  const EffnetTensor *weight;

  if (dialect >= G_N_ELEMENTS (dialects))
    return 0;
  name = g_strconcat (dialects[dialect].classifier, ".weight", NULL);
  weight = effnet_tensor_table_find (tensors, name);
  if (weight == NULL || weight->n_dims < 1 || weight->shape[0] > G_MAXUINT)
    return 0;
  return (unsigned)weight->shape[0];
}

static char *
expand_pattern (const char *pattern, const EffnetNet *net, const EffnetLayer *layer)
{
  GString *out = g_string_new (NULL);

  for (const char *p = pattern; *p != '\0'; p++) {
    if (*p != '{') {
      g_string_append_c (out, *p);
      continue;
    }
    switch (p[1]) {
    case 's':
      g_string_append_printf (out, "%u", layer->block->stage);
      break;
    case 'S':
      g_string_append_printf (out, "%u", layer->block->stage + 1);
      break;
    case 'i':
      g_string_append_printf (out, "%u", layer->block->index);
      break;
    case 'n':
      g_string_append_printf (out, "%u", layer->flat);
      break;
    case 'H':
      g_string_append_printf (out, "%u", net->n_stages + 1);
      break;
    default:
      g_assert_not_reached ();
    }
    p += 2;
  }
  return g_string_free (out, FALSE);
}

/* Patterns of a layer's convolution and batch norm (NULL = it has a bias instead). */
static void
layer_patterns (EffnetDialect dialect, const EffnetLayer *layer, const char **conv,
                const char **norm)
{
  const Dialect *d = &dialects[dialect];
  gboolean plain = layer->block != NULL && !layer->block->has_expand;

  *conv = *norm = NULL;
  switch (layer->kind) {
  case EFFNET_LAYER_STEM:
    *conv = d->stem.conv;
    *norm = d->stem.norm;
    break;
  case EFFNET_LAYER_EXPAND:
    *conv = d->expand.conv;
    *norm = d->expand.norm;
    break;
  case EFFNET_LAYER_DEPTHWISE:
    *conv = plain ? d->plain_depthwise.conv : d->depthwise.conv;
    *norm = plain ? d->plain_depthwise.norm : d->depthwise.norm;
    break;
  case EFFNET_LAYER_PROJECT:
    *conv = plain ? d->plain_project.conv : d->project.conv;
    *norm = plain ? d->plain_project.norm : d->project.norm;
    break;
  case EFFNET_LAYER_HEAD:
    *conv = d->head.conv;
    *norm = d->head.norm;
    break;
  case EFFNET_LAYER_SE_REDUCE:
    *conv = plain ? d->plain_se_reduce : d->se_reduce;
    break;
  case EFFNET_LAYER_SE_EXPAND:
    *conv = plain ? d->plain_se_expand : d->se_expand;
    break;
  case EFFNET_LAYER_CLASSIFIER:
    *conv = d->classifier;
    break;
  }
}

static void
want (EffnetWantFunc func, void *user, const char *prefix, const char *suffix, unsigned n_dims,
      const size_t *shape)
{
  g_autofree char *name = g_strconcat (prefix, suffix, NULL);

  func (user, name, n_dims, shape);
}

void
effnet_layer_want (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                   EffnetWantFunc func, void *user)
{
  static const char *const norm_parts[] = {".weight", ".bias", ".running_mean", ".running_var"};
  size_t shape[4] = {layer->out, layer->in, layer->kernel, layer->kernel};
  const char *conv_pattern, *norm_pattern;
  g_autofree char *conv = NULL;

  layer_patterns (dialect, layer, &conv_pattern, &norm_pattern);
  conv = expand_pattern (conv_pattern, net, layer);
  want (func, user, conv, ".weight", layer->kind == EFFNET_LAYER_CLASSIFIER ? 2 : 4, shape);
  if (norm_pattern == NULL) {
    want (func, user, conv, ".bias", 1, shape);
  } else {
    g_autofree char *norm = expand_pattern (norm_pattern, net, layer);

    for (unsigned i = 0; i < G_N_ELEMENTS (norm_parts); i++)
      want (func, user, norm, norm_parts[i], 1, shape);
  }
}

typedef struct {
  const EffnetTensorTable *tensors;
  size_t wanted, matched;
} Match;

static void
count_match (void *user, const char *name, unsigned n_dims, const size_t *shape)
{
  Match *match = user;
  const EffnetTensor *tensor = effnet_tensor_table_find (match->tensors, name);

  match->wanted++;
  if (tensor != NULL && tensor->n_dims == n_dims &&
      memcmp (tensor->shape, shape, n_dims * sizeof *shape) == 0)
    match->matched++;
}

const char *
effnet_dialect_guess_variant (EffnetDialect dialect, const EffnetTensorTable *tensors)
{
  const char *best = NULL;
  double best_share = 0.5; /* less than half the tensors: not one of ours */
  size_t n_float = 0;

  if (dialect >= G_N_ELEMENTS (dialects))
    return NULL;
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++)
    n_float += effnet_tensor_table_nth (tensors, i)->is_float ? 1 : 0;

  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    unsigned n_classes = MAX (effnet_dialect_classes (dialect, tensors), 1);
    g_autoptr (EffnetNet) net = effnet_net_new (*name, 0, n_classes, EFFNET_PADDING_SAME, NULL);
    g_autofree EffnetLayer *layers = NULL;
    Match match = {.tensors = tensors};
    size_t n_layers;
    double share;

    if (net == NULL)
      continue;
    layers = effnet_net_layers (net, &n_layers);
    for (size_t i = 0; i < n_layers; i++)
      effnet_layer_want (dialect, net, &layers[i], count_match, &match);
    share = (double)match.matched / (double)MAX (match.wanted, n_float);
    if (share > best_share) {
      best = *name;
      best_share = share;
    }
  }
  return best;
}
