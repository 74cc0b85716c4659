/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a variant to a net: every block with every shape. The variants are in variants.c, the
 * arithmetic of scaling in scale.c, the net as JSON in describe.c. */
#include "arch/net.h"

#include "arch/layers.h"
#include "arch/scale.h"
#include "base/text.h"

#include <string.h>

/* SAME: out = ceil (in / stride). SYMMETRIC: out = floor ((in + 2 pad - kernel) / stride) + 1 with
 * pad = (kernel - 1) / 2, which for odd kernels is the same number. */
unsigned
effnet_conv_out (unsigned in, unsigned kernel, unsigned stride, EffnetPadding padding)
{
  if (padding == EFFNET_PADDING_SAME)
    return (in + stride - 1) / stride;
  return (in + 2 * ((kernel - 1) / 2) - kernel) / stride + 1;
}

/* SAME: total = max ((out - 1) * stride + kernel - in, 0), the smaller half first. */
unsigned
effnet_conv_pad (unsigned in, unsigned kernel, unsigned stride, EffnetPadding padding)
{
  if (padding != EFFNET_PADDING_SAME)
    return (kernel - 1) / 2;
  unsigned covered = (effnet_conv_out (in, kernel, stride, padding) - 1) * stride + kernel;
  return covered > in ? (covered - in) / 2 : 0;
}

static gboolean
check_arguments (unsigned height, unsigned width, unsigned n_classes, GError **error)
{
  if (MAX (height, width) > EFFNET_INPUT_SIDE_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "Input size %u is out of range: the network's input must be 1 to %d pixels a side",
                 MAX (height, width), EFFNET_INPUT_SIDE_MAX);
    return FALSE;
  }
  if (n_classes > EFFNET_CLASSES_MAX) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "%u classes are out of range: a classifier must have 1 to %d", n_classes,
                 EFFNET_CLASSES_MAX);
    return FALSE;
  }
  return TRUE;
}

/* Fills @variant and returns its canonical name, or NULL. */
static char *
resolve_variant (const char *name, EffnetVariant *variant, GError **error)
{
  if (name != NULL && g_str_has_prefix (name, "phi:")) {
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    double phi = 0.0;
    if (!effnet_scale_phi (name + strlen ("phi:"), &phi, variant, error))
      return NULL;
    return g_strconcat ("phi:", g_ascii_formatd (digits, sizeof digits, "%.15g", phi), NULL);
  }
  const char *row = effnet_arch_from_name (name);
  if (row == NULL) {
    g_autofree char *printable = effnet_printable (name);
    g_autofree char *known = g_strjoinv (", ", (char **)effnet_arch_names ());
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
                 "Variant \"%s\" is not known: expected one of %s, or phi:X with a number X",
                 printable, known);
    return NULL;
  }
  *variant = *effnet_variant_find (row);
  return g_strdup (row);
}

static unsigned
stage_repeats (const EffnetVariant *variant, unsigned stage)
{
  const EffnetFamily *family = variant->family;
  gboolean is_end = stage == 0 || stage + 1 == family->n_stages;

  if (is_end && !family->scale_ends)
    return family->stages[stage].repeats;
  return effnet_scale_repeats (family->stages[stage].repeats, variant->depth);
}

static unsigned
scale_channels (const EffnetVariant *variant, unsigned channels)
{
  return effnet_scale_channels (channels, variant->width, variant->family->round_far);
}

static unsigned
end_channels (const EffnetVariant *variant, unsigned channels)
{
  return variant->family->scale_ends ? scale_channels (variant, channels) : channels;
}

static gboolean
kind_has_expand (const EffnetStageRow *row)
{
  return row->kind == EFFNET_BLOCK_CONV131 ||
         (row->kind == EFFNET_BLOCK_MBCONV && row->expand_ratio != 1);
}

/* Block @index of a stage, behind in_height x in_width x in_channels. */
static EffnetBlock
make_block (const EffnetVariant *variant, unsigned stage, unsigned index, EffnetPadding padding,
            unsigned in_height, unsigned in_width, unsigned in_channels)
{
  const EffnetStageRow *row = &variant->family->stages[stage];
  unsigned stride = index == 0 ? row->stride : 1;
  unsigned out_channels = scale_channels (variant, row->out_channels);
  unsigned from = row->expand_from > 0 ? scale_channels (variant, row->expand_from) : in_channels;
  gboolean has_se = row->se_place != EFFNET_SE_NONE;
  gboolean has_project = row->kind != EFFNET_BLOCK_FUSED || row->expand_ratio != 1;

  return (EffnetBlock){
      .kind = row->kind,
      .stage = stage,
      .index = index,
      .kernel = row->kernel,
      .stride = stride,
      .in_channels = in_channels,
      .expand_channels = has_project ? from * row->expand_ratio : out_channels,
      .out_channels = out_channels,
      .has_expand = kind_has_expand (row),
      .has_project = has_project,
      .se_place = row->se_place,
      .se_channels = has_se ? effnet_scale_squeeze (in_channels, row->se_ratio) : 0,
      .has_skip = row->skip && stride == 1 && in_channels == out_channels,
      .in_height = in_height,
      .in_width = in_width,
      .out_height = effnet_conv_out (in_height, row->kernel, stride, padding),
      .out_width = effnet_conv_out (in_width, row->kernel, stride, padding),
  };
}

static gboolean
lay_out_blocks (EffnetNet *net, const EffnetVariant *variant)
{
  unsigned height = net->stem_height, width = net->stem_width, channels = net->stem_channels;
  unsigned n = 0;

  net->n_stages = variant->family->n_stages;
  for (unsigned stage = 0; stage < net->n_stages; stage++)
    net->n_blocks += stage_repeats (variant, stage);
  net->blocks = g_try_new0 (EffnetBlock, net->n_blocks);
  if (net->blocks == NULL)
    return FALSE;
  for (unsigned stage = 0; stage < net->n_stages; stage++) {
    unsigned repeats = stage_repeats (variant, stage);
    for (unsigned i = 0; i < repeats; i++) {
      EffnetBlock *block = &net->blocks[n++];
      *block = make_block (variant, stage, i, net->padding, height, width, channels);
      height = block->out_height;
      width = block->out_width;
      channels = block->out_channels;
    }
  }
  net->head_height = height;
  net->head_width = width;
  return effnet_layers_build (net);
}

EffnetNet *
effnet_net_new (const char *variant, unsigned input_size, unsigned n_classes, EffnetPadding padding,
                GError **error)
{
  return effnet_net_new_sized (variant, input_size, input_size, n_classes, padding, error);
}

EffnetNet *
effnet_net_new_sized (const char *variant, unsigned height, unsigned width, unsigned n_classes,
                      EffnetPadding padding, GError **error)
{
  EffnetVariant row = {0};

  if (!check_arguments (height, width, n_classes, error))
    return NULL;
  char *name = resolve_variant (variant, &row, error);
  if (name == NULL)
    return NULL;

  g_autoptr (EffnetNet) net = g_new0 (EffnetNet, 1);
  net->variant = name;
  net->width = row.width;
  net->depth = row.depth;
  net->resolution = row.resolution;
  net->in_height = height != 0 ? height : row.resolution;
  net->in_width = width != 0 ? width : row.resolution;
  net->activation = row.family->activation;
  net->padding = padding == EFFNET_PADDING_SAME ? EFFNET_PADDING_SAME : EFFNET_PADDING_SYMMETRIC;
  net->stem_channels = end_channels (&row, row.family->stem_channels);
  net->stem_height = effnet_conv_out (net->in_height, 3, 2, net->padding);
  net->stem_width = effnet_conv_out (net->in_width, 3, 2, net->padding);
  net->head_channels = end_channels (&row, row.family->head_channels);
  net->n_classes = n_classes;
  if (lay_out_blocks (net, &row))
    return g_steal_pointer (&net);
  effnet_fail_memory (error, net->variant, net->n_blocks * sizeof *net->blocks);
  return NULL;
}

void
effnet_net_free (EffnetNet *net)
{
  if (net == NULL)
    return;
  g_free (net->variant);
  g_free (net->blocks);
  g_free (net->layers);
  g_free (net);
}

gboolean
effnet_arch_is_name (const char *name)
{
  return effnet_arch_from_name (name) != NULL || (name != NULL && g_str_has_prefix (name, "phi:"));
}
