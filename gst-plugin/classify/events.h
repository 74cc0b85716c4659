/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Events from upstream and from downstream. */
#ifndef GST_EFFNET_EVENTS_H
#define GST_EFFNET_EVENTS_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* Drops all that was learnt from earlier frames; with the lock `way`. */
void gst_effnet_classify_forget_stream (GstEffnetClassify *self);
gboolean gst_effnet_classify_sink_event (GstBaseTransform *base, GstEvent *event);
gboolean gst_effnet_classify_src_event (GstBaseTransform *base, GstEvent *event);

G_END_DECLS

#endif
