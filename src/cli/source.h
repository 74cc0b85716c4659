/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where frames come from: a JPEG file as the bytes it is, anything else through GStreamer's
 * decodebin in whatever raw format it comes. A rotation in EXIF or in stream tags is applied. */
#ifndef EFFNET_CLI_SOURCE_H
#define EFFNET_CLI_SOURCE_H

#include "effnet/effnet.h"

typedef struct _Source Source;

typedef struct {
  EffnetImage image; /* holds until the next call */
  guint64 index;     /* 0-based in its source */
  gint64 pts_ns;     /* -1: a picture, or a frame without a timestamp */
} SourceFrame;

/* @input: a file's path, or a URI GStreamer has a source for. */
Source *source_open (const char *input, GError **error);
/* 1: @frame is filled, 0: the end, -1: an error. */
int source_next (Source *source, SourceFrame *frame, GError **error);
/* How far a clip has been read, 0..1; -1 where it has no length. */
double source_progress (const Source *source);
void source_close (Source *source); /* NULL is allowed */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Source, source_close)

/* Every picture and clip that @inputs name: files and URIs as they are, folders searched for names
 * that end as pictures and clips do, sorted, hidden names and linked folders left out. What cannot
 * be used is reported to @failure. Free with g_ptr_array_unref(). */
GPtrArray *source_expand (char **inputs,
                          void (*failure) (const char *subject, const char *message));

#endif
