/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element does with a buffer. */
#ifndef GST_EFFNET_TRANSFORM_H
#define GST_EFFNET_TRANSFORM_H

#include "classify/instance.h"

G_BEGIN_DECLS

GstFlowReturn gst_effnet_classify_transform_ip (GstBaseTransform *base, GstBuffer *buffer);

G_END_DECLS

#endif
