/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JPEG files that are written: read back by the decoder they are near the pixels, and what cannot
 * be written is refused. */
#include <math.h>

#include "encode.h"
#include "frames.h"

/* Mean distance, in 1/255, of the file's pixels from those it was made of. */
static double
written (unsigned width, unsigned height, unsigned quality, gsize *size)
{
  EffnetInputSpec spec = {.height = height,
                          .width = width,
                          .mode = EFFNET_RESIZE_MODE_STRETCH,
                          .crop_pct = 1,
                          .filter = EFFNET_FILTER_BICUBIC,
                          .std = {1, 1, 1}};
  g_autofree uint8_t *rgb = g_malloc ((gsize)width * height * 3);
  g_autofree float *out = g_new (float, (gsize)width *height * 3);
  g_autoptr (EffnetFrontend) frontend = frontend_make (&spec);
  g_autoptr (GError) error = NULL;
  EffnetImage image = EFFNET_IMAGE_INIT;
  double sum = 0;

  for (unsigned i = 0; i < width * height; i++)
    encode_picture (i % width, i / width, width, height, rgb + (gsize)i * 3);
  g_autoptr (GBytes) file = effnet_encode_jpeg (rgb, width, height, quality, &error);
  g_assert_no_error (error);
  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = g_bytes_get_data (file, size);
  image.size = *size;
  effnet_frontend_run (frontend, &image, NULL, out, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < (gsize)width * height * 3; i++)
    sum += fabs ((double)out[i] * 255 - rgb[i]);
  return sum / (width * height * 3.);
}

static void
test_read_back (void)
{
  static const unsigned sizes[][2] = {{1, 1}, {16, 12}, {64, 48}, {333, 257}};
  gsize last = 0, size;

  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_assert_cmpfloat (written (sizes[i][0], sizes[i][1], 95, &size), <, 4);
    g_assert_cmpfloat (written (sizes[i][0], sizes[i][1], 85, &size), <, 8);
  }
  for (unsigned quality = 10; quality <= 100; quality += 30) {
    written (333, 257, quality, &size);
    g_assert_cmpuint (size, >, last);
    last = size;
  }
}

static void
test_refused (void)
{
  static const unsigned wrong[][3] = {{0, 8, 90},
                                      {8, 0, 90},
                                      {EFFNET_FRAME_SIDE_MAX + 1, 1, 90},
                                      {1, EFFNET_FRAME_SIDE_MAX + 1, 90},
                                      {8, 8, 0},
                                      {8, 8, 101}};
  static const uint8_t rgb[8 * 8 * 3];

  for (unsigned i = 0; i < G_N_ELEMENTS (wrong); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (effnet_encode_jpeg (rgb, wrong[i][0], wrong[i][1], wrong[i][2], &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/jpeg-write/read-back", test_read_back);
  g_test_add_func ("/image/jpeg-write/refused", test_refused);
  return g_test_run ();
}
