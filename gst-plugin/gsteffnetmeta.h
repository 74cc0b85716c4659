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

/* How one buffer looks at a result. */
typedef struct {
  guint top_k;      /* entries at most */
  double threshold; /* entries below it are left out, 0..1 */
  gboolean fresh;   /* the result is of this very buffer */
  GstClockTime age; /* from the result's frame to this buffer, ns */
} GstEffnetView;

/* Without tags: such a meta survives conversion, scaling and encoding. Any number of calls. */
void gst_effnet_meta_register (void);
/* The class a view names, -1 when none reaches the threshold. */
int gst_effnet_result_get_label_id (const GstEffnetResult *result, const GstEffnetView *view);
void gst_effnet_result_write (const GstEffnetResult *result, const GstEffnetView *view,
                              GstStructure *s);
/* FALSE when @buffer's metadata cannot be written. */
gboolean gst_effnet_meta_attach (GstBuffer *buffer, const GstEffnetResult *result,
                                 const GstEffnetView *view);
/* Returns: (transfer full): with the times of @buffer in @segment */
GstMessage *gst_effnet_message_new (GstObject *source, GstBuffer *buffer, const GstSegment *segment,
                                    const GstEffnetResult *result, const GstEffnetView *view);

G_END_DECLS

#endif
