/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The thread waits for the job of the oldest buffer, and for nothing else: jobs of one stream end
 * in the order they were submitted. */
#include "classify/delay.h"

#include <gst/video/video.h>

void
gst_effnet_delay_init (GstEffnetDelay *delay, GstEffnetStream *stream, GstPad *pad, gpointer owner,
                       GstEffnetLeaveFunc leave, GDestroyNotify free_frame)
{
  *delay = (GstEffnetDelay){.stream = stream,
                            .pad = pad,
                            .owner = owner,
                            .leave = leave,
                            .free_frame = free_frame,
                            .ret = GST_FLOW_OK};
  g_queue_init (&delay->held);
  g_rec_mutex_init (&delay->task_lock);
}

void
gst_effnet_delay_clear (GstEffnetDelay *delay)
{
  gst_effnet_delay_stop (delay);
  g_rec_mutex_clear (&delay->task_lock);
}

static void
free_held (GstEffnetDelay *delay, GstEffnetHeld *held)
{
  delay->free_frame (held->frame);
  gst_clear_buffer (&held->buffer);
  g_free (held);
}

/* ---- thread ---------------------------------------------------------------------------------- */

/* With the lock: the oldest, if it may leave. */
static GstEffnetHeld *
next (GstEffnetDelay *delay)
{
  const GstEffnetStream *stream = delay->stream;
  GstEffnetHeld *held = g_queue_peek_head (&delay->held);

  if (held == NULL || delay->flushing)
    return NULL;
  if (stream->done < held->number && !stream->cancelled &&
      delay->held.length <= GST_EFFNET_DELAY_BUFFERS)
    return NULL;
  g_queue_unlink (&delay->held, &held->link);
  return held;
}

static GstFlowReturn
send_on (GstEffnetDelay *delay, GstEffnetHeld *held)
{
  GstFlowReturn ret = delay->leave (delay->owner, held);

  if (ret == GST_FLOW_OK)
    ret = gst_pad_push (delay->pad, g_steal_pointer (&held->buffer));
  gst_clear_buffer (&held->buffer);
  g_free (held);
  return ret;
}

/* Once, or a wait; the task calls it again. */
static void
work (gpointer data)
{
  GstEffnetDelay *delay = data;
  GstEffnetStream *stream = delay->stream;
  GstEffnetHeld *held;
  GstFlowReturn ret;

  g_mutex_lock (&stream->lock);
  held = next (delay);
  if (held == NULL && !delay->quit)
    g_cond_wait (&stream->changed, &stream->lock);
  if (held != NULL) {
    delay->leaving = TRUE;
    g_mutex_unlock (&stream->lock);
    ret = send_on (delay, held);
    g_mutex_lock (&stream->lock);
    delay->leaving = FALSE;
    if (delay->ret == GST_FLOW_OK)
      delay->ret = ret;
    g_cond_broadcast (&stream->changed);
  }
  g_mutex_unlock (&stream->lock);
}

/* With the lock. */
static void
start_task (GstEffnetDelay *delay)
{
  if (delay->task != NULL || delay->quit)
    return;
  delay->task = gst_task_new (work, delay, NULL);
  gst_task_set_lock (delay->task, &delay->task_lock);
  gst_task_start (delay->task);
}

/* ---- streaming thread ------------------------------------------------------------------------ */

GstFlowReturn
gst_effnet_delay_hold (GstEffnetDelay *delay, GstEffnetHeld *held, gboolean block)
{
  GstEffnetStream *stream = delay->stream;
  GstFlowReturn ret;

  g_mutex_lock (&stream->lock);
  start_task (delay);
  while (delay->held.length >= GST_EFFNET_DELAY_BUFFERS + (block ? 0 : 1) && !delay->flushing &&
         delay->ret == GST_FLOW_OK)
    g_cond_wait (&stream->changed, &stream->lock);
  ret = delay->flushing ? GST_FLOW_FLUSHING : delay->ret;
  delay->ret = GST_FLOW_OK;
  if (ret == GST_FLOW_OK) {
    held->link = (GList){.data = held};
    g_queue_push_tail_link (&delay->held, &held->link);
    g_cond_broadcast (&stream->changed);
  }
  g_mutex_unlock (&stream->lock);
  if (ret != GST_FLOW_OK)
    free_held (delay, held);
  return ret;
}

gboolean
gst_effnet_delay_ask_for_buffers (GstQuery *query)
{
  guint held = GST_EFFNET_DELAY_BUFFERS + 1,
        n = gst_query_get_n_allocation_pools (query); /* + the one that leaves */
  GstVideoInfo info;
  GstCaps *caps;

  for (guint i = 0; i < n; i++) {
    guint size, min, max;
    GstBufferPool *pool;

    gst_query_parse_nth_allocation_pool (query, i, &pool, &size, &min, &max);
    min += held;
    if (max != 0 && max < min) { /* it has too few, another one has to be made */
      gst_clear_object (&pool);
      max = 0;
    }
    gst_query_set_nth_allocation_pool (query, i, pool, size, min, max);
    gst_clear_object (&pool);
  }
  gst_query_parse_allocation (query, &caps, NULL);
  if (n > 0 || caps == NULL || !gst_video_info_from_caps (&info, caps) ||
      GST_VIDEO_INFO_SIZE (&info) == 0)
    return n > 0;
  gst_query_add_allocation_pool (query, NULL, (guint)GST_VIDEO_INFO_SIZE (&info), held, 0);
  return TRUE;
}

void
gst_effnet_delay_wait_for_room (GstEffnetDelay *delay)
{
  GstEffnetStream *stream = delay->stream;

  g_mutex_lock (&stream->lock);
  while (stream->last_number - stream->taken >= GST_EFFNET_DELAY_JOBS && !delay->flushing &&
         !stream->cancelled && delay->ret == GST_FLOW_OK)
    g_cond_wait (&stream->changed, &stream->lock);
  g_mutex_unlock (&stream->lock);
}

void
gst_effnet_delay_drain (GstEffnetDelay *delay)
{
  GstEffnetStream *stream = delay->stream;

  g_mutex_lock (&stream->lock);
  while ((delay->held.length > 0 || delay->leaving) && !delay->flushing)
    g_cond_wait (&stream->changed, &stream->lock);
  g_mutex_unlock (&stream->lock);
}

/* ---- life ------------------------------------------------------------------------------------ */

/* With the lock, which it gives up for a moment. */
static void
drop_all (GstEffnetDelay *delay)
{
  GstEffnetStream *stream = delay->stream;
  GList *link;

  while ((link = g_queue_pop_head_link (&delay->held)) != NULL) {
    g_mutex_unlock (&stream->lock);
    free_held (delay, link->data);
    g_mutex_lock (&stream->lock);
  }
}

void
gst_effnet_delay_set_flushing (GstEffnetDelay *delay, gboolean flushing)
{
  GstEffnetStream *stream = delay->stream;

  g_mutex_lock (&stream->lock);
  delay->flushing = TRUE;
  g_cond_broadcast (&stream->changed);
  drop_all (delay);
  while (!flushing && delay->leaving)
    g_cond_wait (&stream->changed, &stream->lock);
  delay->flushing = flushing;
  delay->ret = GST_FLOW_OK;
  g_mutex_unlock (&stream->lock);
}

void
gst_effnet_delay_stop (GstEffnetDelay *delay)
{
  GstEffnetStream *stream = delay->stream;
  GstTask *task;

  gst_effnet_delay_set_flushing (delay, TRUE);
  g_mutex_lock (&stream->lock);
  delay->quit = TRUE;
  task = g_steal_pointer (&delay->task);
  g_cond_broadcast (&stream->changed);
  g_mutex_unlock (&stream->lock);
  if (task != NULL) {
    gst_task_stop (task);
    gst_task_join (task);
    gst_object_unref (task);
  }
  delay->quit = FALSE;
}
