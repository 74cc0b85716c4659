/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the stream to the broker: a thread that takes what is new, puts it into the spool, sends the
 * spool in order, and removes what has arrived.
 *
 * The invariant: a record has arrived when the broker has acknowledged it and all before it. When a
 * connection broke with records under way, the retained messages of their topics, which carry the
 * publisher's id and the record's number, say which of them the broker has; only the others are
 * sent again. */
#ifndef GST_EFFNET_PUBLISH_COURIER_H
#define GST_EFFNET_PUBLISH_COURIER_H

#include <gst/gst.h>

#include "publish/discovery.h"
#include "publish/link.h"
#include "publish/news.h"

G_BEGIN_DECLS

typedef struct {
  GstEffnetLinkSettings link;
  char *spool; /* (nullable): the file; NULL: in memory */
  guint64 spool_max_rows, spool_max_bytes;
  int qos;
  gboolean retain;
  char *birth; /* (nullable): said at `link.will_topic` when a connection stands */
  GstEffnetDiscoverySettings discovery;
  guint thumbnail_side; /* pixels; 0: there are none */
} GstEffnetCourierSettings;

typedef struct {
  gboolean connected;
  guint64 connections; /* ever made */
  guint64 published;   /* records that have arrived */
  guint64 recalled;    /* of those, found at the broker after a connection had broken */
  guint64 heartbeats;
  guint64 heartbeats_skipped; /* there was no connection, or older records still waited */
  guint64 thumbnails;
  guint64 thumbnails_skipped;     /* came too fast, or could not be made */
  guint64 spooled, spooled_bytes; /* that wait */
  guint64 lost_queue, lost_spool, lost_disk, lost_refused, lost_stopped;
} GstEffnetCourierStats;

typedef struct _GstEffnetCourier GstEffnetCourier;

/* Something that a person should know; in any thread. */
typedef void (*GstEffnetCourierFunc) (const char *text, gpointer data);

/* @settings: borrowed until gst_effnet_courier_free(). Returns: (nullable) */
GstEffnetCourier *gst_effnet_courier_new (const GstEffnetCourierSettings *settings,
                                          GstEffnetCourierFunc warn, gpointer data, GError **error);
/* Waits until what is under way has arrived, @wait_us at most; what is not in a file then is lost.
 * @stats: (out): the last ones */
void gst_effnet_courier_free (GstEffnetCourier *courier, gint64 wait_us,
                              GstEffnetCourierStats *stats);
/* Whether one more picture has room. */
gboolean gst_effnet_courier_wants_picture (GstEffnetCourier *courier);
/* Takes @item; never waits. */
void gst_effnet_courier_push (GstEffnetCourier *courier, GstEffnetNewsItem *item);
GstEffnetCourierStats gst_effnet_courier_get_stats (GstEffnetCourier *courier);

G_END_DECLS

#endif
