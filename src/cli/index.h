/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The embeddings of files, kept from one call to the next where that is asked for. The invariant:
 * an entry counts as long as size and time of its file are those it was made from, and as long as
 * model and options are. */
#ifndef EFFNET_CLI_INDEX_H
#define EFFNET_CLI_INDEX_H

#include <glib.h>

typedef struct _Index Index;

/* @path: NULL = nothing is kept. @key: what the embeddings depend on beside the files: with another
 * one the entries there are count no more. NULL with an error for a file that is something else. */
Index *index_open (const char *path, const char *key, unsigned n_features, GError **error);
/* What is known of @file as it is now: [n_features], or NULL. */
const float *index_find (Index *index, const char *file);
/* After index_find() and before @file was read: takes a copy. */
void index_add (Index *index, const char *file, const float *features);
/* Writes the entries found and added; nothing when all had been there. */
gboolean index_save (Index *index, GError **error);
void index_free (Index *index);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Index, index_free)

#endif
