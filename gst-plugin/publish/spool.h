/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What waits for the broker: numbered records in a SQLite file, or in memory where no file is
 * named. The invariants: numbers rise and are never given twice, not even by the next process; what
 * goes in comes out in order or is counted as lost; one process at a time has the file. SQLite
 * stops here. Of one thread at a time. */
#ifndef GST_EFFNET_PUBLISH_SPOOL_H
#define GST_EFFNET_PUBLISH_SPOOL_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GstEffnetSpool GstEffnetSpool;

/* One that waits. */
typedef struct {
  gint64 number;
  char *topic, *body; /* body: a JSON object in text */
} GstEffnetSpooled;

/* Why records of a spool are lost, and how many: since it was opened. */
typedef struct {
  guint64 full; /* more than it may hold: the oldest went */
  guint64 disk; /* the file could not be written or read, and memory was full, too */
} GstEffnetSpoolLoss;

/* @path: (nullable): NULL: in memory. Returns: (nullable): NULL with EFFNET_ERROR_IO or
 * EFFNET_ERROR_FORMAT: it cannot be made, is no spool, or another process has it */
GstEffnetSpool *gst_effnet_spool_open (const char *path, guint64 max_rows, guint64 max_bytes,
                                       GError **error);
void gst_effnet_spool_free (GstEffnetSpool *spool);
/* Returns: 16 hexadecimal digits, the same as long as the file is there */
const char *gst_effnet_spool_get_id (const GstEffnetSpool *spool);
/* Any number of gst_effnet_spool_add() between the two is one write to the disk. */
void gst_effnet_spool_begin (GstEffnetSpool *spool);
void gst_effnet_spool_commit (GstEffnetSpool *spool);
/* Takes a copy. Where the disk refuses, it stays in memory for a while. */
void gst_effnet_spool_add (GstEffnetSpool *spool, const char *topic, const char *body);
/* The first one with a number above @after. FALSE: there is none. Free what it holds with
 * gst_effnet_spooled_clear(). */
gboolean gst_effnet_spool_next (GstEffnetSpool *spool, gint64 after, GstEffnetSpooled *spooled);
void gst_effnet_spooled_clear (GstEffnetSpooled *spooled);
/* All up to @number have arrived. */
void gst_effnet_spool_remove (GstEffnetSpool *spool, gint64 number);
/* Returns: the highest number ever given */
gint64 gst_effnet_spool_get_last (const GstEffnetSpool *spool);
guint64 gst_effnet_spool_get_rows (const GstEffnetSpool *spool);
guint64 gst_effnet_spool_get_bytes (const GstEffnetSpool *spool);
/* Returns: those that are in memory only */
guint64 gst_effnet_spool_get_volatile (const GstEffnetSpool *spool);
GstEffnetSpoolLoss gst_effnet_spool_get_loss (const GstEffnetSpool *spool);
/* Returns: (nullable): why the disk was refused, once for each time it begins; free with g_free()
 */
char *gst_effnet_spool_take_complaint (GstEffnetSpool *spool);

G_END_DECLS

#endif
