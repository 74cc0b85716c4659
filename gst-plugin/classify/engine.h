/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An opened model, the scheduler that runs it, and the settings both were made from.
 * Reference-counted, because a stream may still be in a frame while a new model replaces the old
 * one. Arenas are the executors'; an engine has a light session, which converts frames. The
 * invariant: only the streaming thread uses it, and its cancellation whoever cancels the stream. */
#ifndef GST_EFFNET_ENGINE_H
#define GST_EFFNET_ENGINE_H

#include <effnet/scheduler.h>
#include <effnet/train.h>
#include <gst/gst.h>

G_BEGIN_DECLS

/* What decides about opening, a copy of the properties. */
typedef struct {
  char *variant;     /* (nullable) "auto" and NULL are the same */
  char *model_file;  /* (nullable) */
  char *labels_file; /* (nullable) */
  EffnetPrecision precision;
  guint threads;
  char *instance_id; /* (nullable): the process's scheduler of so many threads */
  guint input_size;  /* side of the network's input, pixels; 0 = the model's own */
} GstEffnetModelSettings;

/* How a frame becomes the network's input, and its output scores. */
typedef struct {
  EffnetResizeMode resize_mode;
  gboolean sparse_rows;
  EffnetOutputActivation activation;
  double temperature;
} GstEffnetRunSettings;

/* Runs, and models; for those who know the element, which the log names. */
GST_DEBUG_CATEGORY_EXTERN (gst_effnet_engine_debug);
GST_DEBUG_CATEGORY_EXTERN (gst_effnet_model_debug);

typedef struct {
  gatomicrefcount refs;
  guint serial;       /* from 1, never twice in a process */
  guint64 identity;   /* a checksum, of weights and classes: not of the input */
  guint64 class_list; /* a checksum, never 0: where it is the same, class numbers compare */
  GstEffnetModelSettings settings;
  EffnetModel *model;
  EffnetScheduler *scheduler;
  EffnetSession *session; /* no arena: the front end */
  EffnetModelInfo info;
  const char *sha256;       /* of the weights; the model's */
  EffnetHead *card;         /* (nullable): its classifier, of a model that was trained as a head */
  const char *backbone;     /* sha256 of the weights that heads for it were trained on */
  GstEffnetRunSettings run; /* the session's */
  gboolean warm;            /* counted among those of its model that are */
} GstEffnetEngine;

void gst_effnet_model_settings_copy (GstEffnetModelSettings *to,
                                     const GstEffnetModelSettings *from);
void gst_effnet_model_settings_clear (GstEffnetModelSettings *settings);

/* Slow: reads and packs the weights, hashes the file. */
GstEffnetEngine *gst_effnet_engine_new (const GstEffnetModelSettings *settings, GError **error);
GstEffnetEngine *gst_effnet_engine_ref (GstEffnetEngine *engine);
void gst_effnet_engine_unref (GstEffnetEngine *engine);
/* One run on noise, so that the first frame does not pay for page faults; once for all engines of a
 * model. FALSE when the model has no result even for that. */
gboolean gst_effnet_engine_warm_up (GstEffnetEngine *engine, GError **error);
/* FALSE with EFFNET_ERROR_MISMATCH when @head was trained on another network. */
gboolean gst_effnet_engine_fits (const GstEffnetEngine *engine, const EffnetHead *head,
                                 GError **error);
/* A checksum of names, which may be NULL; never 0. */
guint64 gst_effnet_class_list_of (const char *const *labels, guint n);
/* Returns: (transfer full): the property `model-info` */
GstStructure *gst_effnet_engine_get_info (GstEffnetEngine *engine);
/* Those of the engine's own session. */
void gst_effnet_engine_set_run (GstEffnetEngine *engine, const GstEffnetRunSettings *run);
/* Those of an executor's, which other streams may have set. */
void gst_effnet_run_settings_apply (const GstEffnetRunSettings *run, EffnetSession *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstEffnetEngine, gst_effnet_engine_unref)

G_END_DECLS

#endif
