/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Of the APP1 segments the first directory of Exif's TIFF structure, or else the attribute that XMP
 * has for the same. */
#include "image/exif.h"

#include <string.h>

#include "image/markers.h"

#define TAG_ORIENTATION 0x0112

/* Bytes of a segment. Reading past the end gives 0, so that a cut directory has no entry. */
typedef struct {
  const uint8_t *at;
  size_t size;
  int big_endian;
} Bytes;

static uint32_t
number (const Bytes *b, size_t offset, unsigned n)
{
  uint32_t v = 0;

  if (offset > b->size || b->size - offset < n)
    return 0;
  for (unsigned i = 0; i < n; i++)
    v |= (uint32_t)b->at[offset + i] << 8 * (b->big_endian ? n - 1 - i : i);
  return v;
}

/* The one value of an entry of a directory: 0 unless it is an integer within the entry. */
static uint32_t
value (const Bytes *b, size_t entry)
{
  static const uint8_t bytes_of_type[] = {
      [1] = 1, [3] = 2, [4] = 4, [6] = 1, [8] = 2, [9] = 4}; /* BYTE, SHORT, LONG, with a sign */
  uint32_t type = number (b, entry + 2, 2), count = number (b, entry + 4, 4);

  if (type >= sizeof bytes_of_type || count != 1)
    return 0;
  return number (b, entry + 8, bytes_of_type[type]);
}

static unsigned
checked (uint32_t orientation)
{
  return orientation >= 1 && orientation <= 8 ? (unsigned)orientation : 0;
}

static unsigned
of_exif (Bytes b)
{
  static const char name[6] = "Exif\0";

  if (b.size < sizeof name || memcmp (b.at, name, sizeof name) != 0)
    return 0;
  b.at += sizeof name;
  b.size -= sizeof name;
  if (b.size < 8 || (memcmp (b.at, "II*\0", 4) != 0 && memcmp (b.at, "MM\0*", 4) != 0))
    return 0;
  b.big_endian = b.at[0] == 'M';
  size_t directory = number (&b, 4, 4), n = number (&b, directory, 2);
  for (size_t i = 0; i < n && directory + 2 + 12 * i < b.size; i++) {
    size_t entry = directory + 2 + 12 * i;
    if (number (&b, entry, 2) == TAG_ORIENTATION)
      return checked (value (&b, entry));
  }
  return 0;
}

static unsigned
of_xmp (Bytes b)
{
  static const char name[] = "http://ns.adobe.com/xap/1.0/"; /* and a NUL */
  static const char key[] = "tiff:Orientation";
  const size_t length = sizeof key - 1;

  if (b.size < sizeof name || memcmp (b.at, name, sizeof name) != 0)
    return 0;
  for (size_t i = sizeof name; i + length + 3 <= b.size; i++) {
    const uint8_t *after = b.at + i + length;
    if (b.at[i] != key[0] || memcmp (b.at + i, key, length) != 0)
      continue;
    if (after[0] == '>')
      return checked ((uint32_t)after[1] - '0');
    if (after[0] == '=' && (after[1] == '"' || after[1] == '\''))
      return checked ((uint32_t)after[2] - '0');
  }
  return 0;
}

unsigned
effnet_exif_orientation (const uint8_t *file, size_t size)
{
  size_t at = effnet_markers_start (file, size);
  EffnetSegment segment;
  unsigned xmp = 0;

  while (effnet_markers_next (file, size, &at, &segment)) {
    const Bytes bytes = {segment.data, segment.size, 0};

    if (segment.code != EFFNET_MARKER_APP1)
      continue;
    unsigned exif = of_exif (bytes);
    if (exif != 0)
      return exif;
    xmp = xmp != 0 ? xmp : of_xmp (bytes);
  }
  return xmp;
}
