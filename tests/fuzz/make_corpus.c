/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Writes the corpora of fuzz-jpeg and fuzz-format again: make-corpus FOLDER/jpeg FOLDER/format */
#include <stdio.h>
#include <string.h>

#include "../image/encode.h"
#include "image/frontend.h"

static gboolean
save (const char *folder, const char *name, const void *bytes, size_t size)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  return g_file_set_contents (path, bytes, (gssize)size, NULL);
}

static gboolean
save_jpeg (const char *folder, const char *name, guint8 how, const EncodeSpec *spec, gboolean bare)
{
  g_autoptr (GByteArray) file = encode (spec);
  if (bare)
    encode_drop (file, 0xc4);
  g_byte_array_prepend (file, &how, 1);
  return save (folder, name, file->data, file->len);
}

static gboolean
jpegs (const char *folder)
{
  static const struct {
    const char *name;
    guint8 how;
    EncodeSpec spec;
  } all[] = {
      {"grey", 0, {.width = 9, .height = 7, .components = 1}},
      {"444", 1, {.width = 17, .height = 9, .components = 3, .h = 1, .v = 1}},
      {"422-full", 2, {.width = 24, .height = 16, .components = 3, .h = 2, .v = 1}},
      {"420", 5, {.width = 33, .height = 17, .components = 3, .h = 2, .v = 2}},
      {"411", 9, {.width = 40, .height = 8, .components = 3, .h = 4, .v = 1}},
      {"440", 4, {.width = 8, .height = 24, .components = 3, .h = 1, .v = 2}},
      {"420-eighth",
       1,
       {.width = 200, .height = 190, .components = 3, .h = 2, .v = 2, .quality = 20}},
      {"progressive",
       1,
       {.width = 20, .height = 20, .components = 3, .h = 2, .v = 2, .progressive = TRUE}},
      {"arithmetic",
       3,
       {.width = 20, .height = 20, .components = 3, .h = 2, .v = 1, .arithmetic = TRUE}},
      {"arithmetic-progressive",
       0,
       {.width = 16, .height = 16, .components = 3, .arithmetic = TRUE, .progressive = TRUE}},
      {"scan-each", 0x51, {.width = 20, .height = 20, .components = 3, .scan_each = TRUE}},
      {"restart", 1, {.width = 64, .height = 16, .components = 3, .h = 2, .v = 1, .restart = 1}},
      {"rgb", 1, {.width = 16, .height = 16, .components = 3, .rgb = TRUE}},
      {"cmyk", 0, {.width = 8, .height = 8, .components = 4}},
  };
  gboolean good = TRUE;
  for (unsigned i = 0; i < G_N_ELEMENTS (all); i++)
    good = good && save_jpeg (folder, all[i].name, all[i].how, &all[i].spec, FALSE);
  return good && save_jpeg (folder, "no-tables", 1, &all[2].spec, TRUE) &&
         save (folder, "one-byte", "\1", 1);
}

static gboolean
formats (const char *folder)
{
  gboolean good = TRUE;
  for (guint8 f = 0; f < EFFNET_PIXEL_FORMAT_JPEG; f++) {
    /* format, 16-bit width and height, colorimetry, pixel aspect ratio, crop, spec, planes */
    guint8 bytes[] = {f,
                      0,
                      (guint8)(f * 5 + 1),
                      0,
                      (guint8)(f * 3 + 1),
                      f % 6,
                      f % 3,
                      f % 4,
                      0,
                      1,
                      0,
                      1,
                      0,
                      f % 2,
                      0,
                      0,
                      0,
                      0,
                      0,
                      0,
                      23,
                      23,
                      f % 4,
                      0,
                      f % 2,
                      222,
                      f,
                      77,
                      0,
                      3,
                      99,
                      0,
                      2,
                      200,
                      0};
    g_autofree char *name = g_strdup_printf ("format-%02u", f);
    good = good && save (folder, name, bytes, sizeof bytes);
  }
  return good;
}

int
main (int argc, char **argv)
{
  if (argc != 3) {
    fprintf (stderr, "make-corpus FOLDER/jpeg FOLDER/format\n");
    return 2;
  }
  return jpegs (argv[1]) && formats (argv[2]) ? 0 : 1;
}
