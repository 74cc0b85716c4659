/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Foreign text (names of files, labels, cards, tensors, what servers say) on its way out. The
 * invariant: no control character and no invalid UTF-8 leaves the tool; gst-plugin/json.h has it
 * for JSON. */
#ifndef EFFNET_CLI_TEXT_H
#define EFFNET_CLI_TEXT_H

#include <glib.h>

/* One line for people: what is not printable is escaped, and from a text of more than @max
 * characters the middle is left out. NULL reads as "". Free with g_free(). */
char *cli_printable (const char *text, gsize max);

/* A field of CSV as RFC 4180 has it: a quote is written twice. */
void cli_append_csv (GString *line, const char *text);
/* What each line about a frame begins with: source,frame,pts_ns (nothing below 0). */
void cli_append_csv_frame (GString *line, const char *source, guint64 index, gint64 pts_ns);

#endif
