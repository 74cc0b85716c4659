/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer on its way through the element: what transform.c does with buffers, and tell.c between
 * them. All functions need the lock `way`. */
#ifndef GST_EFFNET_PASS_H
#define GST_EFFNET_PASS_H

#include "classify/instance.h"

G_BEGIN_DECLS

typedef struct {
  GstBuffer *buffer;
  GstEffnetFrameSettings settings;
  GstEffnetEngine *engine;
  GstEffnetLoadFrame load;
  GstClockTime arrived;   /* system time */
  guint number;           /* of its job; 0 = none */
  gboolean fresh;         /* the newest results are of this very buffer */
  gboolean bad;           /* it cannot be classified */
  gboolean counted;       /* whoever takes up its results counts it */
  GstEffnetReason reason; /* why it is not classified */
  gboolean dropped;       /* it does not go on: overload-policy */
  gboolean cancelled;     /* flushing or stopping */
} GstEffnetPass;

/* The element has an engine. */
void gst_effnet_pass_begin (GstEffnetClassify *self, GstEffnetPass *frame, GstBuffer *buffer);
void gst_effnet_pass_clear (GstEffnetPass *frame);
/* Results of other parts than the settings ask for do not count any more. */
void gst_effnet_classify_use_regions (GstEffnetClassify *self,
                                      const GstEffnetRegionSettings *regions);
/* What is finished, up to the job @last. */
GstFlowReturn gst_effnet_pass_take_up (GstEffnetClassify *self, const GstEffnetPass *frame,
                                       guint last);
/* The frame waits for its results. */
GstFlowReturn gst_effnet_pass_infer (GstEffnetClassify *self, GstEffnetPass *frame);
/* The frame goes on while a copy of it waits for its turn. */
GstFlowReturn gst_effnet_pass_send_off (GstEffnetClassify *self, GstEffnetPass *frame);

/* The newest results go onto the buffer, and into messages and signals. */
void gst_effnet_pass_announce (GstEffnetClassify *self, GstEffnetPass *frame);
/* They go into messages and signals, without a buffer that carries them: @frame's only says when.
 */
void gst_effnet_pass_tell (GstEffnetClassify *self, const GstEffnetPass *frame);
/* Gives the lock up, then posts and emits what is in the outbox. */
void gst_effnet_classify_leave_way (GstEffnetClassify *self);

G_END_DECLS

#endif
