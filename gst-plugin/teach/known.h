/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the newest examples look like, so that the next ones differ from them, after a restart too.
 * The invariants: the file is bounded, and distrusted when it is read; a record that is cut or
 * damaged costs what stands behind it, and nothing else. */
#ifndef GST_EFFNET_TEACH_KNOWN_H
#define GST_EFFNET_TEACH_KNOWN_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_KNOWN_MAX  256 /* of the newest */
#define GST_EFFNET_KNOWN_FILE "examples.known"

typedef struct {
  GPtrArray *units; /* of GstBuffer: embeddings, of length 1 */
  guint next;       /* which of them goes next, when there are GST_EFFNET_KNOWN_MAX */
  char *path;       /* (nullable): no file is written */
  guint n_in_file;  /* records */
} GstEffnetKnown;

void gst_effnet_known_init (GstEffnetKnown *known);
void gst_effnet_known_clear (GstEffnetKnown *known);
/* In place of what is known: what the file in @folder says. A file of that name that holds
 * something else is left as it is. */
void gst_effnet_known_open (GstEffnetKnown *known, const char *folder);
/* Forgets all, but for the file. */
void gst_effnet_known_close (GstEffnetKnown *known);
/* Returns: (transfer full): a copy of @embedding of length 1 */
GstBuffer *gst_effnet_known_normalise (GstBuffer *embedding);
gboolean gst_effnet_known_has_alike (const GstEffnetKnown *known, GstBuffer *unit);
/* Takes @unit, in place of the oldest where there are too many, also in the file. */
void gst_effnet_known_add (GstEffnetKnown *known, GstBuffer *unit);
/* To the end of a file, in one write, so that several elements may share it. Of what the disk takes
 * but a part nothing stays. Returns: 0 or an errno */
int gst_effnet_append (const char *path, int flags, gconstpointer bytes, gsize size);

G_END_DECLS

#endif
