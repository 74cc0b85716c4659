/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/picture.h"

#include <string.h>

#define BOXES_MAX ((gsize)1 << 20) /* bytes in which a size is looked for */

typedef struct {
  const guint8 *data;
  gsize size;
  gboolean little_endian;
} Bytes;

/* @n bytes at @at as a number; 0 beyond the end. */
static guint64
number (const Bytes *bytes, gsize at, unsigned n)
{
  guint64 value = 0;

  if (at > bytes->size || n > bytes->size - at)
    return 0;
  for (unsigned i = 0; i < n; i++)
    value = value << 8 | bytes->data[at + (bytes->little_endian ? n - 1 - i : i)];
  return value;
}

static gboolean
holds (const Bytes *bytes, gsize at, const char *text)
{
  gsize n = strlen (text);

  return at <= bytes->size && n <= bytes->size - at && memcmp (bytes->data + at, text, n) == 0;
}

static gboolean
ends_before (const Bytes *bytes, guint64 at, guint64 n)
{
  return at > bytes->size || n > bytes->size - at;
}

/* Value @i of the array that a directory's entry describes: SHORT or LONG, in place when short. */
static guint64
entry_value (const Bytes *bytes, gsize entry, gsize i)
{
  unsigned width = number (bytes, entry + 2, 2) == 3 ? 2 : 4;
  guint64 count = number (bytes, entry + 4, 4);
  gsize start = count * width <= 4 ? entry + 8 : number (bytes, entry + 8, 4);

  return number (bytes, start + i * width, width);
}

/* Where the lowest eight bits lie of a single value in place. */
static gsize
entry_last_byte (const Bytes *bytes, gsize entry)
{
  unsigned width = number (bytes, entry + 2, 2) == 3 ? 2 : 4;

  return number (bytes, entry + 4, 4) == 1 ? entry + 8 + (bytes->little_endian ? 0 : width - 1) : 0;
}

/* @offsets, @counts: entries of the directory that say where the strips or tiles are. */
static gboolean
strips_are_cut (const Bytes *bytes, gsize offsets, gsize counts)
{
  gsize n = number (bytes, offsets + 4, 4);

  if (offsets == 0 || counts == 0)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (n > bytes->size ||
        ends_before (bytes, entry_value (bytes, offsets, i), entry_value (bytes, counts, i)))
      return TRUE;
  return FALSE;
}

/* The first directory of a TIFF file, or of the Exif in another one. */
static gboolean
read_tiff (PictureHeader *header, Bytes bytes)
{
  gsize at, n, offsets = 0, counts = 0;

  bytes.little_endian = holds (&bytes, 0, "II");
  if ((!bytes.little_endian && !holds (&bytes, 0, "MM")) || number (&bytes, 2, 2) != 42)
    return FALSE;
  at = number (&bytes, 4, 4);
  n = number (&bytes, at, 2);
  for (gsize i = 0; i < n && at + 2 + 12 * i < bytes.size; i++) {
    gsize entry = at + 2 + 12 * i;
    guint64 tag = number (&bytes, entry, 2), value = entry_value (&bytes, entry, 0);

    if (tag == 256)
      header->width = value;
    else if (tag == 257)
      header->height = value;
    else if (tag == 274 && value >= 1 && value <= 8) {
      header->orientation = (unsigned)value;
      header->orientation_at = entry_last_byte (&bytes, entry);
    } else if (tag == 273 || tag == 324)
      offsets = entry;
    else if (tag == 279 || tag == 325)
      counts = entry;
  }
  header->is_cut = strips_are_cut (&bytes, offsets, counts);
  return TRUE;
}

/* Orientation alone: the size is the picture's own affair. */
static void
read_exif (PictureHeader *header, const Bytes *bytes, gsize at, gsize n)
{
  PictureHeader exif = {0};

  if (at > bytes->size || n > bytes->size - at)
    return;
  if (holds (bytes, at, "Exif") &&
      n > 6) { /* some writers keep JPEG's prefix, two zeros after it */
    at += 6;
    n -= 6;
  }
  if (read_tiff (&exif, (Bytes){bytes->data + at, n, FALSE}))
    header->orientation = exif.orientation;
}

static void
read_png (PictureHeader *header, const Bytes *bytes)
{
  gsize at = 8;

  header->width = number (bytes, 16, 4);
  header->height = number (bytes, 20, 4);
  header->is_deep = number (bytes, 24, 1) == 16;
  while (at < bytes->size && !holds (bytes, at + 4, "IEND")) { /* length, type, data, checksum */
    gsize n = number (bytes, at, 4);

    if (holds (bytes, at + 4, "eXIf"))
      read_exif (header, bytes, at + 8, n);
    at += 12 + n;
  }
  header->is_cut = at >= bytes->size;
}

static void
read_gif (PictureHeader *header, Bytes bytes)
{
  unsigned flags = (unsigned)number (&bytes, 10, 1);
  gsize at = 13 + (flags & 0x80 ? 6u << (flags & 7) : 0); /* past the colours */
  gboolean is_image;

  bytes.little_endian = TRUE;
  header->width = number (&bytes, 6, 2);
  header->height = number (&bytes, 8, 2);
  do { /* extensions, then the first image; each a chain of blocks with their lengths */
    is_image = number (&bytes, at, 1) == ',';
    flags = is_image ? (unsigned)number (&bytes, at + 9, 1) : 0;
    at += is_image ? 11 + (flags & 0x80 ? 6u << (flags & 7) : 0) : 2;
    while (number (&bytes, at, 1) != 0)
      at += 1 + number (&bytes, at, 1);
    at++;
  } while (!is_image && at < bytes.size);
  header->is_cut = at > bytes.size;
}

/* A picture that moves: its first frame is a still WebP without a head of its own. */
static void
read_webp_frame (PictureHeader *header, const Bytes *bytes, gsize data, gsize n)
{
  if (header->frame_size > 0 || n <= 16 || ends_before (bytes, data, n))
    return;
  header->frame_at = data + 16; /* behind place, size, duration and flags */
  header->frame_size = n - 16;
}

static void
read_webp (PictureHeader *header, Bytes bytes)
{
  gsize at = 12;

  bytes.little_endian = TRUE;
  while (at < bytes.size) { /* type, length, data, padded to an even length */
    gsize n = number (&bytes, at + 4, 4), data = at + 8;

    if (holds (&bytes, at, "VP8X")) {
      header->width = number (&bytes, data + 4, 3) + 1;
      header->height = number (&bytes, data + 7, 3) + 1;
    } else if (holds (&bytes, at, "VP8 ") && header->width == 0) {
      header->width = number (&bytes, data + 6, 2) & 0x3fff;
      header->height = number (&bytes, data + 8, 2) & 0x3fff;
    } else if (holds (&bytes, at, "VP8L") && header->width == 0) {
      header->width = (number (&bytes, data + 1, 4) & 0x3fff) + 1;
      header->height = (number (&bytes, data + 1, 4) >> 14 & 0x3fff) + 1;
    } else if (holds (&bytes, at, "EXIF")) {
      read_exif (header, &bytes, data, n);
    } else if (holds (&bytes, at, "ANMF")) {
      read_webp_frame (header, &bytes, data, n);
    }
    at = data + n + n % 2;
  }
}

static void
read_bmp (PictureHeader *header, Bytes bytes)
{
  gint32 height;
  guint64 compression;

  bytes.little_endian = TRUE;
  if (number (&bytes, 14, 4) == 12) { /* OS/2 */
    header->width = number (&bytes, 18, 2);
    header->height = number (&bytes, 20, 2);
    return;
  }
  height = (gint32)number (&bytes, 22, 4); /* below 0: from the top */
  compression = number (&bytes, 30, 4);
  header->width = number (&bytes, 18, 4);
  header->height = height < 0 ? (guint64) - (gint64)height : (guint64)height;
  if (compression == 0 || compression == 3) { /* rows of whole 32-bit words */
    guint64 row = (header->width * number (&bytes, 28, 2) + 31) / 32 * 4;

    header->is_cut = header->height > bytes.size ||
                     ends_before (&bytes, number (&bytes, 10, 4), row * header->height);
  }
}

/* "P6 # comment\n 640 480 255\n" */
static void
read_pnm (PictureHeader *header, const Bytes *bytes)
{
  guint64 sizes[3] = {0, 0, 1}; /* width, height, largest value */
  unsigned kind = bytes->data[1] - '0', n = kind == 1 || kind == 4 ? 2 : 3;
  guint64 samples, row;
  gsize at = 2;

  for (unsigned i = 0; i < n; i++) {
    while (at < bytes->size && !g_ascii_isdigit (bytes->data[at]))
      if (bytes->data[at++] == '#')
        while (at < bytes->size && bytes->data[at] != '\n')
          at++;
    sizes[i] = 0;
    for (; at < bytes->size && g_ascii_isdigit (bytes->data[at]); at++)
      sizes[i] = MIN (sizes[i] * 10 + (guint64)(bytes->data[at] - '0'), G_MAXINT32);
  }
  header->width = sizes[0];
  header->height = sizes[1];
  samples = sizes[0] * (kind % 3 == 0 ? 3 : 1);
  row = kind == 4 ? (samples + 7) / 8 : samples * (kind > 4 && sizes[2] > 255 ? 2 : 1);
  header->is_cut = header->height > bytes->size || ends_before (bytes, at, row * header->height);
}

/* The largest of the sizes of items ("ispe": flags, width, height), so that tiles do not count. */
static void
read_heif (PictureHeader *header, const Bytes *bytes)
{
  for (gsize at = 0; at + 16 <= bytes->size && at < BOXES_MAX; at++) {
    if (!holds (bytes, at, "ispe"))
      continue;
    header->width = MAX (header->width, number (bytes, at + 8, 4));
    header->height = MAX (header->height, number (bytes, at + 12, 4));
  }
}

/* Of the files built of boxes those that are pictures. */
static const char *
box_media (const Bytes *bytes)
{
  static const struct {
    const char *brand, *media;
  } brands[] = {{"heic", "image/heif"}, {"heix", "image/heif"}, {"heim", "image/heif"},
                {"mif1", "image/heif"}, {"avif", "image/avif"}, {"jp2 ", "image/jp2"},
                {"jxl ", "image/jxl"}};

  for (gsize i = 0; i < G_N_ELEMENTS (brands); i++)
    if (holds (bytes, 4, "ftyp") && holds (bytes, 8, brands[i].brand))
      return brands[i].media;
  if (holds (bytes, 4, "jP  \r\n"))
    return "image/jp2";
  return holds (bytes, 4, "JXL \r\n") || holds (bytes, 0, "\xff\x0a") ? "image/jxl" : NULL;
}

gboolean
picture_read_header (PictureHeader *header, const guint8 *data, gsize size)
{
  Bytes bytes = {data, size, FALSE};

  *header = (PictureHeader){.media = box_media (&bytes)};
  if (g_strcmp0 (header->media, "image/heif") == 0 || g_strcmp0 (header->media, "image/avif") == 0)
    read_heif (header, &bytes);
  if (holds (&bytes, 0, "\xff\xd8\xff")) {
    header->media = "image/jpeg";
  } else if (holds (&bytes, 0, "\x89PNG\r\n\x1a\n")) {
    header->media = "image/png";
    read_png (header, &bytes);
  } else if (holds (&bytes, 0, "GIF87a") || holds (&bytes, 0, "GIF89a")) {
    header->media = "image/gif";
    read_gif (header, bytes);
  } else if (holds (&bytes, 0, "RIFF") && holds (&bytes, 8, "WEBP")) {
    header->media = "image/webp";
    read_webp (header, bytes);
  } else if (holds (&bytes, 0, "8BPS")) {
    header->media = "image/vnd.adobe.photoshop";
  } else if (size > 6 && memcmp (data, "\0\0\1\0", 4) == 0 && number (&bytes, 9, 1) == 0) {
    header->media = "image/x-icon";
  } else if (holds (&bytes, 0, "BM") && number (&bytes, 15, 3) == 0) { /* of the header's length */
    header->media = "image/bmp";
    read_bmp (header, bytes);
  } else if (size > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' &&
             (g_ascii_isspace (data[2]) || data[2] == '#')) {
    header->media = "image/x-portable-anymap";
    read_pnm (header, &bytes);
  } else if (read_tiff (header, bytes)) {
    header->media = "image/tiff";
  }
  return header->media != NULL;
}

GBytes *
picture_first_frame (const PictureHeader *header, GBytes *picture)
{
  guint32 size;
  GByteArray *still = g_byte_array_new ();
  const guint8 *frame = (const guint8 *)g_bytes_get_data (picture, NULL) + header->frame_at;
  Bytes bytes = {frame, header->frame_size, TRUE};
  gsize skip =
      holds (&bytes, 0, "ALPH") ? 8 + number (&bytes, 4, 4) + number (&bytes, 4, 4) % 2 : 0;

  skip = MIN (skip, header->frame_size); /* transparency needs a head that nobody looks at */
  size = GUINT32_TO_LE ((guint32)(header->frame_size - skip) + 4);
  g_byte_array_append (still, (const guint8 *)"RIFF", 4);
  g_byte_array_append (still, (const guint8 *)&size, 4);
  g_byte_array_append (still, (const guint8 *)"WEBP", 4);
  g_byte_array_append (still, frame + skip, (guint)(header->frame_size - skip));
  return g_byte_array_free_to_bytes (still);
}

const char *
picture_other (const guint8 *data, gsize size)
{
  static const struct {
    const char *bytes;
    gsize n;
    const char *what;
  } others[] = {
      {"%PDF", 4, "a PDF document"},
      {"PK\3\4", 4, "a zip archive, or a document that is one"},
      {"\x1f\x8b", 2, "a gzip archive"},
      {"Rar!", 4, "a RAR archive"},
      {"7z\xbc\xaf", 4, "a 7-zip archive"},
      {"\x80\2", 2, "a Python pickle"},
      {"\x93NUMPY", 6, "a NumPy array"},
      {"\x89HDF", 4, "an HDF5 file"},
      {"\x7f"
       "ELF",
       4, "a program"},
      {"\xd0\xcf\x11\xe0", 4, "an Office document"},
      {"SQLite format 3", 15, "an SQLite database"},
      {"version https://git-lfs", 23, "a Git LFS pointer: `git lfs pull` gets the file itself"}};

  if (size == 0)
    return "empty";
  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    if (size >= others[i].n && memcmp (data, others[i].bytes, others[i].n) == 0)
      return others[i].what;
  return NULL;
}
