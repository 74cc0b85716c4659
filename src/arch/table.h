/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grammar a variant is written in, private to arch. A row says what the paper's table says;
 * what scaling makes of it is in scale.h. */
#ifndef EFFNET_ARCH_TABLE_H
#define EFFNET_ARCH_TABLE_H

#include "arch/net.h"

typedef enum {
  EFFNET_ROW_SKIP = 1,   /* a skip around blocks that change neither size nor channels */
  EFFNET_ROW_JOINS = 2,  /* the blocks continue the stage of the row above */
  EFFNET_ROW_WIDENS = 4, /* an expand convolution even of ratio 1 */
} EffnetRowFlags;

/* One line of the paper's table 1: `repeats` blocks. The first has the row's stride and maps the
 * previous row's channels to out_channels, the others keep both. */
typedef struct {
  EffnetBlockKind kind;
  unsigned kernel, stride;
  unsigned expand_ratio; /* what it says of 1, the kind knows */
  unsigned out_channels; /* before scaling */
  unsigned repeats;      /* before scaling */
  EffnetSePlace se_place;
  double se_ratio; /* squeezed channels per channel of the block's *input* */
  unsigned flags;  /* EffnetRowFlags */
  unsigned
      expand_from; /* channels, before scaling, that expand_ratio is of; 0: the block's input */
} EffnetStageRow;

/* Where a family departs from the scaling of the paper. */
typedef enum {
  EFFNET_SCALING_FIXED_STEM = 1,   /* the stem is not scaled in width */
  EFFNET_SCALING_FIXED_HEAD = 2,   /* nor the head */
  EFFNET_SCALING_LEAST_HEAD = 4,   /* the head is not narrower than before scaling */
  EFFNET_SCALING_FIXED_ENDS = 8,   /* first and last row are not scaled in depth */
  EFFNET_SCALING_ROUND_DEPTH = 16, /* repeats to the nearest number, not upwards */
  EFFNET_SCALING_ROUND_FAR = 32,   /* channels to the nearest unit, however much fewer that are */
} EffnetScaling;

/* What the members of one family share. */
typedef struct {
  const EffnetStageRow *rows;
  unsigned n_rows;
  unsigned stem_channels, head_channels; /* before scaling */
  EffnetActivation activation;
  unsigned scaling; /* EffnetScaling */
  /* [2], of blocks without a skip and with one: where the squeeze-excites of the rows stand
   * instead; NULL: as the rows say */
  const EffnetSePlace *se_places;
  const char *timm_prefix; /* effnet_arch_timm_prefix() */
} EffnetFamily;

typedef struct {
  const char *name;
  const EffnetFamily *family;
  double width, depth;
  unsigned resolution; /* input side, pixels */
} EffnetVariant;

/* NULL when @name is not a row. */
const EffnetVariant *effnet_variant_find (const char *name);

#endif
