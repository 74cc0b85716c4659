/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A sound cache of features, damaged: cut to a length, bytes changed, others behind it. What it
 * still gives is what was put in, and what is added is there when it is opened again. */
#include "cli/train.h"
#include "input.h"
#include "take.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define N_FEATURES 3
#define N_RECORDS  4

static char *folder, *path;
static char *sound; /* the file with N_RECORDS - 1 records */
static size_t sound_size;

/* What the tool says when not all could be kept. */
void
cli_failure (const char *what, const char *why)
{
  (void)what, (void)why;
  abort ();
}

static void
leave (void)
{
  g_unlink (path);
  g_rmdir (folder);
}

static TrainCache *
reopen (void)
{
  TrainCache *cache = train_cache_open (folder, "key", N_FEATURES, NULL);

  FUZZ_CHECK (cache != NULL);
  return cache;
}

static const float *
features_of (unsigned i)
{
  static float features[N_FEATURES];

  for (unsigned k = 0; k < N_FEATURES; k++)
    features[k] = (float)(10 * i + k);
  return features;
}

static const char *
name_of (unsigned i)
{
  static const char *const names[N_RECORDS] = {"a", "b", "c", "d"};

  return names[i];
}

static void
enter (void)
{
  if (folder != NULL)
    return;
  folder = g_dir_make_tmp ("effnet-fuzz-XXXXXX", NULL);
  FUZZ_CHECK (folder != NULL);
  TrainCache *cache = reopen ();
  for (unsigned i = 0; i + 1 < N_RECORDS; i++)
    train_cache_add (cache, name_of (i), features_of (i));
  train_cache_close (cache);
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  path = g_build_filename (folder, g_dir_read_name (dir), NULL);
  FUZZ_CHECK (g_file_get_contents (path, &sound, &sound_size, NULL));
  atexit (leave);
}

static void
damage (Bytes *bytes)
{
  g_autofree char *file = g_malloc (sound_size + bytes->left);
  size_t size = take (bytes, 1) & 1 ? take (bytes, 1) : sound_size;

  size = MIN (size, sound_size);
  memcpy (file, sound, sound_size);
  for (unsigned n = take (bytes, 1) % 8; n > 0 && size > 0; n--) {
    size_t at = take (bytes, 2) % size;
    file[at] = (char)take (bytes, 1);
  }
  memcpy (file + size, bytes->at, bytes->left);
  fuzz_write (path, (const uint8_t *)file, size + bytes->left);
}

/* @n: records that may be there; the last of them, when @last, has to be. */
static void
check (TrainCache *cache, unsigned n, gboolean last)
{
  for (unsigned i = 0; i < n; i++) {
    float found[N_FEATURES];
    gboolean there = train_cache_get (cache, name_of (i), found);

    FUZZ_CHECK (there || !last || i + 1 < n);
    FUZZ_CHECK (!there || memcmp (found, features_of (i), sizeof found) == 0);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  Bytes bytes = {data, size};

  enter ();
  damage (&bytes);
  TrainCache *cache = reopen ();
  check (cache, N_RECORDS - 1, FALSE);
  train_cache_add (cache, name_of (N_RECORDS - 1), features_of (N_RECORDS - 1));
  check (cache, N_RECORDS, TRUE);
  train_cache_close (cache);
  cache = reopen ();
  check (cache, N_RECORDS, TRUE);
  train_cache_close (cache);
  return 0;
}
