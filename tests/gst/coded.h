/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Streams of H.264 and H.265 that an encoder makes on the spot, and what GStreamer's own decoder
 * makes of them. */
#ifndef TEST_GST_CODED_H
#define TEST_GST_CODED_H

#include <gst/gst.h>

typedef struct {
  GstCaps *caps;
  GPtrArray *units; /* of GstBuffer: access units, in the order of the stream */
} Coded;

/* FALSE, after a skip is noted, when one of the elements (NULL-terminated) is not installed. */
gboolean coded_needs (const char *element, ...) G_GNUC_NULL_TERMINATED;
/* @frames pictures of @width x @height that move, through @line: an encoder, then a parser and
 * caps. */
Coded *coded_new (const char *line, int frames, int width, int height);
void coded_free (Coded *coded);
/* The access unit @i, writable. */
GstBuffer *coded_copy_unit (const Coded *coded, guint i);
/* A checksum of the pixels of a picture of @caps, without what pads the lines. */
char *picture_checksum (GstBuffer *picture, const GstCaps *caps);
/* Every picture that @line, a parser and a decoder, makes of the stream: time stamp (gint64 *) to
 * checksum.
 */
GHashTable *coded_decode_all (const Coded *coded, const char *line);
const char *coded_picture_at (GHashTable *pictures, GstClockTime pts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Coded, coded_free)

#endif
