/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/png.h"

#include <gio/gio.h>
#include <string.h>

#define TEXT_MAX ((gsize)1 << 20) /* bytes: an Exif segment has at most 64 KiB */

/* A packed text, up to TEXT_MAX bytes of it; NULL when it is damaged. */
static GByteArray *
unpack (const guint8 *data, gsize size)
{
  g_autoptr (GConverter) zlib =
      G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  GByteArray *text = g_byte_array_new ();
  GConverterResult result = G_CONVERTER_CONVERTED;

  while (result == G_CONVERTER_CONVERTED && text->len < TEXT_MAX) {
    guint8 part[4096];
    gsize read = 0, written = 0;

    result = g_converter_convert (zlib, data, size, part, sizeof part, G_CONVERTER_INPUT_AT_END,
                                  &read, &written, NULL);
    if (result == G_CONVERTER_ERROR)
      break;
    g_byte_array_append (text, part, (guint)written);
    data += read;
    size -= read;
  }
  if (result != G_CONVERTER_ERROR)
    return text;
  g_byte_array_unref (text);
  return NULL;
}

/* "\nexif\n    1234\n45786966..." */
static GBytes *
read_digits (const guint8 *text, gsize size)
{
  GByteArray *bytes = g_byte_array_new ();
  unsigned lines = 0, n = 0;
  guint8 byte = 0;

  for (gsize i = 0; i < size; i++) {
    lines += text[i] == '\n';
    if (lines < 3 || !g_ascii_isxdigit (text[i]))
      continue;
    byte = (guint8)(byte << 4 | g_ascii_xdigit_value ((char)text[i]));
    if (++n % 2 == 0)
      g_byte_array_append (bytes, &byte, 1);
  }
  return g_byte_array_free_to_bytes (bytes);
}

GBytes *
png_exif_profile (const guint8 *chunk, gsize size)
{
  static const char *const names[] = {"Raw profile type exif", "Raw profile type APP1"};
  gboolean is_packed = size > 4 && memcmp (chunk, "zTXt", 4) == 0;
  g_autoptr (GByteArray) text = NULL;

  if (!is_packed && (size <= 4 || memcmp (chunk, "tEXt", 4) != 0))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    gsize at = 4 + strlen (names[i]) + 1 + is_packed; /* behind NUL and the way of packing */

    if (size <= at || memcmp (chunk + 4, names[i], strlen (names[i]) + 1) != 0)
      continue;
    if (!is_packed)
      return read_digits (chunk + at, size - at);
    text = unpack (chunk + at, size - at);
    return text != NULL ? read_digits (text->data, text->len) : NULL;
  }
  return NULL;
}
