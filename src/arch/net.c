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

/* Where in @name begins how a member is scaled; NULL: it is not. "hf-hub:timm/efficientnet_b0" is
 * none. */
static const char *
scaling_of (const char *name)
{
  const char *found;

  if (name == NULL || g_str_has_prefix (name, "phi:"))
    return name;
  found = g_strrstr (name, ":phi:");
  if (found == NULL)
    found = strrchr (name, ':');
  return found != NULL && strchr (found, '/') == NULL ? found + 1 : NULL;
}

/* The member that @name is or scales, and how it does; NULL when it is none. phi:X is b0:phi:X. */
static const char *
member_of (const char *name, const char **scaling)
{
  *scaling = scaling_of (name);
  if (name == NULL || *scaling == NULL)
    return effnet_arch_from_name (name);
  if (*scaling == name)
    return "b0";
  g_autofree char *member = g_strndup (name, (size_t)(*scaling - name) - 1);
  return effnet_arch_from_name (member);
}

/* Fills @variant and returns its canonical name, or NULL. */
static char *
resolve_variant (const char *name, EffnetVariant *variant, GError **error)
{
  g_autofree char *scaled = NULL;
  const char *scaling, *row = member_of (name, &scaling);

  if (row == NULL) {
    g_autofree char *printable = effnet_printable (name);
    g_set_error (
        error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
        "Variant \"%s\" is not known: expected one of %s (`effnet info --list` has all), one "
        "of them with :phi:X or :WIDTH,DEPTH,RESOLUTION behind it, or phi:X with a number X",
        printable, effnet_arch_summary ());
    return NULL;
  }
  *variant = *effnet_variant_find (row);
  if (scaling == NULL)
    return g_strdup (row);
  scaled = effnet_scale_row (name, scaling, variant, error);
  if (scaled == NULL || scaling == name)
    return g_steal_pointer (&scaled);
  return g_strconcat (row, ":", scaled, NULL);
}

static gboolean
scales (const EffnetVariant *variant, EffnetScaling how)
{
  return (variant->family->scaling & how) != 0;
}

static unsigned
row_repeats (const EffnetVariant *variant, unsigned row)
{
  const EffnetFamily *family = variant->family;
  gboolean is_end = row == 0 || row + 1 == family->n_rows;

  if (is_end && scales (variant, EFFNET_SCALING_FIXED_ENDS))
    return family->rows[row].repeats;
  return effnet_scale_repeats (family->rows[row].repeats, variant->depth,
                               scales (variant, EFFNET_SCALING_ROUND_DEPTH));
}

static unsigned
scale_channels (const EffnetVariant *variant, unsigned channels)
{
  return effnet_scale_channels (channels, variant->width,
                                scales (variant, EFFNET_SCALING_ROUND_FAR));
}

static unsigned
stem_channels (const EffnetVariant *variant)
{
  unsigned channels = variant->family->stem_channels;

  return scales (variant, EFFNET_SCALING_FIXED_STEM) ? channels
                                                     : scale_channels (variant, channels);
}

static unsigned
head_channels (const EffnetVariant *variant)
{
  unsigned channels = variant->family->head_channels, scaled = scale_channels (variant, channels);

  if (scales (variant, EFFNET_SCALING_FIXED_HEAD))
    return channels;
  return scales (variant, EFFNET_SCALING_LEAST_HEAD) ? MAX (channels, scaled) : scaled;
}

static gboolean
row_has_expand (const EffnetStageRow *row)
{
  return row->kind == EFFNET_BLOCK_CONV131 || row->kind == EFFNET_BLOCK_MECO ||
         (row->kind == EFFNET_BLOCK_MBCONV &&
          (row->expand_ratio != 1 || (row->flags & EFFNET_ROW_WIDENS) != 0));
}

/* A block of @row, which knows its place and its input; @first of the row. */
static void
fill_block (EffnetBlock *b, const EffnetVariant *variant, const EffnetStageRow *row, gboolean first,
            EffnetPadding padding)
{
  unsigned from =
      row->expand_from > 0 ? scale_channels (variant, row->expand_from) : b->in_channels;
  const EffnetSePlace *places = variant->family->se_places;
  gboolean changes;

  b->kind = row->kind;
  b->kernel = row->kernel;
  b->stride = first ? row->stride : 1;
  b->out_channels = scale_channels (variant, row->out_channels);
  changes = b->stride != 1 || b->in_channels != b->out_channels;
  b->has_expand = row_has_expand (row);
  b->has_project = row->kind != EFFNET_BLOCK_FUSED || row->expand_ratio != 1;
  b->expand_channels = b->has_project ? from * row->expand_ratio : b->out_channels;
  if (row->kind == EFFNET_BLOCK_MECO)
    b->expand_channels = b->out_channels * (changes ? row->expand_ratio : 1);
  b->has_skip = (row->flags & EFFNET_ROW_SKIP) != 0 && !changes;
  b->se_place = row->se_place != EFFNET_SE_NONE && places != NULL ? places[b->has_skip ? 1 : 0]
                                                                  : row->se_place;
  if (b->se_place != EFFNET_SE_NONE)
    b->se_channels = effnet_scale_squeeze (b->in_channels, row->se_ratio);
  b->out_height = effnet_conv_out (b->in_height, b->kernel, b->stride, padding);
  b->out_width = effnet_conv_out (b->in_width, b->kernel, b->stride, padding);
}

static gboolean
lay_out_blocks (EffnetNet *net, const EffnetVariant *variant)
{
  const EffnetFamily *family = variant->family;
  EffnetBlock next = {.in_height = net->stem_height,
                      .in_width = net->stem_width,
                      .in_channels = net->stem_channels};
  unsigned n = 0;

  for (unsigned row = 0; row < family->n_rows; row++)
    net->n_blocks += row_repeats (variant, row);
  net->blocks = g_try_new0 (EffnetBlock, net->n_blocks);
  if (net->blocks == NULL)
    return FALSE;
  for (unsigned row = 0; row < family->n_rows; row++) {
    unsigned repeats = row_repeats (variant, row);

    if ((family->rows[row].flags & EFFNET_ROW_JOINS) == 0) {
      next.stage = net->n_stages++;
      next.index = 0;
    }
    for (unsigned i = 0; i < repeats; i++, next.index++) {
      EffnetBlock *block = &net->blocks[n++];

      *block = next;
      fill_block (block, variant, &family->rows[row], i == 0, net->padding);
      next.in_height = block->out_height;
      next.in_width = block->out_width;
      next.in_channels = block->out_channels;
    }
  }
  net->head_height = next.in_height;
  net->head_width = next.in_width;
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
  net->stem_channels = stem_channels (&row);
  net->stem_height = effnet_conv_out (net->in_height, 3, 2, net->padding);
  net->stem_width = effnet_conv_out (net->in_width, 3, 2, net->padding);
  net->head_channels = head_channels (&row);
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
  const char *scaling;

  return member_of (name, &scaling) != NULL;
}
