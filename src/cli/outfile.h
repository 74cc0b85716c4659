/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The one way in which the tool writes files. The invariant: an ordinary file appears, or takes
 * another one's place, when it is whole, of a failure nothing remains, and no input is lost. */
#ifndef EFFNET_CLI_OUTFILE_H
#define EFFNET_CLI_OUTFILE_H

#include <glib.h>
#include <stdio.h>

typedef struct {
  FILE *file;
  char *path;               /* as typed */
  char *target, *temporary; /* what becomes of which; no temporary: a pipe or device */
} OutFile;

/* No output takes the place of the file @path, an input, or a URI of one; what is neither is
 * ignored. */
void out_spare (const char *path);
OutFile *out_create (const char *path, GError **error);
/* FALSE with an error that names the file. */
gboolean out_write (OutFile *out, const void *data, gsize size, GError **error);
/* FALSE when it did not reach the disk whole. Frees @out. */
gboolean out_commit (OutFile *out, GError **error);
/* Nothing of it remains. NULL is allowed. */
void out_discard (OutFile *out);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (OutFile, out_discard)

#endif
