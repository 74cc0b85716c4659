/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Exif in a PNG as ImageMagick wrote it before PNG had a chunk for it, and as Pillow reads it: a
 * text, in hexadecimal digits. */
#ifndef EFFNET_CLI_PNG_H
#define EFFNET_CLI_PNG_H

#include <glib.h>

/* @chunk: [size], from its type on. NULL: it is no such text; one that is damaged is empty. */
GBytes *png_exif_profile (const guint8 *chunk, gsize size);

#endif
