/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/picture.h"

#include "cli/gif.h"
#include "cli/picture_bytes.h"
#include "cli/png.h"

#include <string.h>

#define BOXES_MAX ((gsize)1 << 20) /* bytes in which a size is looked for */

/* Bytes of one value of the entry: BYTE, SHORT and LONG, with a sign or without. */
static unsigned
entry_width (const Bytes *bytes, gsize entry)
{
  guint64 type = bytes_number (bytes, entry + 2, 2);

  return type == 1 || type == 6 ? 1 : type == 3 || type == 8 ? 2 : 4;
}

/* Value @i of the array that a directory's entry describes, in place when short. */
static guint64
entry_value (const Bytes *bytes, gsize entry, gsize i)
{
  unsigned width = entry_width (bytes, entry);
  guint64 count = bytes_number (bytes, entry + 4, 4);
  gsize start = count * width <= 4 ? entry + 8 : bytes_number (bytes, entry + 8, 4);

  return bytes_number (bytes, start + i * width, width);
}

/* Where the lowest eight bits lie of a single value in place. */
static gsize
entry_last_byte (const Bytes *bytes, gsize entry)
{
  unsigned width = entry_width (bytes, entry);

  return bytes_number (bytes, entry + 4, 4) == 1
             ? entry + 8 + (bytes->little_endian ? 0 : width - 1)
             : 0;
}

/* @offsets, @counts: entries of the directory that say where the strips or tiles are. */
static gboolean
strips_are_cut (const Bytes *bytes, gsize offsets, gsize counts)
{
  gsize n = bytes_number (bytes, offsets + 4, 4);

  if (offsets == 0 || counts == 0)
    return FALSE;
  for (gsize i = 0; i < n; i++)
    if (n > bytes->size ||
        bytes_end_before (bytes, entry_value (bytes, offsets, i), entry_value (bytes, counts, i)))
      return TRUE;
  return FALSE;
}

/* The attribute, or the element, of XMP. */
static void
read_xmp (PictureHeader *header, const Bytes *bytes, gsize at, gsize n)
{
  for (gsize end = MIN (at + n, bytes->size); header->xmp_orientation == 0 && at < end; at++) {
    gsize digit = at + (bytes_hold (bytes, at, "tiff:Orientation>") ? 17 : 18);

    if (bytes_hold (bytes, at, "tiff:Orientation") && bytes_number (bytes, digit, 1) - '1' < 8)
      header->xmp_orientation = bytes->data[digit] - '0';
  }
}

/* The first directory of a TIFF file, or of the Exif in another one. */
static gboolean
read_tiff (PictureHeader *header, Bytes bytes)
{
  gsize at, n, offsets = 0, counts = 0, xmp = 0;

  bytes.little_endian = bytes_hold (&bytes, 0, "II");
  if ((!bytes.little_endian && !bytes_hold (&bytes, 0, "MM")) || bytes_number (&bytes, 2, 2) != 42)
    return FALSE;
  at = bytes_number (&bytes, 4, 4);
  n = bytes_number (&bytes, at, 2);
  for (gsize i = 0; i < n && at + 2 + 12 * i < bytes.size; i++) {
    gsize entry = at + 2 + 12 * i;
    guint64 tag = bytes_number (&bytes, entry, 2), value = entry_value (&bytes, entry, 0);

    if (tag == 256)
      header->width = value;
    else if (tag == 257)
      header->height = value;
    else if (tag == 274 && value >= 1 && value <= 8) {
      header->orientation = (unsigned)value;
      header->patch_at = entry_last_byte (&bytes, entry);
      header->patch = 1;
    } else if (tag == 700)
      xmp = entry;
    else if ((tag == 258 && (value > 16 || (value & (value - 1)) != 0)) ||
             (tag == 339 && value != 1 && value != 4)) /* signed, or floating point */
      header->is_odd = TRUE;
    else if (tag == 273 || tag == 324)
      offsets = entry;
    else if (tag == 279 || tag == 325)
      counts = entry;
  }
  if (xmp > 0)
    read_xmp (header, &bytes, bytes_number (&bytes, xmp + 8, 4), bytes_number (&bytes, xmp + 4, 4));
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
  if (n > 6 && bytes_hold (bytes, at, "Exif")) { /* some keep JPEG's prefix, two zeros after it */
    at += 6;
    n -= 6;
  }
  if (read_tiff (&exif, (Bytes){bytes->data + at, n, FALSE}))
    header->orientation = exif.orientation;
}

/* Exif as ImageMagick writes it. FALSE: it is something else. */
static gboolean
read_profile (PictureHeader *header, const guint8 *chunk, gsize size)
{
  g_autoptr (GBytes) exif = png_exif_profile (chunk, size);
  gsize n;

  if (exif == NULL)
    return FALSE;
  const guint8 *data = g_bytes_get_data (exif, &n);
  read_exif (header, &(Bytes){data, n, FALSE}, 0, n);
  return TRUE;
}

static void
read_png (PictureHeader *header, const Bytes *bytes)
{
  gsize at = 8, size = bytes_hold (bytes, 12, "IHDR") ? 16 : bytes->size;
  gboolean has_profile = FALSE;

  header->width = bytes_number (bytes, size, 4);
  header->height = bytes_number (bytes, size + 4, 4);
  header->is_deep = bytes_number (bytes, size + 8, 1) == 16;
  while (at < bytes->size &&
         !bytes_hold (bytes, at + 4, "IEND")) { /* length, type, data, checksum */
    gsize n = bytes_number (bytes, at, 4);

    if (bytes_hold (bytes, at + 4, "eXIf"))
      read_exif (header, bytes, at + 8, n);
    else if (bytes_hold (bytes, at + 4, "iTXtXML:com.adobe.xmp"))
      read_xmp (header, bytes, at + 8, n);
    else if (header->orientation == 0 && !has_profile && !bytes_end_before (bytes, at + 8, n))
      has_profile = read_profile (header, bytes->data + at + 4, n + 4);
    at += 12 + n;
  }
  header->is_cut = at >= bytes->size;
}

static void
read_gif (PictureHeader *header, Bytes bytes)
{
  gsize at = 13 + gif_table_size (bytes_number (&bytes, 10, 1)); /* past the colours */
  gboolean is_image;

  bytes.little_endian = TRUE;
  header->width = bytes_number (&bytes, 6, 2);
  header->height = bytes_number (&bytes, 8, 2);
  do { /* extensions, then the first image */
    is_image = bytes_number (&bytes, at, 1) == ',';
    if (bytes_hold (&bytes, at, "!\xf9\4") && (bytes_number (&bytes, at + 3, 1) & 1) != 0) {
      header->patch_at = at + 3;
      header->patch = (guint8)bytes_number (&bytes, at + 3, 1) & 0xfe;
    }
    gsize packed = at + 10 + gif_table_size (bytes_number (&bytes, at + 9, 1));
    if (is_image)
      header->is_cut = !gif_is_whole (
          &bytes, packed, bytes_number (&bytes, at + 5, 2) * bytes_number (&bytes, at + 7, 2));
    at = gif_past_blocks (&bytes, is_image ? packed + 1 : at + 2);
  } while (!is_image && at < bytes.size);
  header->is_cut = header->is_cut || !is_image || at > bytes.size;
}

/* A picture that moves: its first frame is a still WebP without a head of its own. */
static void
read_webp_frame (PictureHeader *header, const Bytes *bytes, gsize data, gsize n)
{
  if (header->frame_size > 0 || n <= 16 || bytes_end_before (bytes, data, n))
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
    gsize n = bytes_number (&bytes, at + 4, 4), data = at + 8;

    if (bytes_hold (&bytes, at, "VP8X")) {
      header->width = bytes_number (&bytes, data + 4, 3) + 1;
      header->height = bytes_number (&bytes, data + 7, 3) + 1;
    } else if (bytes_hold (&bytes, at, "VP8 ") && header->width == 0) {
      header->width = bytes_number (&bytes, data + 6, 2) & 0x3fff;
      header->height = bytes_number (&bytes, data + 8, 2) & 0x3fff;
    } else if (bytes_hold (&bytes, at, "VP8L") && header->width == 0) {
      header->width = (bytes_number (&bytes, data + 1, 4) & 0x3fff) + 1;
      header->height = (bytes_number (&bytes, data + 1, 4) >> 14 & 0x3fff) + 1;
    } else if (bytes_hold (&bytes, at, "EXIF")) {
      read_exif (header, &bytes, data, n);
    } else if (bytes_hold (&bytes, at, "XMP ")) {
      read_xmp (header, &bytes, data, n);
    } else if (bytes_hold (&bytes, at, "ANMF")) {
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
  if (bytes_number (&bytes, 14, 4) == 12) { /* OS/2 */
    header->width = bytes_number (&bytes, 18, 2);
    header->height = bytes_number (&bytes, 20, 2);
    return;
  }
  height = (gint32)bytes_number (&bytes, 22, 4); /* below 0: from the top */
  compression = bytes_number (&bytes, 30, 4);
  header->width = bytes_number (&bytes, 18, 4);
  header->height = height < 0 ? (guint64) - (gint64)height : (guint64)height;
  if (compression == 0 || compression == 3) { /* rows of whole 32-bit words */
    guint64 row = (header->width * bytes_number (&bytes, 28, 2) + 31) / 32 * 4;

    header->is_cut = header->height > bytes.size ||
                     bytes_end_before (&bytes, bytes_number (&bytes, 10, 4), row * header->height);
  } else if (compression <= 2) /* runs of equal pixels, so many bytes */
    header->is_cut =
        bytes_end_before (&bytes, bytes_number (&bytes, 10, 4), bytes_number (&bytes, 34, 4));
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
  header->is_cut =
      header->height > bytes->size || bytes_end_before (bytes, at, row * header->height);
}

/* The largest of the sizes of items ("ispe": flags, width, height), so that tiles do not count. */
static void
read_heif (PictureHeader *header, const Bytes *bytes)
{
  for (gsize at = 0; at + 16 <= bytes->size && at < BOXES_MAX; at++) {
    if (!bytes_hold (bytes, at, "ispe"))
      continue;
    header->width = MAX (header->width, bytes_number (bytes, at + 8, 4));
    header->height = MAX (header->height, bytes_number (bytes, at + 12, 4));
  }
}

/* The size of a JPEG 2000 picture is in its codestream's first segment: the area's corner, less
 * that of the picture in it. */
static void
read_codestream (PictureHeader *header, const Bytes *bytes, gsize at)
{
  guint64 right = bytes_number (bytes, at + 8, 4), below = bytes_number (bytes, at + 12, 4);

  header->width = right - MIN (right, bytes_number (bytes, at + 16, 4));
  header->height = below - MIN (below, bytes_number (bytes, at + 20, 4));
}

/* The codestream is a box of the file. Whose colours are a table, or other than RGB or grey, is not
 * read: the decoder sees the codestream alone. */
static void
read_jp2 (PictureHeader *header, const Bytes *bytes)
{
  gboolean is_plain = TRUE;
  gsize n;

  for (gsize at = 0; at + 8 <= bytes->size; at += n) { /* length, type; 0: up to the end */
    n = bytes_number (bytes, at, 4);
    if (n == 0 || n > bytes->size - at)
      n = bytes->size - at;
    if (n < 8)
      return;
    for (gsize i = at + 8; bytes_hold (bytes, at + 4, "jp2h") && i + 8 <= at + n; i++) {
      if (bytes_hold (bytes, i, "pclr") ||
          (bytes_hold (bytes, i, "colr\1") && bytes_number (bytes, i + 7, 4) != 16 &&
           bytes_number (bytes, i + 7, 4) != 17))
        is_plain = FALSE;
    }
    if (bytes_hold (bytes, at + 4, "jp2c") && is_plain) {
      header->frame_at = at + 8;
      header->frame_size = n - 8;
      read_codestream (header, bytes, at + 8);
    }
  }
}

/* The largest of its pictures. One that is a PNG says its size itself, and is read as one. */
static void
read_ico (PictureHeader *header, Bytes bytes)
{
  bytes.little_endian = TRUE;
  for (gsize i = 0, n = bytes_number (&bytes, 4, 2); i < n && 6 + 16 * i < bytes.size; i++) {
    gsize entry = 6 + 16 * i, size = bytes_number (&bytes, entry + 8, 4),
          at = bytes_number (&bytes, entry + 12, 4);
    guint64 width = (bytes_number (&bytes, entry, 1) + 255) % 256 + 1; /* 0 is 256 */
    guint64 height = (bytes_number (&bytes, entry + 1, 1) + 255) % 256 + 1;

    header->is_cut = header->is_cut || bytes_end_before (&bytes, at, size);
    if (header->is_cut || width * height <= header->width * header->height)
      continue;
    header->width = width;
    header->height = height;
    header->frame_at = at;
    header->frame_size = bytes_hold (&bytes, at, "\x89PNG") ? size : 0;
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
    if (bytes_hold (bytes, 4, "ftyp") && bytes_hold (bytes, 8, brands[i].brand))
      return brands[i].media;
  if (bytes_hold (bytes, 4, "jP  \r\n"))
    return "image/jp2";
  return bytes_hold (bytes, 4, "JXL \r\n") || bytes_hold (bytes, 0, "\xff\x0a") ? "image/jxl"
                                                                                : NULL;
}

gboolean
picture_read_header (PictureHeader *header, const guint8 *data, gsize size)
{
  Bytes bytes = {data, size, FALSE};

  *header = (PictureHeader){.media = box_media (&bytes)};
  if (g_strcmp0 (header->media, "image/heif") == 0 || g_strcmp0 (header->media, "image/avif") == 0)
    read_heif (header, &bytes);
  if (g_strcmp0 (header->media, "image/jp2") == 0)
    read_jp2 (header, &bytes);
  if (bytes_hold (&bytes, 0, "\xff\xd8\xff")) {
    header->media = "image/jpeg";
  } else if (bytes_hold (&bytes, 0, "\x89PNG\r\n\x1a\n")) {
    header->media = "image/png";
    read_png (header, &bytes);
  } else if (bytes_hold (&bytes, 0, "GIF87a") || bytes_hold (&bytes, 0, "GIF89a")) {
    header->media = "image/gif";
    read_gif (header, bytes);
  } else if (bytes_hold (&bytes, 0, "RIFF") && bytes_hold (&bytes, 8, "WEBP")) {
    header->media = "image/webp";
    read_webp (header, bytes);
  } else if (bytes_hold (&bytes, 0, "8BPS")) {
    header->media = "image/vnd.adobe.photoshop";
  } else if (size > 6 && memcmp (data, "\0\0\1\0", 4) == 0 && bytes_number (&bytes, 4, 2) != 0 &&
             bytes_number (&bytes, 9, 1) == 0) {
    header->media = "image/x-icon";
    read_ico (header, bytes);
  } else if (bytes_hold (&bytes, 0, "\xff\x4f\xff\x51")) {
    header->media = "image/x-jpc";
    read_codestream (header, &bytes, 0);
  } else if (bytes_hold (&bytes, 0, "BM") &&
             bytes_number (&bytes, 15, 3) == 0) { /* of the header's length */
    header->media = "image/bmp";
    read_bmp (header, bytes);
  } else if (size > 2 && data[0] == 'P' && data[1] >= '1' && data[1] <= '6' &&
             (g_ascii_isspace (data[2]) || data[2] == '#')) {
    header->media = "image/x-portable-anymap";
    read_pnm (header, &bytes);
  } else if (read_tiff (header, bytes)) {
    header->media = "image/tiff";
  } else if (size > 4 && (!memcmp (data, "II+\0", 4) || !memcmp (data, "MM\0+", 4))) {
    header->media = "image/x-bigtiff";
  } else if (bytes_hold (&bytes, 0, "\xff\xd8")) { /* libjpeg passes over what is before a marker */
    header->media = "image/jpeg";
  }
  header->orientation = header->orientation > 0 ? header->orientation : header->xmp_orientation;
  return header->media != NULL;
}
