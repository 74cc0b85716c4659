/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A job's way through a stream's queue to an executor and out again: turns and counters. All of it
 * is under the scheduler's lock. */
#ifndef EFFNET_ENGINE_QUEUE_H
#define EFFNET_ENGINE_QUEUE_H

#include "engine/executor.h"

/* Jobs wait, and none runs. */
gboolean effnet_queue_is_ready (const EffnetStream *stream);
/* Joins the turns, being ready. @goes_on: a job has just ended. */
void effnet_queue_make_ready (EffnetStream *stream, gboolean goes_on);
/* Another job is the next to run. */
void effnet_queue_describe (EffnetStream *stream);
/* Moves all that wait to @out; returns how many. */
unsigned effnet_queue_take (EffnetStream *stream, GQueue *out);

/* The jobs that are ready make up a batch that is not full, more streams might add to it, and its
 * time, up to @until_ns, has not come. */
gboolean effnet_queue_may_grow (const EffnetScheduler *scheduler, int64_t *until_ns);
/* Takes the next job of the stream whose turn it is, and, where batches are asked for, those of
 * other streams that fit. FALSE when there is none. */
gboolean effnet_queue_begin (EffnetExecutor *executor);
/* Job @i of these has run. */
void effnet_queue_end (EffnetExecutor *executor, unsigned i);

#endif
