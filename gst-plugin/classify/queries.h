/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element answers, and what it says of caps that it cannot take. */
#ifndef GST_EFFNET_QUERIES_H
#define GST_EFFNET_QUERIES_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* A caps event that the pad is going to refuse is seen here only. */
GstPadProbeReturn gst_effnet_classify_watch_caps (GstPad *pad, GstPadProbeInfo *info,
                                                  gpointer self);
gboolean gst_effnet_classify_query (GstBaseTransform *base, GstPadDirection direction,
                                    GstQuery *query);

G_END_DECLS

#endif
