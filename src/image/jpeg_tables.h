/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tables of libjpeg's decoder, which keeps those of the frame before and would decode a frame
 * without any with them. The invariant: none of them reaches another frame. */
#ifndef EFFNET_IMAGE_JPEG_TABLES_H
#define EFFNET_IMAGE_JPEG_TABLES_H

#include <glib.h>

struct jpeg_decompress_struct; /* of jpeglib.h */

/* Before a header is read. */
void effnet_jpeg_tables_clear (struct jpeg_decompress_struct *d);
/* Whether the header that was read left out one that was cleared. */
gboolean effnet_jpeg_tables_lack (const struct jpeg_decompress_struct *d);

#endif
