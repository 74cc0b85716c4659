/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What is announced in async mode when results are ready, however long the next buffer takes. */
#ifndef GST_EFFNET_NOTIFY_H
#define GST_EFFNET_NOTIFY_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* For GstEffnetStream, from an executor: a thread of GStreamer's announces the results soon. */
void gst_effnet_classify_notify_soon (GstObject *element);
/* Before the event that ends the stream, or a part of it, goes on: buffers that are held leave, and
 * in async mode the result of the last inference is announced, if it takes at most two seconds. */
void gst_effnet_classify_finish_stream (GstEffnetClassify *self);

G_END_DECLS

#endif
