/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which of GStreamer's elements decodes a picture, and whether it may: a header alone decides how
 * much memory a decoder takes. */
#ifndef EFFNET_CLI_DECODER_H
#define EFFNET_CLI_DECODER_H

#include "cli/picture.h"

#include <gst/gst.h>

/* GStreamer begins, without what it and loaders print of damaged files. Before several threads open
 * sources at once. */
gboolean decoder_init (GError **error);
/* NULL with an error: GStreamer has no element of that name; @package has it. */
GstElement *decoder_make (const char *factory, const char *package, GError **error);
/* FALSE with an error for a picture that is too large, cut short or of samples that are not read.
 */
gboolean decoder_allows (const PictureHeader *header, GError **error);
/* The element for a picture with this header, and the caps to feed it with; NULL with an error for
 * a picture that is not allowed or that nothing here decodes. */
GstElement *decoder_for_picture (const PictureHeader *header, const char **caps, GError **error);
/* The bytes to feed it with, (transfer full). A TIFF is called upright: some decoders turn it, some
 * in part, some not at all, and the header has said how it lies. A GIF has no transparency: what is
 * transparent keeps its colour, as in other pictures, which loaders make black. */
GstBuffer *decoder_feed (const PictureHeader *header, GBytes *picture);

/* @src: the appsrc before @decoder; neither has begun. */
void decoder_watch (GstElement *src, GstElement *decoder, const PictureHeader *header);
/* FALSE with an error: @frame, which came from it, is not pixels, only memory for them. */
gboolean decoder_has_drawn (const PictureHeader *header, GstBuffer *frame, GError **error);

/* Sets @error: the decoder of the picture has failed; what may be missing is said. */
void decoder_fail (const PictureHeader *header, GError **error);

/* Sets @error to what @message, an error of a pipeline, means to a user. @came: something was read
 * of the input; @is_sound: and that was sound alone. */
void decoder_explain (GstMessage *message, gboolean came, gboolean is_sound, GError **error);

#endif
