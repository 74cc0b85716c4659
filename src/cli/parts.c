/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/parts.h"

#include <string.h>

struct _Parts {
  PictureHeader header; /* of the file */
  GBytes *picture;
  GArray *list; /* of PicturePart */
  guint next;
  guint8 *canvas; /* [height][width][4], RGBA; NULL: pages */
  guint8 *before; /* the same before a part that goes again was drawn */
  gsize canvas_size;
  EffnetImage last;         /* the size of the part that was drawn last */
  const PicturePart *drawn; /* that part; NULL: none yet. A decoder may leave parts out */
};

gboolean
parts_open (const PictureHeader *header, GBytes *picture, Parts **out, GError **error)
{
  GArray *list = picture_list_parts (header, picture);
  Parts *parts;

  *out = NULL;
  if (list == NULL)
    return TRUE;
  parts = g_new0 (Parts, 1);
  parts->header = *header;
  parts->picture = g_bytes_ref (picture);
  parts->list = list;
  if (strcmp (header->media, "image/tiff") != 0) {
    parts->canvas_size = 4 * MAX ((gsize)header->width * header->height, 1);
    parts->canvas = g_try_malloc0 (parts->canvas_size);
    parts->before = g_try_malloc0 (parts->canvas_size);
    if (parts->canvas == NULL || parts->before == NULL) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                   "no memory for a picture of %" G_GUINT64_FORMAT " x %" G_GUINT64_FORMAT
                   " pixels",
                   header->width, header->height);
      parts_free (parts);
      return FALSE;
    }
  }
  *out = parts;
  return TRUE;
}

void
parts_free (Parts *parts)
{
  if (parts == NULL)
    return;
  g_bytes_unref (parts->picture);
  g_array_unref (parts->list);
  g_free (parts->canvas);
  g_free (parts->before);
  g_free (parts);
}

GBytes *
parts_next (Parts *parts, PictureHeader *header)
{
  GBytes *one;
  gsize size;
  const guint8 *data;

  if (parts->next >= parts->list->len)
    return NULL;
  one = picture_extract_part (&parts->header, parts->picture,
                              &g_array_index (parts->list, PicturePart, parts->next++));
  data = g_bytes_get_data (one, &size);
  picture_read_header (header, data, size);
  if (parts->canvas != NULL) /* is drawn over what was before */
    header->patch_at = 0;
  return one;
}

gboolean
parts_are_drawn (const Parts *parts)
{
  return parts->canvas != NULL;
}

/* Colours that are not multiplied with their alpha, as WebP has them: @from over @to. */
static void
lay_over (guint8 *to, const guint8 *from)
{
  unsigned above = from[3], below = to[3] * (255 - above) / 255, sum = above + below;

  for (unsigned i = 0; i < 3 && sum > 0; i++)
    to[i] = (guint8)((from[i] * above + to[i] * below + sum / 2) / sum);
  to[3] = (guint8)sum;
}

/* The place of a part, row by row; @from: NULL empties it. */
static void
draw_rows (Parts *parts, const PicturePart *part, const EffnetImage *size, const guint8 *from)
{
  for (gsize y = 0; y < size->height; y++) {
    guint8 *to = parts->canvas + 4 * ((part->y + y) * parts->header.width + part->x);
    const guint8 *row = from != NULL ? from + size->stride[0] * (ptrdiff_t)y : NULL;

    if (row == NULL)
      memset (to, 0, 4 * (gsize)size->width);
    else if (part->replaces)
      memcpy (to, row, 4 * (gsize)size->width);
    else
      for (gsize x = 0; x < size->width; x++)
        lay_over (to + 4 * x, row + 4 * x);
  }
}

gboolean
parts_draw (Parts *parts, SourceFrame *frame, GError **error)
{
  const PicturePart *part = &g_array_index (parts->list, PicturePart, parts->next - 1);
  EffnetImage *image = &frame->image;

  frame->index = parts->next - 1;
  if (parts->canvas == NULL)
    return TRUE;
  frame->pts_ns = (gint64)(part->start_ms * 1000000);
  if (part->x + (guint64)image->width > parts->header.width ||
      part->y + (guint64)image->height > parts->header.height) {
    g_set_error (
        error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
        "frame %u, %u x %u at %u, %u, reaches past the picture, which has %" G_GUINT64_FORMAT
        " x %" G_GUINT64_FORMAT " pixels",
        parts->next - 1, image->width, image->height, part->x, part->y, parts->header.width,
        parts->header.height);
    return FALSE;
  }
  if (parts->drawn != NULL && parts->drawn->clears)
    draw_rows (parts, parts->drawn, &parts->last, NULL);
  else if (parts->drawn != NULL && parts->drawn->restores)
    memcpy (parts->canvas, parts->before, parts->canvas_size);
  if (part->restores)
    memcpy (parts->before, parts->canvas, parts->canvas_size);
  draw_rows (parts, part, image, image->data[0]);
  parts->last = *image;
  parts->drawn = part;
  image->data[0] = parts->canvas;
  image->width = (unsigned)parts->header.width;
  image->height = (unsigned)parts->header.height;
  image->stride[0] = 4 * (ptrdiff_t)image->width;
  image->orientation = parts->header.orientation;
  return TRUE;
}
