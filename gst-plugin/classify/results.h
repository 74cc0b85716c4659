/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the inference of one frame gave, kept as long as it may be repeated. The invariant: the
 * arrays only grow, so that a frame like those before allocates nothing. */
#ifndef GST_EFFNET_RESULTS_H
#define GST_EFFNET_RESULTS_H

#include "classify/lineup.h"
#include "classify/regions.h"
#include "schema.h"
#include "state.h"
#include "stats.h"

G_BEGIN_DECLS

/* What of an inference is kept. */
typedef struct {
  guint top_k;              /* classes of each result */
  gboolean embeddings;      /* the features of each part */
  gboolean activation_maps; /* of each result that has a class; the job adds them */
  gboolean all_scores;      /* of the model's own classes, of the first part */
  gboolean class_scores;    /* the scores of all classes, for smoothing */
} GstEffnetWanted;

/* What one head answers for one part of the frame. */
typedef struct {
  GstEffnetPick pick;
  const GstEffnetHead *head;      /* of the lineup; the first of a part leads it */
  gboolean kept;                  /* from an earlier frame, whose are the three: */
  GstClockTime pts, running_time; /* NONE: it has none */
  guint64 frame;                  /* of the stream, counted */
  guint first, n;                 /* its classes in `entries`, best first; with n = 0 the one there
                                     stands for them: "", -1, 0 or "unknown", -1, best score */
  int answer;                     /* class, or GST_EFFNET_CLASS_NONE or _UNKNOWN */
  GstEffnetState state;           /* with smoothing */
  guint scores_at;                /* its first in `class_scores` */
  double margin, entropy;         /* of EffnetResult */
  GstBuffer *embedding;           /* (nullable): owned: the part's features, floats */
  GstEffnetActivationMap activation_map; /* its values are owned */
  guint64 ns[GST_EFFNET_N_TIMES]; /* of its part; what a frame's parts share, such as decoding, the
                                     first has */
} GstEffnetResult;

/* All of one frame. */
typedef struct {
  GstEffnetEngine *engine;        /* owned; NULL: there are none */
  GstClockTime pts, running_time; /* of the frame; NONE: it has none */
  guint64 frame;                  /* of the stream, counted */
  guint width, height;            /* of the frame, upright pixels */
  GstEffnetLineup *lineup;        /* owned; whose answers they are */
  GstEffnetStorage storage;
  guint64 ran_ns;       /* in the executor */
  guint outside;        /* regions of interest that are empty or outside the frame */
  GArray *results;      /* of GstEffnetResult: the heads' of a part in a row */
  GArray *entries;      /* of GstEffnetEntry; names are the lineup's */
  GArray *scores;       /* of EffnetScore, scratch */
  GArray *head_scores;  /* of float, scratch */
  GArray *class_scores; /* of float, [classes] for each result that is not kept, or empty */
  GstBuffer *all;       /* (nullable): the first part's scores of all classes, floats */
} GstEffnetResults;

void gst_effnet_results_init (GstEffnetResults *results);
void gst_effnet_results_clear (GstEffnetResults *results);
/* There are none; arrays keep their memory. */
void gst_effnet_results_reset (GstEffnetResults *results);
/* For the part @pick of a frame that `engine` runs, which is set as `lineup` and the frame's times
 * are: adds what each head answers. Returns: the first of the new results, until the next call */
const GstEffnetResult *gst_effnet_results_add (GstEffnetResults *results, const GstEffnetPick *pick,
                                               const EffnetResult *from,
                                               const GstEffnetRunSettings *run,
                                               const GstEffnetWanted *wanted, const guint64 *ns);
/* Returns: (nullable): [n classes] of one of @results; NULL: they were not wanted */
const float *gst_effnet_results_get_scores (const GstEffnetResults *results,
                                            const GstEffnetResult *result);
/* Returns: (nullable): the first result of the part that @pick is again; NULL: none certainly is */
GstEffnetResult *gst_effnet_results_find (const GstEffnetResults *results,
                                          const GstEffnetPick *pick);
/* Inserts as part @at, or at the end, what @from, of the same lineup, has of the part @pick. */
void gst_effnet_results_keep (GstEffnetResults *results, const GstEffnetResults *from,
                              const GstEffnetPick *pick, guint at);
/* TRUE when it is the first of its part. */
gboolean gst_effnet_result_leads (const GstEffnetResults *results, const GstEffnetResult *result);
guint gst_effnet_results_length (const GstEffnetResults *results);
const GstEffnetResult *gst_effnet_results_get (const GstEffnetResults *results, guint i);

G_END_DECLS

#endif
