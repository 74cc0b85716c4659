/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Properties that belong together and have a file of their own; props.c joins the groups. Setters
 * and getters are called with the object lock, and index counts within the group from 0. */
#ifndef GST_EFFNET_PROPERTY_GROUP_H
#define GST_EFFNET_PROPERTY_GROUP_H

#include "classify/instance.h"

G_BEGIN_DECLS

#define GST_EFFNET_READY_FLAGS                                                                     \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY)
#define GST_EFFNET_PLAYING_FLAGS                                                                   \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING)

typedef struct {
  /* The property at index has the number @first + index; at most a hundred. */
  void (*install) (GObjectClass *klass, guint first);
  /* FALSE with a sentence: the value cannot be used, and nothing has changed. */
  gboolean (*set) (GstEffnetClassify *self, guint index, const GValue *value, GError **error);
  void (*get) (GstEffnetClassify *self, guint index, GValue *value);
} GstEffnetPropertyGroup;

/* Replaces the text at @where by that of @value; "" is unset, too. */
void gst_effnet_store_string (char **where, const GValue *value);

G_END_DECLS

#endif
