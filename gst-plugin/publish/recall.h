/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a record is known again: the publisher's id and the record's number stand at its beginning,
 * and the broker keeps the newest record of each topic. The invariant: a broker that has a record
 * has all records before it, so that the highest number that is found there says it all. */
#ifndef GST_EFFNET_PUBLISH_RECALL_H
#define GST_EFFNET_PUBLISH_RECALL_H

#include "publish/spool.h"

G_BEGIN_DECLS

/* Returns: @body, a JSON object, with id and @number in front; free with g_free() */
char *gst_effnet_recall_sign (const GstEffnetSpool *spool, const char *body, gint64 number);
/* Returns: (transfer full): NULL-terminated, the topics of the first @n that wait: what an earlier
 * connection, or process, may have sent */
char **gst_effnet_recall_topics (GstEffnetSpool *spool, guint n);
/* Returns: the number of a record of this publisher; 0: it is none, or its number was never given,
 * which is not believed */
gint64 gst_effnet_recall_number (const GstEffnetSpool *spool, GBytes *record);

G_END_DECLS

#endif
