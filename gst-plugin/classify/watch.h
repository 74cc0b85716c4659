/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scene of one stream, seen by whichever thread converts its frames, one frame at a time: says
 * whether a frame is classified, and keeps the news for the thread that posts them. */
#ifndef GST_EFFNET_WATCH_H
#define GST_EFFNET_WATCH_H

#include "classify/load.h"
#include "scene.h"

#include <effnet/effnet.h>

G_BEGIN_DECLS

typedef struct {
  GMutex lock; /* of all of it */
  GstEffnetScene *scene;
  GstEffnetSceneLook look; /* the newest */
  guint told;              /* states that were taken as news */
  guint64 n;               /* frames looked at */
  guint64 look_ns;         /* together */
} GstEffnetWatch;

void gst_effnet_watch_init (GstEffnetWatch *watch);
void gst_effnet_watch_clear (GstEffnetWatch *watch);
/* The stream begins anew: nothing has been seen, nothing is on. */
void gst_effnet_watch_forget (GstEffnetWatch *watch);
/* @info: of the model whose input @nhwc is, [input_height][input_width][3]
 * @time: running time, or NONE: then the system's time is counted
 * @wanted: the frame is classified whatever it shows
 * Returns: TRUE when it is to be classified: by @trigger, or for want of a scene */
gboolean gst_effnet_watch_see (GstEffnetWatch *watch, const EffnetModelInfo *info,
                               const float *nhwc, GstClockTime time, GstEffnetTrigger trigger,
                               gboolean wanted);
/* Returns: (transfer full) (nullable): when states came or went since the last call: a structure
 * named effnetclassify-scene with the states, the numbers behind them, and `changed`, the names of
 * what came or went, with commas between */
GstStructure *gst_effnet_watch_take_news (GstEffnetWatch *watch);
/* Returns: (transfer full) (nullable): named effnet-scene; NULL when nothing was looked at */
GstStructure *gst_effnet_watch_to_structure (GstEffnetWatch *watch);

G_END_DECLS

#endif
