/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From scores to labels that people can act on: the filter of the present rules and model, the
 * stable class of each part, and the signals. The invariants: states are fed once with each result
 * that is taken up, in order; no lock is held while a signal is emitted. */
#ifndef GST_EFFNET_LABELS_H
#define GST_EFFNET_LABELS_H

#include "classify/results.h"
#include "state.h"

G_BEGIN_DECLS

typedef struct _GstEffnetClassify GstEffnetClassify;

/* Properties; under the owner's lock. */
typedef struct {
  GstEffnetClassRules *rules; /* owned */
  GstEffnetStateSettings smoothing;
  gboolean wants_reset; /* the action reset-state was called since the last look */
} GstEffnetLabelSettings;

/* Of one stream, for its streaming thread. */
typedef struct {
  GstEffnetClassRules *rules;   /* (nullable) that `filter` was made of; a reference, as all here */
  GstEffnetClassFilter *filter; /* (nullable) */
  guint serial;                 /* engine of it */
  GstEffnetStateSettings smoothing;
  GstEffnetStates *states;
  guint64 class_list; /* GstEffnetEngine's, of the classes in `states`; 0 = none yet */
  gboolean is_unsaid; /* results were taken up, and `classified` has not been emitted */
} GstEffnetLabels;

void gst_effnet_label_settings_init (GstEffnetLabelSettings *settings);
void gst_effnet_label_settings_clear (GstEffnetLabelSettings *settings);
void gst_effnet_labels_init (GstEffnetLabels *labels);
void gst_effnet_labels_clear (GstEffnetLabels *labels);
void gst_effnet_labels_install_signals (GObjectClass *klass);

/* Another stream, or another scene: no part has a stable class. */
void gst_effnet_labels_forget (GstEffnetLabels *labels);
/* Returns: (transfer full): which classes of the model count; names that it does not have are in
 * @complaint */
GstEffnetClassFilter *gst_effnet_labels_filter_new (const GstEffnetClassRules *rules,
                                                    GstEffnetEngine *engine, char **complaint);
/* FALSE with a sentence when rules name a class that the model does not have. */
gboolean gst_effnet_labels_check (const GstEffnetClassRules *rules, GstEffnetEngine *engine,
                                  GError **error);
/* Takes up the present properties, for frames that @engine runs; warns of names that it does not
 * have. `filter` is set then, and holds until the next call. */
void gst_effnet_classify_settle_labels (GstEffnetClassify *self, GstEffnetEngine *engine);
/* The element's newest results have been taken up: feeds the states and gives each result its own;
 * emits `state-changed`. */
void gst_effnet_classify_feed_states (GstEffnetClassify *self);
/* The buffer that carries the records of the announcer goes out: emits `classified` with them, once
 * for each time that results were taken up. */
void gst_effnet_classify_emit_classified (GstEffnetClassify *self, GstBuffer *buffer);
/* TRUE when somebody listens to `classified`. */
gboolean gst_effnet_classify_has_listener (GstEffnetClassify *self);

G_END_DECLS

#endif
