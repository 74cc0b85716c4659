/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Headers of pictures, as the tool reads them before it decodes, and the parts it cuts out. */
#include "cli/picture.h"
#include "input.h"

static void
cut (PictureHeader *header, GBytes *picture)
{
  g_autoptr (GArray) parts = picture_list_parts (header, picture);

  for (guint i = 0; parts != NULL && i < MIN (parts->len, 20); i++) {
    g_autoptr (GBytes) part =
        picture_extract_part (header, picture, &g_array_index (parts, PicturePart, i));

    FUZZ_CHECK (g_bytes_get_size (part) <= g_bytes_get_size (picture) + 64);
  }
  if (header->frame_size > 0)
    g_bytes_unref (picture_first_frame (header, picture));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  PictureHeader header;
  uint8_t *exact = g_memdup2 (data, size); /* a sanitizer sees the byte behind it */
  gboolean known = picture_read_header (&header, exact, size);

  FUZZ_CHECK (known == (header.media != NULL) && header.orientation <= 8);
  FUZZ_CHECK (header.width <= UINT32_MAX && header.height <= UINT32_MAX);
  g_autoptr (GBytes) picture = g_bytes_new_take (exact, size);
  if (known && !header.is_cut)
    cut (&header, picture);
  return 0;
}
