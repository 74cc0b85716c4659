/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters of one stream and the newest times of its inferences, bounded: 4 rings of 512 samples.
 * The owner's lock protects a GstEffnetStats; nothing here locks. */
#ifndef GST_EFFNET_STATS_H
#define GST_EFFNET_STATS_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_STATS_SAMPLES 512

typedef enum {
  GST_EFFNET_TIME_WAIT, /* of the call, in none of the other three */
  GST_EFFNET_TIME_DECODE,
  GST_EFFNET_TIME_CONVERT,
  GST_EFFNET_TIME_INFER,
  GST_EFFNET_N_TIMES,
} GstEffnetTime;

typedef struct {
  guint64 frames;       /* buffers seen */
  guint64 inferences;   /* frames classified, or parts of them */
  guint64 skipped;      /* frames that were not: interval, lateness, gap, nothing to classify */
  guint64 rois_skipped; /* regions of interest that are empty or outside the frame */
  guint64 errors;       /* frames that could not be */
  guint64 n_samples;    /* ever taken; the ring holds the newest */
  guint64 ns[GST_EFFNET_N_TIMES][GST_EFFNET_STATS_SAMPLES];
} GstEffnetStats;

/* @ns: [GST_EFFNET_N_TIMES] of one inference. Counts it. */
void gst_effnet_stats_add (GstEffnetStats *stats, const guint64 *ns);
/* Returns: (transfer full): the property `stats`. Sorts: call it on a copy, outside the lock. */
GstStructure *gst_effnet_stats_to_structure (GstEffnetStats *stats);

G_END_DECLS

#endif
