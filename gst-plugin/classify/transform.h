/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element does with a buffer. */
#ifndef GST_EFFNET_TRANSFORM_H
#define GST_EFFNET_TRANSFORM_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* The sink pad is active before start() is called, and while it runs; then the base class forgets
 * caps and segment. What an upstream that plays already sends waits until that is over. */
void gst_effnet_classify_set_starting (GstEffnetClassify *self, gboolean starting);
/* Returns: whether the stream has started */
gboolean gst_effnet_classify_await_start (GstEffnetClassify *self);
/* From any thread: the inference in progress ends within milliseconds, and its buffer with
 * GST_FLOW_FLUSHING; so do all that come until it is FALSE again. */
void gst_effnet_classify_set_cancelled (GstEffnetClassify *self, gboolean cancelled);
GstFlowReturn gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer);
/* After transform_ip(): a buffer that is to be held, or NULL; taken over. */
GstEffnetHeld *gst_effnet_classify_steal_held (GstEffnetClassify *self);
/* For GstEffnetDelay. */
GstFlowReturn gst_effnet_classify_leave (gpointer owner, GstEffnetHeld *held);
void gst_effnet_classify_free_frame (gpointer frame);

G_END_DECLS

#endif
