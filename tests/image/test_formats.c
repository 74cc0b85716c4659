/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every format, size, stride, colorimetry and resize mode against the plain double reference: an
 * output is the reference rounded to a whole pixel value, so at most half a step and the float's
 * error away. */
#include <math.h>
#include <string.h>

#include "frames.h"
#include "image/format.h"
#include "image/unpack.h"
#include "reference.h"

#define LIMIT 0.51 /* of 1/255: rounding to whole values, plus float against double */

static const EffnetInputSpec usual = {
    .height = 224,
    .width = 224,
    .mode = EFFNET_RESIZE_MODE_CENTER_CROP,
    .crop_pct = 0.875,
    .filter = EFFNET_FILTER_BICUBIC,
    .mean = {0.485f, 0.456f, 0.406f},
    .std = {0.229f, 0.224f, 0.225f},
};

/* Under qemu and sanitizers, where a sweep takes minutes: fewer sizes, which meet every branch. */
static gboolean
thin (void)
{
  return g_getenv ("EFFNET_TEST_SHORT") != NULL;
}

static void
compare (const EffnetImage *image, const EffnetInputSpec *spec)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetFrontend) frontend = effnet_frontend_new (spec, &error);
  size_t n = (size_t)spec->width * spec->height;
  g_autofree float *out = g_new (float, n * 3);
  g_autofree double *want = g_new (double, n * 3);
  double worst = 0;

  g_assert_no_error (error);
  for (size_t i = 0; i < n * 3; i++)
    out[i] = NAN;
  effnet_frontend_run (frontend, image, NULL, out, NULL, &error);
  g_assert_no_error (error);
  reference_run (image, spec, want);
  for (size_t i = 0; i < n * 3; i++) {
    if (isnan (want[i])) {
      g_assert_true (out[i] == 0);
      continue;
    }
    double got = ((double)out[i] * spec->std[i % 3] + spec->mean[i % 3]) * 255;
    g_assert_false (isnan (got));
    worst = MAX (worst, fabs (got - want[i]));
  }
  if (worst > LIMIT)
    g_test_message ("%s %ux%u stride %td mode %d filter %d matrix %d range %d site %d: %g/255 off",
                    effnet_format (image->format)->name, image->width, image->height,
                    image->stride[0], spec->mode, spec->filter, image->matrix, image->range,
                    image->chroma_site, worst);
  g_assert_cmpfloat (worst, <=, LIMIT);
}

static void
test_size (gconstpointer data)
{
  const unsigned *size = data;
  gboolean large = size[0] > 4000, middle = size[0] > 40;
  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; f != 0; f = format_next (f)) {
    if (middle && f > EFFNET_PIXEL_FORMAT_JPEG && (size[0] > 1000 || f % 8 != size[0] % 8))
      continue; /* of the many variations of a few rules middle sizes see some, large ones none */
    if (large && f != EFFNET_PIXEL_FORMAT_BGRX && f != EFFNET_PIXEL_FORMAT_NV12 &&
        f != EFFNET_PIXEL_FORMAT_YUY2 && f != EFFNET_PIXEL_FORMAT_P010_10LE)
      continue;
    for (unsigned padding = 0; padding < 14; padding += 13) {
      EffnetInputSpec spec = usual;
      EffnetImage image;
      if (size[0] > 1000 && !large && (padding == 0) == f % 2)
        continue;                       /* large frames with or without */
      if (f > EFFNET_PIXEL_FORMAT_JPEG) /* and not each as many outputs */
        spec.width = spec.height = 56;
      /* the padding is odd: 16-bit samples come to lie unaligned */
      frame_init (&image, f, size[0], size[1], padding, f * 31 + padding);
      spec.filter = padding ? EFFNET_FILTER_BILINEAR : EFFNET_FILTER_BICUBIC;
      compare (&image, &spec);
      if (!large && size[0] < 1000) {
        spec.filter = !spec.filter;
        compare (&image, &spec);
      }
      frame_clear (&image);
    }
  }
}

static void
test_colorimetry (void)
{
  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; f != 0; f = format_next (f)) {
    const unsigned step = (f > EFFNET_PIXEL_FORMAT_JPEG ? 5 : 1) * (thin () ? 5 : 1);
    EffnetInputSpec spec = usual;
    EffnetImage image;
    spec.width = spec.height = 40;
    frame_init (&image, f, 61, 47, 0, f);
    for (unsigned i = f % step; i < 6 * 3 * 4; i += step) { /* between them the formats see all */
      image.matrix = i % 6;
      image.range = i / 6 % 3;
      image.chroma_site = i / 18;
      spec.filter = i % 2;
      compare (&image, &spec);
    }
    frame_clear (&image);
  }
}

/* A sensor of 10 or 12 bits in words of 16: the codes above are not used. */
static void
test_bits (void)
{
  static const EffnetPixelFormat formats[][2] = {
      {EFFNET_PIXEL_FORMAT_GRAY16_LE, EFFNET_PIXEL_FORMAT_GRAY8},
      {EFFNET_PIXEL_FORMAT_GRAY16_BE, EFFNET_PIXEL_FORMAT_GRAY8},
      {EFFNET_PIXEL_FORMAT_ARGB64_LE, EFFNET_PIXEL_FORMAT_ARGB},
      {EFFNET_PIXEL_FORMAT_Y444_16LE, EFFNET_PIXEL_FORMAT_Y444}};

  for (unsigned i = 0; i < G_N_ELEMENTS (formats) * 9; i++) {
    const EffnetPixelFormat *pair = formats[i / 9];
    unsigned bits = 8 + i % 9;
    EffnetInputSpec spec = usual;
    EffnetImage wide, narrow;
    float a[32 * 32 * 3], b[32 * 32 * 3];

    spec.width = spec.height = 32;
    frame_init (&wide, pair[0], 70, 50, 0, i);
    frame_init (&narrow, pair[1], 70, 50, 0, i);
    narrow.range = wide.range = EFFNET_COLOR_RANGE_FULL;
    for (unsigned p = 0; p < effnet_format (pair[1])->n_planes; p++)
      for (ptrdiff_t k = 0; k < narrow.stride[p] * 50; k++) {
        unsigned level = ((const guint8 *)narrow.data[p])[k] > 127; /* the ends of the scale */
        unsigned code = level * ((1u << bits) - 1);
        guint8 *at = (guint8 *)wide.data[p] + 2 * k;

        ((guint8 *)narrow.data[p])[k] = level ? 255 : 0;
        at[effnet_format (pair[0])->big_endian] = (guint8)code;
        at[!effnet_format (pair[0])->big_endian] = (guint8)(code >> 8);
      }
    wide.bits = bits;
    g_autoptr (EffnetFrontend) one = frontend_make (&spec), other = frontend_make (&spec);
    g_assert_true (effnet_frontend_run (one, &wide, NULL, a, NULL, NULL));
    g_assert_true (effnet_frontend_run (other, &narrow, NULL, b, NULL, NULL));
    for (unsigned k = 0; k < G_N_ELEMENTS (a); k++) /* whose middles of chroma differ by a step */
      g_assert_cmpfloat (fabs ((double)a[k] - (double)b[k]), <, 2.1 / 255 / 0.224);
    frame_clear (&wide);
    frame_clear (&narrow);
  }
}

/* BT.709 from 577 lines on. */
static void
test_default_matrix (void)
{
  for (unsigned height = 575; height < 580; height++) {
    EffnetInputSpec spec = usual;
    EffnetImage image;
    spec.width = spec.height = 32;
    frame_init (&image, EFFNET_PIXEL_FORMAT_NV12, 64, height, 0, height);
    compare (&image, &spec);
    frame_clear (&image);
  }
}

static void
test_modes (void)
{
  static const unsigned sizes[][2] = {{320, 240}, {100, 333}, {1, 50},
                                      {50, 1},    {64, 64},   {901, 77}};
  static const unsigned pars[][2] = {{0, 0}, {1, 1}, {16, 11}, {8, 9},
                                     {2, 1}, {1, 3}, {300, 1}, {1, 1000}};
  static const EffnetPixelFormat formats[] = {EFFNET_PIXEL_FORMAT_RGB, EFFNET_PIXEL_FORMAT_I420,
                                              EFFNET_PIXEL_FORMAT_UYVY};
  const unsigned n = G_N_ELEMENTS (sizes) * G_N_ELEMENTS (pars) * 4 * 3;

  for (unsigned i = 0; i < n; i += thin () ? 5 : 1) {
    const unsigned *size = sizes[i % 6], *par = pars[i / 6 % 8];
    unsigned mode = i / 48 % 4;
    EffnetInputSpec spec = usual;
    EffnetImage image;
    spec.width = spec.height = 56;
    spec.crop_pct = i % 5 == 0 ? 1.0 : 0.9;
    spec.squash = mode == 3;
    spec.mode = mode == 3 ? EFFNET_RESIZE_MODE_STRETCH : EFFNET_RESIZE_MODE_STRETCH + mode;
    frame_init (&image, formats[i / 192], size[0], size[1], 1, i);
    image.par_n = par[0];
    image.par_d = par[1];
    compare (&image, &spec);
    frame_clear (&image);
  }
}

static void
test_crops (void)
{
  Dice dice = {7};
  for (unsigned i = 0; i < 300; i++) {
    EffnetInputSpec spec = usual;
    EffnetImage image;
    unsigned w = 1 + dice_roll (&dice) % 200, h = 1 + dice_roll (&dice) % 200;
    unsigned f = format_any (dice_roll (&dice));
    spec.width = spec.height = 33;
    spec.mode = EFFNET_RESIZE_MODE_STRETCH + dice_roll (&dice) % 3;
    spec.filter = dice_roll (&dice) % 2;
    frame_init (&image, f, w, h, 3, i);
    image.crop_x = dice_roll (&dice) % w;
    image.crop_y = dice_roll (&dice) % h;
    image.crop_width = dice_roll (&dice) % (w - image.crop_x + 1);
    image.crop_height = dice_roll (&dice) % (h - image.crop_y + 1);
    image.chroma_site = dice_roll (&dice) % 4;
    compare (&image, &spec);
    frame_clear (&image);
  }
}

/* Every so many rows: sizes around three rows to one, where that begins, and crops of any place. */
static void
test_sparse_rows (void)
{
  static const unsigned heights[] = {95, 96, 97, 143, 144, 145, 191, 192, 300, 331, 777};
  Dice dice = {11};
  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; f != 0; f = format_next (f))
    for (unsigned i = thin () ? f % 11 : 0; i < 2 * G_N_ELEMENTS (heights); i += thin () ? 11 : 1) {
      EffnetInputSpec spec = usual;
      EffnetImage image;
      unsigned h = heights[i / 2];
      spec.width = spec.height = 32;
      spec.mode = i % 3 ? EFFNET_RESIZE_MODE_STRETCH : EFFNET_RESIZE_MODE_LETTERBOX;
      spec.filter = (f + i) % 2;
      spec.sparse_rows = TRUE;
      frame_init (&image, f, 50 + i, h, i % 5, f * 7 + i);
      if (i % 2) {
        image.crop_y = dice_roll (&dice) % h;
        image.crop_height = dice_roll (&dice) % (h - image.crop_y + 1);
      }
      compare (&image, &spec);
      frame_clear (&image);
    }
}

/* Planes need not follow each other or start aligned. */
static void
test_plane_offset (void)
{
  EffnetImage image;
  g_autofree uint8_t *block = g_malloc (64 * 1024);
  frame_init (&image, EFFNET_PIXEL_FORMAT_I420, 101, 67, 5, 3);
  EffnetImage moved = image;
  for (unsigned p = 0; p < 3; p++) {
    size_t bytes = (size_t)image.stride[p] * (p ? 33 : 66) + (p ? 51 : 101);
    uint8_t *at = block + (2 - p) * 20000 + 7 * p + 1;
    memcpy (at, image.data[p], bytes);
    moved.data[p] = at;
  }
  compare (&moved, &usual);
  frame_clear (&image);
}

/* A frame that is unpacked first is left at once when that is asked for. */
static void
test_stop (void)
{
  EffnetUnpacked unpacked = {0};
  EffnetStop stop = {0};
  EffnetImage one, other, planar;
  EffnetFormat format;

  frame_init (&one, EFFNET_PIXEL_FORMAT_V210, 48, 32, 0, 1);
  frame_init (&other, EFFNET_PIXEL_FORMAT_V210, 48, 32, 0, 2);
  g_assert_true (effnet_unpack (&unpacked, &one, &stop, &planar, &format, NULL));
  size_t bytes = unpacked.room * sizeof *unpacked.samples;
  g_autofree void *before = g_memdup2 (unpacked.samples, bytes);
  stop.asked = 1;
  g_assert_true (effnet_unpack (&unpacked, &other, &stop, &planar, &format, NULL));
  g_assert_true (stop.obeyed);
  g_assert_cmpmem (unpacked.samples, bytes, before, bytes);
  stop.asked = 0;
  g_assert_true (effnet_unpack (&unpacked, &other, &stop, &planar, &format, NULL));
  g_assert_true (memcmp (unpacked.samples, before, bytes) != 0);
  effnet_unpacked_clear (&unpacked);
  frame_clear (&one);
  frame_clear (&other);
}

int
main (int argc, char **argv)
{
  static const unsigned sizes[][2] = {{1, 1},     {2, 2},     {3, 5},       {17, 31},
                                      {223, 225}, {641, 479}, {1920, 1080}, {4095, 2161}};
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *path = g_strdup_printf ("/image/formats/%ux%u", sizes[i][0], sizes[i][1]);

    if (thin () && sizes[i][0] > 225)
      continue;
    g_test_add_data_func (path, sizes[i], test_size);
  }
  g_test_add_func ("/image/colorimetry", test_colorimetry);
  g_test_add_func ("/image/bits", test_bits);
  g_test_add_func ("/image/stop", test_stop);
  g_test_add_func ("/image/default-matrix", test_default_matrix);
  g_test_add_func ("/image/modes", test_modes);
  g_test_add_func ("/image/crops", test_crops);
  g_test_add_func ("/image/sparse-rows", test_sparse_rows);
  g_test_add_func ("/image/plane-offset", test_plane_offset);
  return g_test_run ();
}
