/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * CPU time of the front end on one thread: medians of a raw frame of noise or of a JPEG file, and
 * beside a raw one the time of only reading, once, the bytes of the lines that count.
 * bench-frontend FORMAT WIDTH HEIGHT SIZE FILTER MODE RUNS [JPEG_FILE] */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frames.h"
#include "image/format.h"

/* Of this thread: other work on the machine does not count. */
static double
cpu_us (void)
{
  struct timespec t;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_size (const void *a, const void *b)
{
  double d = *(const double *)a - *(const double *)b;
  return (d > 0) - (d < 0);
}

static double
median (double *v, unsigned n)
{
  qsort (v, n, sizeof *v, by_size);
  return v[n / 2];
}

/* Every line's bytes [from, to) shares of it, summed so that the reads happen. */
static uint64_t
read_lines (const EffnetImage *image, double top, double bottom, double left, double right)
{
  const EffnetFormat *format = effnet_format (image->format);
  uint64_t sum[8] = {0};
  for (unsigned p = 0; p < format->n_planes; p++) {
    size_t bytes = effnet_format_line_bytes (format, p, image->width);
    unsigned lines = effnet_format_lines (format, p, image->height);
    size_t from = (size_t)(left * (double)bytes), to = (size_t)(right * (double)bytes);
    for (unsigned y = (unsigned)(top * lines); y < (unsigned)(bottom * lines); y++) {
      const uint8_t *line = (const uint8_t *)image->data[p] + (ptrdiff_t)y * image->stride[p];
      for (size_t i = from; i + 64 <= to; i += 64) {
        uint64_t v[8];
        memcpy (v, line + i, 64);
        for (unsigned k = 0; k < 8; k++)
          sum[k] += v[k];
      }
    }
  }
  return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

int
main (int argc, char **argv)
{
  EffnetInputSpec spec = {
      .mode = EFFNET_RESIZE_MODE_CENTER_CROP, .crop_pct = 0.875, .std = {1, 1, 1}};
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autoptr (GError) error = NULL;
  g_autofree char *file = NULL;
  volatile uint64_t sink = 0;

  if (argc < 8) {
    fprintf (stderr, "bench-frontend FORMAT WIDTH HEIGHT SIZE FILTER MODE RUNS [JPEG_FILE]\n");
    return 2;
  }
  unsigned runs = (unsigned)MAX (1, atoi (argv[7]));
  spec.width = spec.height = (unsigned)atoi (argv[4]);
  spec.filter = (EffnetFilter)atoi (argv[5]);
  spec.mode = (EffnetResizeMode)atoi (argv[6]);
  if (argc > 8 && g_file_get_contents (argv[8], &file, &image.size, &error)) {
    image.format = EFFNET_PIXEL_FORMAT_JPEG;
    image.data[0] = file;
  } else {
    frame_init (&image, (EffnetPixelFormat)atoi (argv[1]), (unsigned)atoi (argv[2]),
                (unsigned)atoi (argv[3]), 0, 1);
  }
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (&spec, &error);
  g_autofree float *out = g_new (float, (size_t)spec.width *spec.height * 3);
  g_autofree double *total = g_new0 (double, runs), *share = g_new0 (double, runs);
  g_autofree double *read = g_new0 (double, runs);
  double side = MIN (image.width, image.height), w = side / MAX (1, image.width) * 0.875 / 2;
  double h = side / MAX (1, image.height) * 0.875 / 2;
  if (spec.mode != EFFNET_RESIZE_MODE_CENTER_CROP)
    w = h = 0.5;
  for (unsigned i = 0; i < runs; i++) {
    EffnetFrontendTimes times;
    double before = cpu_us ();
    if (!effnet_frontend_run (frontend, &image, NULL, out, &times, &error)) {
      fprintf (stderr, "bench-frontend: %s\n", error->message);
      return 1;
    }
    total[i] = cpu_us () - before;
    share[i] = (double)times.decode_ns / (double)MAX (1, times.decode_ns + times.convert_ns);
    if (file == NULL) {
      double start = cpu_us ();
      sink ^= read_lines (&image, 0.5 - h, 0.5 + h, 0.5 - w, 0.5 + w);
      read[i] = cpu_us () - start;
      (void)sink;
    }
  }
  printf ("frame %.0f us, of it %.0f %% decoding; just reading %.0f us (medians of %u)\n",
          median (total, runs), 100 * median (share, runs), median (read, runs), runs);
  if (file == NULL)
    frame_clear (&image);
  return 0;
}
