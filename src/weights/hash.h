/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The SHA-256 of a file as it was opened. The descriptor stays open, so what becomes of the name
 * does not matter; the bytes are read only when somebody asks, since most never do. */
#ifndef EFFNET_WEIGHTS_HASH_H
#define EFFNET_WEIGHTS_HASH_H

#include <glib.h>
#include <sys/stat.h>

typedef struct _EffnetHash EffnetHash;

/* Takes @fd, which reads an ordinary file. */
EffnetHash *effnet_hash_new (int fd);
/* 64 hexadecimal digits, computed by the first call; "" when the file was written to since it was
 * opened, or may have been (its name or its permissions changed), or cannot be read. May be called
 * by any thread. NULL reads as "". */
const char *effnet_hash_get (EffnetHash *hash);
/* FALSE when somebody has written to the file since it was opened, or may have. */
gboolean effnet_hash_is_unchanged (const EffnetHash *hash);
/* The file's status when it was opened; NULL for NULL. */
const struct stat *effnet_hash_opened (const EffnetHash *hash);
void effnet_hash_free (EffnetHash *hash);

#endif
