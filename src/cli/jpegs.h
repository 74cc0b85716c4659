/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JPEG frames one after another, without a container, as cameras' programs write them into a pipe.
 * A picture that has another behind it (a map of its depth, its preview) is a picture still: frames
 * have one size, and no index of pictures (MPF). */
#ifndef EFFNET_CLI_JPEGS_H
#define EFFNET_CLI_JPEGS_H

#include <glib.h>

typedef struct _Jpegs Jpegs;

/* A name that stands for such frames. */
gboolean jpegs_are_named (const char *name);

Jpegs *jpegs_new (void);
void jpegs_free (Jpegs *jpegs);
/* @size more bytes. FALSE: there are more than @most that no frame ended. */
gboolean jpegs_add (Jpegs *jpegs, const guint8 *data, gsize size, gsize most);
/* What came first was a frame, and another one follows. */
gboolean jpegs_are_many (const Jpegs *jpegs);
/* The next frame that is whole, of those that came so far; NULL: there is none. */
GBytes *jpegs_next (Jpegs *jpegs);
/* All bytes, unless some were taken. Frees @jpegs. */
GBytes *jpegs_steal (Jpegs *jpegs);

#endif
