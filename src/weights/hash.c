/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _POSIX_C_SOURCE 200809L /* pread, st_ctim, st_mtim */
#include "weights/hash.h"

#include <errno.h>
#include <unistd.h>

#define CHUNK 16384 /* bytes */

struct _EffnetHash {
  struct stat opened; /* the file when it was opened */
  int fd;
  char *digest; /* atomic; NULL until somebody asks */
};

EffnetHash *
effnet_hash_new (int fd)
{
  EffnetHash *hash = g_new0 (EffnetHash, 1);

  hash->fd = fd;
  if (fstat (fd, &hash->opened) != 0)
    hash->digest = g_strdup ("");
  return hash;
}

static gboolean
is_same_time (struct timespec a, struct timespec b)
{
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* A write sets both times, of which the owner can set the modification's back, not the change's.
 * That one is also set when another file takes the name or the name goes: there is no name left to
 * write by then. */
gboolean
effnet_hash_is_unchanged (const EffnetHash *hash)
{
  const struct stat *opened = &hash->opened;
  struct stat now;

  return fstat (hash->fd, &now) == 0 && now.st_size == opened->st_size &&
         is_same_time (now.st_mtim, opened->st_mtim) &&
         (is_same_time (now.st_ctim, opened->st_ctim) || now.st_nlink == 0);
}

const struct stat *
effnet_hash_opened (const EffnetHash *hash)
{
  return hash != NULL ? &hash->opened : NULL;
}

static char *
compute (const EffnetHash *hash)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  guchar chunk[CHUNK];
  off_t at = 0;
  ssize_t n;

  do {
    n = pread (hash->fd, chunk, sizeof chunk, at);
    if (n > 0) {
      g_checksum_update (checksum, chunk, n);
      at += n;
    }
  } while (n > 0 || (n < 0 && errno == EINTR));
  return g_strdup (n == 0 && effnet_hash_is_unchanged (hash) ? g_checksum_get_string (checksum)
                                                             : "");
}

const char *
effnet_hash_get (EffnetHash *hash)
{
  char *digest;

  if (hash == NULL)
    return "";
  digest = g_atomic_pointer_get (&hash->digest);
  if (digest != NULL)
    return digest;
  /* Two threads may both compute it; no lock that a fork() could leave held. */
  digest = compute (hash);
  if (!g_atomic_pointer_compare_and_exchange (&hash->digest, NULL, digest))
    g_free (digest);
  return g_atomic_pointer_get (&hash->digest);
}

void
effnet_hash_free (EffnetHash *hash)
{
  if (hash == NULL)
    return;
  close (hash->fd);
  g_free (hash->digest);
  g_free (hash);
}
