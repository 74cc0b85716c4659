/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * unpack: frames whose samples the filters cannot read as they lie (fields of bits, samples more
 * than four bytes apart) -> planes of 16-bit samples. A pass over the whole frame that the common
 * formats do without. */
#ifndef EFFNET_IMAGE_UNPACK_H
#define EFFNET_IMAGE_UNPACK_H

#include "base/stop.h"
#include "image/format.h"

/* Starts from zeros; grows, is kept. */
typedef struct {
  uint16_t *samples;
  size_t room; /* samples */
} EffnetUnpacked;

/* Fills @planar and @format, which describe the same frame, in @unpacked. @image has been checked.
 * FALSE with FRAME when there is no memory. @stop: (nullable): looked at from line to line; lines
 * are then left out. */
gboolean effnet_unpack (EffnetUnpacked *unpacked, const EffnetImage *image, EffnetStop *stop,
                        EffnetImage *planar, EffnetFormat *format, GError **error);
void effnet_unpacked_clear (EffnetUnpacked *unpacked);

#endif
