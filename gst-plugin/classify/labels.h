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
  GstEffnetLineup *lineup;    /* (nullable); a reference, as are those that it was made of: */
  GstEffnetClassRules *rules; /* (nullable) */
  GstEffnetHeadList *list;    /* (nullable) */
  GstEffnetStateSettings smoothing;
  GstEffnetStates *states;
  gboolean is_unsaid; /* results were taken up, and `classified` has not been emitted */
} GstEffnetLabels;

void gst_effnet_label_settings_init (GstEffnetLabelSettings *settings);
void gst_effnet_label_settings_clear (GstEffnetLabelSettings *settings);
void gst_effnet_labels_init (GstEffnetLabels *labels);
void gst_effnet_labels_clear (GstEffnetLabels *labels);
void gst_effnet_labels_install_signals (GObjectClass *klass);

/* Another stream, or another scene: no part has a stable class. */
void gst_effnet_labels_forget (GstEffnetLabels *labels);
/* FALSE with a sentence when rules name a class that no head, or without heads the model, has.
 * @list: (nullable) */
gboolean gst_effnet_labels_check (const GstEffnetClassRules *rules, GstEffnetEngine *engine,
                                  const GstEffnetHeadList *list, GError **error);
/* Takes up the present properties, for frames that @engine runs; warns of names that it does not
 * have, and of heads that are not for it. `lineup` is set then, and holds until the next call. */
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
