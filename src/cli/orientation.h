/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a picture must be rotated or flipped to stand upright, as EXIF and GStreamer's
 * image-orientation tag say it. */
#ifndef EFFNET_CLI_ORIENTATION_H
#define EFFNET_CLI_ORIENTATION_H

#include <gst/gst.h>

/* Each returns the nick of videoflip's video-direction that sets the picture upright; NULL when it
 * already stands so, or no orientation is given. Static strings. */
const char *orientation_of_jpeg (const guint8 *data, gsize size);
const char *orientation_of_tags (const GstTagList *tags);

#endif
