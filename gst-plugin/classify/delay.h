/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Buffers that are held until their results are there: a queue, and the thread that sends them on.
 * The invariants: they leave in the order they came; what is held is bounded; the thread is idle
 * and nothing is held when a serialized event goes by. It shares the lock of the stream whose jobs
 * it waits for. */
#ifndef GST_EFFNET_DELAY_H
#define GST_EFFNET_DELAY_H

#include "classify/stream.h"

G_BEGIN_DECLS

#define GST_EFFNET_DELAY_BUFFERS 16 /* held at most */
#define GST_EFFNET_DELAY_JOBS    4  /* that wait for their turn at most */

typedef struct {
  GList link;
  GstBuffer *buffer; /* owned */
  guint number;      /* of the newest job when it came: it waits for that one */
  gpointer frame;    /* the owner's */
} GstEffnetHeld;

/* In the thread, without the lock. Takes the frame: what goes onto the buffer, which is writable.
 * Returns: anything but GST_FLOW_OK: the buffer does not go on, and upstream is told. */
typedef GstFlowReturn (*GstEffnetLeaveFunc) (gpointer owner, GstEffnetHeld *held);

typedef struct {
  GstEffnetStream *stream;
  GstPad *pad; /* not owned */
  gpointer owner;
  GstEffnetLeaveFunc leave;
  GDestroyNotify free_frame;
  GRecMutex task_lock; /* the task's own */

  /* the stream's lock */
  GstTask *task;    /* since the first buffer */
  GQueue held;      /* of GstEffnetHeld */
  gboolean leaving; /* the thread has one in hand */
  gboolean flushing, quit;
  GstFlowReturn ret; /* the first but OK that upstream has not been told of */
} GstEffnetDelay;

void gst_effnet_delay_init (GstEffnetDelay *delay, GstEffnetStream *stream, GstPad *pad,
                            gpointer owner, GstEffnetLeaveFunc leave, GDestroyNotify free_frame);
/* Takes @held. When too many are held, @block waits for room, else the oldest leaves as it is, and
 * only a downstream that takes none makes it wait.
 * Returns: the first that went wrong with those before, once; then @held is dropped */
GstFlowReturn gst_effnet_delay_hold (GstEffnetDelay *delay, GstEffnetHeld *held, gboolean block);
/* Adds those that are held to what @query, for an allocation, asks of pools; where nobody proposed
 * one, for raw video only. FALSE: it says nothing */
gboolean gst_effnet_delay_ask_for_buffers (GstQuery *query);
/* Until a job more may be submitted; returns at once when flushing. */
void gst_effnet_delay_wait_for_room (GstEffnetDelay *delay);
/* Until nothing is held and the thread is idle, or a flush. */
void gst_effnet_delay_drain (GstEffnetDelay *delay);
/* TRUE: nothing waits any more, what is held is dropped. FALSE: waits for the thread, which
 * downstream's flush lets go, and begins anew. */
void gst_effnet_delay_set_flushing (GstEffnetDelay *delay, gboolean flushing);
void gst_effnet_delay_clear (GstEffnetDelay *delay);
/* Ends the thread; the pad is inactive. */
void gst_effnet_delay_stop (GstEffnetDelay *delay);

G_END_DECLS

#endif
