/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What threads share of one stream, and nothing else is shared: the mailbox, in which jobs wait for
 * their turn at the scheduler; the slot, in which finished ones wait to be taken up; and the epoch,
 * which a flush, a new segment and new caps raise, so that results of what was before vanish.
 * The invariant: a finished job of an earlier epoch is never taken up. */
#ifndef GST_EFFNET_STREAM_H
#define GST_EFFNET_STREAM_H

#include "classify/job.h"

G_BEGIN_DECLS

#define GST_EFFNET_STREAM_JOBS 8 /* of a stream at most, those that are taken up included */

typedef struct {
  GstObject *element;   /* for the log; not owned */
  GMutex control;       /* of set_cancelled() and stop(), which come from other threads */
  EffnetStream *stream; /* (nullable): between start and stop */
  void (*ready) (GstObject *element); /* (nullable): in an executor, without locks */

  GMutex lock;
  GCond changed; /* a job ended, or the stream was cancelled */
  guint epoch;
  guint last_number; /* of the newest submission */
  guint done;        /* of the newest that ended; they end in order */
  guint taken;       /* of the newest that was taken up, or that nobody waits for any more */
  guint n_jobs;      /* that exist */
  guint n_pending;   /* submitted, and neither finished nor dropped */
  guint n_dropped;   /* for a newer one, or for want of room, since the last look */
  gboolean cancelled;
  gboolean notifies;          /* call `ready` when jobs are finished; once, until that is noted */
  gboolean is_notified;       /* it was called */
  GstClockTime waiting_since; /* system time of the newest submission */
  GQueue idle, finished;      /* of GstEffnetJob */
} GstEffnetStream;

void gst_effnet_stream_init (GstEffnetStream *stream, GstObject *element);
void gst_effnet_stream_clear (GstEffnetStream *stream);
/* Joins @scheduler; jobs that wait are @capacity at most. */
void gst_effnet_stream_start (GstEffnetStream *stream, EffnetScheduler *scheduler, guint capacity);
/* Leaves it, which cancels what runs, and forgets all results. */
void gst_effnet_stream_stop (GstEffnetStream *stream);
/* Returns: (transfer full) (nullable): an empty job; NULL when all are on their way */
GstEffnetJob *gst_effnet_stream_get_job (GstEffnetStream *stream);
/* @job: (transfer full): was taken, or was never submitted. */
void gst_effnet_stream_give_back (GstEffnetStream *stream, GstEffnetJob *job);
/* Takes @job. FALSE when the scheduler has no room for it, or the stream is cancelled: it is gone.
 * With EFFNET_SUBMIT_REPLACE it takes the place of the one that waits. */
gboolean gst_effnet_stream_submit (GstEffnetStream *stream, GstEffnetJob *job, EffnetSubmit how);
/* No job waits for its turn; one may run. */
gboolean gst_effnet_stream_is_free (GstEffnetStream *stream);
/* A job waits or runs. */
gboolean gst_effnet_stream_is_busy (GstEffnetStream *stream);
/* Since when the newest job is on its way, system time. */
GstClockTime gst_effnet_stream_get_submitted (GstEffnetStream *stream);
/* Until no job waits or runs, or @end, a monotonic time in microseconds (-1: never). FALSE when the
 * stream was cancelled, and then, too, no job runs any more. */
gboolean gst_effnet_stream_wait (GstEffnetStream *stream, gint64 end);
/* Returns: (transfer full) (nullable): the oldest finished job of this epoch, if its number is not
 * above @last */
GstEffnetJob *gst_effnet_stream_take (GstEffnetStream *stream, guint last);
/* Whether `ready` is called. */
void gst_effnet_stream_set_notifies (GstEffnetStream *stream, gboolean notifies);
/* What follows is told of by another call of `ready`. */
void gst_effnet_stream_note_notified (GstEffnetStream *stream);
/* Of the newest submission. */
guint gst_effnet_stream_get_number (GstEffnetStream *stream);
/* Those that wait, run, or are finished and not taken. */
guint gst_effnet_stream_count (GstEffnetStream *stream);
/* Returns: jobs dropped for a newer one, or for want of room, since the last call */
guint gst_effnet_stream_take_dropped (GstEffnetStream *stream);
/* A new epoch. */
void gst_effnet_stream_forget (GstEffnetStream *stream);
/* Any thread, and never waits. TRUE: a new epoch, what waits is dropped, what runs breaks off, and
 * nothing is accepted until FALSE. */
void gst_effnet_stream_set_cancelled (GstEffnetStream *stream, gboolean cancelled);
/* Any thread. FALSE when the stream is not started. */
gboolean gst_effnet_stream_get_stats (GstEffnetStream *stream, EffnetQueueStats *stats);

G_END_DECLS

#endif
