/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which frames of a stream are classified: by their number, their rate, what the picture does, and
 * the load. It is told times and asks no clock. The invariant: a frame that is left out for one
 * reason changes nothing of what the others say of the next. */
#ifndef GST_EFFNET_LOAD_H
#define GST_EFFNET_LOAD_H

#include "stats.h"

#include <gst/gst.h>

G_BEGIN_DECLS

typedef enum {
  GST_EFFNET_TRIGGER_ALWAYS = 1 << 0,
  GST_EFFNET_TRIGGER_MOTION = 1 << 1,
  GST_EFFNET_TRIGGER_SCENE_CHANGE = 1 << 2,
} GstEffnetTrigger;

typedef enum {
  GST_EFFNET_OVERLOAD_POLICY_AUTO,
  GST_EFFNET_OVERLOAD_POLICY_SKIP_INFERENCE,
  GST_EFFNET_OVERLOAD_POLICY_DROP_FRAME,
  GST_EFFNET_OVERLOAD_POLICY_BLOCK,
} GstEffnetOverloadPolicy;

typedef struct {
  guint interval;           /* every Nth frame */
  guint rate_num, rate_den; /* frames a second at most; 0/1 = no limit */
  GstEffnetTrigger trigger; /* flags */
  GstEffnetOverloadPolicy policy;
  GstClockTime latency_budget; /* ns; 0 = none */
} GstEffnetLoadSettings;

/* Of one stream. The owner's lock, or its thread, protects it. */
typedef struct {
  guint since;           /* frames since the inference, its own included; 0 = none yet */
  GstClockTime rate_due; /* running time of the next one; NONE = at once */
  GstClockTime rate_was; /* before the newest */
} GstEffnetLoad;

/* What is known of a frame before it is looked at. */
typedef struct {
  gboolean gap;
  gboolean first;    /* the stream has no result that could be repeated */
  gboolean busy;     /* there is no room for another job */
  GstClockTime time; /* running time, or what stands for it; NONE = unknown */
  guint slower;      /* the interval is that many times as long; at least 1 */
} GstEffnetLoadFrame;

/* What becomes of a frame whose inference there is no room or no time for. */
typedef enum {
  GST_EFFNET_OVERLOAD_GO_ON, /* without an inference of its own */
  GST_EFFNET_OVERLOAD_DROP,
  GST_EFFNET_OVERLOAD_WAIT, /* until there is room */
} GstEffnetOverload;

/* The stream begins anew. */
void gst_effnet_load_forget (GstEffnetLoad *load);
/* Returns: why the next frame is not classified, or GST_EFFNET_REASON_NONE. Lateness and the
 * picture are asked by others, afterwards. */
GstEffnetReason gst_effnet_load_ask (const GstEffnetLoad *load,
                                     const GstEffnetLoadSettings *settings,
                                     const GstEffnetLoadFrame *frame);
/* The frame has been dealt with. @inferred: it was, or is going to be, classified */
void gst_effnet_load_pass (GstEffnetLoad *load, const GstEffnetLoadSettings *settings,
                           const GstEffnetLoadFrame *frame, gboolean inferred);
/* The newest inference found nothing to classify, or was never made: the next frame is tried, as
 * far as the rate allows. */
void gst_effnet_load_retry (GstEffnetLoad *load);
/* The newest inference was not made after all: the picture did not change. */
void gst_effnet_load_undo (GstEffnetLoad *load);
/* What becomes of a frame left out for @reason, BUSY or LATE; any other goes on. */
GstEffnetOverload gst_effnet_load_overload (const GstEffnetLoadSettings *settings,
                                            GstEffnetReason reason);

G_END_DECLS

#endif
