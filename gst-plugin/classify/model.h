/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which engine the element uses, and its replacement while a stream runs. */
#ifndef GST_EFFNET_MODEL_H
#define GST_EFFNET_MODEL_H

#include "classify/instance.h"

G_BEGIN_DECLS

/* NULL -> READY. TRUE when an engine is published, else an error is posted. */
gboolean gst_effnet_classify_open (GstEffnetClassify *self);
void gst_effnet_classify_close (GstEffnetClassify *self);
/* Loads the model of the present settings, with its own size of input, in a worker, then swaps;
 * below READY nothing. */
void gst_effnet_classify_reload (GstEffnetClassify *self);
/* The same with an input of @side pixels a side; 0 = the model's own. */
void gst_effnet_classify_set_input_size (GstEffnetClassify *self, guint side);
/* Before a stream begins: a model that was set last and is not loaded yet is loaded here. FALSE,
 * with an error posted, when the one in use has no results. */
gboolean gst_effnet_classify_settle (GstEffnetClassify *self);
/* Returns: (transfer full) (nullable): the engine in use */
GstEffnetEngine *gst_effnet_classify_ref_engine (GstEffnetClassify *self);

G_END_DECLS

#endif
