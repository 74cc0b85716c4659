/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a GIF is built, and whether the packed pixels of an image of it are all there: loaders draw
 * what there is, and leave the rest as it was. */
#ifndef EFFNET_CLI_GIF_H
#define EFFNET_CLI_GIF_H

#include "cli/picture_bytes.h"

/* @at: the byte before the blocks of pixels, their width in bits. @n: pixels of the image. */
gboolean gif_is_whole (const Bytes *bytes, gsize at, guint64 n);

/* Past the chain of blocks with their lengths. */
static inline gsize
gif_past_blocks (const Bytes *bytes, gsize at)
{
  while (bytes_number (bytes, at, 1) != 0)
    at += 1 + bytes_number (bytes, at, 1);
  return at + 1;
}

/* Bytes of the colours that a screen or an image with these flags has. */
static inline gsize
gif_table_size (guint64 flags)
{
  return flags & 0x80 ? 6u << (flags & 7) : 0;
}

#endif
