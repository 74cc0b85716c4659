/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Headers of pictures, as the tool reads them before it decodes. */
#include "cli/picture.h"
#include "input.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  PictureHeader header;
  uint8_t *exact = g_memdup2 (data, size); /* a sanitizer sees the byte behind it */
  gboolean known = picture_read_header (&header, exact, size);

  FUZZ_CHECK (known == (header.media != NULL) && header.orientation <= 8);
  FUZZ_CHECK (header.width <= UINT32_MAX && header.height <= UINT32_MAX);
  g_free (exact);
  return 0;
}
