/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * inference-mode: what it comes to in this pipeline. */
#ifndef GST_EFFNET_MODE_H
#define GST_EFFNET_MODE_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* What the setting means where upstream is @live. */
GstEffnetInferenceMode gst_effnet_mode_of (GstEffnetInferenceMode setting, gboolean live);
/* The scheduler of @engine is all elements': who starts last decides for all, if it asks at all. */
void gst_effnet_classify_set_batch (GstEffnetClassify *self, GstEffnetEngine *engine);
/* Before a buffer: decides, if a stream or a segment began since the last decision. */
void gst_effnet_mode_settle (GstEffnetClassify *self);

G_END_DECLS

#endif
