/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the header of a picture file says, before anybody decodes it. Every file is distrusted: no
 * count and no offset is followed beyond its bytes, nothing is allocated. Pixels are not read. */
#ifndef EFFNET_CLI_PICTURE_H
#define EFFNET_CLI_PICTURE_H

#include <glib.h>

typedef struct {
  const char *media;          /* under GStreamer's name, "image/png" */
  guint64 width, height;      /* 0: the header does not say; not looked for in JPEG */
  unsigned orientation;       /* 1..8 as Exif has it; 0: not said, or JPEG */
  gsize orientation_at;       /* the byte of a TIFF that says so; 0: there is none */
  gboolean is_deep;           /* PNG: more than 8 bits a channel */
  gsize frame_at, frame_size; /* WebP that moves: bytes of the first frame; 0: a still one */
  gboolean is_cut;            /* the bytes end before the pixels do, as far as a header tells */
} PictureHeader;

/* FALSE: no picture that is known here. @data: [size], the file or its first bytes; of those
 * `media` alone holds. */
gboolean picture_read_header (PictureHeader *header, const guint8 *data, gsize size);

/* Of a WebP that moves the first frame as a still one, without transparency. @header: of @picture,
 * with a frame_size. */
GBytes *picture_first_frame (const PictureHeader *header, GBytes *picture);

/* "a PDF document": what is neither picture nor clip for certain; NULL = not known. */
const char *picture_other (const guint8 *data, gsize size);

#endif
