/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The form of a result outside the element: a GstStructure, in the buffer's GstCustomMeta
 * `EffnetClassificationMeta` or in the element message `effnetclassify`. The field names are public
 * API and stand in schema.c only; a change of meaning raises GST_EFFNET_SCHEMA_VERSION. The
 * invariant: what the writer writes, the reader reads back. */
#ifndef GST_EFFNET_SCHEMA_H
#define GST_EFFNET_SCHEMA_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_META_NAME      "EffnetClassificationMeta"
#define GST_EFFNET_MESSAGE_NAME   "effnetclassify"
#define GST_EFFNET_SCHEMA_VERSION 1

/* A class of a result. */
typedef struct {
  const char *label; /* (nullable): NULL is written as "class ID" */
  int id;
  double score; /* probability */
} GstEffnetEntry;

/* One result; strings and entries are borrowed. */
typedef struct {
  guint schema_version;
  const char *model, *model_sha256, *variant;
  const char *region;
  int roi_id;             /* -1: not a region of interest */
  GstEffnetEntry best;    /* entries[0]; "", -1, 0 without entries */
  double margin, entropy; /* of the library's EffnetResult */
  gboolean fresh;         /* of this very buffer */
  GstClockTime result_pts, age;
  guint infer_us, convert_us, decode_us, wait_us;
  gboolean has_box; /* FALSE: the full frame, and no place is written */
  guint x, y, width, height;
  const GstEffnetEntry *entries; /* [n_entries], best first; the reader leaves NULL */
  guint n_entries;
} GstEffnetRecord;

/* The buffer's times that a message adds, ns. */
typedef struct {
  GstClockTime timestamp, stream_time, running_time, duration;
} GstEffnetMoment;

/* ---- writer ---- */

/* Without tags: such a meta survives conversion, scaling and encoding. Any number of calls. */
void gst_effnet_schema_register (void);
/* @entries: [n], best first, as long as @record is used. Sets `best` too. */
void gst_effnet_record_set_entries (GstEffnetRecord *record, const GstEffnetEntry *entries,
                                    guint n);
/* Adds the meta. FALSE when @buffer's metadata cannot be written. @records: [n], at least one; with
 * boxes they are listed. */
gboolean gst_effnet_schema_attach (GstBuffer *buffer, const GstEffnetRecord *records, guint n);
/* Returns: (transfer full): an element message; @records as above */
GstMessage *gst_effnet_schema_message_new (GstObject *source, const GstEffnetMoment *moment,
                                           const GstEffnetRecord *records, guint n);

/* ---- reader ---- */

/* Returns: (transfer none) (nullable): the next result on @buffer; an element each may have added
 * one. @state: NULL at first */
const GstStructure *gst_effnet_schema_iterate (GstBuffer *buffer, gpointer *state);
/* What stands in @s itself: the only result, or the first of its parts. FALSE with
 * EFFNET_ERROR_FORMAT when a field is missing, of another type, or of a newer schema. Strings
 * belong to @s. */
gboolean gst_effnet_schema_read (const GstStructure *s, GstEffnetRecord *record, GError **error);
/* Fills @entries with the first @max classes of a structure that gst_effnet_schema_read() takes.
 * Returns: how many */
guint gst_effnet_schema_read_entries (const GstStructure *s, GstEffnetEntry *entries, guint max);
/* Parts that @s lists; 0: the result is the full frame's. */
guint gst_effnet_schema_n_parts (const GstStructure *s);
const GstStructure *gst_effnet_schema_get_part (const GstStructure *s, guint i);
/* FALSE as gst_effnet_schema_read(). */
gboolean gst_effnet_schema_read_moment (const GstStructure *s, GstEffnetMoment *moment,
                                        GError **error);

G_END_DECLS

#endif
