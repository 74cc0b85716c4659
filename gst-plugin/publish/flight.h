/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Letters under way, in the order of sending. The invariant: a record counts as arrived when it and
 * all letters before it have been answered. */
#ifndef GST_EFFNET_PUBLISH_FLIGHT_H
#define GST_EFFNET_PUBLISH_FLIGHT_H

#include <glib.h>

G_BEGIN_DECLS

/* What an answer settles. */
typedef struct {
  gint64 up_to;             /* the number of the last record; 0: none */
  guint64 arrived, refused; /* records */
} GstEffnetArrival;

/* @flight: freed with g_queue_clear_full() and g_free(). @number: of a record; 0: it is none */
void gst_effnet_flight_add (GQueue *flight, guint64 token, gint64 number);
GstEffnetArrival gst_effnet_flight_answer (GQueue *flight, guint64 token, gboolean refused);

G_END_DECLS

#endif
