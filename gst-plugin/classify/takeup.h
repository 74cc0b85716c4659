/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What came of an inference becomes the stream's newest result: once for each, in the order of the
 * frames, by the thread that sends buffers on. */
#ifndef GST_EFFNET_TAKEUP_H
#define GST_EFFNET_TAKEUP_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* Takes @job, which has run, or whose frame could not be captured. Its results take the place of
 * those before, unless they are of other parts than the settings ask for by now. A bad frame leaves
 * them. Returns: GST_FLOW_ERROR, with an error, when there were @max_errors of those in a row */
GstFlowReturn gst_effnet_classify_take_up (GstEffnetClassify *self, GstEffnetJob *job,
                                           int max_errors);
/* Posts what came or went, with the frames looked at since the last call, of what may be wrong with
 * the camera. @buffer: the newest */
void gst_effnet_classify_announce_scene (GstEffnetClassify *self, GstBuffer *buffer);
/* About settings that come to nothing. What is not looked at is said once: an application may
 * change between the modes. */
void gst_effnet_classify_warn_of_regions (GstEffnetClassify *self,
                                          const GstEffnetRegionSettings *regions);

G_END_DECLS

#endif
