/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * passes: the passes that were built, so that crops which come again find their tables. Bounded:
 * the passes of the present frame, and of older ones the newest few. All share one scratch memory,
 * because one pass runs at a time. */
#ifndef EFFNET_IMAGE_PASSES_H
#define EFFNET_IMAGE_PASSES_H

#include "image/pass.h"

#define EFFNET_PASSES_KEPT 16

typedef struct {
  GPtrArray *all;      /* of EffnetPass; NULL before the first */
  uint64_t frame;      /* counts frames */
  EffnetArena scratch; /* enough for any of them; grows only */
} EffnetPasses;

/* A new frame: passes of earlier ones may go. */
void effnet_passes_next_frame (EffnetPasses *passes);
/* The pass of @layout, built when there is none; it stays until the next frame. NULL with FRAME. */
const EffnetPass *effnet_passes_get (EffnetPasses *passes, const EffnetLayout *layout,
                                     const EffnetInputSpec *spec, const EffnetGeometry *geometry,
                                     GError **error);
/* Frees all passes, for another spec. Start with zeros. */
void effnet_passes_clear (EffnetPasses *passes);

#endif
