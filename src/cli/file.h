/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one way in which the tool opens files for reading. The invariant: opening never waits, and
 * what is read is an ordinary file of a bounded size. */
#ifndef EFFNET_CLI_FILE_H
#define EFFNET_CLI_FILE_H

#include <glib.h>

/* -1 with an error for what cannot be opened or is no ordinary file. */
int file_open (const char *path, GError **error);
/* The bytes of @fd from its start; NULL with an error for more than @max. */
GBytes *file_read (int fd, gsize max, GError **error);

#endif
