/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lists of names in the notations of Python, YAML and CSV with a heading, as JSON: what the names
 * mean is decided where JSON's are. Line ends stay, so that messages name the file's own lines. */
#ifndef EFFNET_WEIGHTS_LABEL_NOTATION_H
#define EFFNET_WEIGHTS_LABEL_NOTATION_H

#include <glib.h>

/* A list or an object in Python's notation, or in that of YAML between brackets: "['cat', 'dog']",
 * "{0: 'cat'}", "[cat, dog]". Free with g_free(). NULL: @text is none. */
char *effnet_label_flow (const char *text);
/* TRUE when @text is YAML: "names:" at the start of a line, or lines that begin with "- ". @json:
 * (out): free with g_free(); NULL when its names are written in a way that is not read. */
gboolean effnet_label_yaml (const char *text, char **json);
/* TRUE when @text is a table of three or more columns with a heading, from which the columns of
 * names and numbers are known. @json: (out): free with g_free(); NULL when none is called name. */
gboolean effnet_label_table (const char *text, char **json);

#endif
