/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The heads that the property `heads` names, opened: several small classifiers for the features of
 * one network. The invariant: a list is immutable, so that any thread may look. Knows no element.
 */
#ifndef GST_EFFNET_HEADLIST_H
#define GST_EFFNET_HEADLIST_H

#include <effnet/train.h>
#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_HEADS_MAX 64
#define GST_EFFNET_TAUGHT    "taught" /* the name of the head that is taught while it runs */

typedef struct {
  char *name;       /* owned */
  EffnetHead *head; /* (nullable): a reference; NULL: the model's own classifier */
} GstEffnetHeadEntry;

typedef struct {
  gatomicrefcount refs;
  guint n; /* at least one */
  GstEffnetHeadEntry entries[];
} GstEffnetHeadList;

/* FALSE with a sentence when @text is not NAME=PATH with ';' between several; NULL and "" are none.
 */
gboolean gst_effnet_heads_check (const char *text, GError **error);
/* Slow: opens what @text names; an empty PATH is the model's own classifier. Returns: (nullable):
 * NULL without an error when it names none */
GstEffnetHeadList *gst_effnet_head_list_open (const char *text, GError **error);
/* Returns: (nullable): @list, which may be NULL, with @head, which may be NULL, as the last */
GstEffnetHeadList *gst_effnet_head_list_join (const GstEffnetHeadList *list, EffnetHead *head);
GstEffnetHeadList *gst_effnet_head_list_ref (GstEffnetHeadList *list);
void gst_effnet_head_list_unref (GstEffnetHeadList *list);

G_END_DECLS

#endif
