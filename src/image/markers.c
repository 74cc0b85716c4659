/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image/markers.h"

#define JUNK_MAX 4096 /* bytes before the start */
#define SOS      0xda
#define EOI      0xd9
#define TEM      0x01
#define RST0     0xd0 /* to SOI */

size_t
effnet_markers_start (const uint8_t *file, size_t size)
{
  for (size_t at = 0; at + 3 <= size && at <= JUNK_MAX; at++)
    if (file[at] == 0xff && file[at + 1] == EFFNET_MARKER_SOI && file[at + 2] == 0xff)
      return at;
  return 0;
}

int
effnet_markers_next (const uint8_t *file, size_t size, size_t *at, EffnetSegment *segment)
{
  size_t i = *at;

  /* fill bytes and others that decoders pass over */
  while (i + 2 <= size && (file[i] != 0xff || file[i + 1] == 0xff || file[i + 1] == 0))
    i++;
  if (i + 2 > size || file[i + 1] == SOS || file[i + 1] == EOI)
    return 0;
  *segment = (EffnetSegment){.code = file[i + 1], .at = i};
  if (segment->code == TEM || (segment->code >= RST0 && segment->code <= EFFNET_MARKER_SOI)) {
    *at = i + 2;
    return 1;
  }
  if (i + 4 > size)
    return 0;
  size_t n = (size_t)file[i + 2] << 8 | file[i + 3]; /* counts its own two bytes */
  if (n < 2 || n > size - i - 2)
    return 0;
  segment->data = file + i + 4;
  segment->size = n - 2;
  *at = i + 2 + n;
  return 1;
}
