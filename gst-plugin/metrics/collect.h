/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An element's properties `stats` and `model-info` -> samples. Nothing of an element is known but
 * their fields: those of effnetclassify and effnetpublish have names of their own
 * (docs/METRICS.md), and of any other element effnetNAME each number in `stats` becomes
 * effnet_NAME_FIELD: a counter where it is a uint64, else a gauge. */
#ifndef GST_EFFNET_METRICS_COLLECT_H
#define GST_EFFNET_METRICS_COLLECT_H

#include "metrics/exposition.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/* @labels: of the element
 * @schedulers: a set of the texts of those that have been added; schedulers are shared */
void gst_effnet_collect (GstEffnetExposition *exposition, GstElement *element, const char *labels,
                         GHashTable *schedulers);
/* Since the newest frame of a playing element of those that have streams, ns; 0 of any other. */
GstClockTime gst_effnet_collect_age (GstElement *element);

G_END_DECLS

#endif
