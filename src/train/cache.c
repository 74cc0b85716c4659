/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _POSIX_C_SOURCE 200809L
#include "train/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "base/text.h"
#include "weights/file.h"

struct _EffnetCache {
  size_t floats, memory; /* of an array; bytes left */
  GPtrArray *arrays;     /* those in memory */
  char *folder;
  int fd; /* -1: none yet */
  size_t in_file;
};

EffnetCache *
effnet_cache_new (size_t floats, size_t memory, const char *folder)
{
  EffnetCache *cache = g_new0 (EffnetCache, 1);

  cache->floats = floats;
  cache->memory = memory;
  cache->arrays = g_ptr_array_new_with_free_func (g_free);
  cache->folder = g_strdup (folder != NULL ? folder : g_get_tmp_dir ());
  cache->fd = -1;
  return cache;
}

void
effnet_cache_free (EffnetCache *cache)
{
  if (cache == NULL)
    return;
  g_ptr_array_unref (cache->arrays);
  g_free (cache->folder);
  if (cache->fd >= 0)
    close (cache->fd);
  g_free (cache);
}

static gboolean
fail (const EffnetCache *cache, int code, GError **error)
{
  g_autofree char *shown = effnet_printable (cache->folder);

  return effnet_fail (
      error, EFFNET_ERROR_IO,
      "what is kept of the pictures needs a file in \"%s\", now of %zu MB: %s; name "
      "a folder with room (TMPDIR), or allow more memory",
      shown, (cache->in_file + 1) * cache->floats * sizeof (float) >> 20, g_strerror (code));
}

static gboolean
open_file (EffnetCache *cache, GError **error)
{
  g_autofree char *name = g_build_filename (cache->folder, "effnet-XXXXXX", NULL);

  cache->fd = g_mkstemp_full (name, O_RDWR | O_CLOEXEC, 0600);
  if (cache->fd < 0)
    return fail (cache, errno, error);
  g_unlink (name);
  return TRUE;
}

static gboolean
add_to_file (EffnetCache *cache, const float *values, GError **error)
{
  size_t bytes = cache->floats * sizeof *values;
  off_t at = (off_t)(cache->in_file * bytes);
  const char *from = (const char *)values;

  if (cache->fd < 0 && !open_file (cache, error))
    return FALSE;
  while (bytes > 0) {
    ssize_t done = pwrite (cache->fd, from, bytes, at);

    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return fail (cache, done < 0 ? errno : ENOSPC, error);
    from += done;
    at += done;
    bytes -= (size_t)done;
  }
  cache->in_file++;
  return TRUE;
}

gboolean
effnet_cache_add (EffnetCache *cache, const float *values, GError **error)
{
  size_t bytes = cache->floats * sizeof *values;
  float *kept = cache->in_file == 0 && bytes <= cache->memory ? g_try_malloc (bytes) : NULL;

  if (kept == NULL)
    return add_to_file (cache, values, error);
  memcpy (kept, values, bytes);
  g_ptr_array_add (cache->arrays, kept);
  cache->memory -= bytes;
  return TRUE;
}

gboolean
effnet_cache_read (EffnetCache *cache, size_t index, float *values, GError **error)
{
  size_t bytes = cache->floats * sizeof *values;

  if (index < cache->arrays->len) {
    memcpy (values, g_ptr_array_index (cache->arrays, index), bytes);
    return TRUE;
  }
  if (effnet_file_read_at (cache->fd, (index - cache->arrays->len) * bytes, bytes, values, error))
    return TRUE;
  g_prefix_error (error, "the file with what is kept of the pictures ");
  return FALSE;
}

uint64_t
effnet_cache_file_bytes (const EffnetCache *cache)
{
  return (uint64_t)cache->in_file * cache->floats * sizeof (float);
}
