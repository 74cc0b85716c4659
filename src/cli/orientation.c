/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Walks a JPEG file's segments as far as the Exif one; what stands in it is read by GStreamer's tag
 * library. A damaged file has no orientation here; the decoder reports it. */
#include "cli/orientation.h"

#include <string.h>
#include <gst/tag/tag.h>

static const struct {
  const char *tag, *direction;
} directions[] = {
    {"rotate-90", "90r"},         {"rotate-180", "180"},       {"rotate-270", "90l"},
    {"flip-rotate-0", "horiz"},   {"flip-rotate-90", "ur-ll"}, {"flip-rotate-180", "vert"},
    {"flip-rotate-270", "ul-lr"},
};

const char *
orientation_of_tags (const GstTagList *tags)
{
  g_autofree char *value = NULL;

  if (!gst_tag_list_get_string (tags, GST_TAG_IMAGE_ORIENTATION, &value))
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (directions); i++)
    if (strcmp (value, directions[i].tag) == 0)
      return directions[i].direction;
  return NULL;
}

/* The TIFF structure inside the Exif segment, or NULL. */
static const guint8 *
find_exif (const guint8 *data, gsize size, gsize *length)
{
  gsize at = 2; /* past SOI */

  while (at + 4 <= size && data[at] == 0xff) {
    guint8 marker = data[at + 1];
    gsize n = (gsize)data[at + 2] << 8 | data[at + 3]; /* counts its own two bytes */

    if (marker == 0xff) { /* a fill byte */
      at++;
      continue;
    }
    if (marker == 0xda || marker == 0xd9 || n < 2 || at + 2 + n > size)
      return NULL;
    if (marker == 0xe1 && n >= 8 && memcmp (data + at + 4, "Exif\0", 6) == 0) {
      *length = n - 8;
      return data + at + 10;
    }
    at += 2 + n;
  }
  return NULL;
}

const char *
orientation_of_jpeg (const guint8 *data, gsize size)
{
  gsize length = 0;
  const guint8 *exif = find_exif (data, size, &length);
  GstBuffer *buffer;
  GstTagList *tags;
  const char *direction = NULL;

  if (exif == NULL || length == 0)
    return NULL;
  buffer = gst_buffer_new_memdup (exif, length);
  tags = gst_tag_list_from_exif_buffer_with_tiff_header (buffer);
  gst_buffer_unref (buffer);
  if (tags != NULL) {
    direction = orientation_of_tags (tags);
    gst_tag_list_unref (tags);
  }
  return direction;
}
