/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A dialect is a row of name patterns. In a pattern {s} is the stage from 0, {S} from 1, {i} the
 * block in its stage, {n} the block in the net, {H} the number of stages plus 1. */
#include "bind/dialect.h"

#include <string.h>

#include "base/text.h"

#define NEARLY_ALL 0.9999 /* more than the share of a file that lacks one tensor */

/* Names of a layer without the last part: of the convolution or matrix, and of its batch norm. */
typedef struct {
  const char *conv, *norm;
} Pattern;

/* Blocks whose layers a dialect may number or call in another way. */
typedef enum {
  SHAPE_WIDE,  /* expand first; layers outside the blocks are here, too */
  SHAPE_PLAIN, /* depthwise first */
  SHAPE_FUSED, /* k x k first, then project */
  SHAPE_CONV,  /* k x k alone */
  SHAPE_MECO,  /* expand, depthwise, both again, project */
  N_SHAPES,
} Shape;

typedef struct {
  const char *name;
  const char *block; /* before the names of a block's layers */
  gboolean folded;
  Pattern layers[N_SHAPES][EFFNET_LAYER_COUNT]; /* what a shape leaves out, is as in WIDE */
  const char *const
      *epsilon_1e_3; /* variants trained with 1e-3 though their padding is symmetric */
} Dialect;

static const char *const torchvision_1e_3[] = {"b5", "b6", "b7", "v2-s", "v2-m", "v2-l", NULL};

/* clang-format off */
static const Dialect dialects[] = {
  [EFFNET_DIALECT_TIMM] = {
    .name = "timm",
    .block = "blocks.{s}.{i}.",
    .layers[SHAPE_WIDE] = {
      [EFFNET_LAYER_STEM] = {"conv_stem", "bn1"},
      [EFFNET_LAYER_EXPAND] = {"conv_pw", "bn1"},
      [EFFNET_LAYER_DEPTHWISE] = {"conv_dw", "bn2"},
      [EFFNET_LAYER_CONV] = {"conv_kxk", "bn2"}, /* ours: timm has no Conv131 */
      [EFFNET_LAYER_SE_REDUCE] = {"se.conv_reduce", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"se.conv_expand", NULL},
      [EFFNET_LAYER_PROJECT] = {"conv_pwl", "bn3"},
      [EFFNET_LAYER_HEAD] = {"conv_head", "bn2"},
      [EFFNET_LAYER_CLASSIFIER] = {"classifier", NULL},
    },
    .layers[SHAPE_PLAIN] = {
      [EFFNET_LAYER_DEPTHWISE] = {"conv_dw", "bn1"},
      [EFFNET_LAYER_PROJECT] = {"conv_pw", "bn2"},
    },
    .layers[SHAPE_FUSED] = {
      [EFFNET_LAYER_CONV] = {"conv_exp", "bn1"},
      [EFFNET_LAYER_PROJECT] = {"conv_pwl", "bn2"},
    },
    .layers[SHAPE_CONV] = {
      [EFFNET_LAYER_CONV] = {"conv", "bn1"},
    },
    .layers[SHAPE_MECO] = { /* ours: timm has none */
      [EFFNET_LAYER_MIDDLE] = {"conv_pw2", "bn3"},
      [EFFNET_LAYER_DEPTHWISE_2] = {"conv_dw2", "bn4"},
      [EFFNET_LAYER_PROJECT] = {"conv_pwl", "bn5"},
    },
  },
  [EFFNET_DIALECT_TORCHVISION] = {
    .name = "torchvision",
    .block = "features.{S}.{i}.block.",
    .layers[SHAPE_WIDE] = {
      [EFFNET_LAYER_STEM] = {"features.0.0", "features.0.1"},
      [EFFNET_LAYER_EXPAND] = {"0.0", "0.1"},
      [EFFNET_LAYER_DEPTHWISE] = {"1.0", "1.1"},
      [EFFNET_LAYER_SE_REDUCE] = {"2.fc1", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"2.fc2", NULL},
      [EFFNET_LAYER_PROJECT] = {"3.0", "3.1"},
      [EFFNET_LAYER_HEAD] = {"features.{H}.0", "features.{H}.1"},
      [EFFNET_LAYER_CLASSIFIER] = {"classifier.1", NULL},
    },
    .layers[SHAPE_PLAIN] = {
      [EFFNET_LAYER_DEPTHWISE] = {"0.0", "0.1"},
      [EFFNET_LAYER_SE_REDUCE] = {"1.fc1", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"1.fc2", NULL},
      [EFFNET_LAYER_PROJECT] = {"2.0", "2.1"},
    },
    .layers[SHAPE_FUSED] = {
      [EFFNET_LAYER_CONV] = {"0.0", "0.1"},
      [EFFNET_LAYER_PROJECT] = {"1.0", "1.1"},
    },
    .layers[SHAPE_CONV] = {
      [EFFNET_LAYER_CONV] = {"0.0", "0.1"},
    },
    .epsilon_1e_3 = torchvision_1e_3,
  },
  [EFFNET_DIALECT_LUKEMELAS] = {
    .name = "lukemelas",
    .block = "_blocks.{n}.",
    .layers[SHAPE_WIDE] = {
      [EFFNET_LAYER_STEM] = {"_conv_stem", "_bn0"},
      [EFFNET_LAYER_EXPAND] = {"_expand_conv", "_bn0"},
      [EFFNET_LAYER_DEPTHWISE] = {"_depthwise_conv", "_bn1"},
      [EFFNET_LAYER_SE_REDUCE] = {"_se_reduce", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"_se_expand", NULL},
      [EFFNET_LAYER_PROJECT] = {"_project_conv", "_bn2"},
      [EFFNET_LAYER_HEAD] = {"_conv_head", "_bn1"},
      [EFFNET_LAYER_CLASSIFIER] = {"_fc", NULL},
    },
  },
  [EFFNET_DIALECT_TRANSFORMERS] = {
    .name = "transformers",
    .block = "encoder.blocks.{n}.",
    .layers[SHAPE_WIDE] = {
      [EFFNET_LAYER_STEM] = {"embeddings.convolution", "embeddings.batchnorm"},
      [EFFNET_LAYER_EXPAND] = {"expansion.expand_conv", "expansion.expand_bn"},
      [EFFNET_LAYER_DEPTHWISE] = {"depthwise_conv.depthwise_conv", "depthwise_conv.depthwise_norm"},
      [EFFNET_LAYER_SE_REDUCE] = {"squeeze_excite.reduce", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"squeeze_excite.expand", NULL},
      [EFFNET_LAYER_PROJECT] = {"projection.project_conv", "projection.project_bn"},
      [EFFNET_LAYER_HEAD] = {"encoder.top_conv", "encoder.top_bn"},
      [EFFNET_LAYER_CLASSIFIER] = {"classifier", NULL},
    },
  },
  [EFFNET_DIALECT_FOLDED] = {
    .name = "folded",
    .block = "blocks.{n}.",
    .folded = TRUE,
    .layers[SHAPE_WIDE] = {
      [EFFNET_LAYER_STEM] = {"stem.conv", NULL},
      [EFFNET_LAYER_EXPAND] = {"expand", NULL},
      [EFFNET_LAYER_DEPTHWISE] = {"dw", NULL},
      [EFFNET_LAYER_CONV] = {"conv", NULL},
      [EFFNET_LAYER_SE_REDUCE] = {"se.reduce", NULL},
      [EFFNET_LAYER_SE_EXPAND] = {"se.expand", NULL},
      [EFFNET_LAYER_PROJECT] = {"project", NULL},
      [EFFNET_LAYER_HEAD] = {"head.conv", NULL},
      [EFFNET_LAYER_CLASSIFIER] = {"classifier", NULL},
    },
  },
};
/* clang-format on */

/* What no training code of a dialect has written. */
static const Pattern unwritten[EFFNET_LAYER_COUNT] = {
    [EFFNET_LAYER_CONV] = {"conv", "conv_bn"},
    [EFFNET_LAYER_MIDDLE] = {"middle", "middle_bn"},
    [EFFNET_LAYER_DEPTHWISE_2] = {"depthwise_2", "depthwise_2_bn"},
};

/* The last part of a name, and whether the batch norm's name comes before it. */
static const struct {
  gboolean norm;
  const char *suffix;
} roles[EFFNET_ROLE_COUNT] = {
    [EFFNET_ROLE_WEIGHT] = {FALSE, ".weight"},    [EFFNET_ROLE_BIAS] = {FALSE, ".bias"},
    [EFFNET_ROLE_GAMMA] = {TRUE, ".weight"},      [EFFNET_ROLE_BETA] = {TRUE, ".bias"},
    [EFFNET_ROLE_MEAN] = {TRUE, ".running_mean"}, [EFFNET_ROLE_VARIANCE] = {TRUE, ".running_var"},
};

const char *
effnet_dialect_name (EffnetDialect dialect)
{
  return dialect < G_N_ELEMENTS (dialects) ? dialects[dialect].name : "unknown";
}

gboolean
effnet_dialect_is_folded (EffnetDialect dialect)
{
  return dialect < G_N_ELEMENTS (dialects) && dialects[dialect].folded;
}

double
effnet_dialect_epsilon (EffnetDialect dialect, const EffnetNet *net)
{
  const char *const *exceptions =
      dialect < G_N_ELEMENTS (dialects) ? dialects[dialect].epsilon_1e_3 : NULL;

  if (net->padding == EFFNET_PADDING_SAME)
    return 1e-3;
  return exceptions != NULL && g_strv_contains (exceptions, net->variant) ? 1e-3 : 1e-5;
}

/* The weight of a layer that is not part of a block and has the same name in every net. */
static const EffnetTensor *
find_weight (EffnetDialect dialect, const EffnetTensorTable *tensors, EffnetLayerKind kind)
{
  g_autofree char *name = g_strconcat (dialects[dialect].layers[SHAPE_WIDE][kind].conv,
                                       roles[EFFNET_ROLE_WEIGHT].suffix, NULL);

  return effnet_tensor_table_find (tensors, name);
}

EffnetDialect
effnet_dialect_detect (const EffnetTensorTable *tensors)
{
  for (EffnetDialect dialect = 0; dialect < G_N_ELEMENTS (dialects); dialect++) {
    if (find_weight (dialect, tensors, EFFNET_LAYER_STEM) != NULL)
      return dialect;
  }
  return EFFNET_DIALECT_UNKNOWN;
}

gboolean
effnet_dialect_fail_unknown (const EffnetTensorTable *tensors, GError **error)
{
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));

  return effnet_fail (
      error, EFFNET_ERROR_MISMATCH,
      "%s holds no stem convolution under a name we know (timm's conv_stem.weight, torchvision's "
      "features.0.0.weight, lukemelas' _conv_stem.weight, Transformers' "
      "embeddings.convolution.weight), with or without a prefix: not an EfficientNet checkpoint",
      file);
}

unsigned
effnet_dialect_classes (EffnetDialect dialect, const EffnetTensorTable *tensors)
{
  const EffnetTensor *weight;

  if (dialect >= G_N_ELEMENTS (dialects))
    return 0;
  weight = find_weight (dialect, tensors, EFFNET_LAYER_CLASSIFIER);
  if (weight == NULL || weight->n_dims < 1 || weight->shape[0] > G_MAXUINT)
    return 0;
  return (unsigned)weight->shape[0];
}

static unsigned
pattern_number (char letter, const EffnetNet *net, const EffnetLayer *layer)
{
  switch (letter) {
  case 's':
    return layer->block->stage;
  case 'S':
    return layer->block->stage + 1;
  case 'i':
    return layer->block->index;
  case 'n':
    return layer->block_index;
  default: /* H */
    return net->n_stages + 1;
  }
}

static void
append_pattern (GString *name, const char *pattern, const EffnetNet *net, const EffnetLayer *layer)
{
  for (const char *p = pattern; *p != '\0'; p++) {
    if (*p == '{') {
      g_string_append_printf (name, "%u", pattern_number (p[1], net, layer));
      p += 2;
    } else {
      g_string_append_c (name, *p);
    }
  }
}

/* @block: NULL of a layer outside the blocks. */
static Shape
block_shape (const EffnetBlock *block)
{
  if (block != NULL && block->kind == EFFNET_BLOCK_MECO)
    return SHAPE_MECO;
  if (block == NULL || block->has_expand)
    return SHAPE_WIDE;
  if (block->kind == EFFNET_BLOCK_MBCONV)
    return SHAPE_PLAIN;
  return block->has_project ? SHAPE_FUSED : SHAPE_CONV;
}

char *
effnet_dialect_tensor (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                       EffnetRole role)
{
  const Dialect *d = &dialects[dialect];
  const Pattern *pattern = &d->layers[block_shape (layer->block)][layer->kind];
  GString *name = g_string_new (NULL);

  if (pattern->conv == NULL)
    pattern = &d->layers[SHAPE_WIDE][layer->kind];
  if (pattern->conv == NULL)
    pattern = &unwritten[layer->kind];
  if (layer->block != NULL)
    append_pattern (name, d->block, net, layer);
  append_pattern (name, roles[role].norm ? pattern->norm : pattern->conv, net, layer);
  g_string_append (name, roles[role].suffix);
  return g_string_free (name, FALSE);
}

static size_t
count_tensors (EffnetDialect dialect, const EffnetNet *net)
{
  EffnetLayerTensor parts[EFFNET_ROLE_COUNT];
  size_t n_layers, n = 0;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++)
    n += effnet_layer_tensors (&layers[i], dialects[dialect].folded, parts);
  return n;
}

/* The share of the tensors that @net and the table have in common, by name and shape; 0 where there
 * cannot be more than @least. */
static double
match_share (EffnetDialect dialect, const EffnetNet *net, const EffnetTensorTable *tensors,
             size_t n_float, double least)
{
  size_t n_layers, wanted = count_tensors (dialect, net), matched = 0;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  if ((double)MIN (wanted, n_float) <= least * (double)MAX (wanted, n_float))
    return 0;

  for (size_t i = 0; i < n_layers; i++) {
    EffnetLayerTensor parts[EFFNET_ROLE_COUNT];
    unsigned n = effnet_layer_tensors (&layers[i], dialects[dialect].folded, parts);

    for (unsigned j = 0; j < n; j++) {
      g_autofree char *name = effnet_dialect_tensor (dialect, net, &layers[i], parts[j].role);
      const EffnetTensor *tensor = effnet_tensor_table_find (tensors, name);

      if (tensor != NULL && tensor->n_dims == parts[j].n_dims &&
          memcmp (tensor->shape, parts[j].shape, parts[j].n_dims * sizeof (size_t)) == 0)
        matched++;
    }
  }
  return (double)matched / (double)MAX (wanted, n_float);
}

EffnetGuess
effnet_dialect_guess (EffnetDialect dialect, const EffnetTensorTable *tensors)
{
  unsigned n_classes = effnet_dialect_classes (dialect, tensors);
  EffnetGuess guess = {NULL, NULL, FALSE};
  double best_share = 0.5; /* less than half the tensors: not one of ours */
  size_t n_float = 0;

  if (dialect >= G_N_ELEMENTS (dialects))
    return guess;
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (tensors, i);

    n_float += tensor->is_float && !tensor->is_scale;
  }

  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autoptr (EffnetNet) net = effnet_net_new (*name, 0, n_classes, EFFNET_PADDING_SAME, NULL);
    double least = MIN (best_share, NEARLY_ALL);
    double share = net != NULL ? match_share (dialect, net, tensors, n_float, least) : 0;

    if (share > best_share) {
      guess.variant = *name;
      best_share = share;
    } else if (share == 1.0) {
      guess.twin = *name;
    }
  }
  guess.is_whole = best_share == 1.0;
  return guess;
}
