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
  if (stats->since_ns == 0)
    stats->since_ns = now;
  stats->late += job->deadline_ns != 0 && job->deadline_ns < now;
}

static void
begin_job (EffnetExecutor *executor, EffnetStream *stream, int64_t now)
{
  EffnetScheduler *scheduler = executor->scheduler;
  EffnetWaiting *waiting = g_queue_pop_head (&stream->waiting);

  stream->executor = executor;
  stream->stopped = FALSE;
  stream->began_ns = now;
  waiting->wait_ns = (uint64_t)(now - waiting->submitted_ns);
  effnet_waits_note (&stream->waits, waiting->wait_ns);
  effnet_waits_note (&scheduler->waits, waiting->wait_ns);
  note_start (&stream->stats, &waiting->job, now);
  note_start (&scheduler->stats, &waiting->job, now);
  executor->streams[executor->n_jobs] = stream;
  executor->jobs[executor->n_jobs++] = waiting;
}

/* ---- batches ---- */

static const EffnetWaiting *
next_of (const EffnetTurn *turn)
{
  return ((const EffnetStream *)turn)->waiting.head->data;
}

/* Of what a batch is; and how many images it has room for. */
typedef struct {
  const EffnetModel *model;
  unsigned room;
} Batch;

static gboolean
fits (const EffnetTurn *turn, const void *data)
{
  const Batch *batch = data;
  const EffnetJob *job = &next_of (turn)->job;

  return job->nhwc != NULL && job->model == batch->model && job->cost <= batch->room;
}

gboolean
effnet_queue_may_grow (const EffnetScheduler *scheduler, int64_t *until_ns)
{
  const GPtrArray *ready = scheduler->turns.ready;
  Batch batch = {.room = scheduler->batch_size};
  int64_t oldest = G_MAXINT64;

  if (ready->len == 0 || batch.room == 1 ||
      ready->len + scheduler->stats.running >= scheduler->n_streams)
    return FALSE;
  batch.model = next_of (g_ptr_array_index (ready, 0))->job.model;
  for (guint i = 0; i < ready->len; i++) {
    const EffnetTurn *turn = g_ptr_array_index (ready, i);

    if (!fits (turn, &batch))
      return FALSE;
    batch.room -= turn->cost;
    oldest = MIN (oldest, next_of (turn)->submitted_ns);
  }
  *until_ns = oldest + scheduler->batch_timeout_ns;
  return batch.room > 0 && effnet_clock_ns () < *until_ns;
}

gboolean
effnet_queue_begin (EffnetExecutor *executor)
{
  EffnetTurns *turns = &executor->scheduler->turns;
  EffnetTurn *turn = effnet_turns_next (turns);
  Batch batch = {.room = executor->scheduler->batch_size};
  int64_t now = effnet_clock_ns ();

  if (turn == NULL)
    return FALSE;
  batch.model = next_of (turn)->job.model;
  if (fits (turn, &batch)) {
    for (; turn != NULL; turn = effnet_turns_next_of (turns, fits, &batch)) {
      batch.room -= turn->cost;
      begin_job (executor, (EffnetStream *)turn, now);
    }
  } else {
    begin_job (executor, (EffnetStream *)turn, now);
  }
  for (unsigned i = 0; i < executor->n_jobs && executor->n_jobs > 1; i++) {
    executor->streams[i]->stats.batched++;
    executor->scheduler->stats.batched++;
  }
  return TRUE;
}

void
effnet_queue_end (EffnetExecutor *executor, unsigned i)
{
  EffnetScheduler *scheduler = executor->scheduler;
  EffnetStream *stream = executor->streams[i];

  stream->stats.busy_ns += (uint64_t)(effnet_clock_ns () - stream->began_ns);
  stream->executor = NULL;
  executor->jobs[i] = NULL;
  stream->stats.running--;
  scheduler->stats.running--;
  if (!g_queue_is_empty (&stream->waiting))
    effnet_queue_make_ready (stream, TRUE);
  else
    g_cond_broadcast (&stream->idle);
  if (scheduler->stats.running == 0 && scheduler->stats.waiting == 0)
    effnet_turns_rest (&scheduler->turns);
}
