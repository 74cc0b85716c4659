/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Between scheduler.c, whose executors run jobs, stream.c, whose jobs they are, and queue.c.
 * Everything here is under the scheduler's lock unless it says otherwise; under that lock no other
 * lock of the library is taken and nothing of the caller's is called. */
#ifndef EFFNET_ENGINE_EXECUTOR_H
#define EFFNET_ENGINE_EXECUTOR_H

#include "effnet/scheduler.h"
#include "engine/engine.h"
#include "engine/turns.h"
#include "engine/waits.h"

typedef struct {
  EffnetJob job;
  int64_t submitted_ns;
  uint64_t wait_ns; /* until it began */
  unsigned first;   /* of its inputs among the batch's */
} EffnetWaiting;

struct _EffnetStream {
  EffnetTurn turn; /* first: turns and streams are told by the same address */
  EffnetScheduler *scheduler;
  int64_t began_ns; /* the job that runs, or ran last */
  unsigned capacity;
  GQueue waiting;           /* EffnetWaiting *, the next one first */
  EffnetExecutor *executor; /* that runs a job of it, or NULL */
  gboolean stopped;         /* that job is cancelled */
  gboolean cancelled;
  uint64_t epoch;
  GCond idle; /* nothing waits or runs */
  EffnetQueueStats stats;
  EffnetWaits waits;
};

typedef struct {
  const void *key;
  void *data;
  GDestroyNotify destroy;
} EffnetExecutorData;

struct _EffnetExecutor {
  EffnetScheduler *scheduler;
  unsigned index;
  gboolean idle;   /* waits to be called */
  unsigned n_jobs; /* it has taken, a batch; one after the other runs */
  EffnetStream *streams[EFFNET_BATCH_MAX];
  EffnetWaiting *jobs[EFFNET_BATCH_MAX];
  EffnetStream *stream;   /* whose job it runs; NULL: none, or the batch is run ahead */
  EffnetSession *session; /* lent to that job, or to all, or NULL */
  uint64_t wait_ns;       /* that the job waited; the executor's thread */
  GPtrArray *sessions;    /* EffnetSession *, one of a model */
  GArray *data;           /* EffnetExecutorData; the executor's thread */
};

struct _EffnetScheduler {
  unsigned refs; /* under the registry's lock, as is what follows */
  char *name;
  unsigned size;
  EffnetPool *pool;

  GMutex lock;
  gboolean started;
  EffnetTurns turns;
  unsigned n_streams;
  unsigned batch_size; /* images; 1 = no batches */
  int64_t batch_timeout_ns;
  unsigned gathering;        /* executors that wait for a batch to fill */
  GCond more;                /* jobs have come */
  EffnetExecutor *executors; /* [size] */
  EffnetQueueStats stats;
  EffnetWaits waits;
};

/* Starts the threads unless they run. FALSE when the system gives none. */
gboolean effnet_scheduler_start (EffnetScheduler *scheduler);
/* One stream more, or one less. */
void effnet_scheduler_count (EffnetScheduler *scheduler, int change);
/* Calls an idle executor, if there is one, for a job that has become ready: rather one that has a
 * session of @model. */
void effnet_scheduler_call (EffnetScheduler *scheduler, const EffnetModel *model);

#endif
