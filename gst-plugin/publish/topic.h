/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Topics with names in braces that stand for parts of a result. The invariant: what comes out is
 * one topic without wildcards that has as many levels as the pattern, whatever the names are. */
#ifndef GST_EFFNET_PUBLISH_TOPIC_H
#define GST_EFFNET_PUBLISH_TOPIC_H

#include <glib.h>

G_BEGIN_DECLS

/* What may stand in braces. */
typedef enum {
  GST_EFFNET_TOPIC_ELEMENT, /* the name of the effnetclassify */
  GST_EFFNET_TOPIC_REGION,
  GST_EFFNET_TOPIC_HEAD,
  GST_EFFNET_TOPIC_MODEL,
  GST_EFFNET_TOPIC_HOST,
  GST_EFFNET_TOPIC_PUBLISHER, /* the name of the effnetpublish */
  GST_EFFNET_TOPIC_N_NAMES,
} GstEffnetTopicName;

/* FALSE with EFFNET_ERROR_ARGUMENT and a sentence: a name that is unknown or not among @allowed
 * (bits, 1 << GstEffnetTopicName), braces that do not close, a wildcard, nothing at all. */
gboolean gst_effnet_topic_check (const char *pattern, guint allowed, const char *property,
                                 GError **error);
/* Returns: the topic; @pattern passed the check. @names: [GST_EFFNET_TOPIC_N_NAMES], NULL is an
 * empty one. Free with g_free() */
char *gst_effnet_topic_expand (const char *pattern, const char *const *names);
/* Returns: @text with all but letters, digits and _ written as _; free with g_free() */
char *gst_effnet_topic_slug (const char *text);

G_END_DECLS

#endif
