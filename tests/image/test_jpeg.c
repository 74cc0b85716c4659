/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * JPEG: every kind that cameras write comes out as the picture it was made from; everything broken
 * is a sentence, and the next good frame is as good as ever. */
#include <math.h>
#include <string.h>

#include "encode.h"
#include "frames.h"

#define SIZE 64

static const EffnetInputSpec usual = {
    .height = SIZE,
    .width = SIZE,
    .mode = EFFNET_RESIZE_MODE_STRETCH,
    .crop_pct = 0.875,
    .filter = EFFNET_FILTER_BICUBIC,
    .std = {1, 1, 1},
};

/* The bytes end where the block ends. */
static gboolean
run (EffnetFrontend *frontend, const void *bytes, size_t size, float *out, GError **error)
{
  EffnetImage image = EFFNET_IMAGE_INIT;
  g_autofree void *copy = g_memdup2 (bytes, size);
  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = copy;
  image.size = size;
  return effnet_frontend_run (frontend, &image, NULL, out, NULL, error);
}

static void
assert_refused (const void *bytes, size_t size, const char *says)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float out[SIZE * SIZE * 3];
  g_assert_false (run (frontend, bytes, size, out, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  if (strstr (error->message, says) == NULL)
    g_test_message ("\"%s\" does not say \"%s\"", error->message, says);
  g_assert_nonnull (strstr (error->message, says));
}

/* Mean distance, in 1/255, from the picture the file was made from. */
static double
distance (const EncodeSpec *s, const float *out)
{
  double sum = 0;
  for (unsigned y = 0; y < SIZE; y++) {
    for (unsigned x = 0; x < SIZE; x++) {
      unsigned char rgb[3];
      encode_picture (x, y, SIZE, SIZE, rgb);
      if (s->components == 1)
        rgb[0] = rgb[1] = rgb[2] =
            (unsigned char)((rgb[0] * 299 + rgb[1] * 587 + rgb[2] * 114) / 1000);
      for (unsigned k = 0; k < 3; k++)
        sum += fabs ((double)out[(y * SIZE + x) * 3 + k] * 255 - rgb[k]);
    }
  }
  return sum / (SIZE * SIZE * 3);
}

static void
test_kinds (void)
{
  static const unsigned sampling[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2},
                                         {4, 1}, {4, 2}, {1, 4}, {3, 1}};
  static const unsigned sizes[][2] = {{64, 64},   {65, 63},   {128, 128}, {200, 150},
                                      {333, 257}, {640, 480}, {17, 9},    {1000, 700}};
  float out[SIZE * SIZE * 3];
  for (unsigned i = 0; i < G_N_ELEMENTS (sampling) * G_N_ELEMENTS (sizes) * 6; i++) {
    const unsigned *factor = sampling[i % 8], *size = sizes[i / 8 % 8];
    unsigned how = i / 64;
    EncodeSpec s = {size[0], size[1], 3, factor[0], factor[1], .quality = 95};
    s.progressive = how == 1;
    s.arithmetic = how == 2 || how == 5;
    s.restart = how == 3 ? 3 : 0;
    s.scan_each = how == 4;
    s.components = how == 5 ? 1 : 3;
    g_autoptr (GByteArray) file = encode (&s);
    for (unsigned full = 0; full < 2; full++) {
      EffnetInputSpec spec = usual;
      spec.jpeg_full_scale = full;
      g_autoptr (EffnetFrontend) frontend = frontend_make (&spec);
      g_autoptr (GError) error = NULL;
      run (frontend, file->data, file->len, out, &error);
      g_assert_no_error (error);
      double off = distance (&s, out);
      double most = size[0] < 60 ? 14 : 4;
      if (off > most)
        g_test_message ("%ux%u sampled %ux%u kind %u full %u: mean %g/255 off", s.width, s.height,
                        s.h, s.v, how, full, off);
      g_assert_cmpfloat (off, <, most);
    }
  }
}

static void
test_rgb (void)
{
  EncodeSpec s = {150, 130, 3, .rgb = TRUE, .quality = 95};
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GByteArray) file = encode (&s);
  g_autoptr (GError) error = NULL;
  float out[SIZE * SIZE * 3];
  run (frontend, file->data, file->len, out, &error);
  g_assert_no_error (error);
  g_assert_cmpfloat (distance (&s, out), <, 3);
}

/* Whatever @change makes of the header, the picture stays the same, bit for bit. */
static void
assert_same (const GByteArray *file, const GByteArray *changed)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float a[SIZE * SIZE * 3], b[SIZE * SIZE * 3];
  run (frontend, file->data, file->len, a, &error);
  g_assert_no_error (error);
  run (frontend, changed->data, changed->len, b, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (a, sizeof a, b, sizeof b);
}

static GByteArray *
copy_of (const GByteArray *file)
{
  GByteArray *copy = g_byte_array_new ();
  return g_byte_array_append (copy, file->data, file->len);
}

static void
test_webcam (void)
{
  static const uint8_t avi1[] = {0xff, 0xe0, 0, 16, 'A', 'V', 'I', '1', 0,
                                 0,    0,    0, 0,  0,   0,   0,   0,   0};
  static const uint8_t padding[300] = {0};
  EncodeSpec s = {320, 240, 3, 2, 1, .restart = 5};
  g_autoptr (GByteArray) file = encode (&s);

  g_autoptr (GByteArray) no_tables = copy_of (file);
  encode_drop (no_tables, 0xc4);
  g_assert_cmpuint (no_tables->len, <, file->len);
  assert_same (file, no_tables);

  g_autoptr (GByteArray) avi = copy_of (no_tables);
  encode_drop (avi, 0xe0);
  g_byte_array_prepend (avi, avi1, sizeof avi1);
  g_byte_array_prepend (avi, file->data, 2);
  g_byte_array_remove_range (avi, 2 + sizeof avi1, 2);
  assert_same (file, avi);

  g_autoptr (GByteArray) trailing = copy_of (file);
  g_byte_array_append (trailing, padding, sizeof padding);
  g_byte_array_append (trailing, file->data, 20);
  assert_same (file, trailing);

  g_autoptr (GByteArray) no_end = copy_of (file);
  g_byte_array_set_size (no_end, file->len - 2);
  assert_same (file, no_end);

  g_autoptr (GByteArray) early = copy_of (file); /* something before the start */
  g_byte_array_prepend (early, padding, sizeof padding);
  assert_same (file, early);

  /* zeros where a sequential scan says 0 to 63, as some phones write */
  g_autoptr (GByteArray) zeros = copy_of (file);
  long scan = encode_find (zeros, 0xda);
  guint8 *last = zeros->data + scan + 5 + 2 * zeros->data[scan + 4] + 1;
  g_assert_cmpint (*last, ==, 63);
  *last = 0;
  assert_same (file, zeros);

  /* bytes between segments, as some cameras pad */
  g_autoptr (GByteArray) gap = copy_of (file);
  long at = encode_find (gap, 0xc0);
  g_assert_cmpint (at, >, 0);
  g_byte_array_set_size (gap, (guint)at);
  g_byte_array_append (gap, padding, 7);
  g_byte_array_append (gap, file->data, 2); /* and a second start behind them */
  g_byte_array_append (gap, file->data + at, file->len - (guint)at);
  assert_same (file, gap);
}

/* Start markers beyond the first, wherever they are in the header: each is left out. */
static void
test_starts (void)
{
  EncodeSpec s = {320, 240, 3, 2, 1, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);
  guint size = file->len, at[] = {2, (guint)encode_find (file, 0xdb),
                                  (guint)encode_find (file, 0xc0), (guint)encode_find (file, 0xda)};

  for (unsigned i = 0; i < 16; i++) {
    g_autoptr (GByteArray) many = g_byte_array_new ();
    guint from = 0;

    for (unsigned k = 0; k < 4; k++) {
      g_byte_array_append (many, file->data + from, at[k] - from);
      for (unsigned n = i >> k & 1 ? k + 1 : 0; n > 0; n--)
        g_byte_array_append (many, file->data, 2);
      from = at[k];
    }
    g_byte_array_append (many, file->data + from, size - from);
    assert_same (file, many);
  }
}

static void
test_cmyk (void)
{
  for (unsigned i = 0; i < 8; i++) {
    EncodeSpec s = {333, 257, 4, 1, 1, .quality = 95};
    EffnetInputSpec spec = usual;
    float out[SIZE * SIZE * 3];

    s.ycck = i & 1;
    s.progressive = i >> 1 & 1;
    s.h = s.v = s.ycck + 1u;
    spec.jpeg_full_scale = i >> 2;
    g_autoptr (GByteArray) file = encode (&s);
    g_autoptr (EffnetFrontend) frontend = frontend_make (&spec);
    g_autoptr (GError) error = NULL;
    run (frontend, file->data, file->len, out, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (distance (&s, out), <, 4);
  }
}

/* ---- damage ------------------------------------------------------------------------------------
 */

typedef struct {
  gboolean good;
  unsigned warnings;
  double damage, distance;
} Outcome;

static Outcome
outcome_of (const EncodeSpec *s, const GByteArray *file)
{
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  float out[SIZE * SIZE * 3];
  Outcome o = {.good = run (frontend, file->data, file->len, out, &error)};

  effnet_frontend_damage (frontend, &o.warnings, &o.damage);
  if (o.good)
    o.distance = distance (s, out);
  else
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  return o;
}

static guint
start_of_data (const GByteArray *file)
{
  guint scan = (guint)encode_find (file, 0xda);
  return scan + 2 + file->data[scan + 2] * 256u + file->data[scan + 3];
}

/* Wrong bytes inside the only scan: data is left over or missing at its end, so it is all in
 * doubt. Where libjpeg finds nothing to warn of, the error is one that nobody can see. */
static void
test_inside_scan (void)
{
  EncodeSpec s = {640, 480, 3, 2, 2, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);
  guint from = start_of_data (file), refused = 0;
  Dice dice = {21};

  for (unsigned i = 0; i < 200; i++) {
    g_autoptr (GByteArray) bad = copy_of (file);
    guint at = from + dice_roll (&dice) % (file->len - from - 100);

    if (i % 2)
      memset (bad->data + at, 0, 64);
    else
      g_byte_array_remove_range (bad, at, 40);
    Outcome o = outcome_of (&s, bad);
    refused += !o.good;
    g_assert_true (!o.good || o.damage <= EFFNET_DAMAGE_MAX);
    g_assert_true (o.good || o.warnings == 0); /* of a frame that failed nothing is said */
  }
  g_test_message ("%u of 200 refused", refused);
  g_assert_cmpuint (refused, >=, 100);
}

/* One restart interval of 30 rows lost or spoilt is little, eight of them are much. */
static void
test_restart_intervals (void)
{
  EncodeSpec s = {640, 480, 3, 2, 2, .restart = 40, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);

  for (unsigned n = 0; n < 9; n += n ? 7 : 1) {
    for (unsigned gone = 0; gone < 2; gone++) {
      g_autoptr (GByteArray) bad = copy_of (file);
      unsigned interval = 0;

      for (guint i = start_of_data (bad); i + 2 < bad->len && interval < 10 + n; i++) {
        if (bad->data[i] != 0xff || (bad->data[i + 1] & 0xf8) != 0xd0)
          continue;
        if (++interval <= 10)
          continue;
        guint end = i + 2;
        while (bad->data[end] != 0xff || (bad->data[end + 1] & 0xf8) != 0xd0)
          end++;
        if (gone)
          g_byte_array_remove_range (bad, i, end - i);
        else
          memset (bad->data + i + 2, 0x55, end - i - 2);
        i -= gone;
      }
      Outcome o = outcome_of (&s, bad);
      g_test_message ("%u intervals %s: %s, %u warnings, damage %.3f, distance %.2f", n,
                      gone ? "gone" : "spoilt", o.good ? "read" : "refused", o.warnings, o.damage,
                      o.distance);
      g_assert_true (o.good == (n < 2));
      if (o.good) {
        g_assert_true ((o.warnings > 0) == (n > 0));
        g_assert_cmpfloat (fabs (o.damage - n / 30.0), <, 0.04);
        g_assert_cmpfloat (o.distance, <, n ? 12 : 2);
      }
    }
  }
}

/* An interval of several rows counts once, however often the decoder complains of it. */
static void
test_long_interval (void)
{
  EncodeSpec s = {320, 1600, 3, 2, 2, .restart = 20 * 8, .quality = 90}; /* 8 of 100 rows */
  g_autoptr (GByteArray) file = encode (&s);
  unsigned interval = 0;

  for (guint i = start_of_data (file); i + 2 < file->len; i++) {
    gboolean restarts = file->data[i] == 0xff && (file->data[i + 1] & 0xf8) == 0xd0;

    interval += restarts;
    i += restarts;
    if (interval == 4 && !restarts && file->data[i] != 0xff && file->data[i - 1] != 0xff)
      file->data[i] = 0xfa;
  }
  Outcome o = outcome_of (&s, file);
  g_test_message ("%u warnings, damage %.3f", o.warnings, o.damage);
  g_assert_true (o.good);
  g_assert_cmpuint (o.warnings, >, 1);
  g_assert_cmpfloat (o.damage, >, 0.03);
  g_assert_cmpfloat (o.damage, <, 0.09);
}

/* What stands behind a scan that is whole is no damage. */
static void
test_left_over (void)
{
  static const guint8 sound[] = {0xd5, 0x5a}, noise[] = {1, 7, 3, 99, 4, 8, 250, 3, 6, 1, 2, 9};
  EncodeSpec s = {320, 240, 3, 2, 1, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);

  for (unsigned i = 0; i < 6; i++) {
    static const unsigned sizes[] = {1, 2, 12, 600, 600, 12};
    g_autoptr (GByteArray) more = copy_of (file);

    g_byte_array_set_size (more, file->len - 2);
    for (unsigned k = 0; k < sizes[i]; k++) {
      guint8 byte = i < 2 ? sound[k] : i == 3 ? 0 : i == 4 ? 0x55 : i == 2 ? 0 : noise[k];
      g_byte_array_append (more, &byte, 1);
    }
    g_byte_array_append (more, file->data + file->len - 2, 2);
    Outcome o = outcome_of (&s, more);
    g_assert_true (o.good == (i != 5));
    if (o.good) {
      assert_same (file, more);
      g_assert_cmpuint (o.warnings, ==, sizes[i] > 2); /* the decoder had read one or two */
      g_assert_true (o.damage == 0);
    }
  }
}

/* Without its end marker a file is whole as long as its scans are. */
static void
test_no_end (void)
{
  for (unsigned i = 0; i < 8; i++) {
    EncodeSpec s = {200, 160, 3, 2, 2, .quality = 90};

    s.progressive = i & 1;
    s.arithmetic = i >> 1 & 1;
    s.scan_each = i == 4;
    s.components = i == 5 ? 1 : i == 6 ? 4 : 3;
    s.restart = i == 7 ? 5 : 0;
    g_autoptr (GByteArray) file = encode (&s), cut = copy_of (file);
    g_byte_array_set_size (cut, file->len - 2);
    if (s.arithmetic) { /* which cannot be known to be whole: its last row is in doubt */
      Outcome o = outcome_of (&s, cut);
      g_assert_true (o.good && o.distance < 4);
      continue;
    }
    assert_same (file, cut);
  }
}

static void
test_refused (void)
{
  EncodeSpec s = {320, 240, 3, 2, 2, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);
  long frame = encode_find (file, 0xc0);
  static const uint8_t zeros[1000] = {0};

  assert_refused (NULL, 0, "nothing to decode");
  assert_refused (file->data, 0, "nothing to decode");
  assert_refused (zeros, 1, "Not a JPEG file");
  assert_refused (zeros, sizeof zeros, "Not a JPEG file");
  assert_refused (file->data, 2, "cannot be decoded");

  g_assert_cmpint (frame, >, 0);
  uint8_t *height = file->data + frame + 5; /* and the width behind it */
  memcpy (height, "\xff\xdc\xff\xdc", 4);
  assert_refused (file->data, file->len, "65500 pixels");
  memcpy (height, "\x40\x01\x00\x10", 4);
  assert_refused (file->data, file->len, "16x16385 pixels");
  memcpy (height, "\x3f\xff\x3f\xff", 4);
  assert_refused (file->data, file->len, "16383x16383 pixels");
  memcpy (height, "\0\0\1\x40", 4);
  assert_refused (file->data, file->len, "cannot be decoded");
  memcpy (height, "\0\xf0\0\0", 4);
  assert_refused (file->data, file->len, "cannot be decoded");
  /* far more lines than there is data for */
  memcpy (height, "\x1f\x00\x1f\x00", 4);
  assert_refused (file->data, file->len, "cannot be decoded");
  memcpy (height, "\0\xf0\1\x40", 4);
  file->data[frame + 4] = 12;
  assert_refused (file->data, file->len, "precision 12");
  file->data[frame + 4] = 8;
  file->data[frame + 1] = 0xc3;
  assert_refused (file->data, file->len, "cannot be decoded"); /* lossless */
}

static void
test_crop_outside (void)
{
  EncodeSpec s = {320, 240, 3, 2, 2, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  EffnetImage image = EFFNET_IMAGE_INIT;
  float out[SIZE * SIZE * 3];

  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = file->data;
  image.size = file->len;
  image.crop_x = 319;
  image.crop_width = 2;
  g_assert_false (effnet_frontend_run (frontend, &image, NULL, out, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_assert_nonnull (strstr (error->message, "crop"));
}

/* Cut anywhere: an error when more is lost than may be, and never a crash. */
static void
test_cut (void)
{
  float out[SIZE * SIZE * 3];
  for (unsigned kind = 0; kind < 4; kind++) {
    EncodeSpec s = {200, 160, 3, 2, 2, .quality = 90};
    s.progressive = kind == 1;
    s.arithmetic = kind == 2;
    s.scan_each = kind == 3;
    g_autoptr (GByteArray) file = encode (&s);
    g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
    for (size_t n = 1; n < file->len; n += n < 700 ? 7 : 13) {
      g_autoptr (GError) error = NULL;
      gboolean good = run (frontend, file->data, n, out, &error);
      unsigned warnings;
      double damage;
      effnet_frontend_damage (frontend, &warnings, &damage);
      if (good && n < file->len * 0.85)
        g_test_message ("kind %u: %zu of %u bytes pass", kind, n, file->len);
      g_assert_true (!good || n >= file->len * 0.85);
      g_assert_true (!good || n + 4 >= file->len || warnings > 0);
      g_assert_true (!good || (damage <= EFFNET_DAMAGE_MAX && distance (&s, out) < 9));
      g_assert_true (good || g_error_matches (error, EFFNET_ERROR, EFFNET_ERROR_FRAME));
    }
    g_autoptr (GError) error = NULL;
    run (frontend, file->data, file->len, out, &error);
    g_assert_no_error (error);
    g_assert_cmpfloat (distance (&s, out), <, 4);
  }
}

/* Rows below the crop may be missing. */
static void
test_cut_below_crop (void)
{
  EncodeSpec s = {200, 160, 3, 1, 1, .quality = 90};
  g_autoptr (GByteArray) file = encode (&s);
  g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
  g_autoptr (GError) error = NULL;
  EffnetImage image = EFFNET_IMAGE_INIT;
  float out[SIZE * SIZE * 3];

  image.format = EFFNET_PIXEL_FORMAT_JPEG;
  image.data[0] = file->data;
  image.size = file->len * 3 / 4;
  g_assert_false (effnet_frontend_run (frontend, &image, NULL, out, NULL, NULL));
  image.crop_height = 40;
  effnet_frontend_run (frontend, &image, NULL, out, NULL, &error);
  g_assert_no_error (error);
}

static void
test_flips (void)
{
  float out[SIZE * SIZE * 3];
  Dice dice = {11};
  unsigned refused = 0;
  for (unsigned kind = 0; kind < 5; kind++) {
    EncodeSpec s = {120, 90, 3, 2, 1, .quality = 90};
    s.progressive = kind == 1;
    s.arithmetic = kind == 2;
    s.restart = kind == 3 ? 2 : 0;
    s.components = kind == 4 ? 1 : 3;
    g_autoptr (GByteArray) file = encode (&s);
    g_autoptr (EffnetFrontend) frontend = frontend_make (&usual);
    for (unsigned i = 0; i < 400; i++) {
      g_autoptr (GByteArray) bad = copy_of (file);
      g_autoptr (GError) error = NULL;
      for (unsigned flips = 1 + i % 4; flips > 0; flips--)
        bad->data[dice_roll (&dice) % (i % 2 ? bad->len : 620)] ^=
            (uint8_t)(1u << dice_roll (&dice) % 8);
      if (!run (frontend, bad->data, bad->len, out, &error)) {
        g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
        refused++;
      }
    }
  }
  g_test_message ("%u of 2000 refused", refused);
  g_assert_cmpuint (refused, >, 300);
}

/* A header of some bytes that asks for scan after scan. */
static void
test_many_scans (void)
{
  EncodeSpec s = {64, 64, 3, 1, 1, .scan_each = TRUE};
  g_autoptr (GByteArray) file = encode (&s);
  long scan = encode_find (file, 0xda);
  long next = scan + 2;
  g_assert_cmpint (scan, >, 0);
  while (!(file->data[next] == 0xff && file->data[next + 1] >= 0xc0))
    next++;
  g_autofree uint8_t *one = g_memdup2 (file->data + scan, (gsize)(next - scan));
  for (unsigned i = 0; i < 200; i++) {
    g_autoptr (GByteArray) head = g_byte_array_new ();
    g_byte_array_append (head, file->data, (guint)scan);
    g_byte_array_append (head, one, (guint)(next - scan));
    g_byte_array_append (head, file->data + scan, file->len - (guint)scan);
    GByteArray *old = file;
    file = g_steal_pointer (&head);
    g_byte_array_unref (old);
  }
  assert_refused (file->data, file->len, "more than 100 scans");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/image/jpeg/kinds", test_kinds);
  g_test_add_func ("/image/jpeg/rgb", test_rgb);
  g_test_add_func ("/image/jpeg/webcam", test_webcam);
  g_test_add_func ("/image/jpeg/starts", test_starts);
  g_test_add_func ("/image/jpeg/cmyk", test_cmyk);
  g_test_add_func ("/image/jpeg/inside-scan", test_inside_scan);
  g_test_add_func ("/image/jpeg/restart-intervals", test_restart_intervals);
  g_test_add_func ("/image/jpeg/long-interval", test_long_interval);
  g_test_add_func ("/image/jpeg/left-over", test_left_over);
  g_test_add_func ("/image/jpeg/no-end", test_no_end);
  g_test_add_func ("/image/jpeg/refused", test_refused);
  g_test_add_func ("/image/jpeg/crop-outside", test_crop_outside);
  g_test_add_func ("/image/jpeg/cut", test_cut);
  g_test_add_func ("/image/jpeg/cut-below-crop", test_cut_below_crop);
  g_test_add_func ("/image/jpeg/flips", test_flips);
  g_test_add_func ("/image/jpeg/many-scans", test_many_scans);
  return g_test_run ();
}
