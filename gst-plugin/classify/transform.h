/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element does with a buffer. */
#ifndef GST_EFFNET_TRANSFORM_H
#define GST_EFFNET_TRANSFORM_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* From any thread: the inference in progress ends within milliseconds, and its buffer with
 * GST_FLOW_FLUSHING; so do all that come until it is FALSE again. */
void gst_effnet_classify_set_cancelled (GstEffnetClassify *self, gboolean cancelled);
GstFlowReturn gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer);

G_END_DECLS

#endif
