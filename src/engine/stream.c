/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A stream: its jobs that wait, and what cancelling does to them. */
#include "base/clock.h"
#include "engine/queue.h"

static void
free_waiting (EffnetWaiting *waiting)
{
  if (waiting->job.destroy != NULL)
    waiting->job.destroy (waiting->job.data);
  effnet_model_unref (waiting->job.model);
  g_free (waiting);
}

/* Of jobs taken out of the queue, without the lock. */
static void
free_all (GQueue *jobs)
{
  EffnetWaiting *waiting;

  while ((waiting = g_queue_pop_head (jobs)) != NULL)
    free_waiting (waiting);
}

static EffnetWaiting *
new_waiting (const EffnetJob *job)
{
  EffnetWaiting *waiting = g_new0 (EffnetWaiting, 1);

  waiting->job = *job;
  waiting->job.cost = MAX (job->cost, 1);
  if (job->cost == 0 || job->model == NULL) /* inputs of which there are none, or for none */
    waiting->job.nhwc = NULL;
  waiting->submitted_ns = effnet_clock_ns ();
  if (job->model != NULL)
    effnet_model_ref (job->model);
  return waiting;
}

EffnetStream *
effnet_stream_new (EffnetScheduler *scheduler, unsigned weight, unsigned capacity)
{
  EffnetStream *stream = g_new0 (EffnetStream, 1);

  stream->scheduler = effnet_scheduler_ref (scheduler);
  effnet_scheduler_count (scheduler, 1);
  stream->turn.weight = CLAMP (weight, 1, EFFNET_STREAM_WEIGHT_MAX);
  stream->capacity = CLAMP (capacity, 1, EFFNET_STREAM_CAPACITY_MAX);
  g_queue_init (&stream->waiting);
  g_cond_init (&stream->idle);
  return stream;
}

static void
wait_until_idle (EffnetStream *stream)
{
  while (stream->executor != NULL || !g_queue_is_empty (&stream->waiting))
    g_cond_wait (&stream->idle, &stream->scheduler->lock);
}

void
effnet_stream_free (EffnetStream *stream)
{
  EffnetScheduler *scheduler;

  if (stream == NULL)
    return;
  scheduler = stream->scheduler;
  effnet_stream_set_cancelled (stream, TRUE);
  g_mutex_lock (&scheduler->lock);
  wait_until_idle (stream);
  g_mutex_unlock (&scheduler->lock);
  effnet_scheduler_count (scheduler, -1);
  g_cond_clear (&stream->idle);
  g_free (stream);
  effnet_scheduler_unref (scheduler);
}

void
effnet_stream_set_weight (EffnetStream *stream, unsigned weight)
{
  g_mutex_lock (&stream->scheduler->lock);
  stream->turn.weight = CLAMP (weight, 1, EFFNET_STREAM_WEIGHT_MAX);
  g_mutex_unlock (&stream->scheduler->lock);
}

/* FALSE: refused. What it replaced is in @out. */
static gboolean
enqueue (EffnetStream *stream, EffnetWaiting *waiting, EffnetSubmit how, GQueue *out)
{
  EffnetScheduler *scheduler = stream->scheduler;
  gboolean was_ready = effnet_queue_is_ready (stream);

  stream->stats.submitted++;
  scheduler->stats.submitted++;
  if (stream->cancelled ||
      (how == EFFNET_SUBMIT_APPEND && stream->waiting.length >= stream->capacity) ||
      !effnet_scheduler_start (scheduler)) {
    stream->stats.refused++;
    scheduler->stats.refused++;
    return FALSE;
  }
  if (how == EFFNET_SUBMIT_REPLACE) {
    unsigned n = effnet_queue_take (stream, out);

    stream->stats.replaced += n;
    scheduler->stats.replaced += n;
  }
  g_queue_push_tail (&stream->waiting, waiting);
  stream->stats.waiting++;
  scheduler->stats.waiting++;
  if (was_ready) {
    effnet_queue_describe (stream); /* who is replaced leaves its turn to the new one */
  } else if (effnet_queue_is_ready (stream)) {
    effnet_queue_make_ready (stream, FALSE);
    if (scheduler->gathering > 0)
      g_cond_broadcast (&scheduler->more);
    else
      effnet_scheduler_call (scheduler, waiting->job.model);
  }
  return TRUE;
}

gboolean
effnet_stream_submit (EffnetStream *stream, const EffnetJob *job, EffnetSubmit how)
{
  EffnetWaiting *waiting = new_waiting (job);
  GQueue out = G_QUEUE_INIT;
  gboolean taken;

  g_mutex_lock (&stream->scheduler->lock);
  taken = enqueue (stream, waiting, how, &out);
  g_mutex_unlock (&stream->scheduler->lock);
  if (!taken)
    free_waiting (waiting);
  free_all (&out);
  return taken;
}

gboolean
effnet_stream_is_free (EffnetStream *stream)
{
  gboolean is_free;

  g_mutex_lock (&stream->scheduler->lock);
  is_free = g_queue_is_empty (&stream->waiting) && !stream->cancelled;
  g_mutex_unlock (&stream->scheduler->lock);
  return is_free;
}

gboolean
effnet_stream_wait (EffnetStream *stream)
{
  uint64_t epoch;
  gboolean ok;

  g_mutex_lock (&stream->scheduler->lock);
  epoch = stream->epoch;
  wait_until_idle (stream);
  ok = !stream->cancelled && stream->epoch == epoch;
  g_mutex_unlock (&stream->scheduler->lock);
  return ok;
}

/* A job that was taken in a batch and whose turn has not come is @out again: its inputs are not
 * read any more once the first job of the batch has its turn. */
static gboolean
leave_batch (EffnetStream *stream, GQueue *out)
{
  EffnetExecutor *executor = stream->executor;

  if (executor->stream == NULL || executor->stream == stream)
    return FALSE;
  for (unsigned i = 0; i < executor->n_jobs; i++) {
    if (executor->streams[i] != stream || executor->jobs[i] == NULL)
      continue;
    g_queue_push_tail (out, executor->jobs[i]);
    executor->jobs[i] = NULL;
    effnet_queue_end (executor, i);
  }
  return TRUE;
}

/* The job that runs, and those that wait, which go to @out. */
static void
cancel_jobs (EffnetStream *stream, GQueue *out)
{
  EffnetExecutor *executor = stream->executor;
  unsigned n;

  if (effnet_queue_is_ready (stream))
    effnet_turns_remove (&stream->scheduler->turns, &stream->turn);
  n = effnet_queue_take (stream, out);
  stream->stats.cancelled += n;
  stream->scheduler->stats.cancelled += n;
  if (executor == NULL) {
    g_cond_broadcast (&stream->idle);
    return;
  }
  stream->stopped = TRUE;
  if (!leave_batch (stream, out) && executor->session != NULL)
    effnet_session_set_cancelled (executor->session, TRUE);
}

void
effnet_stream_set_cancelled (EffnetStream *stream, gboolean cancelled)
{
  GQueue out = G_QUEUE_INIT;

  g_mutex_lock (&stream->scheduler->lock);
  stream->epoch++;
  stream->cancelled = cancelled;
  if (cancelled)
    cancel_jobs (stream, &out);
  g_mutex_unlock (&stream->scheduler->lock);
  free_all (&out);
}

uint64_t
effnet_stream_get_epoch (EffnetStream *stream)
{
  uint64_t epoch;

  g_mutex_lock (&stream->scheduler->lock);
  epoch = stream->epoch;
  g_mutex_unlock (&stream->scheduler->lock);
  return epoch;
}

void
effnet_stream_get_stats (EffnetStream *stream, EffnetQueueStats *stats)
{
  EffnetWaits waits;

  g_mutex_lock (&stream->scheduler->lock);
  *stats = stream->stats;
  waits = stream->waits;
  g_mutex_unlock (&stream->scheduler->lock);
  effnet_waits_report (&waits, stats);
}
