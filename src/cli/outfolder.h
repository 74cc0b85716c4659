/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A folder of files that belong together, written to a place of its own. Until out_folder_commit()
 * the folder, or its absence, is as it was. Elsewhere: outfile.h, for one file. */
#ifndef EFFNET_CLI_OUTFOLDER_H
#define EFFNET_CLI_OUTFOLDER_H

#include <glib.h>

typedef struct _OutFolder OutFolder;

/* @path may be there; the folders above it are made. NULL with an error. */
OutFolder *out_folder_create (const char *path, GError **error);
/* Where the files are written. */
const char *out_folder_stage (const OutFolder *out);
/* Brings @names (NULL-terminated), of the stage, to their place in that order, each in one step;
 * others of the folder stay. FALSE with an error. Frees @out. */
gboolean out_folder_commit (OutFolder *out, const char *const *names, GError **error);
void out_folder_discard (OutFolder *out);

#endif
