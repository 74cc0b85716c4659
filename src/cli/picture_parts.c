/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Pages of a TIFF, frames of GIF and WebP: where they are, and each as a file of its own. */
#include "cli/picture.h"
#include "cli/gif.h"
#include "cli/picture_bytes.h"

#define GIF_FRAME_MIN 12    /* bytes */
#define PARTS_MAX     10000 /* pages or frames of one file */

static void
append_number (GByteArray *bytes, guint64 value, unsigned n)
{
  for (unsigned i = 0; i < n; i++)
    g_byte_array_append (bytes, (const guint8[]){(guint8)(value >> 8 * i)}, 1);
}

/* A still WebP of the frame at @at. Transparency needs a head with the frame's size. */
static GBytes *
still_webp (GBytes *picture, gsize at, gsize size, gboolean is_transparent)
{
  GByteArray *still = g_byte_array_new ();
  const guint8 *frame = (const guint8 *)g_bytes_get_data (picture, NULL) + at;
  Bytes bytes = {frame, size, TRUE};
  gsize skip = bytes_hold (&bytes, 0, "ALPH")
                   ? 8 + bytes_number (&bytes, 4, 4) + bytes_number (&bytes, 4, 4) % 2
                   : 0;
  gboolean has_head = is_transparent && skip > 0 && at >= 16;

  skip = has_head ? 0 : MIN (skip, size);
  g_byte_array_append (still, (const guint8 *)"RIFF", 4);
  append_number (still, size - skip + (has_head ? 22 : 4), 4);
  g_byte_array_append (still, (const guint8 *)"WEBP", 4);
  if (has_head) {
    g_byte_array_append (still, (const guint8 *)"VP8X", 4);
    append_number (still, 10, 4);
    append_number (still, 0x10, 4);             /* it has transparency */
    g_byte_array_append (still, frame - 10, 6); /* width and height, less one, of the frame */
  }
  g_byte_array_append (still, frame + skip, (guint)(size - skip));
  return g_byte_array_free_to_bytes (still);
}

GBytes *
picture_first_frame (PictureHeader *header, GBytes *picture)
{
  GBytes *frame;
  gsize size;
  const guint8 *data;

  if (strcmp (header->media, "image/webp") == 0)
    return still_webp (picture, header->frame_at, header->frame_size, FALSE);
  frame = g_bytes_new_from_bytes (picture, header->frame_at, header->frame_size);
  data = g_bytes_get_data (frame, &size);
  picture_read_header (header, data, size);
  return frame;
}

static gboolean
is_listed (const GArray *parts, gsize at)
{
  for (guint i = 0; i < parts->len; i++)
    if (g_array_index (parts, PicturePart, i).at == at)
      return TRUE;
  return FALSE;
}

static void
list_pages (GArray *parts, Bytes bytes)
{
  gsize at;

  bytes.little_endian = bytes_hold (&bytes, 0, "II");
  for (at = bytes_number (&bytes, 4, 4); /* a chain, which must not go in a circle */
       at > 0 && at < bytes.size && parts->len < PARTS_MAX && !is_listed (parts, at);
       at = bytes_number (&bytes, at + 2 + 12 * bytes_number (&bytes, at, 2), 4)) {
    const PicturePart page = {.at = at};

    g_array_append_val (parts, page);
  }
}

static void
list_frames (GArray *parts, Bytes bytes)
{
  guint64 start_ms = 0;

  bytes.little_endian = TRUE;
  for (gsize at = 12; at < bytes.size && parts->len < PARTS_MAX;) {
    gsize n = bytes_number (&bytes, at + 4, 4), data = at + 8;
    unsigned flags = (unsigned)bytes_number (&bytes, data + 15, 1);
    const PicturePart frame = {.at = data + 16,
                               .size = n - 16,
                               .x = 2 * (unsigned)bytes_number (&bytes, data, 3),
                               .y = 2 * (unsigned)bytes_number (&bytes, data + 3, 3),
                               .start_ms = start_ms,
                               .replaces = (flags & 2) != 0,
                               .clears = (flags & 1) != 0};

    if (bytes_hold (&bytes, at, "ANMF") && n > 16 && !bytes_end_before (&bytes, data, n)) {
      start_ms += bytes_number (&bytes, data + 12, 3);
      g_array_append_val (parts, frame);
    }
    at = data + n + n % 2;
  }
}

static void
list_gif (GArray *parts, Bytes bytes)
{
  guint64 start_ms = 0;
  gsize control = 0;

  bytes.little_endian = TRUE;
  for (gsize at = 13 + gif_table_size (bytes_number (&bytes, 10, 1)), end;
       at < bytes.size && parts->len < PARTS_MAX; at = end) {
    guint64 kind = bytes_number (&bytes, at, 1),
            how = bytes_number (&bytes, control + 3, 1) >> 2 & 7;

    if ((kind != ',' && kind != '!') || bytes_end_before (&bytes, at, GIF_FRAME_MIN))
      break;
    end = gif_past_blocks (&bytes, at + 2);
    if (kind == '!' && bytes_number (&bytes, at + 1, 1) == 0xf9)
      control = at;
    if (kind == '!')
      continue;
    end = gif_past_blocks (&bytes, at + 11 + gif_table_size (bytes_number (&bytes, at + 9, 1)));
    const PicturePart frame = {.at = at,
                               .size = MIN (end, bytes.size) - at,
                               .control = control,
                               .x = (unsigned)bytes_number (&bytes, at + 1, 2),
                               .y = (unsigned)bytes_number (&bytes, at + 3, 2),
                               .start_ms = start_ms,
                               .clears = control > 0 && how == 2,
                               .restores = control > 0 && how == 3};
    start_ms += control > 0 ? 10 * bytes_number (&bytes, control + 4, 2) : 0;
    control = 0;
    g_array_append_val (parts, frame);
  }
}

/* A GIF of the frame alone, which is as large as the frame. */
static GBytes *
still_gif (GBytes *picture, const PicturePart *part)
{
  static const guint8 nowhere[4] = {0};
  GByteArray *still = g_byte_array_new ();
  const guint8 *data = g_bytes_get_data (picture, NULL);

  g_byte_array_append (still, data, 6);
  g_byte_array_append (still, data + part->at + 5, 4);
  g_byte_array_append (still, data + 10, (guint)(3 + gif_table_size (data[10])));
  if (part->control > 0)
    g_byte_array_append (still, data + part->control, 8);
  g_byte_array_append (still, data + part->at, 1);
  g_byte_array_append (still, nowhere, sizeof nowhere);
  g_byte_array_append (still, data + part->at + 5, (guint)part->size - 5);
  g_byte_array_append (still, (const guint8 *)";", 1);
  return g_byte_array_free_to_bytes (still);
}

GArray *
picture_list_parts (const PictureHeader *header, GBytes *picture)
{
  GArray *parts = g_array_new (FALSE, FALSE, sizeof (PicturePart));
  gsize size;
  const guint8 *data = g_bytes_get_data (picture, &size);

  if (strcmp (header->media, "image/tiff") == 0)
    list_pages (parts, (Bytes){data, size, FALSE});
  else if (strcmp (header->media, "image/gif") == 0)
    list_gif (parts, (Bytes){data, size, FALSE});
  else if (strcmp (header->media, "image/webp") == 0)
    list_frames (parts, (Bytes){data, size, FALSE});
  if (parts->len > 1)
    return parts;
  g_array_unref (parts);
  return NULL;
}

GBytes *
picture_extract_part (const PictureHeader *header, GBytes *picture, const PicturePart *part)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (picture, &size);
  guint8 *page;

  if (strcmp (header->media, "image/webp") == 0)
    return still_webp (picture, part->at, part->size, TRUE);
  if (strcmp (header->media, "image/gif") == 0)
    return still_gif (picture, part);
  page = g_memdup2 (data, size); /* whose first directory is that of the page */
  for (unsigned i = 0; i < 4; i++)
    page[4 + i] = (guint8)(part->at >> 8 * (data[0] == 'I' ? i : 3 - i));
  return g_bytes_new_take (page, size);
}
