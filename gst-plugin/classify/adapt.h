/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's side of budget.h: what it measures, the model with another input, the message. */
#ifndef GST_EFFNET_ADAPT_H
#define GST_EFFNET_ADAPT_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* A stream begins: nothing is adapted. Before the model is settled. */
void gst_effnet_classify_adapt_start (GstEffnetClassify *self);
/* Before a frame that @engine would run is looked at: takes up the property and the model. Returns:
 * how many times as long the interval is */
guint gst_effnet_classify_adapt (GstEffnetClassify *self, const GstEffnetEngine *engine);
/* @job has results, @ns after its frame came. */
void gst_effnet_classify_adapt_to (GstEffnetClassify *self, const GstEffnetJob *job, guint64 ns);

G_END_DECLS

#endif
