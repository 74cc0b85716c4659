/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The lock is never held while the scheduler is called: it calls back from submissions as well. */
#include "classify/stream.h"

void
gst_effnet_stream_init (GstEffnetStream *stream, GstObject *element)
{
  *stream = (GstEffnetStream){
      .element = element, .cancelled = TRUE, .waiting_since = GST_CLOCK_TIME_NONE};
  g_mutex_init (&stream->control);
  g_mutex_init (&stream->lock);
  g_cond_init (&stream->changed);
  g_queue_init (&stream->idle);
  g_queue_init (&stream->finished);
}

/* Those that nobody has. */
static void
free_jobs (GstEffnetStream *stream)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&stream->idle)) != NULL) {
    gst_effnet_job_free (link->data);
    stream->n_jobs--;
  }
}

void
gst_effnet_stream_clear (GstEffnetStream *stream)
{
  gst_effnet_stream_stop (stream);
  g_mutex_clear (&stream->control);
  g_mutex_clear (&stream->lock);
  g_cond_clear (&stream->changed);
}

void
gst_effnet_stream_start (GstEffnetStream *stream, EffnetScheduler *scheduler, guint capacity)
{
  gst_effnet_stream_stop (stream);
  g_mutex_lock (&stream->lock);
  stream->cancelled = FALSE;
  stream->n_dropped = 0;
  g_mutex_unlock (&stream->lock);
  g_mutex_lock (&stream->control);
  stream->stream = effnet_stream_new (scheduler, 1, capacity);
  g_mutex_unlock (&stream->control);
}

void
gst_effnet_stream_stop (GstEffnetStream *stream)
{
  EffnetStream *gone;

  gst_effnet_stream_set_cancelled (stream, TRUE);
  g_mutex_lock (&stream->control);
  gone = g_steal_pointer (&stream->stream);
  g_mutex_unlock (&stream->control);
  if (gone != NULL)
    effnet_stream_free (gone);
  gst_effnet_stream_forget (stream);
  free_jobs (stream);
}

GstEffnetJob *
gst_effnet_stream_get_job (GstEffnetStream *stream)
{
  GList *link;
  GstEffnetJob *job = NULL;

  g_mutex_lock (&stream->lock);
  link = g_queue_pop_head_link (&stream->idle);
  if (link != NULL) {
    job = link->data;
  } else if (stream->n_jobs < GST_EFFNET_STREAM_JOBS) {
    job = gst_effnet_job_new (stream->element);
    job->owner = stream;
    stream->n_jobs++;
  }
  g_mutex_unlock (&stream->lock);
  return job;
}

void
gst_effnet_stream_give_back (GstEffnetStream *stream, GstEffnetJob *job)
{
  gst_effnet_job_reset (job);
  g_mutex_lock (&stream->lock);
  g_queue_push_head_link (&stream->idle, &job->link);
  g_mutex_unlock (&stream->lock);
}

/* ---- the scheduler's calls ------------------------------------------------------------------- */

static void
run (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
{
  if (session != NULL)
    gst_effnet_job_run (data, executor, session);
  else
    gst_effnet_job_fail (data, g_error_copy (error));
}

/* After run(), or instead of it. */
static void
finish (void *data)
{
  GstEffnetJob *job = data;
  GstEffnetStream *stream = job->owner;
  guint number = job->number;
  gboolean finished, notify;

  gst_effnet_job_drop_input (job);
  g_mutex_lock (&stream->lock);
  finished = job->ran && job->epoch == stream->epoch && !stream->cancelled;
  if (finished)
    g_queue_push_tail_link (&stream->finished, &job->link);
  if (!job->ran && !stream->cancelled)
    stream->n_dropped++;
  g_mutex_unlock (&stream->lock);
  if (!finished)
    gst_effnet_stream_give_back (stream, job);
  g_mutex_lock (&stream->lock);
  stream->n_pending--;
  stream->done = MAX (stream->done, number);
  notify = finished && stream->notifies && !stream->is_notified;
  stream->is_notified |= notify;
  g_cond_broadcast (&stream->changed);
  g_mutex_unlock (&stream->lock);
  if (notify)
    stream->ready (stream->element);
}

/* ---- streaming thread ------------------------------------------------------------------------ */

gboolean
gst_effnet_stream_submit (GstEffnetStream *stream, GstEffnetJob *job, EffnetSubmit how)
{
  EffnetJob work = {.model = job->results.engine->model,
                    .cost = job->picks->len,
                    .deadline_ns = (int64_t)job->deadline,
                    .run = run,
                    .destroy = finish,
                    .data = job,
                    .nhwc = job->input == GST_EFFNET_INPUT_TENSORS ? job->tensors.data : NULL};
  gboolean cancelled;

  job->submitted = gst_util_get_timestamp ();
  g_mutex_lock (&stream->lock);
  job->epoch = stream->epoch;
  job->number = ++stream->last_number;
  cancelled = stream->cancelled;
  if (!cancelled) {
    stream->waiting_since = job->submitted;
    stream->n_pending++;
  }
  g_mutex_unlock (&stream->lock);
  if (!cancelled)
    return effnet_stream_submit (stream->stream, &work, how);
  gst_effnet_stream_give_back (stream, job);
  return FALSE;
}

gboolean
gst_effnet_stream_is_free (GstEffnetStream *stream)
{
  return effnet_stream_is_free (stream->stream);
}

gboolean
gst_effnet_stream_is_busy (GstEffnetStream *stream)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker = g_mutex_locker_new (&stream->lock);

  return stream->n_pending > 0;
}

GstClockTime
gst_effnet_stream_get_submitted (GstEffnetStream *stream)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker = g_mutex_locker_new (&stream->lock);

  return stream->waiting_since;
}

gboolean
gst_effnet_stream_wait (GstEffnetStream *stream, gint64 end)
{
  gboolean cancelled, in_time = TRUE;

  g_mutex_lock (&stream->lock);
  while (stream->n_pending > 0 && in_time) {
    if (end < 0)
      g_cond_wait (&stream->changed, &stream->lock);
    else
      in_time = g_cond_wait_until (&stream->changed, &stream->lock, end);
  }
  cancelled = stream->cancelled;
  g_mutex_unlock (&stream->lock);
  return !cancelled;
}

GstEffnetJob *
gst_effnet_stream_take (GstEffnetStream *stream, guint last)
{
  GstEffnetJob *job;

  g_mutex_lock (&stream->lock);
  job = g_queue_peek_head (&stream->finished);
  if (job != NULL && job->number <= last)
    g_queue_unlink (&stream->finished, &job->link);
  else
    job = NULL;
  if (job == NULL && stream->taken < MIN (last, stream->done)) {
    stream->taken = MIN (last, stream->done);
    g_cond_broadcast (&stream->changed);
  }
  g_mutex_unlock (&stream->lock);
  return job;
}

void
gst_effnet_stream_set_notifies (GstEffnetStream *stream, gboolean notifies)
{
  g_mutex_lock (&stream->lock);
  stream->notifies = notifies && stream->ready != NULL;
  g_mutex_unlock (&stream->lock);
}

void
gst_effnet_stream_note_notified (GstEffnetStream *stream)
{
  g_mutex_lock (&stream->lock);
  stream->is_notified = FALSE;
  g_mutex_unlock (&stream->lock);
}

guint
gst_effnet_stream_get_number (GstEffnetStream *stream)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker = g_mutex_locker_new (&stream->lock);

  return stream->last_number;
}

guint
gst_effnet_stream_count (GstEffnetStream *stream)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker = g_mutex_locker_new (&stream->lock);

  return stream->last_number - stream->taken;
}

guint
gst_effnet_stream_take_dropped (GstEffnetStream *stream)
{
  guint n;

  g_mutex_lock (&stream->lock);
  n = stream->n_dropped;
  stream->n_dropped = 0;
  g_mutex_unlock (&stream->lock);
  return n;
}

void
gst_effnet_stream_forget (GstEffnetStream *stream)
{
  GstEffnetJob *job;

  g_mutex_lock (&stream->lock);
  stream->epoch++;
  stream->taken = stream->last_number;
  g_mutex_unlock (&stream->lock);
  while ((job = gst_effnet_stream_take (stream, G_MAXUINT)) != NULL)
    gst_effnet_stream_give_back (stream, job);
}

void
gst_effnet_stream_set_cancelled (GstEffnetStream *stream, gboolean cancelled)
{
  g_mutex_lock (&stream->lock);
  if (cancelled) {
    stream->epoch++;
    stream->taken = stream->last_number;
  }
  stream->cancelled = cancelled;
  g_cond_broadcast (&stream->changed);
  g_mutex_unlock (&stream->lock);
  g_mutex_lock (&stream->control);
  if (stream->stream != NULL)
    effnet_stream_set_cancelled (stream->stream, cancelled);
  g_mutex_unlock (&stream->control);
}

gboolean
gst_effnet_stream_get_stats (GstEffnetStream *stream, EffnetQueueStats *stats)
{
  gboolean started;

  g_mutex_lock (&stream->control);
  started = stream->stream != NULL;
  if (started)
    effnet_stream_get_stats (stream->stream, stats);
  g_mutex_unlock (&stream->control);
  return started;
}
