/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the element keeps of what it sees: exemplars that somebody names (teach-file) and frames
 * that are worth a look (save-examples). The invariant: without these properties nothing is kept
 * and nothing is copied. */
#ifndef GST_EFFNET_LEARN_H
#define GST_EFFNET_LEARN_H

#include "classify/job.h"
#include "teach/saver.h"
#include "teach/teacher.h"

G_BEGIN_DECLS

typedef struct _GstEffnetClassify GstEffnetClassify;

#define GST_TYPE_EFFNET_SAVE_REASONS (gst_effnet_save_reasons_get_type ())
GType gst_effnet_save_reasons_get_type (void);

typedef struct {
  /* owner's lock */
  char *teach_file, *save_folder; /* (nullable) */
  GstEffnetSaveReasons reasons;
  guint64 max_bytes;
  GstClockTime interval;
  gboolean wants_saver; /* save_folder was set since the last look */

  GstEffnetTeacher teacher; /* have locks of their own */
  GstEffnetSaver saver;
} GstEffnetLearn;

void gst_effnet_classify_init_learning (GstEffnetClassify *self);
void gst_effnet_classify_clear_learning (GstEffnetClassify *self);
/* A stream begins, with @engine. FALSE, with an error, when the teach-file cannot be used. */
gboolean gst_effnet_classify_start_learning (GstEffnetClassify *self,
                                             const GstEffnetEngine *engine);
void gst_effnet_classify_stop_learning (GstEffnetClassify *self);
/* One of the properties was set. */
void gst_effnet_classify_settle_saver (GstEffnetClassify *self);
/* What is to be kept of a frame that is about to be captured. */
void gst_effnet_classify_plan_learning (GstEffnetClassify *self,
                                        GstEffnetInferenceSettings *settings);
/* The results of @job have become the newest, those of @before are older. */
void gst_effnet_classify_learn (GstEffnetClassify *self, const GstEffnetJob *job,
                                const GstEffnetResults *before);
/* What the two models say of the same part. */
typedef struct {
  const char *label, *other; /* of the model in use, and of the shadow model */
  double score, margin;      /* of the model in use */
  GstBuffer *embedding;      /* (nullable): likewise */
} GstEffnetDisagreement;

/* It is about the @nth part of the frame of @job, whose @results are those of either model. */
void gst_effnet_classify_keep_disagreement (GstEffnetClassify *self, const GstEffnetJob *job,
                                            const GstEffnetResults *results, guint nth,
                                            const GstEffnetDisagreement *d);
/* There is no newest frame any more. */
void gst_effnet_classify_forget_seen (GstEffnetClassify *self);
/* Adds the counters. */
void gst_effnet_classify_add_learning_stats (GstEffnetClassify *self, GstStructure *stats);
void gst_effnet_classify_install_learning (GObjectClass *klass);

G_END_DECLS

#endif
