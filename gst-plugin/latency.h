/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How long frames are kept by the element, for LATENCY queries. The invariant: what is announced
 * changes seldom, since each change makes the whole pipeline distribute its latency anew. */
#ifndef GST_EFFNET_LATENCY_H
#define GST_EFFNET_LATENCY_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_LATENCY_SAMPLES 64

/* The owner's lock protects it. */
typedef struct {
  guint64 ns[GST_EFFNET_LATENCY_SAMPLES]; /* the newest */
  guint64 n;                              /* ever taken */
  GstClockTime announced;                 /* ns */
  GstClockTime changed_at;                /* system time */
} GstEffnetLatency;

/* All of it. */
void gst_effnet_latency_init (GstEffnetLatency *latency);
/* A frame was kept for @ns, at the system time @now. TRUE when `announced` is another one: up as
 * soon as one of 20 frames takes longer, down when it is twice as long as they do for ten seconds;
 * a quarter is added in either case. */
gboolean gst_effnet_latency_add (GstEffnetLatency *latency, guint64 ns, GstClockTime now);

G_END_DECLS

#endif
