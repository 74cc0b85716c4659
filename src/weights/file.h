/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Opening files, private to weights: only ordinary files, so that a pipe or a device named by
 * mistake is an error and not an endless wait. */
#ifndef EFFNET_WEIGHTS_FILE_H
#define EFFNET_WEIGHTS_FILE_H

#include "base/error.h"

/* Close the descriptor with close(). @what opens the sentence of an error: "Weights file". -1 with
 * NOT_FOUND or IO. */
int effnet_file_open (const char *path, const char *what, GError **error);
/* @n bytes from @offset on, however often the system interrupts. FALSE with IO, or FORMAT where the
 * file ends before, and a sentence without subject. */
gboolean effnet_file_read_at (int fd, size_t offset, size_t n, void *out, GError **error);
/* The whole file, a NUL byte behind it. NULL with NOT_FOUND, IO or, above @max_bytes, FORMAT. */
char *effnet_file_read (const char *path, const char *what, size_t max_bytes, size_t *length,
                        GError **error);

#endif
