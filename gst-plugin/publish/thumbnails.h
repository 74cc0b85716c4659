/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The newest picture of each topic, as a JPEG, until it is sent. An older one is worth nothing: it
 * is replaced, and pictures are neither spooled nor counted as lost. The invariant: memory is
 * bounded, whatever comes. Of the courier's thread. */
#ifndef GST_EFFNET_PUBLISH_THUMBNAILS_H
#define GST_EFFNET_PUBLISH_THUMBNAILS_H

#include "publish/news.h"

G_BEGIN_DECLS

typedef struct _GstEffnetThumbnails GstEffnetThumbnails;

/* Where the picture to the state at @topic goes; free with g_free() */
char *gst_effnet_thumbnail_topic (const char *topic);
/* @side: pixels of the longer side, at most */
GstEffnetThumbnails *gst_effnet_thumbnails_new (guint side);
void gst_effnet_thumbnails_free (GstEffnetThumbnails *thumbnails);
/* Makes the picture of @item, if it has one. FALSE: it has one that cannot be read or is too large.
 */
gboolean gst_effnet_thumbnails_add (GstEffnetThumbnails *thumbnails, const GstEffnetNewsItem *item);
/* Returns: (transfer full) (nullable): a picture that waits. @topic: (out): free with g_free() */
GBytes *gst_effnet_thumbnails_take (GstEffnetThumbnails *thumbnails, char **topic);

G_END_DECLS

#endif
