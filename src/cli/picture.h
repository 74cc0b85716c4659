/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the header of a picture file says, before anybody decodes it. Every file is distrusted: no
 * count and no offset is followed beyond its bytes, and nothing is allocated that is only claimed.
 * Pixels are not read; those of a GIF are counted. */
#ifndef EFFNET_CLI_PICTURE_H
#define EFFNET_CLI_PICTURE_H

#include <glib.h>

typedef struct {
  const char *media;        /* under GStreamer's name, "image/png" */
  guint64 width, height;    /* 0: the header does not say; not looked for in JPEG */
  unsigned orientation;     /* 1..8 as Exif has it; 0: not said, or JPEG */
  gsize patch_at;           /* a byte that decoders shall see as `patch`; 0: there is none */
  guint8 patch;             /* a TIFF is called upright, a GIF without transparency */
  unsigned xmp_orientation; /* what XMP says of it; counts where Exif says nothing */
  gboolean is_deep;         /* PNG: more than 8 bits a channel */
  gboolean is_odd; /* TIFF: samples that are not unsigned numbers of 1, 2, 4, 8 or 16 bits */
  gsize frame_at,
      frame_size;  /* the picture within the file: the first frame of a WebP that moves,
                      the PNG of an ICO, the codestream of JPEG 2000; 0: the whole file */
  gboolean is_cut; /* the bytes end before the pixels do, as far as that is seen without them */
} PictureHeader;

/* FALSE: no picture that is known here. @data: [size], the file or its first bytes; of those
 * `media` alone holds. */
gboolean picture_read_header (PictureHeader *header, const guint8 *data, gsize size);

/* That picture as a file of its own: of a WebP a still one without transparency, whose @header is
 * still that of @picture; of others @header becomes the file's. @header: with a frame_size. */
GBytes *picture_first_frame (PictureHeader *header, GBytes *picture);

/* One of the pictures of a file that holds several. */
typedef struct {
  gsize at, size;    /* bytes of a frame; `at` of a TIFF's page: its directory */
  gsize control;     /* of a GIF's frame: what is said of it, or 0 */
  unsigned x, y;     /* where the frame lies on the picture */
  guint64 start_ms;  /* when it is shown; 0 of a page */
  gboolean replaces; /* it hides what was there also where it is transparent */
  gboolean clears;   /* its place is empty when the next one comes */
  gboolean restores; /* what was there before it is there again when the next one comes */
} PicturePart;

/* The pages of a TIFF, the frames of a GIF or WebP that moves: a list of PicturePart, free with
 * g_array_unref(); NULL where there is one picture. */
GArray *picture_list_parts (const PictureHeader *header, GBytes *picture);
/* One of them as a file of its own. */
GBytes *picture_extract_part (const PictureHeader *header, GBytes *picture,
                              const PicturePart *part);

/* "a PDF document": what is neither picture nor clip for certain; NULL = not known. */
const char *picture_other (const guint8 *data, gsize size);

#endif
