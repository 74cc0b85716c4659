/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as an index of `effnet similar`: refused with a sentence and left as they are, or an
 * index that is written and read again with what was added. */
#include "cli/index.h"
#include "effnet/effnet.h"
#include "input.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEY        "key"
#define N_FEATURES 2

static char *path, *picture;

static void
leave (void)
{
  g_unlink (path);
  g_unlink (picture);
}

static char *
make_file (void)
{
  char *name = NULL;
  int fd = g_file_open_tmp ("effnet-fuzz-XXXXXX", &name, NULL);

  FUZZ_CHECK (fd >= 0 && g_close (fd, NULL));
  return name;
}

static void
put (const uint8_t *data, size_t size)
{
  if (path == NULL) {
    path = make_file ();
    picture = make_file ();
    atexit (leave);
  }
  fuzz_write (path, data, size);
}

static void
check_refused (const GError *error, const uint8_t *data, size_t size)
{
  g_autofree char *bytes = NULL;
  size_t n;

  FUZZ_CHECK (error->domain == EFFNET_ERROR && g_utf8_validate (error->message, -1, NULL));
  FUZZ_CHECK (g_file_get_contents (path, &bytes, &n, NULL));
  FUZZ_CHECK (n == size && (n == 0 || memcmp (bytes, data, n) == 0));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const float added[N_FEATURES] = {0.5f, 2.0f};
  g_autoptr (GError) error = NULL;

  put (data, size);
  g_autoptr (Index) index = index_open (path, KEY, N_FEATURES, &error);
  FUZZ_CHECK ((index == NULL) == (error != NULL));
  if (index == NULL) {
    check_refused (error, data, size);
    return 0;
  }
  index_find (index, picture);
  index_add (index, picture, added);
  FUZZ_CHECK (index_find (index, "/nowhere") == NULL);
  FUZZ_CHECK (index_save (index, NULL));
  g_autoptr (Index) again = index_open (path, KEY, N_FEATURES, NULL);
  FUZZ_CHECK (again != NULL);
  const float *found = index_find (again, picture);
  FUZZ_CHECK (found != NULL && memcmp (found, added, sizeof added) == 0);
  return 0;
}
