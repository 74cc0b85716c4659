/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A net as JSON: the fields that effnet_describe_variant() documents. */
#include "arch/count.h"

#include <json-glib/json-glib.h>

static void
member_int (JsonBuilder *json, const char *name, uint64_t value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, (gint64)value);
}

static void
member_bool (JsonBuilder *json, const char *name, gboolean value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_boolean_value (json, value);
}

static void
member_string (JsonBuilder *json, const char *name, const char *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value);
}

static void
member_double (JsonBuilder *json, const char *name, double value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_double_value (json, value);
}

static void
members_cost (JsonBuilder *json, EffnetCost cost)
{
  member_int (json, "parameters", cost.parameters);
  member_int (json, "multiply_adds", cost.multiply_adds);
}

static const char *
activation_name (EffnetActivation activation)
{
  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    return "swish";
  case EFFNET_ACTIVATION_RELU:
    return "relu";
  case EFFNET_ACTIVATION_RELU6:
    return "relu6";
  case EFFNET_ACTIVATION_SIGMOID:
    return "sigmoid";
  case EFFNET_ACTIVATION_NONE:
    break;
  }
  return "none";
}

static const char *
kind_name (EffnetBlockKind kind)
{
  switch (kind) {
  case EFFNET_BLOCK_MBCONV:
    break;
  case EFFNET_BLOCK_FUSED:
    return "fused-mbconv";
  case EFFNET_BLOCK_CONV31:
    return "conv31";
  case EFFNET_BLOCK_CONV131:
    return "conv131";
  case EFFNET_BLOCK_MECO:
    return "meco";
  }
  return "mbconv";
}

/* The members a stage and a block share: a stage prints those of its first block. */
static void
members_shape (JsonBuilder *json, const EffnetBlock *block)
{
  static const char *const places[] = {"none", "after-depthwise", "after-project"};

  member_string (json, "kind", kind_name (block->kind));
  member_int (json, "kernel", block->kernel);
  member_int (json, "stride", block->stride);
  if (block->expand_channels % block->in_channels == 0)
    member_int (json, "expand_ratio", block->expand_channels / block->in_channels);
  else
    member_double (json, "expand_ratio", (double)block->expand_channels / block->in_channels);
  member_int (json, "in_channels", block->in_channels);
  member_int (json, "out_channels", block->out_channels);
  member_string (json, "se", places[block->se_place]);
  member_int (json, "se_channels", block->se_channels);
}

static void
add_block (JsonBuilder *json, const EffnetNet *net, unsigned index)
{
  const EffnetBlock *block = &net->blocks[index];

  json_builder_begin_object (json);
  member_int (json, "stage", block->stage);
  member_int (json, "index", block->index);
  members_shape (json, block);
  member_bool (json, "expand", block->has_expand);
  member_bool (json, "project", block->has_project);
  member_int (json, "expand_channels", block->expand_channels);
  member_bool (json, "skip", block->has_skip);
  member_int (json, "in_height", block->in_height);
  member_int (json, "in_width", block->in_width);
  member_int (json, "out_height", block->out_height);
  member_int (json, "out_width", block->out_width);
  members_cost (json, effnet_cost_blocks (net, index, 1));
  json_builder_end_object (json);
}

/* @first: the first of the stage's blocks. Returns how many there are. */
static unsigned
add_stage (JsonBuilder *json, const EffnetNet *net, unsigned first)
{
  const EffnetBlock *blocks = &net->blocks[first];
  unsigned n = 0;

  while (first + n < net->n_blocks && blocks[n].stage == blocks[0].stage)
    n++;
  json_builder_begin_object (json);
  member_int (json, "stage", blocks[0].stage);
  member_int (json, "blocks", n);
  members_shape (json, &blocks[0]);
  member_int (json, "resolution", blocks[0].in_height);
  member_int (json, "out_resolution", blocks[n - 1].out_height);
  members_cost (json, effnet_cost_blocks (net, first, n));
  json_builder_end_object (json);
  return n;
}

/* Stem and head: one convolution each. */
static void
add_conv (JsonBuilder *json, const char *name, unsigned kernel, unsigned stride,
          unsigned in_channels, unsigned out_channels, unsigned resolution, unsigned out_resolution,
          EffnetCost cost)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_object (json);
  member_int (json, "kernel", kernel);
  member_int (json, "stride", stride);
  member_int (json, "in_channels", in_channels);
  member_int (json, "out_channels", out_channels);
  member_int (json, "resolution", resolution);
  member_int (json, "out_resolution", out_resolution);
  members_cost (json, cost);
  json_builder_end_object (json);
}

static void
add_summary (JsonBuilder *json, const EffnetNet *net)
{
  member_string (json, "variant", net->variant);
  member_double (json, "width", net->width);
  member_double (json, "depth", net->depth);
  member_int (json, "resolution", net->resolution);
  member_int (json, "input_height", net->in_height);
  member_int (json, "input_width", net->in_width);
  member_string (json, "padding", net->padding == EFFNET_PADDING_SAME ? "same" : "symmetric");
  member_string (json, "activation", activation_name (net->activation));
  member_int (json, "n_classes", net->n_classes);
  member_int (json, "n_features", net->head_channels);
  member_int (json, "parameters", effnet_net_parameters (net));
  member_int (json, "multiply_adds", effnet_net_multiply_adds (net));
}

static void
add_feature_maps (JsonBuilder *json, const EffnetNet *net)
{
  EffnetStage stages[EFFNET_STAGES_MAX];
  unsigned n = effnet_net_stages (net, stages);

  json_builder_set_member_name (json, "feature_maps");
  json_builder_begin_array (json);
  for (unsigned i = 0; i < n; i++) {
    json_builder_begin_object (json);
    member_int (json, "stage", stages[i].stage);
    member_string (json, "name", stages[i].name);
    member_int (json, "height", stages[i].height);
    member_int (json, "width", stages[i].width);
    member_int (json, "channels", stages[i].channels);
    member_int (json, "reduction", stages[i].reduction);
    json_builder_set_member_name (json, "out_index");
    if (stages[i].out_index >= 0)
      json_builder_add_int_value (json, stages[i].out_index);
    else
      json_builder_add_null_value (json);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}

static void
add_lists (JsonBuilder *json, const EffnetNet *net)
{
  json_builder_set_member_name (json, "stages");
  json_builder_begin_array (json);
  for (unsigned first = 0; first < net->n_blocks;)
    first += add_stage (json, net, first);
  json_builder_end_array (json);
  json_builder_set_member_name (json, "blocks");
  json_builder_begin_array (json);
  for (unsigned i = 0; i < net->n_blocks; i++)
    add_block (json, net, i);
  json_builder_end_array (json);
}

char *
effnet_net_describe (const EffnetNet *net)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  json_builder_begin_object (json);
  add_summary (json, net);
  add_conv (json, "stem", 3, 2, 3, net->stem_channels, net->in_height, net->stem_height,
            effnet_cost_layers (net, EFFNET_LAYER_STEM));
  add_lists (json, net);
  add_conv (json, "head", 1, 1, net->blocks[net->n_blocks - 1].out_channels, net->head_channels,
            net->head_height, net->head_height, effnet_cost_layers (net, EFFNET_LAYER_HEAD));
  json_builder_set_member_name (json, "classifier");
  json_builder_begin_object (json);
  member_int (json, "in_channels", net->head_channels);
  member_int (json, "out_channels", net->n_classes);
  members_cost (json, effnet_cost_layers (net, EFFNET_LAYER_CLASSIFIER));
  json_builder_end_object (json);
  add_feature_maps (json, net);
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  return json_to_string (root, TRUE);
}
