/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several crops of one frame: each is what a frame cut out by hand would give, whatever tables are
 * left from others. */
#include <string.h>

#include "encode.h"
#include "frames.h"
#include "image/format.h"
#include "image/passes.h"

#define SIZE   40
#define FLOATS ((size_t)SIZE * SIZE * 3)

static const EffnetInputSpec usual = {
    .height = SIZE,
    .width = SIZE,
    .mode = EFFNET_RESIZE_MODE_CENTER_CROP,
    .crop_pct = 0.875,
    .filter = EFFNET_FILTER_BICUBIC,
    .mean = {0.5f, 0.5f, 0.5f},
    .std = {0.5f, 0.5f, 0.5f},
};

/* Copies @r of @from, whose corner lies on a whole chroma sample, to a frame of its own. */
static void
cut_out (EffnetImage *to, const EffnetImage *from, const EffnetRegion *r)
{
  const EffnetFormat *format = effnet_format (from->format);

  frame_init (to, from->format, r->width, r->height, 3, 7);
  for (unsigned p = 0; p < format->n_planes; p++) {
    unsigned sub_x = 1, sub_y = 1, step = 0;
    for (unsigned c = 0; c < format->n_components; c++) {
      const EffnetComponent *k = &format->component[c];
      if (k->plane != p || step >= k->step)
        continue;
      sub_x = k->sub_x;
      sub_y = k->sub_y;
      step = k->step;
    }
    size_t bytes = effnet_format_line_bytes (format, p, r->width);
    for (unsigned y = 0; y < effnet_format_lines (format, p, r->height); y++) {
      const uint8_t *line =
          (const uint8_t *)from->data[p] + (ptrdiff_t)(r->y / sub_y + y) * from->stride[p];
      memcpy ((uint8_t *)to->data[p] + (ptrdiff_t)y * to->stride[p],
              line + (size_t)(r->x / sub_x) * step * format->element, bytes);
    }
  }
  /* DEFAULT would mean the small frame's */
  to->matrix = from->height > 576 ? EFFNET_COLOR_MATRIX_BT709 : EFFNET_COLOR_MATRIX_BT601;
}

static void
test_cut_out (void)
{
  static const EffnetRegion regions[] = {
      {0, 0, 160, 120}, {64, 32, 50, 70}, {8, 100, 150, 20}, {36, 4, 31, 57},
      {64, 36, 50, 70}, {156, 116, 4, 4}, {64, 32, 50, 70},
  };

  for (unsigned f = EFFNET_PIXEL_FORMAT_RGB; f != 0; f = format_next (f)) {
    if (f == EFFNET_PIXEL_FORMAT_V210)
      continue; /* has no whole bytes to cut at; test_alone has it */
    for (unsigned mode = EFFNET_RESIZE_MODE_STRETCH; mode <= EFFNET_RESIZE_MODE_LETTERBOX; mode++) {
      EffnetInputSpec spec = usual;
      spec.mode = mode;
      spec.filter = (f + mode) % 2;
      g_autoptr (EffnetFrontend) many = frontend_make (&spec), one = frontend_make (&spec);
      g_autoptr (GError) error = NULL;
      float a[FLOATS], b[FLOATS];
      EffnetFrontendTimes times;
      EffnetImage image;

      frame_init (&image, f, 160, 120, 0, f);
      g_assert_true (effnet_frontend_begin (many, &image, regions, G_N_ELEMENTS (regions), NULL,
                                            &times, &error));
      for (unsigned i = G_N_ELEMENTS (regions); i-- > 0;) {
        EffnetImage part;
        cut_out (&part, &image, &regions[i]);
        effnet_frontend_fill (many, i, NULL, a, &times);
        effnet_frontend_run (one, &part, NULL, b, NULL, &error);
        g_assert_no_error (error);
        g_assert_cmpmem (a, sizeof a, b, sizeof b);
        frame_clear (&part);
      }
      frame_clear (&image);
    }
  }
}

/* Any corner, any size, more crops than are kept: each is the same as alone, as a crop of the
 * frame and as a region of a crop. */
static void
test_alone (void)
{
  g_autoptr (EffnetFrontend) many = frontend_make (&usual);
  Dice dice = {9};

  for (unsigned round = 0; round < 30; round++) {
    unsigned f = format_any (round);
    EffnetRegion regions[3 * EFFNET_PASSES_KEPT];
    unsigned n = 1 + dice_roll (&dice) % G_N_ELEMENTS (regions);
    EffnetFrontendTimes times;
    EffnetImage image;

    frame_init (&image, f, 171, 133, 0, round);
    for (unsigned i = 0; i < n; i++) {
      EffnetRegion *r = &regions[i];
      r->x = dice_roll (&dice) % 171;
      r->y = dice_roll (&dice) % 133;
      r->width = dice_roll (&dice) % (171 - r->x + 1); /* 0: to the edge */
      r->height = dice_roll (&dice) % (133 - r->y + 1);
    }
    g_assert_true (effnet_frontend_begin (many, &image, regions, n, NULL, &times, NULL));
    for (unsigned i = 0; i < n; i++) {
      g_autoptr (EffnetFrontend) fresh = frontend_make (&usual);
      float a[FLOATS], b[FLOATS];
      EffnetImage part = image;
      const EffnetRegion *r = &regions[i];
      const EffnetRegion inner = {r->x - r->x / 2, r->y - r->y / 3, r->width, r->height};

      effnet_frontend_fill (many, i, NULL, a, &times);
      part.crop_x = r->x, part.crop_y = r->y;
      part.crop_width = r->width, part.crop_height = r->height;
      g_assert_true (effnet_frontend_run (fresh, &part, NULL, b, NULL, NULL));
      for (size_t q = 0; q < FLOATS; q++)
        if (a[q] != b[q]) {
          g_test_message ("q %zu %g %g", q, a[q], b[q]);
        }
      g_assert_cmpmem (a, sizeof a, b, sizeof b);
      part.crop_x = r->x / 2, part.crop_y = r->y / 3;
      part.crop_width = part.crop_height = 0;
      g_assert_true (effnet_frontend_begin (fresh, &part, &inner, 1, NULL, &times, NULL));
      effnet_frontend_fill (fresh, 0, NULL, b, &times);
      g_assert_cmpmem (a, sizeof a, b, sizeof b);
    }
    frame_clear (&image);
  }
}

static float
mean_difference (const float *a, const float *b)
{
  double sum = 0;

  for (size_t i = 0; i < FLOATS; i++)
    sum += ABS (a[i] - b[i]);
  return (float)(sum / FLOATS);
}

/* A JPEG's crops with one another are what they are alone at the scale the smallest asks for; in
 * whole and packed RGB, at full scale, exactly. */
static void
test_jpeg (void)
{
  static const EffnetRegion regions[] = {{0, 0, 0, 0},     {300, 200, 41, 43}, {17, 401, 599, 70},
                                         {639, 479, 1, 1}, {320, 0, 320, 480}, {5, 7, 50, 50}};
  for (unsigned full = 0; full < 2; full++) {
    EncodeSpec s = {640, 480, 3, 2, 2, .quality = 90};
    g_autoptr (GByteArray) file = encode (&s);
    EffnetInputSpec spec = usual;
    spec.jpeg_full_scale = full;
    g_autoptr (EffnetFrontend) many = frontend_make (&spec), one = frontend_make (&spec);
    EffnetImage image = EFFNET_IMAGE_INIT;
    EffnetFrontendTimes times;
    float a[FLOATS], b[FLOATS];
    unsigned width, height;

    image.format = EFFNET_PIXEL_FORMAT_JPEG;
    image.data[0] = file->data;
    image.size = file->len;
    g_assert_true (effnet_frontend_size (many, &image, &width, &height, NULL));
    g_assert_cmpuint (width, ==, 640);
    g_assert_cmpuint (height, ==, 480);
    g_assert_true (
        effnet_frontend_begin (many, &image, regions, G_N_ELEMENTS (regions), NULL, &times, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS (regions); i++) {
      EffnetRegion pair[2] = {regions[i], {639, 479, 1, 1}}; /* the second wants full scale */

      effnet_frontend_fill (many, i, NULL, a, &times);
      g_assert_true (effnet_frontend_begin (one, &image, pair, 2, NULL, &times, NULL));
      effnet_frontend_fill (one, 0, NULL, b, &times);
      g_assert_cmpmem (a, sizeof a, b, sizeof b);
      g_assert_true (effnet_frontend_begin (one, &image, pair, 1, NULL, &times, NULL));
      effnet_frontend_fill (one, 0, NULL, b, &times);
      if (full)
        g_assert_cmpmem (a, sizeof a, b, sizeof b);
      g_assert_cmpfloat (mean_difference (a, b), <, 0.02);
    }
  }
}

/* Crops of one size use one set of tables, wherever they are. */
static void
test_tables_are_kept (void)
{
  EffnetPasses passes = {0};
  EffnetLayout layout;
  EffnetGeometry geometry;
  EffnetImage image = EFFNET_IMAGE_INIT;

  memset (&layout, 0, sizeof layout);
  layout.format = *effnet_format (EFFNET_PIXEL_FORMAT_GRAY8);
  layout.slots = 1;
  layout.eighths = 8;
  for (unsigned i = 0; i < 200; i++) {
    unsigned size = 20 + i % 50;
    const EffnetPass *pass;

    effnet_passes_next_frame (&passes);
    g_assert_true (effnet_geometry_init (&geometry, &usual, &image, size, size, NULL));
    layout.width = layout.height = layout.crop_width = layout.crop_height = size;
    pass = effnet_passes_get (&passes, &layout, &usual, &geometry, NULL);
    g_assert_true (pass == effnet_passes_get (&passes, &layout, &usual, &geometry, NULL));
    g_assert_cmpuint (passes.all->len, <=, EFFNET_PASSES_KEPT);
    g_assert_cmpuint (pass->geometry.x.hi, ==, size);
  }
  effnet_passes_clear (&passes);
}

static void
test_outside (void)
{
  static const EffnetRegion bad[] = {
      {100, 0, 1, 1},       {0, 80, 1, 1},        {90, 0, 11, 1},       {0, 70, 1, 11},
      {G_MAXUINT, 0, 1, 1}, {0, G_MAXUINT, 1, 1}, {1, 1, G_MAXUINT, 1}, {1, 1, 1, G_MAXUINT},
  };
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  EffnetFrontendTimes times;
  EffnetImage image;
  float out[FLOATS];

  frame_init (&image, EFFNET_PIXEL_FORMAT_NV12, 120, 90, 0, 1);
  image.crop_x = 20; /* leaves 100x80 */
  image.crop_y = 10;
  for (unsigned i = 0; i < G_N_ELEMENTS (bad); i++) {
    const EffnetRegion regions[] = {{0, 0, 100, 80}, bad[i]};
    g_autoptr (GError) error = NULL;

    g_assert_false (effnet_frontend_begin (frontend, &image, regions, 2, NULL, &times, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
    g_assert_nonnull (strstr (error->message, "region 1: crop"));
    g_assert_true (effnet_frontend_begin (frontend, &image, regions, 1, NULL, &times, NULL));
    effnet_frontend_fill (frontend, 0, NULL, out, &times);
  }
  frame_clear (&image);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/regions/cut-out", test_cut_out);
  g_test_add_func ("/image/regions/alone", test_alone);
  g_test_add_func ("/image/regions/jpeg", test_jpeg);
  g_test_add_func ("/image/regions/tables-are-kept", test_tables_are_kept);
  g_test_add_func ("/image/regions/outside", test_outside);
  return g_test_run ();
}
