/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The elements of the process that are shown. The invariant: while one is looked at it cannot
 * leave; so nothing here may wait for a stream. */
#ifndef GST_EFFNET_METRICS_REGISTRY_H
#define GST_EFFNET_METRICS_REGISTRY_H

#include "metrics/exposition.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/* Returns: (transfer full): the samples of all elements, and what the plugin is */
GstEffnetExposition *gst_effnet_registry_collect (void);
/* Returns: (transfer full) (nullable): a sentence about a playing element whose newest frame is
 * older than @max_age, ns; NULL: there is none */
char *gst_effnet_registry_complain (GstClockTime max_age);

G_END_DECLS

#endif
