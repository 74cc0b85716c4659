/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counters of one stream and its times, bounded: five histograms, and of the newest times five
 * rings of GST_EFFNET_STATS_SAMPLES. The owner's lock protects a GstEffnetStats; nothing here
 * locks. */
#ifndef GST_EFFNET_STATS_H
#define GST_EFFNET_STATS_H

#include <effnet/scheduler.h>
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

/* Why a frame has no inference of its own. */
typedef enum {
  GST_EFFNET_REASON_NONE, /* it has one */
  GST_EFFNET_REASON_GAP,
  GST_EFFNET_REASON_NO_PICTURE, /* it is not decoded, or comes out later */
  GST_EFFNET_REASON_INTERVAL,
  GST_EFFNET_REASON_RATE,
  GST_EFFNET_REASON_TRIGGER, /* the picture did not change */
  GST_EFFNET_REASON_LATE,
  GST_EFFNET_REASON_THROTTLED,
  GST_EFFNET_REASON_BUSY,     /* an earlier frame still waits for its turn */
  GST_EFFNET_REASON_REPLACED, /* a newer frame took its place before its turn came */
  GST_EFFNET_REASON_NO_REGION,
  GST_EFFNET_REASON_TRACKED, /* all of its regions have results: reclassify-interval */
  GST_EFFNET_N_REASONS,
} GstEffnetReason;

#define GST_EFFNET_HISTOGRAM_BOUNDS 16

/* Times of a whole stream: how many are at most as long as each bound, and longer than the one
 * before; the last has those that are longer than all. */
typedef struct {
  guint64 counts[GST_EFFNET_HISTOGRAM_BOUNDS + 1];
  guint64 sum; /* ns */
} GstEffnetHistogram;

typedef struct {
  guint64 frames;                        /* buffers seen */
  guint64 inferences;                    /* frames classified, or parts of them */
  guint64 skipped;                       /* frames that were not, for whatever reason */
  guint64 reasons[GST_EFFNET_N_REASONS]; /* those of them, by reason */
  guint64 dropped;                       /* frames that did not go on: overload-policy */
  guint64 cancelled;                     /* inferences that a flush or a stop ended */
  guint64 rois_skipped; /* regions of interest that are empty or outside the frame */
  guint64 errors;       /* frames that could not be */
  guint64 latency[GST_EFFNET_STATS_SAMPLES]; /* ns, from a frame's arrival to its results */
  guint64 n_latencies;                       /* ever taken */
  guint64 n_samples;                         /* ever taken; the ring holds the newest */
  guint64 ns[GST_EFFNET_N_TIMES][GST_EFFNET_STATS_SAMPLES];
  GstEffnetHistogram histograms[GST_EFFNET_N_TIMES + 1]; /* the last is of the latency */
  GstClockTime frame_at;                                 /* system time of the newest; 0 = none */
} GstEffnetStats;

/* [GST_EFFNET_HISTOGRAM_BOUNDS], ns, rising */
extern const guint64 gst_effnet_histogram_bounds[];

/* @ns: [GST_EFFNET_N_TIMES] of one inference. Counts it. */
void gst_effnet_stats_add (GstEffnetStats *stats, const guint64 *ns);
/* A frame has its results, @ns after it came. */
void gst_effnet_stats_add_latency (GstEffnetStats *stats, guint64 ns);
/* Counts a frame without an inference. */
void gst_effnet_stats_skip (GstEffnetStats *stats, GstEffnetReason reason);
/* Returns: the reason in words, for the log */
const char *gst_effnet_reason_text (GstEffnetReason reason);
/* Counts a frame that came. */
void gst_effnet_stats_add_frame (GstEffnetStats *stats);
/* Returns: (transfer full): the property `stats`. Sorts: call it on a copy, outside the lock. */
GstStructure *gst_effnet_stats_to_structure (GstEffnetStats *stats);
/* Returns: (transfer full): the counters of a scheduler of @n_executors, or, with 0, of a stream.
 * @name: (nullable): the scheduler's */
GstStructure *gst_effnet_stats_of_queue (const EffnetQueueStats *queue, guint n_executors,
                                         const char *name);

G_END_DECLS

#endif
