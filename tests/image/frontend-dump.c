/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Lets check_pillow.py run the front end: one job per line of standard input, float32
 * [size][size][3] of each on standard output. A job is FORMAT WIDTH HEIGHT SIZE MODE FILTER
 * CROP_PCT SQUASH HOW FILE with HOW 1 for JPEG at full scale, 2 for sparse rows, else 0, FORMAT a
 * number of EffnetPixelFormat, MODE one of EffnetResizeMode, FILTER one of EffnetFilter; raw pixels
 * are packed without padding in plane 0. Mean is 0 and std 1, so pixels come out as 0..1. A frame
 * that fails ends the run. Not a test by itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "image/format.h"
#include "image/frontend.h"

static gboolean
run_job (char **w, GError **error)
{
  EffnetInputSpec spec = {.std = {1, 1, 1}};
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autoptr (EffnetFrontend) frontend = NULL;
  g_autofree char *bytes = NULL;

  image.format = (EffnetPixelFormat)atoi (w[0]);
  image.width = (unsigned)atoi (w[1]);
  image.height = (unsigned)atoi (w[2]);
  spec.width = spec.height = (unsigned)atoi (w[3]);
  spec.mode = (EffnetResizeMode)atoi (w[4]);
  spec.filter = (EffnetFilter)atoi (w[5]);
  spec.crop_pct = g_ascii_strtod (w[6], NULL);
  spec.squash = atoi (w[7]);
  spec.jpeg_full_scale = atoi (w[8]) == 1;
  spec.sparse_rows = atoi (w[8]) == 2;
  if (!g_file_get_contents (w[9], &bytes, &image.size, error))
    return FALSE;
  image.data[0] = bytes;
  const EffnetFormat *format = effnet_format (image.format);
  if (format != NULL)
    image.stride[0] = (ptrdiff_t)effnet_format_line_bytes (format, 0, image.width);
  frontend = effnet_frontend_new (&spec, error);
  if (frontend == NULL)
    return FALSE;
  size_t n = (size_t)spec.width * spec.height * 3;
  g_autofree float *out = g_new (float, n);
  if (!effnet_frontend_run (frontend, &image, NULL, out, NULL, error))
    return FALSE;
  return fwrite (out, sizeof *out, n, stdout) == n;
}

int
main (void)
{
  char line[4096];
  while (fgets (line, sizeof line, stdin) != NULL) {
    g_autoptr (GError) error = NULL;
    g_auto (GStrv) words = g_strsplit (g_strstrip (line), " ", 10);
    if (g_strv_length (words) != 10 || !run_job (words, &error)) {
      fprintf (stderr, "frontend-dump: %s: %s\n", line, error ? error->message : "bad job");
      return 1;
    }
  }
  return 0;
}
