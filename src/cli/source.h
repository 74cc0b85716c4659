/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where frames come from. JPEG goes to the library as the bytes it is, however it was named; other
 * pictures and clips are decoded by GStreamer, in whatever raw format they come. Frames say how
 * they are stored, so that the library sees them upright. The invariant: no call waits longer than
 * the time-out, and no picture is decoded that takes more than a stated memory. */
#ifndef EFFNET_CLI_SOURCE_H
#define EFFNET_CLI_SOURCE_H

#include "effnet/effnet.h"

#define SOURCE_TIMEOUT_S 10 /* by default */

typedef struct _Source Source;

typedef struct {
  EffnetImage image; /* holds until the next call */
  guint64 index;     /* 0-based in its source */
  gint64 pts_ns;     /* -1: a picture, or a frame without a timestamp */
} SourceFrame;

/* @input: a file's path, "-" for stdin, or a URI GStreamer has a source for. Without a frame for
 * @timeout_s seconds it has failed. */
Source *source_open (const char *input, int timeout_s, GError **error);
/* As source_open(). @all: not the first alone of the pictures of a file that holds several. */
Source *source_open_all (const char *input, int timeout_s, gboolean all, GError **error);
/* 1: @frame is filled, 0: the end or cli_stopped(), -1: an error. Of a picture that moves the first
 * frame, or all; of a live input the newest. */
int source_next (Source *source, SourceFrame *frame, GError **error);
/* How far a clip has been read, 0..1; -1 where it has no length. */
double source_progress (const Source *source);
/* FALSE: it hangs, and its threads and memory are left behind. NULL is allowed. */
gboolean source_close (Source *source);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Source, source_close)

/* Every picture and clip that @inputs name: files and URIs as they are, folders searched for
 * ordinary files whose names end as those of pictures and clips do, sorted, hidden names left out,
 * each folder once. What cannot be used is reported to @failure; with NULL folders that cannot be
 * read are listed like files, and opening them says why. Free with g_ptr_array_unref(). */
GPtrArray *source_expand (char **inputs,
                          void (*failure) (const char *subject, const char *message));
/* For g_ptr_array_sort(): texts in the order of their bytes. */
int source_compare_names (gconstpointer a, gconstpointer b);

#endif
