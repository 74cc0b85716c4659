/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NumPy's .npy files, as far as the tool needs them: float32, little-endian, C order, versions 1
 * and 2 of the header. Read and written a row at a time, so that a batch need not fit in memory. */
#ifndef EFFNET_CLI_NPY_H
#define EFFNET_CLI_NPY_H

#include "cli/outfile.h"

#define NPY_MAX_DIMS 8

typedef struct {
  FILE *file;   /* for reading, or NULL */
  OutFile *out; /* for writing, or NULL */
  char *path;
  unsigned n_dims;
  guint64 shape[NPY_MAX_DIMS];
} Npy;

/* Opens a file and checks everything its header claims, the file's length included. */
Npy *npy_open (const char *path, GError **error);
/* Creates a file for @n_dims dimensions, up to 4: it appears, or replaces another one, when it is
 * closed. */
Npy *npy_create (const char *path, const guint64 *shape, unsigned n_dims, GError **error);
/* Next @n floats of the file. */
gboolean npy_read (Npy *npy, float *values, gsize n, GError **error);
gboolean npy_write (Npy *npy, const float *values, gsize n, GError **error);
/* Of a file being written, after its last row: there are as many. */
gboolean npy_set_rows (Npy *npy, guint64 rows, GError **error);
/* Closes; for a file being written FALSE when it did not reach the disk whole. Frees @npy. */
gboolean npy_close (Npy *npy, GError **error);
/* Closes; of a file being written nothing remains. NULL is allowed. */
void npy_discard (Npy *npy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Npy, npy_discard)

#endif
