/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the inference of one frame gave, kept as long as it may be repeated. The invariant: the
 * arrays only grow, so that a frame like those before allocates nothing. */
#ifndef GST_EFFNET_RESULTS_H
#define GST_EFFNET_RESULTS_H

#include "classify/engine.h"
#include "classify/regions.h"
#include "schema.h"
#include "state.h"
#include "stats.h"

G_BEGIN_DECLS

/* What of an inference is kept. */
typedef struct {
  guint top_k;                  /* classes of each part */
  gboolean embeddings;          /* the features of each part */
  gboolean all_scores;          /* of the first part */
  gboolean class_scores;        /* the scores of all classes, for smoothing */
  GstEffnetClassFilter *filter; /* borrowed; which classes count */
} GstEffnetWanted;

/* The result of one part of the frame. */
typedef struct {
  GstEffnetPick pick;
  gboolean kept;                  /* from an earlier frame, whose are the three: */
  GstClockTime pts, running_time; /* NONE: it has none */
  guint64 frame;                  /* of the stream, counted */
  guint first, n;                 /* its classes in `entries`, best first; with n = 0 the one there
                                     stands for them: "", -1, 0 or "unknown", -1, best score */
  int answer;                     /* class, or GST_EFFNET_CLASS_NONE or _UNKNOWN */
  GstEffnetState state;           /* with smoothing */
  guint scores_at;                /* its first in `class_scores` */
  double margin, entropy;         /* of EffnetResult */
  GstBuffer *embedding;           /* (nullable): owned: its features, floats */
  guint64 ns[GST_EFFNET_N_TIMES]; /* what a frame's parts share, such as decoding, the first has */
} GstEffnetResult;

/* All of one frame. */
typedef struct {
  GstEffnetEngine *engine;        /* owned; NULL: there are none */
  GstClockTime pts, running_time; /* of the frame; NONE: it has none */
  guint64 frame;                  /* of the stream, counted */
  guint width, height;            /* of the frame, upright pixels */
  GstEffnetClassFilter *filter;   /* owned; which classes count */
  GstEffnetStorage storage;
  guint64 ran_ns;       /* in the executor */
  guint outside;        /* regions of interest that are empty or outside the frame */
  GArray *results;      /* of GstEffnetResult */
  GArray *entries;      /* of GstEffnetEntry; names are the engine's */
  GArray *scores;       /* of EffnetScore, scratch */
  GArray *class_scores; /* of float, [n results that are not kept][n classes], or empty */
  GstBuffer *all;       /* (nullable): the first part's scores of all classes, floats */
} GstEffnetResults;

void gst_effnet_results_init (GstEffnetResults *results);
void gst_effnet_results_clear (GstEffnetResults *results);
/* There are none; arrays keep their memory. */
void gst_effnet_results_reset (GstEffnetResults *results);
/* Returns: the class @id, or GST_EFFNET_CLASS_NONE or _UNKNOWN, by the name that it has in results
 * of the same engine */
GstEffnetEntry gst_effnet_results_name (const GstEffnetResults *results, int id, double score);
/* For a frame that `engine` runs, which is set as `filter` and the frame's times are. Returns: the
 * new one, until the next call: all of it but pick and ns is set. */
GstEffnetResult *gst_effnet_results_add (GstEffnetResults *results, const EffnetResult *from,
                                         const GstEffnetWanted *wanted);
/* Returns: (nullable): [n classes] of one of @results; NULL: they were not wanted */
const float *gst_effnet_results_get_scores (const GstEffnetResults *results,
                                            const GstEffnetResult *result);
/* Returns: (nullable): the result of the part that @pick is again; NULL: none certainly is */
GstEffnetResult *gst_effnet_results_find (const GstEffnetResults *results,
                                          const GstEffnetPick *pick);
/* Inserts at @at, or at the end, what @from, of the same engine, has of the part @pick. */
void gst_effnet_results_keep (GstEffnetResults *results, const GstEffnetResults *from,
                              const GstEffnetPick *pick, guint at);
guint gst_effnet_results_length (const GstEffnetResults *results);
const GstEffnetResult *gst_effnet_results_get (const GstEffnetResults *results, guint i);

G_END_DECLS

#endif
