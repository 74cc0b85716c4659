/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * markers: the segments of a JPEG file's header up to the first scan, found as decoders find them.
 * Bytes are looked at, nothing is decoded; no length is followed beyond the file. */
#ifndef EFFNET_IMAGE_MARKERS_H
#define EFFNET_IMAGE_MARKERS_H

#include <stddef.h>
#include <stdint.h>

#define EFFNET_MARKER_SOI  0xd8
#define EFFNET_MARKER_APP1 0xe1

typedef struct {
  uint8_t code;
  size_t at;           /* of the marker's 0xff */
  const uint8_t *data; /* behind the length, if the marker has one */
  size_t size;
} EffnetSegment;

/* Where the picture begins: at most 4 kB of something else come before. 0 when it is nowhere. */
size_t effnet_markers_start (const uint8_t *file, size_t size);
/* The segment at or behind @at, which is moved past it. 0 at the first scan, the end, and where the
 * file breaks the rules. */
int effnet_markers_next (const uint8_t *file, size_t size, size_t *at, EffnetSegment *segment);

#endif
