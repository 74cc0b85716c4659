/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Exemplars -> a head, its accuracy, and its folder, which the property `heads` and the tool open
 * as well. Runs in the thread of whoever calls. */
#ifndef GST_EFFNET_TEACH_TRAINING_H
#define GST_EFFNET_TEACH_TRAINING_H

#include "teach/store.h"

#include <effnet/train.h>

G_BEGIN_DECLS

typedef struct {
  EffnetModel *model; /* a reference */
  guint n_features;
  GPtrArray *exemplars; /* of GstEffnetExemplar */
  GPtrArray *labels;    /* of char *, owned: the classes */
  GArray *counts;       /* of guint: exemplars of each */

  EffnetHead *head;
  double accuracy; /* by leave-one-out, 0 to 1 */
  guint64 ns;      /* that it took */
} GstEffnetTraining;

/* What @store has now, of two labels at least; to be cleared. */
void gst_effnet_training_begin (GstEffnetTraining *training, const GstEffnetStore *store);
void gst_effnet_training_clear (GstEffnetTraining *training);
/* FALSE as effnet_head_train(), or with EFFNET_ERROR_CANCELLED */
gboolean gst_effnet_training_run (GstEffnetTraining *training, GCancellable *cancellable,
                                  GError **error);
/* Writes the head as @folder, in place of what may be there. */
gboolean gst_effnet_training_save (const GstEffnetTraining *training, const char *folder,
                                   GError **error);
/* Removes such a folder, if it is one. */
void gst_effnet_training_remove (const char *folder);
/* Returns: (transfer full): the message effnetclassify-trained */
GstStructure *gst_effnet_training_to_structure (const GstEffnetTraining *training, guint version);

G_END_DECLS

#endif
