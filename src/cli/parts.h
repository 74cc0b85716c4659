/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * All pictures of a file that holds several: the pages of a TIFF, each by itself; the frames of a
 * GIF or WebP that moves, which are parts of the picture and are drawn over those before. */
#ifndef EFFNET_CLI_PARTS_H
#define EFFNET_CLI_PARTS_H

#include "cli/picture.h"
#include "cli/source.h"

typedef struct _Parts Parts;

/* @out: NULL where there is one picture. @header: of @picture, with a size that decoder_allows().
 * FALSE with an error where there is no memory for it. */
gboolean parts_open (const PictureHeader *header, GBytes *picture, Parts **out, GError **error);
void parts_free (Parts *parts);
/* The next one as a file of its own, (transfer full), with its header; NULL: there are no more. */
GBytes *parts_next (Parts *parts, PictureHeader *header);
/* Whether frames are to come as RGBA, for parts_draw(). */
gboolean parts_are_drawn (const Parts *parts);
/* Makes @frame, that part decoded, the whole picture with its time. FALSE with an error when it
 * does not lie on the picture. */
gboolean parts_draw (Parts *parts, SourceFrame *frame, GError **error);

#endif
