/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Orientation: read from Exif and XMP however they are damaged; and frames stored in each of the
 * eight ways come out as the upright frame does. */
#include <math.h>
#include <string.h>

#include "encode.h"
#include "frames.h"
#include "image/exif.h"
#include "image/format.h"

#define WIDE   40
#define HIGH   28
#define FLOATS ((size_t)WIDE * HIGH * 3)

static const EffnetInputSpec usual = {
    .height = HIGH,
    .width = WIDE,
    .mode = EFFNET_RESIZE_MODE_CENTER_CROP,
    .crop_pct = 0.875,
    .filter = EFFNET_FILTER_BILINEAR,
    .std = {1, 1, 1},
};

/* ---- reading ----------------------------------------------------------------------------------
 */

static GByteArray *
with_segment (const void *bytes, size_t size)
{
  GByteArray *file = g_byte_array_new ();
  const guint8 head[] = {0xff, 0xd8, 0xff, 0xe1, (guint8)((size + 2) >> 8), (guint8)(size + 2)};

  g_byte_array_append (file, head, sizeof head);
  return g_byte_array_append (file, bytes, (guint)size);
}

/* The bytes end where the block ends, so that a sanitizer sees a read too far. */
static unsigned
orientation_of (const GByteArray *file)
{
  g_autofree guint8 *exact = g_memdup2 (file->data, file->len);
  return effnet_exif_orientation (exact, file->len);
}

static GByteArray *
exif (gboolean big, unsigned before, unsigned type, guint32 count, guint32 value)
{
  g_autoptr (GByteArray) b = g_byte_array_new ();
  guint16 entries = (guint16)(before + 1);

#define PUT(bits, v)                                                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    guint##bits n = big ? GUINT##bits##_TO_BE (v) : GUINT##bits##_TO_LE (v);                       \
    g_byte_array_append (b, (guint8 *)&n, sizeof n);                                               \
  }                                                                                                \
  G_STMT_END
  g_byte_array_append (b, (const guint8 *)"Exif\0\0", 6);
  g_byte_array_append (b, (const guint8 *)(big ? "MM\0*" : "II*\0"), 4);
  PUT (32, 8);
  PUT (16, entries);
  for (unsigned i = 0; i < before; i++) {
    PUT (16, 0x010f);
    PUT (16, 2);
    PUT (32, 0x7ffffff0); /* bytes of text, which nobody may believe */
    PUT (32, 0x40000000);
  }
  PUT (16, 0x0112);
  PUT (16, (guint16)type);
  PUT (32, count);
  if (type == 3) {
    PUT (16, (guint16)value);
    PUT (16, 0);
  } else if (type == 1) {
    const guint8 byte[4] = {(guint8)value};
    g_byte_array_append (b, byte, sizeof byte);
  } else {
    PUT (32, value);
  }
#undef PUT
  return with_segment (b->data, b->len);
}

static void
test_read (void)
{
  for (unsigned i = 0; i < 2 * 4 * 10 * 4; i++) {
    static const unsigned types[] = {1, 3, 4, 9}, others[] = {0, 1, 7, 300};
    unsigned value = i / 8 % 10;
    g_autoptr (GByteArray) file = exif (i & 1, others[i / 80], types[i / 2 % 4], 1, value);

    g_assert_cmpuint (orientation_of (file), ==, value <= 8 ? value : 0);
    /* behind other segments, fill bytes and a second start */
    g_byte_array_prepend (file, (const guint8 *)"\xff\xd8\xff\xe0\0\4ab\xff\xff", 10);
    g_assert_cmpuint (orientation_of (file), ==, value <= 8 ? value : 0);
    /* and behind stray bytes and a marker without length */
    g_byte_array_prepend (file, (const guint8 *)"\xff\xd8\xff\xe0\0\4ab\0\xff\0\1\xff\1", 14);
    g_assert_cmpuint (orientation_of (file), ==, value <= 8 ? value : 0);
    g_byte_array_prepend (file, (const guint8 *)"\xff\xd8\xff\xda\0\2", 6); /* a scan */
    g_assert_cmpuint (orientation_of (file), ==, 0);
  }
}

static void
test_nonsense (void)
{
  static const struct {
    unsigned type;
    guint32 count, value;
  } cases[] = {{3, 0, 6}, {3, 2, 6},     {3, G_MAXUINT32, 6}, {0, 1, 6},     {2, 1, 6},
               {5, 1, 6}, {9, 1, 65542}, {65535, 1, 6},       {4, 1, 65542}, {4, 1, G_MAXUINT32}};

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GByteArray) file = exif (i & 1, 0, cases[i].type, cases[i].count, cases[i].value);
    g_assert_cmpuint (orientation_of (file), ==, 0);
  }
}

static void
test_damaged (void)
{
  g_autoptr (GByteArray) good = exif (TRUE, 2, 3, 1, 6);
  Dice dice = {3};

  for (guint n = 0; n < good->len; n++) { /* cut anywhere, inside the segment and with it */
    g_autoptr (GByteArray) cut = g_byte_array_new ();

    g_byte_array_append (cut, good->data, n);
    g_assert_cmpuint (orientation_of (cut), ==, 0);
    if (n >= 6) {
      g_autoptr (GByteArray) shorter = with_segment (good->data + 6, n - 6);
      g_assert_cmpuint (orientation_of (shorter), ==, n + 2 < good->len ? 0 : 6);
    }
  }
  for (unsigned i = 0; i < 20000; i++) {
    g_autoptr (GByteArray) bad = g_byte_array_new ();

    g_byte_array_append (bad, good->data, good->len);
    for (unsigned k = 0; k <= i % 4; k++)
      bad->data[2 + dice_roll (&dice) % (bad->len - 2)] = (guint8)dice_roll (&dice);
    g_assert_cmpuint (orientation_of (bad), <=, 8);
  }
}

static void
test_xmp (void)
{
  static const struct {
    const char *text;
    unsigned orientation;
  } cases[] = {
      {"<rdf tiff:Orientation=\"6\"/>", 6},
      {"<rdf tiff:Orientation='3'/>", 3},
      {"<tiff:Orientation>8</tiff:Orientation>", 8},
      {"<tiff:Orientation>9</tiff:Orientation>", 0},
      {"tiff:Orientation", 0},
      {"tiff:Orientation>", 0},
      {"<exif:Orientation>6</exif:Orientation>", 0},
  };

  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GByteArray) b = g_byte_array_new ();

    g_byte_array_append (b, (const guint8 *)"http://ns.adobe.com/xap/1.0/", 29);
    g_byte_array_append (b, (const guint8 *)cases[i].text, (guint)strlen (cases[i].text));
    g_autoptr (GByteArray) file = with_segment (b->data, b->len);
    g_assert_cmpuint (orientation_of (file), ==, cases[i].orientation);
    g_autoptr (GByteArray) both = exif (FALSE, 0, 3, 1, 2); /* Exif counts, wherever it is */
    g_byte_array_append (file, both->data + 2, both->len - 2);
    g_assert_cmpuint (orientation_of (file), ==, 2);
  }
}

/* ---- frames -----------------------------------------------------------------------------------
 */

/* Where Exif's definition puts pixel (x, y) of the stored @w x @h in the upright picture. */
static void
upright_place (unsigned orientation, unsigned w, unsigned h, unsigned x, unsigned y, unsigned *ux,
               unsigned *uy)
{
  unsigned right = w - 1 - x, below = h - 1 - y;

  switch (orientation) {
  case 2:
    *ux = right, *uy = y;
    break;
  case 3:
    *ux = right, *uy = below;
    break;
  case 4:
    *ux = x, *uy = below;
    break;
  case 5:
    *ux = y, *uy = x;
    break;
  case 6:
    *ux = below, *uy = x;
    break;
  case 7:
    *ux = below, *uy = right;
    break;
  case 8:
    *ux = y, *uy = right;
    break;
  default:
    *ux = x, *uy = y;
  }
}

/* The upright frame of @stored, whose planes hold whole pixels; chroma in the middle of its luma
 * stays there. */
static void
set_upright (EffnetImage *upright, const EffnetImage *stored)
{
  const EffnetFormat *f = effnet_format (stored->format);
  unsigned o = stored->orientation;
  gboolean swap = o > 4;

  frame_init (upright, stored->format, swap ? stored->height : stored->width,
              swap ? stored->width : stored->height, 0, 1);
  upright->chroma_site = stored->chroma_site;
  upright->matrix = stored->matrix;
  upright->par_n = swap ? stored->par_d : stored->par_n;
  upright->par_d = swap ? stored->par_n : stored->par_d;
  for (unsigned p = 0; p < f->n_planes; p++) {
    unsigned h = effnet_format_lines (f, p, stored->height);
    unsigned w = effnet_format_lines (f, p, stored->width); /* subsampled alike both ways */
    size_t pixel = effnet_format_line_bytes (f, p, stored->width) / w;

    for (unsigned y = 0; y < h; y++)
      for (unsigned x = 0; x < w; x++) {
        unsigned ux, uy;

        upright_place (o, w, h, x, y, &ux, &uy);
        memcpy ((guint8 *)upright->data[p] + (ptrdiff_t)uy * upright->stride[p] + ux * pixel,
                (const guint8 *)stored->data[p] + (ptrdiff_t)y * stored->stride[p] + x * pixel,
                pixel);
      }
  }
}

static double
worst_difference (const float *a, const float *b)
{
  double worst = 0;

  for (size_t i = 0; i < FLOATS; i++)
    worst = MAX (worst, fabs ((double)a[i] - b[i]));
  return worst * 255;
}

/* One rounding apart at the most. The bicubic filter clamps RGB between its two passes, which a
 * transposed frame takes in the other order: bilinear is compared there. */
static void
test_frames (void)
{
  static const EffnetPixelFormat formats[] = {
      EFFNET_PIXEL_FORMAT_RGB,      EFFNET_PIXEL_FORMAT_BGRX, EFFNET_PIXEL_FORMAT_GRAY8,
      EFFNET_PIXEL_FORMAT_I420,     EFFNET_PIXEL_FORMAT_NV12, EFFNET_PIXEL_FORMAT_Y444,
      EFFNET_PIXEL_FORMAT_P010_10LE};
  static const unsigned sizes[][2] = {{160, 90}, {90, 160}, {64, 64}, {222, 70}, {10, 400}, {2, 2}};
  static const unsigned pars[][2] = {{0, 0}, {4, 3}, {1, 2}};

  for (unsigned i = 0; i < 8 * 7 * 6 * 4 * 2; i++) {
    EffnetPixelFormat format = formats[i / 8 % 7];
    const unsigned *size = sizes[i / 56 % 6], *par = pars[i % 3];
    unsigned mode = i / 336 % 4;
    EffnetInputSpec spec = usual;
    float a[FLOATS], b[FLOATS];
    EffnetImage stored, upright;

    spec.mode = mode == 3 ? EFFNET_RESIZE_MODE_STRETCH : EFFNET_RESIZE_MODE_STRETCH + mode;
    spec.squash = mode == 3;
    spec.filter = i / 1344;
    frame_init (&stored, format, size[0], size[1], i % 4, i);
    stored.orientation = i % 8 + 1;
    stored.chroma_site = EFFNET_CHROMA_SITE_CENTER;
    stored.matrix = EFFNET_COLOR_MATRIX_BT601;
    stored.par_n = par[0], stored.par_d = par[1];
    if (spec.filter == EFFNET_FILTER_BICUBIC && stored.orientation > 4)
      spec.filter = EFFNET_FILTER_BILINEAR;
    set_upright (&upright, &stored);
    g_autoptr (EffnetFrontend) one = frontend_make (&spec), other = frontend_make (&spec);
    g_assert_true (effnet_frontend_run (one, &stored, NULL, a, NULL, NULL));
    g_assert_true (effnet_frontend_run (other, &upright, NULL, b, NULL, NULL));
    double worst = worst_difference (a, b);
    if (worst > 1.001)
      g_test_message ("%s %ux%u orientation %u mode %u: %g/255 off", effnet_format (format)->name,
                      size[0], size[1], stored.orientation, mode, worst);
    g_assert_cmpfloat (worst, <=, 1.001);
    frame_clear (&stored);
    frame_clear (&upright);
  }
}

/* Regions count in upright pixels, within the stored frame's crop. */
static void
test_regions (void)
{
  static const EffnetRegion regions[] = {{0, 0, 0, 0}, {8, 20, 30, 16}, {40, 0, 20, 60}};

  for (unsigned o = 1; o <= 8; o++) {
    g_autoptr (EffnetFrontend) one = frontend_make (&usual), other = frontend_make (&usual);
    EffnetImage stored, upright;
    EffnetFrontendTimes times;
    unsigned w, h;

    frame_init (&stored, EFFNET_PIXEL_FORMAT_RGB, 120, 104, 0, o);
    stored.orientation = o;
    set_upright (&upright, &stored);
    stored.crop_x = 10, stored.crop_y = 8, stored.crop_width = 96, stored.crop_height = 80;
    for (unsigned x = 10; x < 106; x++) /* the crop of the upright frame, pixel by pixel */
      for (unsigned y = 8; y < 88; y++) {
        unsigned ux, uy;
        upright_place (o, 120, 104, x, y, &ux, &uy);
        upright.crop_x = x + y == 18 ? ux : MIN (upright.crop_x, ux);
        upright.crop_y = x + y == 18 ? uy : MIN (upright.crop_y, uy);
      }
    upright.crop_width = o > 4 ? 80 : 96, upright.crop_height = o > 4 ? 96 : 80;
    g_assert_true (effnet_frontend_size (one, &stored, &w, &h, NULL));
    g_assert_cmpuint (w, ==, upright.crop_width);
    g_assert_cmpuint (h, ==, upright.crop_height);
    g_assert_true (effnet_frontend_begin (one, &stored, regions, 3, NULL, &times, NULL));
    g_assert_true (effnet_frontend_begin (other, &upright, regions, 3, NULL, &times, NULL));
    for (unsigned i = 0; i < 3; i++) {
      float a[FLOATS], b[FLOATS];
      effnet_frontend_fill (one, i, NULL, a, &times);
      effnet_frontend_fill (other, i, NULL, b, &times);
      g_assert_cmpfloat (worst_difference (a, b), <=, 1.001);
    }
    frame_clear (&stored);
    frame_clear (&upright);
  }
}

/* What the file says is what the caller could have said, who has the last word. */
static void
test_jpeg (void)
{
  EncodeSpec s = {150, 90, 3, 2, 2, .quality = 90};
  g_autoptr (GByteArray) plain = encode (&s);

  for (unsigned o = 1; o <= 9; o++) {
    g_autoptr (GByteArray) file = exif (o & 1, 1, 3, 1, o);
    g_autoptr (EffnetFrontend) one = frontend_make (&usual), other = frontend_make (&usual);
    EffnetImage marked = EFFNET_IMAGE_INIT, image = EFFNET_IMAGE_INIT;
    float a[FLOATS], b[FLOATS];
    unsigned w, h;

    g_byte_array_append (file, plain->data + 2, plain->len - 2);
    marked.format = image.format = EFFNET_PIXEL_FORMAT_JPEG;
    marked.data[0] = file->data, marked.size = file->len;
    image.data[0] = plain->data, image.size = plain->len;
    image.orientation = o % 9;
    g_assert_true (effnet_frontend_run (one, &marked, NULL, a, NULL, NULL));
    g_assert_true (effnet_frontend_run (other, &image, NULL, b, NULL, NULL));
    g_assert_cmpmem (a, sizeof a, b, sizeof b);
    g_assert_true (effnet_frontend_size (one, &marked, &w, &h, NULL));
    g_assert_cmpuint (w, ==, o > 4 && o < 9 ? 90 : 150);
    marked.orientation = image.orientation = 3;
    g_assert_true (effnet_frontend_run (one, &marked, NULL, a, NULL, NULL));
    g_assert_true (effnet_frontend_run (other, &image, NULL, b, NULL, NULL));
    g_assert_cmpmem (a, sizeof a, b, sizeof b);
  }
}

static void
test_refused (void)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float out[FLOATS];
  EffnetImage image;
  unsigned w, h;

  frame_init (&image, EFFNET_PIXEL_FORMAT_NV12, 30, 20, 0, 1);
  image.orientation = 9;
  g_assert_false (effnet_frontend_run (frontend, &image, NULL, out, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_assert_nonnull (strstr (error->message, "orientation 9"));
  g_assert_false (effnet_frontend_size (frontend, &image, &w, &h, NULL));
  frame_clear (&image);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/orientation/read", test_read);
  g_test_add_func ("/image/orientation/nonsense", test_nonsense);
  g_test_add_func ("/image/orientation/damaged", test_damaged);
  g_test_add_func ("/image/orientation/xmp", test_xmp);
  g_test_add_func ("/image/orientation/frames", test_frames);
  g_test_add_func ("/image/orientation/regions", test_regions);
  g_test_add_func ("/image/orientation/jpeg", test_jpeg);
  g_test_add_func ("/image/orientation/refused", test_refused);
  return g_test_run ();
}
