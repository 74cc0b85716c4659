/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * One buffer through the engine. The invariant: a buffer is mapped no longer than its inference
 * takes, and not at all where nothing of it is to be classified. */
#ifndef GST_EFFNET_INFERENCE_H
#define GST_EFFNET_INFERENCE_H

#include "classify/results.h"
#include "video.h"

G_BEGIN_DECLS

typedef struct {
  GstEffnetRegionSettings regions;
  GstEffnetRunSettings run;
  GstEffnetWanted wanted;
  guint orientation; /* EffnetImage.orientation; 0: what stream or file says */
  guint bits;        /* EffnetImage.bits */
} GstEffnetInferenceSettings;

/* Of one stream: what its tags say, and scratch. */
typedef struct {
  GstObject *element;           /* for the log; not owned */
  guint stream_tag, global_tag; /* orientations; 0: no such tag */
  gboolean has_exif;            /* a JPEG did, and the tags may be an earlier picture's */
  GArray *picks;                /* of GstEffnetPick */
  GArray *rects;                /* of EffnetRegion */
} GstEffnetInference;

void gst_effnet_inference_init (GstEffnetInference *inference, GstObject *element);
/* A stream begins: no tags, no pictures yet. */
void gst_effnet_inference_forget (GstEffnetInference *inference);
/* Notes what a tag event says. TRUE when the pictures stand otherwise from now on. */
gboolean gst_effnet_inference_note_tags (GstEffnetInference *inference, GstEvent *event);
void gst_effnet_inference_clear (GstEffnetInference *inference);
/* Classifies the parts of @buffer that the settings ask for; @results lose what they had. FALSE
 * with EFFNET_ERROR_FRAME: @results are not to be used. */
gboolean gst_effnet_inference_run (GstEffnetInference *inference, GstEffnetEngine *engine,
                                   const GstEffnetInferenceSettings *settings,
                                   const GstEffnetFormat *format, GstBuffer *buffer,
                                   GstEffnetResults *results, GError **error);

G_END_DECLS

#endif
