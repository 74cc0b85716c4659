/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Features on disk, so that a second run need not compute them: records of name, features and a
 * checksum, one behind the other in a file for each backbone. A record that is cut or damaged is
 * as if it were not there. */
#include "cli/train.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES 32 /* SHA-256 */
#define SUM_BYTES  8
#define FNV_START  0xcbf29ce484222325u
#define FNV_PRIME  0x100000001b3u

struct _TrainCache {
  char *path;
  int fd;
  gsize record;       /* bytes */
  GMutex lock;        /* of what follows */
  GHashTable *places; /* name, 32 bytes -> number of the record + 1 */
  guint64 n;          /* records */
  int error;          /* errno of the write that failed */
};

static guint
hash_name (gconstpointer name)
{
  guint hash;

  memcpy (&hash, name, sizeof hash); /* bytes of a SHA-256 are hash enough */
  return hash;
}

static gboolean
is_same_name (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, NAME_BYTES) == 0;
}

static void
digest (const char *text, guint8 name[NAME_BYTES])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize size = NAME_BYTES;

  g_checksum_update (checksum, (const guchar *)text, -1);
  g_checksum_get_digest (checksum, name, &size);
}

/* G. Fowler, L. C. Noll and K.-P. Vo's FNV-1a, 64 bits. */
static guint64
sum_of (const guint8 *bytes, gsize n)
{
  guint64 sum = FNV_START;

  for (gsize i = 0; i < n; i++)
    sum = (sum ^ bytes[i]) * FNV_PRIME;
  return sum;
}

static gboolean
read_record (const TrainCache *cache, guint64 number, guint8 *record)
{
  guint64 sum;

  if (pread (cache->fd, record, cache->record, (off_t)(number * cache->record)) !=
      (gssize)cache->record)
    return FALSE;
  memcpy (&sum, record + cache->record - SUM_BYTES, SUM_BYTES);
  return sum == sum_of (record, cache->record - SUM_BYTES);
}

/* The names of all records. What is behind the last whole one is written over. */
static void
read_names (TrainCache *cache)
{
  g_autofree guint8 *name = g_malloc (NAME_BYTES);

  for (;; cache->n++) {
    if (pread (cache->fd, name, NAME_BYTES, (off_t)(cache->n * cache->record)) != NAME_BYTES)
      break;
    g_hash_table_insert (cache->places, g_memdup2 (name, NAME_BYTES),
                         GSIZE_TO_POINTER (cache->n + 1));
  }
  if (cache->n > 0) { /* the last may be cut */
    off_t end = lseek (cache->fd, 0, SEEK_END);
    cache->n = MIN (cache->n, (guint64)end / cache->record);
  }
}

TrainCache *
train_cache_open (const char *folder, const char *key, unsigned n_features, GError **error)
{
  TrainCache *cache = g_new0 (TrainCache, 1);
  g_autofree char *sum = g_compute_checksum_for_string (G_CHECKSUM_SHA256, key, -1);
  g_autofree char *name = g_strdup_printf ("features-%.16s", sum);

  g_mutex_init (&cache->lock);
  cache->record = NAME_BYTES + n_features * sizeof (float) + SUM_BYTES;
  cache->places = g_hash_table_new_full (hash_name, is_same_name, g_free, NULL);
  cache->path = g_build_filename (folder, name, NULL);
  cache->fd = g_mkdir_with_parents (folder, 0777) == 0
                  ? open (cache->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666)
                  : -1;
  if (cache->fd < 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "the cache %s cannot be used: %s", folder,
                 g_strerror (errno));
    train_cache_close (cache);
    return NULL;
  }
  read_names (cache);
  return cache;
}

gboolean
train_cache_get (TrainCache *cache, const char *name, float *features)
{
  guint8 key[NAME_BYTES];
  g_autofree guint8 *record = g_malloc (cache->record);
  guint64 place;

  digest (name, key);
  g_mutex_lock (&cache->lock);
  place = GPOINTER_TO_SIZE (g_hash_table_lookup (cache->places, key));
  g_mutex_unlock (&cache->lock);
  if (place == 0 || !read_record (cache, place - 1, record) ||
      memcmp (record, key, NAME_BYTES) != 0)
    return FALSE;
  memcpy (features, record + NAME_BYTES, cache->record - NAME_BYTES - SUM_BYTES);
  return TRUE;
}

void
train_cache_add (TrainCache *cache, const char *name, const float *features)
{
  g_autofree guint8 *record = g_malloc (cache->record);
  guint64 sum;

  digest (name, record);
  memcpy (record + NAME_BYTES, features, cache->record - NAME_BYTES - SUM_BYTES);
  sum = sum_of (record, cache->record - SUM_BYTES);
  memcpy (record + cache->record - SUM_BYTES, &sum, SUM_BYTES);
  g_mutex_lock (&cache->lock);
  errno = 0; /* which a write of a part leaves as it is */
  if (cache->error == 0 && pwrite (cache->fd, record, cache->record,
                                   (off_t)(cache->n * cache->record)) != (gssize)cache->record)
    cache->error = errno != 0 ? errno : ENOSPC;
  if (cache->error == 0) {
    cache->n++;
    g_hash_table_insert (cache->places, g_memdup2 (record, NAME_BYTES),
                         GSIZE_TO_POINTER (cache->n));
  }
  g_mutex_unlock (&cache->lock);
}

void
train_cache_close (TrainCache *cache)
{
  if (cache == NULL)
    return;
  if (cache->error != 0)
    cli_failure (cache->path, g_strerror (cache->error));
  if (cache->fd >= 0)
    close (cache->fd);
  g_mutex_clear (&cache->lock);
  g_hash_table_unref (cache->places);
  g_free (cache->path);
  g_free (cache);
}
