/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a result is told. One writer fills a GstStructure, whatever carries it: the buffer's
 * GstCustomMeta `EffnetClassificationMeta` or the element message `effnetclassify`. The field names
 * are public API; a change of meaning raises GST_EFFNET_SCHEMA_VERSION. */
#ifndef GST_EFFNET_META_H
#define GST_EFFNET_META_H

#include "gsteffnetengine.h"

G_BEGIN_DECLS

#define GST_EFFNET_META_NAME      "EffnetClassificationMeta"
#define GST_EFFNET_MESSAGE_NAME   "effnetclassify"
#define GST_EFFNET_SCHEMA_VERSION 1

/* How a buffer looks at results. */
typedef struct {
  guint top_k;      /* entries at most */
  double threshold; /* entries below it are left out, 0..1 */
  gboolean fresh;   /* the results are of this very buffer */
  gboolean whole;   /* the result is the frame's; else results are listed, each with its place */
} GstEffnetView;

/* A result on a buffer. */
typedef struct {
  const GstEffnetResult *result;
  EffnetRegion rect; /* on this buffer: a region of interest may have moved since */
  GstClockTime age;  /* from the result's frame to this buffer, ns */
} GstEffnetShown;

/* The class a message told of, for one part of the frames. */
typedef struct {
  GQuark name;
  int roi_id;
  guint nth;
  guint serial; /* engine of it */
  int label_id;
} GstEffnetTold;

/* Without tags: such a meta survives conversion, scaling and encoding. Any number of calls. */
void gst_effnet_meta_register (void);
/* FALSE when @buffer's metadata cannot be written. @shown: [n], at least one */
gboolean gst_effnet_meta_attach (GstBuffer *buffer, const GstEffnetView *view,
                                 const GstEffnetShown *shown, guint n);
/* Returns: (transfer full): with the times of @buffer in @segment; @shown as above */
GstMessage *gst_effnet_message_new (GstObject *source, GstBuffer *buffer, const GstSegment *segment,
                                    const GstEffnetView *view, const GstEffnetShown *shown,
                                    guint n);
/* TRUE when a message has not told of @result's class yet; it has now. @told: of GstEffnetTold */
gboolean gst_effnet_told_update (GArray *told, const GstEffnetView *view,
                                 const GstEffnetResult *result);
/* Forgets what was told of parts that @results do not have. */
void gst_effnet_told_keep (GArray *told, const GstEffnetResults *results);

G_END_DECLS

#endif
