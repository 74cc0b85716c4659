/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whether the packed pixels of a GIF's image are all there: loaders draw what there is, and leave
 * the rest as it was. */
#ifndef EFFNET_CLI_GIF_H
#define EFFNET_CLI_GIF_H

#include "cli/picture_bytes.h"

/* @at: the byte before the blocks of pixels, their width in bits. @n: pixels of the image. */
gboolean gif_is_whole (const Bytes *bytes, gsize at, guint64 n);

#endif
