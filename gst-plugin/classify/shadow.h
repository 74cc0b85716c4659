/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A candidate model that classifies one of N classified frames beside the model in use, and how
 * often both have the same answer. The invariants: no buffer waits for it, and nothing of it is on
 * a buffer. */
#ifndef GST_EFFNET_SHADOW_H
#define GST_EFFNET_SHADOW_H

#include "classify/inference.h"
#include "classify/stream.h"

G_BEGIN_DECLS

typedef struct _GstEffnetClassify GstEffnetClassify;

#define GST_EFFNET_SHADOW_ANSWERS 64 /* that wait for the other model's */

/* Of one part of one frame. */
typedef struct {
  guint64 frame; /* its number; 0 = none */
  guint part;
  char *label; /* owned, where it waits */
  double score, margin;
  GstBuffer *embedding; /* (nullable): a reference */
} GstEffnetAnswer;

typedef struct {
  GstEffnetAnswer answers[GST_EFFNET_SHADOW_ANSWERS];
  guint next;
} GstEffnetAnswers;

typedef struct {
  /* owner's lock */
  char *path; /* (nullable): the property */
  guint interval;
  guint generation;        /* of path and of the element's opening */
  GstEffnetEngine *engine; /* (nullable) */
  guint64 compared, agreed;
  double distance; /* sum of the differences of the best scores */

  /* the thread that captures or takes up */
  EffnetScheduler *scheduler; /* (nullable): of the element's stream */
  GstEffnetStream stream;     /* started while there is a candidate */
  GstEffnetLineup *lineup;    /* (nullable): of its own classes, by these rules */
  GstEffnetClassRules *rules;
  guint serial; /* of the engine of it; 0 = none */
  guint since;  /* frames of the model in use since the last */
  GstEffnetAnswers own, candidate;
} GstEffnetShadow;

void gst_effnet_shadow_init (GstEffnetShadow *shadow, GstObject *element);
void gst_effnet_shadow_clear (GstEffnetShadow *shadow);
/* With the owner's lock. Returns: (transfer full) (nullable): the candidate, which is none any more
 */
GstEffnetEngine *gst_effnet_shadow_take (GstEffnetShadow *shadow);
/* A stream begins, or ends: NULL. */
void gst_effnet_shadow_start (GstEffnetShadow *shadow, EffnetScheduler *scheduler);
/* The property was set, or the element opened: loads the candidate in a worker. One that cannot be
 * opened is a warning. */
void gst_effnet_classify_load_shadow (GstEffnetClassify *self);
void gst_effnet_classify_close_shadow (GstEffnetClassify *self);
/* There is a candidate. */
gboolean gst_effnet_classify_has_shadow (GstEffnetClassify *self);
/* @buffer, raw video or JPEG, is classified as frame @frame: every Nth time the candidate gets it,
 * too, if it has time. */
void gst_effnet_classify_shadow (GstEffnetClassify *self, const GstEffnetFormat *format,
                                 GstBuffer *buffer, guint64 frame,
                                 const GstEffnetInferenceSettings *settings);
/* The model in use has answered, @results, for the frame of @job. */
void gst_effnet_classify_compare (GstEffnetClassify *self, const GstEffnetJob *job,
                                  const GstEffnetResults *results);
/* Adds the counters. */
void gst_effnet_classify_add_shadow_stats (GstEffnetClassify *self, GstStructure *stats);

G_END_DECLS

#endif
