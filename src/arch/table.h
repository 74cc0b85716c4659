/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grammar a variant is written in, private to arch. A row says what the paper's table says;
 * what scaling makes of it is in scale.h. */
#ifndef EFFNET_ARCH_TABLE_H
#define EFFNET_ARCH_TABLE_H

#include "arch/net.h"

/* One line of the paper's table 1: `repeats` blocks. The first has the stage's stride and
 * maps the previous stage's channels to out_channels, the others keep both. A block has a
 * skip when it changes neither size nor channels and its row allows it. */
typedef struct {
  EffnetBlockKind kind;
  unsigned kernel, stride;
  unsigned expand_ratio; /* what it says of 1, the kind knows */
  unsigned out_channels; /* before scaling */
  unsigned repeats;      /* before scaling */
  EffnetSePlace se_place;
  double se_ratio; /* squeezed channels per channel of the block's *input* */
  gboolean skip;
  unsigned
      expand_from; /* channels, before scaling, that expand_ratio is of; 0: the block's input */
} EffnetStageRow;

/* What the members of one family share. */
typedef struct {
  const EffnetStageRow *stages;
  unsigned n_stages;
  unsigned stem_channels, head_channels; /* before scaling */
  EffnetActivation activation;
  gboolean scale_ends; /* stem and head are scaled in width, first and last stage in depth */
  gboolean round_far;  /* to the nearest unit of channels, however much fewer that are */
} EffnetFamily;

typedef struct {
  const char *name;
  const EffnetFamily *family;
  double width, depth;
  unsigned resolution; /* input side, pixels */
} EffnetVariant;

/* NULL when @name is not a row. */
const EffnetVariant *effnet_variant_find (const char *name);
/* The unscaled family that phi:X scales. */
const EffnetFamily *effnet_variant_baseline (void);

#endif
