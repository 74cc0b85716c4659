/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What downstream says of lateness, and which inferences are left out for it. The invariant: as
 * long as the element has load to shed, lateness stops here: upstream a decoder would drop the
 * frames. Where buffers wait for inferences, those may be the cause as long as there are any. Where
 * none waits, inferences can only take the CPU from others: they are left out first, and what is
 * late nevertheless is upstream's business. */
#ifndef GST_EFFNET_QOS_H
#define GST_EFFNET_QOS_H

#include <gst/gst.h>

G_BEGIN_DECLS

/* The owner's lock protects it. */
typedef struct {
  GstClockTime earliest_time; /* running time; NONE = nobody is late */
  double proportion;
  GstClockTime throttle;    /* one inference in that time, ns; 0 = as many as there are frames */
  GstClockTime due;         /* running time of the next one then; NONE = at once */
  GstClockTime inferred_at; /* system time of the last; NONE = there was none */
  GstClockTime late_since;  /* system time; NONE = the newest frame was in time */
  GstClockTime reported_at; /* system time of the last message; NONE = there was none */
  guint64 processed;        /* frames classified since the start or the last flush */
  guint64 skipped;          /* frames not classified because they were late */
} GstEffnetQos;

typedef enum {
  GST_EFFNET_QOS_INFER,
  GST_EFFNET_QOS_LATE,
  GST_EFFNET_QOS_THROTTLED,
} GstEffnetQosAnswer;

/* All of it. */
void gst_effnet_qos_init (GstEffnetQos *qos);
/* The stream begins anew; counters stay. */
void gst_effnet_qos_forget (GstEffnetQos *qos);
/* Notes a QOS event. @waits: buffers wait for inferences, and that is what keeps them. TRUE when it
 * is to go on upstream, since no inference can be the cause. */
gboolean gst_effnet_qos_note (GstEffnetQos *qos, GstEvent *event, gboolean waits);
/* What becomes of a frame of this running time. */
GstEffnetQosAnswer gst_effnet_qos_ask (GstEffnetQos *qos, GstClockTime running_time);
/* Counts a late frame. TRUE when a message about it and those before is due. */
gboolean gst_effnet_qos_skip (GstEffnetQos *qos);
/* Returns: (transfer full): GST_MESSAGE_QOS of a frame that was late */
GstMessage *gst_effnet_qos_message_new (const GstEffnetQos *qos, GstObject *source, gboolean live,
                                        const GstSegment *segment, GstBuffer *buffer);

G_END_DECLS

#endif
