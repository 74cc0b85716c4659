/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * metrics-port, metrics-address, metrics-url, and the endpoint, open while the element has a
 * stream. */
#ifndef GST_EFFNET_PROPS_METRICS_H
#define GST_EFFNET_PROPS_METRICS_H

#include "classify/property_group.h"

G_BEGIN_DECLS

extern const GstEffnetPropertyGroup gst_effnet_metrics_properties;

void gst_effnet_classify_open_metrics (GstEffnetClassify *self);
void gst_effnet_classify_close_metrics (GstEffnetClassify *self);

G_END_DECLS

#endif
