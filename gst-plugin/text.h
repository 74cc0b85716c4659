/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Texts that users and files give, in messages: whatever they hold, a terminal shows them on one
 * short line. */
#ifndef GST_EFFNET_TEXT_H
#define GST_EFFNET_TEXT_H

#include <glib.h>

G_BEGIN_DECLS

/* What cannot be printed, and what turns the direction of writing, as \uXXXX; at most 100
 * characters. Free with g_free(). */
char *gst_effnet_printable (const char *text);

/* @text, or "" where there is none. */
static inline const char *
gst_effnet_or_empty (const char *text)
{
  return text != NULL ? text : "";
}

/* Where the part of @text behind @index separators begins: characters from 1 on, with spaces before
 * the part passed over. */
guint gst_effnet_part_position (const char *text, char separator, guint index);

G_END_DECLS

#endif
