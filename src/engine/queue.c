/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/queue.h"

#include "base/clock.h"

gboolean
effnet_queue_is_ready (const EffnetStream *stream)
{
  return stream->executor == NULL && stream->waiting.length > 0;
}

void
effnet_queue_describe (EffnetStream *stream)
{
  const EffnetWaiting *next = g_queue_peek_head (&stream->waiting);

  stream->turn.cost = next->job.cost;
  stream->turn.deadline_ns = next->job.deadline_ns;
}

void
effnet_queue_make_ready (EffnetStream *stream, gboolean goes_on)
{
  effnet_queue_describe (stream);
  effnet_turns_add (&stream->scheduler->turns, &stream->turn, goes_on);
}

unsigned
effnet_queue_take (EffnetStream *stream, GQueue *out)
{
  unsigned n = stream->waiting.length;

  while (!g_queue_is_empty (&stream->waiting))
    g_queue_push_tail (out, g_queue_pop_head (&stream->waiting));
  stream->stats.waiting -= n;
  stream->scheduler->stats.waiting -= n;
  return n;
}

static void
note_start (EffnetQueueStats *stats, const EffnetJob *job, int64_t now)
{
  stats->waiting--;
  stats->running++;
  stats->started++;
  stats->cost += job->cost;
  stats->late += job->deadline_ns != 0 && job->deadline_ns < now;
}

EffnetWaiting *
effnet_queue_begin (EffnetExecutor *executor)
{
  EffnetScheduler *scheduler = executor->scheduler;
  EffnetStream *stream = (EffnetStream *)effnet_turns_next (&scheduler->turns);
  EffnetWaiting *waiting;
  int64_t now;

  if (stream == NULL)
    return NULL;
  now = effnet_clock_ns ();
  waiting = g_queue_pop_head (&stream->waiting);
  stream->executor = executor;
  executor->stream = stream;
  executor->cancelled = FALSE;
  executor->wait_ns = (uint64_t)(now - waiting->submitted_ns);
  effnet_waits_note (&stream->waits, executor->wait_ns);
  effnet_waits_note (&scheduler->waits, executor->wait_ns);
  note_start (&stream->stats, &waiting->job, now);
  note_start (&scheduler->stats, &waiting->job, now);
  return waiting;
}

void
effnet_queue_end (EffnetExecutor *executor)
{
  EffnetScheduler *scheduler = executor->scheduler;
  EffnetStream *stream = executor->stream;

  executor->stream = NULL;
  stream->executor = NULL;
  stream->stats.running--;
  scheduler->stats.running--;
  if (!g_queue_is_empty (&stream->waiting))
    effnet_queue_make_ready (stream, TRUE);
  else
    g_cond_broadcast (&stream->idle);
  if (scheduler->stats.running == 0 && scheduler->stats.waiting == 0)
    effnet_turns_rest (&scheduler->turns);
}
