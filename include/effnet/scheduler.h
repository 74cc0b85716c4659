/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet: many sources of frames on the CPUs of one machine.
 *
 * A scheduler has a fixed number of threads, its executors. A stream is one source of jobs, such as
 * a camera: it queues them, and at most one of them runs at a time, in the order they came. An
 * executor lends a job a session of its model, so there are as many arenas as executors and not as
 * many as streams. With fewer jobs than executors those that have none help with the steps of the
 * jobs that run; otherwise each has a job of its own.
 *
 * Turns. Streams that compete get shares of the executors in proportion to their weights, counted
 * in the inferences their jobs say they cost. A stream without jobs saves nothing up. Among jobs
 * with deadlines the earliest goes first, as long as its stream is not more than a few inferences
 * ahead of its share.
 *
 * Sessions. Each executor makes a session of a model for the first job that needs one, and keeps it
 * until nobody but executors has a reference to the model.
 *
 * Threads. All functions are for any thread, but that those of one #EffnetExecutor are for the job
 * it runs. None but effnet_stream_wait(), effnet_stream_free() and the last
 * effnet_scheduler_unref() waits for a job.
 *
 * fork(). The child may go on with a scheduler that was idle at that moment, and free it.
 *
 * |[<!-- language="C" -->
 * static void
 * classify (EffnetExecutor *executor, EffnetSession *session, const GError *error, void *data)
 * {
 *   Frame *frame = data;
 *   EffnetResult result;
 *
 *   if (session != NULL && effnet_session_run (session, frame->nhwc, &result, NULL))
 *     publish (frame, &result);
 * }
 *
 * g_autoptr (EffnetScheduler) scheduler = effnet_scheduler_new (0, NULL, &error);
 * EffnetStream *camera = effnet_stream_new (scheduler, 1, 1);
 *
 * while ((frame = next_frame ()) != NULL) {
 *   if (!effnet_stream_is_free (camera))
 *     continue; // the frame before it waits still
 *   EffnetJob job = {.model = model, .cost = 1, .run = classify, .destroy = frame_free,
 *                    .data = convert (frame)};
 *   effnet_stream_submit (camera, &job, EFFNET_SUBMIT_REPLACE);
 * }
 * effnet_stream_wait (camera);
 * effnet_stream_free (camera);
 * ]|
 */
#ifndef EFFNET_SCHEDULER_H
#define EFFNET_SCHEDULER_H

#include "effnet/effnet.h"

G_BEGIN_DECLS

#define EFFNET_STREAM_WEIGHT_MAX   1000 /* shares of a stream */
#define EFFNET_STREAM_CAPACITY_MAX 1024 /* jobs that wait in a stream */

typedef struct _EffnetScheduler EffnetScheduler;
typedef struct _EffnetStream EffnetStream;
typedef struct _EffnetExecutor EffnetExecutor;

/* ---- scheduler ------------------------------------------------------------------------------- */

/**
 * effnet_scheduler_new:
 * @threads: executors; 0 = effnet_cpu_count()
 * @name: (nullable): NULL = the process's own
 * @error: return location
 *
 * All who ask for the same number of threads under the same name share one scheduler. Its threads
 * start with the first job.
 *
 * Returns: (transfer full) (nullable): a scheduler, or NULL with #EFFNET_ERROR_ARGUMENT
 */
EFFNET_API EffnetScheduler *effnet_scheduler_new (unsigned threads, const char *name,
                                                  GError **error);
/**
 * effnet_scheduler_ref:
 * @scheduler: a scheduler
 *
 * Returns: (transfer full): @scheduler
 */
EFFNET_API EffnetScheduler *effnet_scheduler_ref (EffnetScheduler *scheduler);
/**
 * effnet_scheduler_unref:
 * @scheduler: (nullable) (transfer full): a scheduler; the last reference ends its threads. Streams
 *   have references of their own
 */
EFFNET_API void effnet_scheduler_unref (EffnetScheduler *scheduler);
/**
 * effnet_scheduler_get_size:
 * @scheduler: a scheduler
 *
 * Returns: how many executors it has
 */
EFFNET_API unsigned effnet_scheduler_get_size (const EffnetScheduler *scheduler);

/**
 * effnet_scheduler_set_batch:
 * @scheduler: a scheduler
 * @size: images that may be run at once, at most #EFFNET_BATCH_MAX; 0 and 1 = no batches, as at
 *   first
 * @timeout_ns: how long after its submission the oldest job of a batch that is not full begins;
 *   none waits when no other stream could add to it
 *
 * Jobs of several streams that have the same model and `nhwc` then run together, one of a stream at
 * most. On few cores that gains little or loses; docs/PERFORMANCE.md has figures.
 */
EFFNET_API void effnet_scheduler_set_batch (EffnetScheduler *scheduler, unsigned size,
                                            int64_t timeout_ns);

/**
 * EffnetQueueStats:
 * @submitted: jobs handed in, of which
 * @started: began to run,
 * @replaced: gave way to a newer one while they waited,
 * @refused: found no room, or the stream cancelled,
 * @cancelled: were dropped by effnet_stream_set_cancelled() or effnet_stream_free()
 * @late: of @started, those that began after their deadline
 * @batched: of @started, those that ran together with others
 * @cost: inferences of those that began
 * @waiting: jobs now
 * @running: jobs now
 * @wait_p50_ns: from submission to start: half of the last jobs waited no longer
 * @wait_p95_ns: 95 of 100
 * @wait_p99_ns: 99 of 100
 * @sessions: of a scheduler: sessions its executors have at present; of a stream: 0
 * @streams: of a scheduler: how many it has at present; of a stream: 0
 * @busy_ns: that its executors together spent with jobs that have ended; of a stream: that its jobs
 *   took
 * @since_ns: g_get_monotonic_time() * 1000 when the first job began; 0 = none did
 *
 * "The last jobs" are the last 512 at most.
 */
typedef struct {
  uint64_t submitted, started, replaced, refused, cancelled, late, batched, cost;
  unsigned waiting, running;
  uint64_t wait_p50_ns, wait_p95_ns, wait_p99_ns;
  unsigned sessions, streams;
  uint64_t busy_ns;
  int64_t since_ns;
  void *reserved[2];
} EffnetQueueStats;

/**
 * effnet_scheduler_get_stats:
 * @scheduler: a scheduler
 * @stats: (out caller-allocates): filled: of all its streams, those freed included
 */
EFFNET_API void effnet_scheduler_get_stats (EffnetScheduler *scheduler, EffnetQueueStats *stats);

/* ---- stream ---------------------------------------------------------------------------------- */

/**
 * EffnetJobFunc:
 * @executor: whose thread this is
 * @session: (nullable): a session of the job's model, for this call. Its resize mode, sparse rows,
 *   activation, temperature and input function are whatever the job before left there. NULL without
 *   a model, or with @error
 * @error: (nullable): why there is no session: as effnet_session_new()
 * @data: the job's
 *
 * Does the work. When the stream is cancelled meanwhile, calls with @session fail with
 * #EFFNET_ERROR_CANCELLED and effnet_executor_is_cancelled() becomes TRUE.
 */
typedef void (*EffnetJobFunc) (EffnetExecutor *executor, EffnetSession *session,
                               const GError *error, void *data);

/**
 * EffnetJob:
 * @model: (nullable): referenced while the job lives
 * @cost: inferences it will do; 0 counts as 1
 * @deadline_ns: g_get_monotonic_time() * 1000 by which it should begin; 0 = none
 * @run: called at most once, on an executor
 * @destroy: (nullable): called exactly once with @data, after @run or instead of it, by the thread
 *   that ran, replaced, refused or dropped the job. After @run, the stream is busy until it returns
 * @data: for both
 * @nhwc: (nullable): with @cost above 0, [cost][input_height][input_width][3], inputs that @run
 *   will hand to effnet_session_run() by just these addresses, and that stay until @destroy: in a
 *   batch they have been run before @run is called, and effnet_session_run() has their results
 *
 * All zero is the default of each but @run.
 */
typedef struct {
  EffnetModel *model;
  unsigned cost;
  int64_t deadline_ns;
  EffnetJobFunc run;
  GDestroyNotify destroy;
  void *data;
  const float *nhwc;
  void *reserved[3];
} EffnetJob;

/**
 * EffnetSubmit:
 * @EFFNET_SUBMIT_REPLACE: takes the place of all jobs of the stream that wait
 * @EFFNET_SUBMIT_APPEND: waits behind them, if there are fewer than the stream's capacity
 */
typedef enum {
  EFFNET_SUBMIT_REPLACE,
  EFFNET_SUBMIT_APPEND,
} EffnetSubmit;

/**
 * effnet_stream_new:
 * @scheduler: a scheduler; the stream keeps a reference
 * @weight: its share beside that of others; 0 counts as 1, at most #EFFNET_STREAM_WEIGHT_MAX
 * @capacity: jobs that may wait; 0 counts as 1, at most #EFFNET_STREAM_CAPACITY_MAX
 *
 * Returns: (transfer full): a stream
 */
EFFNET_API EffnetStream *effnet_stream_new (EffnetScheduler *scheduler, unsigned weight,
                                            unsigned capacity);
/**
 * effnet_stream_free:
 * @stream: (nullable) (transfer full): a stream that no thread uses any more
 *
 * Drops the jobs that wait, cancels the one that runs and waits for its end. Not for the stream's
 * own jobs.
 */
EFFNET_API void effnet_stream_free (EffnetStream *stream);
/**
 * effnet_stream_set_weight:
 * @stream: a stream
 * @weight: as for effnet_stream_new(), from the next job on
 */
EFFNET_API void effnet_stream_set_weight (EffnetStream *stream, unsigned weight);
/**
 * effnet_stream_submit:
 * @stream: a stream
 * @job: copied
 * @how: what becomes of the jobs that wait
 *
 * The job's `data` is taken in any case: where it is refused, `destroy` has been called on return.
 *
 * Returns: FALSE when the stream is cancelled or full, or the system gave no thread at all
 */
EFFNET_API gboolean effnet_stream_submit (EffnetStream *stream, const EffnetJob *job,
                                          EffnetSubmit how);
/**
 * effnet_stream_is_free:
 * @stream: a stream
 *
 * Returns: TRUE when no job waits and the stream is not cancelled: a new job would be next
 */
EFFNET_API gboolean effnet_stream_is_free (EffnetStream *stream);
/**
 * effnet_stream_wait:
 * @stream: a stream
 *
 * Until no job waits or runs, those submitted meanwhile included. Not for the stream's own jobs.
 *
 * Returns: FALSE when the stream is or was cancelled meanwhile; no job runs then, either
 */
EFFNET_API gboolean effnet_stream_wait (EffnetStream *stream);
/**
 * effnet_stream_set_cancelled:
 * @stream: a stream
 * @cancelled: TRUE: drops the jobs that wait, cancels the one that runs and refuses others; FALSE:
 *   accepts jobs again, also while the cancelled one ends
 *
 * Either raises the epoch. Waits for no job: the one that runs ends within a few milliseconds,
 * unless its function does other things than calls with the session.
 */
EFFNET_API void effnet_stream_set_cancelled (EffnetStream *stream, gboolean cancelled);
/**
 * effnet_stream_get_epoch:
 * @stream: a stream
 *
 * Returns: how often effnet_stream_set_cancelled() was called: results of a job that was submitted
 * in another epoch are stale
 */
EFFNET_API uint64_t effnet_stream_get_epoch (EffnetStream *stream);
/**
 * effnet_stream_get_stats:
 * @stream: a stream
 * @stats: (out caller-allocates): filled
 */
EFFNET_API void effnet_stream_get_stats (EffnetStream *stream, EffnetQueueStats *stats);

/* ---- executor -------------------------------------------------------------------------------- */

/**
 * effnet_executor_get_index:
 * @executor: an executor
 *
 * Returns: 0 .. effnet_scheduler_get_size() - 1
 */
EFFNET_API unsigned effnet_executor_get_index (const EffnetExecutor *executor);
/**
 * effnet_executor_get_scheduler:
 * @executor: an executor
 *
 * Returns: (transfer none): the scheduler it belongs to
 */
EFFNET_API EffnetScheduler *effnet_executor_get_scheduler (EffnetExecutor *executor);
/**
 * effnet_executor_get_wait_ns:
 * @executor: an executor
 *
 * Returns: how long the job that runs had waited, from its submission to its start
 */
EFFNET_API uint64_t effnet_executor_get_wait_ns (const EffnetExecutor *executor);
/**
 * effnet_executor_is_cancelled:
 * @executor: an executor
 *
 * Returns: TRUE when the stream was cancelled since the job that runs began
 */
EFFNET_API gboolean effnet_executor_is_cancelled (EffnetExecutor *executor);
/**
 * effnet_executor_get_data:
 * @executor: an executor
 * @key: an address of the caller's
 *
 * What effnet_executor_set_data() left there: decoders and other things that a thread has one of.
 *
 * Returns: (transfer none) (nullable): the data
 */
EFFNET_API void *effnet_executor_get_data (EffnetExecutor *executor, const void *key);
/**
 * effnet_executor_set_data:
 * @executor: an executor
 * @key: an address of the caller's
 * @data: (nullable): NULL = none
 * @destroy: (nullable): called with @data when other data takes its place, else in the executor's
 *   thread when that ends
 */
EFFNET_API void effnet_executor_set_data (EffnetExecutor *executor, const void *key, void *data,
                                          GDestroyNotify destroy);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetScheduler, effnet_scheduler_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (EffnetStream, effnet_stream_free)

G_END_DECLS

#endif /* EFFNET_SCHEDULER_H */
