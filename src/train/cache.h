/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arrays of one size, kept in memory up to a limit and behind it in a file without a name, which
 * is gone with its last user. */
#ifndef EFFNET_TRAIN_CACHE_H
#define EFFNET_TRAIN_CACHE_H

#include "base/error.h"

typedef struct _EffnetCache EffnetCache;

/* @floats: of each array. @folder: of the file; NULL = the system's for temporary files. */
EffnetCache *effnet_cache_new (size_t floats, size_t memory, const char *folder);
void effnet_cache_free (EffnetCache *cache);
/* The array gets the next number, from 0 on. FALSE with IO. */
gboolean effnet_cache_add (EffnetCache *cache, const float *values, GError **error);
gboolean effnet_cache_read (EffnetCache *cache, size_t index, float *values, GError **error);
uint64_t effnet_cache_file_bytes (const EffnetCache *cache);

#endif
