/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's heads: those of the property `heads`, opened in NULL->READY and in a worker while
 * it runs, and the one that is taught. */
#ifndef GST_EFFNET_CLASSIFY_HEADS_H
#define GST_EFFNET_CLASSIFY_HEADS_H

#include "headlist.h"

G_BEGIN_DECLS

typedef struct _GstEffnetClassify GstEffnetClassify;

/* Under the owner's lock. */
typedef struct {
  char *text;               /* (nullable): the property */
  char *text_in_use;        /* (nullable): what `named` was opened from */
  guint generation;         /* of text and of the element's opening */
  GstEffnetHeadList *named; /* (nullable): what the property names */
  EffnetHead *taught;       /* (nullable): a reference */
  GstEffnetHeadList *list;  /* (nullable): both of them, for frames */
} GstEffnetHeads;

void gst_effnet_heads_clear (GstEffnetHeads *heads);
/* FALSE when one cannot be opened, or is not for the element's model. */
gboolean gst_effnet_classify_open_heads (GstEffnetClassify *self, GError **error);
/* The same for a stream that begins, if the property was set since. */
gboolean gst_effnet_classify_settle_heads (GstEffnetClassify *self, GError **error);
/* The property was set: loads what it names. One that cannot be used is a warning, and those before
 * stay. */
void gst_effnet_classify_load_heads (GstEffnetClassify *self);
void gst_effnet_classify_close_heads (GstEffnetClassify *self);
/* @head: (nullable): takes over between two frames; NULL = there is none any more */
void gst_effnet_classify_set_taught (GstEffnetClassify *self, EffnetHead *head);

G_END_DECLS

#endif
