/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * threads: the worker pool. It runs a function over tiles. How the tiles are cut never
 * depends on the number of workers, so results do not either.
 *
 * Chooses between latency and throughput by itself: a caller that is alone gets all workers; when
 * several callers (streams) are inside at once each runs its own tiles on its own thread, without
 * barriers.
 *
 * In the child of a fork() the pools have no workers until their next run.
 */
#ifndef EFFNET_THREADS_POOL_H
#define EFFNET_THREADS_POOL_H

#include <stddef.h>

#include "base/arena.h"

typedef struct _EffnetPool EffnetPool;

/* @worker: 0 .. effnet_pool_size() - 1, for scratch memory: no two tiles of a run have the same at
 * the same time; in a crew no two tiles of any runs, since it is the thread's. Must not call back
 * into the pool. */
typedef void (*EffnetTileFunc) (void *user, size_t tile, unsigned worker);

/* The process's pool of @threads workers, the caller counted (0 = one per usable CPU).
 * Reference-counted: all who ask for the same number share one. Its threads start with the first
 * run that needs them. */
EffnetPool *effnet_pool_get (unsigned threads);
EffnetPool *effnet_pool_ref (EffnetPool *pool);
void effnet_pool_unref (EffnetPool *pool);
unsigned effnet_pool_size (const EffnetPool *pool);

/* A crew: a pool of its own whose @threads workers, 1 or more, are all threads. A worker that is
 * called takes a turn, in which it may run tiles itself; between turns it serves those who do. So
 * @threads executors of jobs need no other @threads workers. */
typedef void (*EffnetTurnFunc) (void *user, unsigned worker);
/* @end: (nullable): the last a worker's thread calls. */
EffnetPool *effnet_pool_new_crew (unsigned threads, EffnetTurnFunc turn, EffnetTurnFunc end,
                                  void *user);
/* Starts the threads unless they run, one caller at a time. Returns how many there are: fewer than
 * the size when the system gives no more. */
unsigned effnet_pool_start (EffnetPool *pool);
/* A turn begins soon after; one that goes on has another behind it. */
void effnet_pool_call (EffnetPool *pool, unsigned worker);
/* Ends and joins its threads; no run, no call comes after. */
void effnet_pool_end (EffnetPool *pool);

/* Scratch memory of a crew's workers, shared by all who need no more: as there is one tile at a
 * time for each worker, it is the number of workers that counts, not that of who runs. */
typedef struct {
  unsigned refs; /* the pool's lock of pools */
  size_t bytes;  /* of each worker */
  EffnetArena arena;
} EffnetScratch;

/* Returns: @bytes or more for each worker; NULL: the system has not that much memory */
EffnetScratch *effnet_pool_get_scratch (EffnetPool *crew, size_t bytes);
void effnet_pool_put_scratch (EffnetPool *crew, EffnetScratch *scratch);
int effnet_pool_is_crew (const EffnetPool *pool);

/* Bracket one inference, so that the pool can count the streams in flight. */
void effnet_pool_enter (EffnetPool *pool);
void effnet_pool_leave (EffnetPool *pool);

/* 1 when a run would get one worker only, as things stand: it has no others, or they have streams
 * of their own. */
int effnet_pool_is_alone (const EffnetPool *pool);

/* Calls func for the tiles 0 .. n_tiles - 1, each once, and returns when all are done. The caller
 * works too. */
void effnet_pool_run (EffnetPool *pool, size_t n_tiles, EffnetTileFunc func, void *user);

#endif
