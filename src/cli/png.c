/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/png.h"

#include <gio/gio.h>
#include <string.h>

#define TEXT_MAX ((gsize)1 << 20) /* bytes: an Exif segment has at most 64 KiB */

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

/* The digits of a packed text, of its first TEXT_MAX bytes; none where it is damaged. */
static GBytes *
unpack (const guint8 *data, gsize size)
{
  g_autoptr (GInputStream) packed = g_memory_input_stream_new_from_data (data, (gssize)size, NULL);
  g_autoptr (GConverter) zlib =
      G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  g_autoptr (GInputStream) stream = g_converter_input_stream_new (packed, zlib);
  g_autofree guint8 *text = g_malloc (TEXT_MAX);
  gsize n = 0;
  gboolean is_sound = g_input_stream_read_all (stream, text, TEXT_MAX, &n, NULL, NULL);

  return read_digits (text, is_sound ? n : 0);
}

GBytes *
png_exif_profile (const guint8 *chunk, gsize size)
{
  static const char *const names[] = {"Raw profile type exif", "Raw profile type APP1"};
  gboolean is_packed = size > 4 && memcmp (chunk, "zTXt", 4) == 0;

  if (!is_packed && (size <= 4 || memcmp (chunk, "tEXt", 4) != 0))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    gsize at = 4 + strlen (names[i]) + 1 + is_packed; /* behind NUL and the way of packing */

    if (size <= at || memcmp (chunk + 4, names[i], strlen (names[i]) + 1) != 0)
      continue;
    return (is_packed ? unpack : read_digits) (chunk + at, size - at);
  }
  return NULL;
}
