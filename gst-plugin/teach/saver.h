/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Frames that are worth a look, as files: a folder for each label that was given, as `effnet train`
 * reads them, and a line about each in examples.jsonl. The invariants: the stream never waits for
 * the disk, what comes faster than it is written is dropped and counted; no file is there half; no
 * more than so many bytes are used. Knows no element. */
#ifndef GST_EFFNET_TEACH_SAVER_H
#define GST_EFFNET_TEACH_SAVER_H

#include "picture.h"
#include "teach/known.h"
#include "teach/worker.h"

G_BEGIN_DECLS

/* Flags. */
typedef enum {
  GST_EFFNET_SAVE_LOW_MARGIN = 1 << 0,
  GST_EFFNET_SAVE_DISAGREEMENT = 1 << 1,
  GST_EFFNET_SAVE_UNKNOWN = 1 << 2,
  GST_EFFNET_SAVE_LABEL_CHANGE = 1 << 3,
} GstEffnetSaveReasons;

#define GST_EFFNET_SAVE_ALL      15
#define GST_EFFNET_SAVER_WAITING 4 /* that are not yet written, at most */
#define GST_EFFNET_SAVER_INDEX   "examples.jsonl"

/* One part of one frame. Strings are owned. */
typedef struct {
  GstEffnetPicture *picture; /* (nullable): the frame */
  EffnetRegion part;         /* of it; all 0 = all of it */
  GBytes *input;             /* (nullable): instead of `picture`: [height][width][3], R G B */
  guint width, height;       /* of `input` */
  GstBuffer *embedding;
  GstEffnetSaveReasons reasons;
  char *label, *other; /* `other`: (nullable): what the shadow model said */
  char *region, *head, *element;
  char **labels;  /* the best classes, */
  double *scores; /* and theirs */
  double margin;
  GstClockTime running_time;
  gint64 time; /* of the clock on the wall, microseconds since 1970 */
} GstEffnetExample;

void gst_effnet_example_free (GstEffnetExample *example);

typedef struct {
  guint64 saved, duplicates, dropped, failed, bytes;
} GstEffnetSaverStats;

typedef struct {
  gpointer owner;
  void (*warn) (gpointer owner, const GError *error); /* from the worker */
  GMutex control; /* of open and close, which any thread may call */

  GMutex lock;
  GstEffnetWorker *worker; /* (nullable): while it is open */
  char *folder;            /* (nullable): of the worker, the next or the last */
  guint64 max_bytes;
  GstClockTime interval; /* between two, at least; system time */
  GstClockTime next;     /* when another may come */
  gboolean is_full;      /* max_bytes are reached */
  GstEffnetSaverStats stats;

  /* the worker's */
  GstEffnetKnown known; /* that a new one must differ from */
  gboolean is_measured; /* `bytes` counts what was there, and that is known */
  gboolean has_warned;  /* of a failure, since the last success */
} GstEffnetSaver;

void gst_effnet_saver_init (GstEffnetSaver *saver,
                            void (*warn) (gpointer owner, const GError *error), gpointer owner);
void gst_effnet_saver_clear (GstEffnetSaver *saver);
/* In place of the folder that may be open. FALSE when the system gives no thread. */
gboolean gst_effnet_saver_open (GstEffnetSaver *saver, const char *folder, GError **error);
/* Waits for what is being written. */
void gst_effnet_saver_close (GstEffnetSaver *saver);
/* Any thread. Another limit lets a saver that was full go on. */
void gst_effnet_saver_set_limits (GstEffnetSaver *saver, guint64 max_bytes, GstClockTime interval);
/* FALSE: whatever is offered now will not be taken. */
gboolean gst_effnet_saver_is_due (GstEffnetSaver *saver);
/* Takes @example. */
void gst_effnet_saver_offer (GstEffnetSaver *saver, GstEffnetExample *example);
GstEffnetSaverStats gst_effnet_saver_get_stats (GstEffnetSaver *saver);

G_END_DECLS

#endif
