/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A result in words, the same on the picture and in a file: "gate: open  93 %", of records that
 * gst_effnet_schema_read() has read. The invariant: what is appended is valid UTF-8. */
#ifndef GST_EFFNET_WORDING_H
#define GST_EFFNET_WORDING_H

#include "schema.h"

G_BEGIN_DECLS

/* The stable label where there is one, else the label; "" where there is none. Free with g_free().
 * @scored (out): whether the score is that label's. */
char *gst_effnet_wording_label (const GstEffnetRecord *record, gboolean *scored);
/* Appends the names that tell a result from others, "NAME: " each: of the element where there are
 * @several, of the part where it has one, of the head. */
void gst_effnet_wording_append_names (GString *text, const GstEffnetRecord *record,
                                      gboolean several);
/* Appends "  93 %", or the number itself where it is no share. Returns: percent; -1: no share */
int gst_effnet_wording_append_score (GString *text, double score);

G_END_DECLS

#endif
