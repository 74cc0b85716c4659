/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A file that is written beside the one it will be and takes its name when it is whole and on the
 * disk: a full disk or a crash leaves what was there. */
#ifndef EFFNET_WEIGHTS_OUTPUT_H
#define EFFNET_WEIGHTS_OUTPUT_H

#include "base/error.h"

typedef struct _EffnetOutput EffnetOutput;

/* NULL with IO or NOT_FOUND (its folder is not there). */
EffnetOutput *effnet_output_new (const char *path, GError **error);
/* FALSE with IO: for example a full disk. */
gboolean effnet_output_write (EffnetOutput *output, const void *bytes, size_t n, GError **error);
/* Gives the file its name; frees @output. FALSE with IO: then it is gone. */
gboolean effnet_output_close (EffnetOutput *output, GError **error);
/* Drops what was written. NULL is allowed. */
void effnet_output_discard (EffnetOutput *output);
/* The three in one. */
gboolean effnet_output_put (const char *path, const void *bytes, size_t n, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetOutput, effnet_output_discard)

#endif
