/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A main for fuzz targets without a fuzzer: runs every file in the folders and files named. That
 * there was none is a failure. */
#include "input.h"

#include <glib.h>
#include <stdio.h>

static unsigned
replay (const char *path)
{
  g_autofree char *bytes = NULL;
  gsize size = 0;
  unsigned n = 0;
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;

  if (dir != NULL) {
    while ((name = g_dir_read_name (dir)) != NULL) {
      g_autofree char *inner = g_build_filename (path, name, NULL);
      n += replay (inner);
    }
    g_dir_close (dir);
    return n;
  }
  if (!g_file_get_contents (path, &bytes, &size, NULL)) {
    fprintf (stderr, "%s could not be read\n", path);
    exit (1);
  }
  /* An exact copy: reading one byte past it is seen. */
  g_autofree uint8_t *exact = size > 0 ? g_memdup2 (bytes, size) : g_malloc (1);
  LLVMFuzzerTestOneInput (exact, size);
  return 1;
}

int
main (int argc, char **argv)
{
  unsigned n = 0;

  for (int i = 1; i < argc; i++)
    n += replay (argv[i]);
  printf ("%u inputs\n", n);
  return n > 0 ? 0 : 1;
}
