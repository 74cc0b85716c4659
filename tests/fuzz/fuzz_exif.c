/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a JPEG file, and as the Exif segment of one: an orientation or none. */
#include "image/exif.h"
#include "input.h"

#include <glib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const uint8_t head[] = "\xff\xd8\xff\xe1\0\0Exif\0\0";
  size_t n = sizeof head - 1, most = 65535 - 8;
  size_t inner = size < most ? size : most;
  g_autofree uint8_t *file = g_malloc (n + inner);

  FUZZ_CHECK (effnet_exif_orientation (data, size) <= 8);
  memcpy (file, head, n);
  if (inner > 0)
    memcpy (file + n, data, inner);
  file[4] = (uint8_t)((inner + 8) >> 8);
  file[5] = (uint8_t)(inner + 8);
  FUZZ_CHECK (effnet_exif_orientation (file, n + inner) <= 8);
  return 0;
}
