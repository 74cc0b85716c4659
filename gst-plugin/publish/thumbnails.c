/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/thumbnails.h"

#include "picture.h"

#define BYTES_MAX (4 << 20) /* of one; a camera's JPEG goes as it came */

struct _GstEffnetThumbnails {
  guint side;
  GHashTable *waiting; /* topic -> GBytes */
};

char *
gst_effnet_thumbnail_topic (const char *topic)
{
  return g_strconcat (topic, "/picture", NULL);
}

GstEffnetThumbnails *
gst_effnet_thumbnails_new (guint side)
{
  GstEffnetThumbnails *thumbnails = g_new0 (GstEffnetThumbnails, 1);

  thumbnails->side = side;
  thumbnails->waiting =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
  return thumbnails;
}

void
gst_effnet_thumbnails_free (GstEffnetThumbnails *thumbnails)
{
  g_hash_table_unref (thumbnails->waiting);
  g_free (thumbnails);
}

gboolean
gst_effnet_thumbnails_add (GstEffnetThumbnails *thumbnails, const GstEffnetNewsItem *item)
{
  const EffnetRegion part = {item->box[0], item->box[1], item->box[2], item->box[3]};
  GBytes *jpeg;

  if (item->picture == NULL)
    return TRUE;
  if (item->is_part && (part.width == 0 || part.height == 0))
    return FALSE;
  jpeg = gst_effnet_picture_encode (item->picture, item->is_part ? &part : NULL, thumbnails->side,
                                    NULL);
  if (jpeg != NULL && g_bytes_get_size (jpeg) <= BYTES_MAX &&
      g_hash_table_size (thumbnails->waiting) < GST_EFFNET_NEWS_PARTS_MAX) {
    g_hash_table_replace (thumbnails->waiting, gst_effnet_thumbnail_topic (item->topic), jpeg);
    return TRUE;
  }
  g_clear_pointer (&jpeg, g_bytes_unref);
  return FALSE;
}

GBytes *
gst_effnet_thumbnails_take (GstEffnetThumbnails *thumbnails, char **topic)
{
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, thumbnails->waiting);
  if (!g_hash_table_iter_next (&iter, &key, &value))
    return NULL;
  g_hash_table_iter_steal (&iter);
  *topic = key;
  return value;
}
