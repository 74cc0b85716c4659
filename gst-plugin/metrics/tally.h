/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What was answered of each part of a stream, counted: regions by their names, regions of interest
 * by their type. The invariants: memory is bounded, and adding allocates nothing. */
#ifndef GST_EFFNET_METRICS_TALLY_H
#define GST_EFFNET_METRICS_TALLY_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_TALLY_REGIONS 64  /* the others count as the last, whose name is "" */
#define GST_EFFNET_TALLY_NAME    128 /* bytes; longer names are cut */

typedef struct {
  char region[GST_EFFNET_TALLY_NAME], head[GST_EFFNET_TALLY_NAME], label[GST_EFFNET_TALLY_NAME];
  guint64 results, changes; /* of the label */
  double score;             /* of the newest */
} GstEffnetTallyEntry;

typedef struct {
  GMutex lock;
  GstEffnetTallyEntry *entries; /* (nullable): [GST_EFFNET_TALLY_REGIONS] */
  guint n;
} GstEffnetTally;

void gst_effnet_tally_init (GstEffnetTally *tally);
void gst_effnet_tally_clear (GstEffnetTally *tally);
/* A stream begins. */
void gst_effnet_tally_forget (GstEffnetTally *tally);
/* One result. @label: (nullable): as NULL, "" is no class */
void gst_effnet_tally_add (GstEffnetTally *tally, const char *region, const char *head,
                           const char *label, double score);
/* Adds to @stats the list `regions`, of structures with `region`, `head`, `label`, `results`,
 * `changes` and `score`. */
void gst_effnet_tally_put (GstEffnetTally *tally, GstStructure *stats);

G_END_DECLS

#endif
