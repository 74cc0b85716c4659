/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * arch: what an EfficientNet is. A variant is data: a list of stages in one block grammar and three
 * scaling coefficients. From them compound scaling (Tan and Le, 2019, "EfficientNet: Rethinking
 * Model Scaling for Convolutional Neural Networks", section 3.3) makes a net: a flat list of blocks
 * with every shape known. Pure data and arithmetic; weights and kernels are elsewhere. */
#ifndef EFFNET_ARCH_NET_H
#define EFFNET_ARCH_NET_H

#include "base/error.h"
#include "base/types.h"

/* Where a block's squeeze-excite stands. */
typedef enum {
  EFFNET_SE_NONE,
  EFFNET_SE_AFTER_DEPTHWISE, /* the published place: gates the expanded channels */
  EFFNET_SE_AFTER_PROJECT,   /* at the block's end: gates the output channels, before the skip */
} EffnetSePlace;

/* What a block is made of. Each convolution is followed by batch norm, all but the project by the
 * activation; the k x k one has the block's stride. */
typedef enum {
  EFFNET_BLOCK_MBCONV,  /* 1x1 expand, k x k depthwise, 1x1 project; of ratio 1 no expand */
  EFFNET_BLOCK_FUSED,   /* k x k in place of expand and depthwise, 1x1 project (Tan and Le, 2021,
                         * "EfficientNetV2", figure 2); of ratio 1 k x k alone */
  EFFNET_BLOCK_CONV31,  /* k x k, 1x1 project, whatever the ratio */
  EFFNET_BLOCK_CONV131, /* 1x1 expand, k x k, 1x1 project */
  EFFNET_BLOCK_MECO,    /* 1x1 expand, k x k depthwise, 1x1 of as many channels, k x k depthwise of
                         * stride 1, 1x1 project: all of the output's channels, of which there are
                         * `ratio` times as many inside a block that changes channels or size */
} EffnetBlockKind;

/* One block with everything decided. */
typedef struct {
  EffnetBlockKind kind;
  unsigned stage, index; /* 0-based: stage in the net, block in the stage */
  unsigned kernel, stride;
  unsigned in_channels, expand_channels, out_channels;
  gboolean has_expand;  /* a 1x1 conv makes expand_channels of in_channels */
  gboolean has_project; /* a 1x1 conv makes out_channels of expand_channels, else they are equal */
  EffnetSePlace se_place;
  unsigned se_channels; /* squeezed; 0 = no squeeze-excite */
  gboolean has_skip;    /* input added to the output */
  unsigned in_height, in_width, out_height, out_width;
} EffnetBlock;

typedef struct {
  char *variant;                /* "b0" */
  double width, depth;          /* compound coefficients */
  unsigned resolution;          /* the variant's own input side */
  unsigned in_height, in_width; /* the input this net is laid out for */
  EffnetActivation activation;
  EffnetPadding padding;                           /* SAME or SYMMETRIC, never AUTO */
  unsigned stem_channels, stem_height, stem_width; /* conv 3x3 stride 2, and its output size */
  unsigned head_channels, head_height, head_width; /* conv 1x1, and its output size */
  unsigned n_classes;
  unsigned n_blocks, n_stages;
  EffnetBlock *blocks;
  size_t n_layers;
  struct _EffnetLayer *layers; /* effnet_net_layers() */
} EffnetNet;

/* Lays out @variant (a row of the table as "b0" or "v2-s", or a name that effnet_arch_from_name()
 * knows, alone or with ":phi:X", X in -10..15, or ":WIDTH,DEPTH,RESOLUTION" behind it; "phi:X" is
 * "b0:phi:X") for an input of @input_size pixels a side (0 = the variant's own, at most
 * EFFNET_INPUT_SIDE_MAX), @n_classes (up to EFFNET_CLASSES_MAX; 0 = no classifier), @padding (AUTO
 * = SYMMETRIC). NULL with NOT_FOUND (the message lists the known names), ARGUMENT or IO. Free with
 * effnet_net_free().
 */
EffnetNet *effnet_net_new (const char *variant, unsigned input_size, unsigned n_classes,
                           EffnetPadding padding, GError **error);
/* The same for an input that need not be square; each side 0 = the variant's own. */
EffnetNet *effnet_net_new_sized (const char *variant, unsigned height, unsigned width,
                                 unsigned n_classes, EffnetPadding padding, GError **error);
void effnet_net_free (EffnetNet *net);

/* Names of the table's rows, NULL-terminated, static. */
const char *const *effnet_arch_names (void);
/* The same in words, "b0 to l2, lite0 to lite4, ...": the first and the last of each family. Static
 * string. */
const char *effnet_arch_summary (void);
/* The row a foreign name means: timm's ("tf_efficientnet_b0.ns_jft_in1k"), torchvision's
 * ("efficientnet_b0"), "EfficientNet-B0" and plain "b0" are all "b0"; "tf_efficientnetv2_s",
 * "efficientnet_v2_s" and "EfficientNetV2S" are "v2-s"; NULL = not one of ours.
 * Static string. phi:X is no row: effnet_net_new() takes it as it is. */
const char *effnet_arch_from_name (const char *name);
/* What stands before the name of @row in timm's: "efficientnet_"; "" where the row's is timm's. */
const char *effnet_arch_timm_prefix (const char *row);
/* TRUE for what effnet_net_new() takes, but for the numbers of a scaling. @name: (nullable). */
gboolean effnet_arch_is_name (const char *name);

/* Output side of a convolution and the padding before its first sample. */
unsigned effnet_conv_out (unsigned in, unsigned kernel, unsigned stride, EffnetPadding padding);
unsigned effnet_conv_pad (unsigned in, unsigned kernel, unsigned stride, EffnetPadding padding);

/* Trained parameters (conv, batch-norm gamma and beta, fully connected) and multiply-adds of one
 * inference (convolutions, squeeze-excite and fully connected). */
uint64_t effnet_net_parameters (const EffnetNet *net);
uint64_t effnet_net_multiply_adds (const EffnetNet *net);

/* The stages whose outputs are to be had: stem, the stages of blocks, head. Returns how many. */
unsigned effnet_net_stages (const EffnetNet *net, EffnetStage stages[EFFNET_STAGES_MAX]);

/* JSON as effnet_describe_variant() documents; free with g_free(). */
char *effnet_net_describe (const EffnetNet *net);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetNet, effnet_net_free)

#endif
