/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What of the results on a buffer is worth telling: a state that is another one, or has not been
 * told for long. The state of a part of the frame is its stable label where there is one, else its
 * label. Of the streaming thread; knows no network. */
#ifndef GST_EFFNET_PUBLISH_NEWS_H
#define GST_EFFNET_PUBLISH_NEWS_H

#include "picture.h"
#include "schema.h"

G_BEGIN_DECLS

#define GST_EFFNET_NEWS_PARTS_MAX 256 /* states that are remembered; then the oldest goes */

typedef enum {
  GST_EFFNET_RECORDS_CHANGE, /* changes of state, and heartbeats */
  GST_EFFNET_RECORDS_FRESH,  /* each result, once */
  GST_EFFNET_RECORDS_ALL,    /* what stands on each buffer */
} GstEffnetRecords;

typedef struct {
  GstEffnetRecords records;
  GstClockTime heartbeat; /* 0: none */
  char *topic;            /* gst_effnet_topic_check() has passed */
  char *element;          /* (nullable): only results of the element of this name */
  char *publisher;        /* of this element */
} GstEffnetNewsSettings;

/* One to be told. */
typedef struct {
  char *topic, *state;
  char *body; /* a JSON object in text */
  char *element, *region, *head, *model;
  gboolean is_region; /* "full-frame", or a part with a name: it is there as long as the stream */
  gboolean changed;
  gboolean is_heartbeat;
  gboolean is_part;
  guint box[4];              /* left, top, width, height of the part, pixels */
  GstEffnetPicture *picture; /* (nullable): the frame; the reader leaves NULL */
} GstEffnetNewsItem;

typedef struct _GstEffnetNews GstEffnetNews;

GstEffnetNews *gst_effnet_news_new (void);
void gst_effnet_news_free (GstEffnetNews *news);
/* @utc_ns: when the frame was taken, since 1970; @ticks: now, us of a clock that never jumps.
 * Returns: (transfer full) (nullable) (element-type GstEffnetNewsItem) */
GPtrArray *gst_effnet_news_read (GstEffnetNews *news, GstBuffer *buffer,
                                 const GstEffnetMoment *moment,
                                 const GstEffnetNewsSettings *settings, gint64 utc_ns,
                                 gint64 ticks);
/* @item: (nullable) */
void gst_effnet_news_item_free (gpointer item);

G_END_DECLS

#endif
