/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An opened model with the one session that runs it, and the settings both were made from.
 * Reference- counted, because a stream may still be in a frame while a new model replaces the old
 * one. The invariant: only the streaming thread, or whoever made it and has not published it, uses
 * `session`. */
#ifndef GST_EFFNET_ENGINE_H
#define GST_EFFNET_ENGINE_H

#include "gsteffnetframe.h"
#include "gsteffnetregions.h"
#include "gsteffnetstats.h"

G_BEGIN_DECLS

#define GST_EFFNET_TOP_K_MAX 1000

/* What decides about opening, a copy of the properties. */
typedef struct {
  char *variant;     /* (nullable) "auto" and NULL are the same */
  char *model_file;  /* (nullable) */
  char *labels_file; /* (nullable) */
  EffnetPrecision precision;
  guint threads;
} GstEffnetModelSettings;

/* How a frame becomes the network's input. */
typedef struct {
  EffnetResizeMode resize_mode;
  gboolean sparse_rows;
} GstEffnetScaling;

typedef struct {
  gatomicrefcount refs;
  guint serial; /* from 1, never twice in a process: class numbers of one serial compare */
  GstEffnetModelSettings settings;
  EffnetModel *model;
  EffnetSession *session;
  EffnetModelInfo info;
  GstEffnetScaling scaling; /* the session's */
  gboolean warm;
} GstEffnetEngine;

/* The result of one part of one frame, kept as long as it may be repeated. */
typedef struct {
  GstEffnetEngine *engine; /* owned */
  GstEffnetPick pick;
  EffnetScore *top; /* [n_top] */
  guint n_top;
  double margin;  /* best minus second best probability */
  double entropy; /* of all probabilities, nats */
  GstClockTime pts;
  guint64 ns[GST_EFFNET_N_TIMES]; /* what a frame's parts share, such as decoding, the first has */
} GstEffnetResult;

/* All of one frame. */
typedef struct {
  GPtrArray *all;      /* (nullable) of GstEffnetResult */
  guint width, height; /* of the frame, where parts were picked */
  guint outside;       /* regions of interest that are empty or outside the frame */
} GstEffnetResults;

void gst_effnet_model_settings_copy (GstEffnetModelSettings *to,
                                     const GstEffnetModelSettings *from);
void gst_effnet_model_settings_clear (GstEffnetModelSettings *settings);

/* Slow: reads and packs the weights, hashes the file. */
GstEffnetEngine *gst_effnet_engine_new (const GstEffnetModelSettings *settings, GError **error);
GstEffnetEngine *gst_effnet_engine_ref (GstEffnetEngine *engine);
void gst_effnet_engine_unref (GstEffnetEngine *engine);
/* One run on a black input, so that the first frame does not pay for page faults. Once. */
void gst_effnet_engine_warm_up (GstEffnetEngine *engine);
/* Returns: (transfer full): the property `model-info` */
GstStructure *gst_effnet_engine_get_info (GstEffnetEngine *engine);
/* Maps @buffer, classifies the parts of it that @regions asks for, unmaps it; keeps the best @top_k
 * of each in @results, which lose what they had. FALSE with EFFNET_ERROR_FRAME leaves them as they
 * were. */
gboolean gst_effnet_engine_classify (GstEffnetEngine *engine, const GstEffnetFormat *format,
                                     GstBuffer *buffer, const GstEffnetRegionSettings *regions,
                                     const GstEffnetScaling *scaling, guint top_k,
                                     GstEffnetResults *results, GError **error);
/* There are none. Start with zeros. */
void gst_effnet_results_clear (GstEffnetResults *results);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetEngine, gst_effnet_engine_unref)

G_END_DECLS

#endif
