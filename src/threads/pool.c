/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pool: jobs are published in atomics, a mutex and a condition serve only sleepers.
 *
 * The tiles of a job are distributed as lanes, a run of neighbouring tiles each, and worker w
 * begins with lane w: steps that cut their rows alike then find most of what they read in the cache
 * of the core that wrote it. A worker whose lane is empty steals from the others.
 *
 * A tile is claimed by compare-and-swap on its lane: who succeeds owns a tile of the job that is
 * current at that very moment, and that job cannot end before the tile is done, so `func` and
 * `user`, read after it, are the job's. Nobody waits for a worker that sleeps or was descheduled:
 * the caller claims the tiles it did not take.
 *
 * A worker of a crew that is called leaves its lane after the tile it is at, for the same reason.
 *
 * Workers look for work for about SPIN_NS and then sleep, so an idle pool uses no CPU. */
#include "threads/pool.h"

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "threads/fork.h"

#define SPIN_NS    50000 /* a step of a network takes 5 to 500 us: longer than this is a pause */
#define SPIN_CHECK 32    /* rounds between two looks at the clock */
#define MAX_LANES  16

/* Tiles left to claim: [end:32][next:32]. Written by every claim: a cache line of its own. */
typedef struct {
  _Alignas(64) _Atomic uint64_t range;
} Lane;

typedef struct {
  _Alignas(64) _Atomic int called; /* read between tiles */
  GThread *thread;                 /* NULL: not started, or not to be had */
  gboolean sleeps;                 /* under the pool's lock */
  GCond wake;
} Worker;

struct _EffnetPool {
  unsigned size, refs; /* refs under the registry's lock */
  unsigned first;      /* of the workers that are threads: a crew's are all, else 0 is the caller */
  EffnetTurnFunc turn, end; /* of a crew, else NULL */
  void *turn_data;
  EffnetScratch *scratch; /* the largest; NULL: nobody has one; under the registry's lock */

  Lane lanes[MAX_LANES];
  _Alignas(64) _Atomic size_t done;
  _Alignas(64) EffnetTileFunc func;
  void *user;
  size_t n_tiles;
  /* counts the jobs handed out: polled by idle workers */
  _Alignas(64) _Atomic unsigned jobs;

  _Alignas(64) _Atomic unsigned streams; /* callers between enter and leave */
  _Atomic unsigned sleepers;
  _Atomic int caller_sleeps, quit;
  atomic_flag taken; /* one job at a time */

  GMutex lock;
  GCond finished;
  gboolean started; /* threads start with the first job that needs them */
  Worker *workers;  /* [size] */
};

typedef struct {
  EffnetPool *pool;
  unsigned worker;
} Start;

static GMutex registry_lock;
static GHashTable *registry; /* size -> EffnetPool */
static GList *crews;

/* Which worker this thread is, of which crew. */
static _Thread_local Start self;

static inline void
pause_cpu (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static unsigned
n_lanes (const EffnetPool *pool)
{
  return MIN (pool->size, MAX_LANES);
}

/* Takes the next tile of @lane; FALSE when none is left. */
static gboolean
claim (Lane *lane, size_t *tile)
{
  uint64_t range = atomic_load_explicit (&lane->range, memory_order_acquire);

  while ((uint32_t)range < (uint32_t)(range >> 32)) {
    if (atomic_compare_exchange_weak_explicit (&lane->range, &range, range + 1,
                                               memory_order_acq_rel, memory_order_acquire)) {
      *tile = (uint32_t)range;
      return TRUE;
    }
  }
  return FALSE;
}

/* Counts @tiles of the current job as done. */
static void
finish (EffnetPool *pool, size_t tiles)
{
  size_t n_tiles = pool->n_tiles;

  if (atomic_fetch_add (&pool->done, tiles) + tiles == n_tiles &&
      atomic_load (&pool->caller_sleeps)) {
    g_mutex_lock (&pool->lock);
    g_cond_signal (&pool->finished);
    g_mutex_unlock (&pool->lock);
  }
}

/* Does tiles until none is left to claim or @called, and counts those of a lane at once: what all
 * workers write is a cache miss each time. */
static void
work (EffnetPool *pool, unsigned worker, const _Atomic int *called)
{
  for (unsigned i = 0; i < n_lanes (pool); i++) {
    Lane *lane = &pool->lanes[(worker + i) % n_lanes (pool)];
    size_t tile, tiles = 0;

    for (; !atomic_load_explicit (called, memory_order_relaxed) && claim (lane, &tile); tiles++)
      pool->func (pool->user, tile, worker);
    if (tiles > 0)
      finish (pool, tiles);
  }
}

/* Spins until @condition holds, for SPIN_NS at most. */
#define SPIN_UNTIL(condition)                                                                      \
  do {                                                                                             \
    int64_t end_ = effnet_clock_ns () + SPIN_NS;                                                   \
    for (unsigned round_ = 1; !(condition); round_++) {                                            \
      pause_cpu ();                                                                                \
      if (round_ % SPIN_CHECK == 0 && effnet_clock_ns () > end_)                                   \
        break;                                                                                     \
    }                                                                                              \
  } while (0)

static gboolean
has_news (EffnetPool *pool, const Worker *worker, unsigned jobs)
{
  return atomic_load (&pool->jobs) != jobs || atomic_load (&worker->called) ||
         atomic_load (&pool->quit);
}

static void
sleep_until_news (EffnetPool *pool, Worker *worker, unsigned jobs)
{
  g_mutex_lock (&pool->lock);
  worker->sleeps = TRUE;
  atomic_fetch_add (&pool->sleepers, 1);
  while (!has_news (pool, worker, jobs))
    g_cond_wait (&worker->wake, &pool->lock);
  atomic_fetch_sub (&pool->sleepers, 1);
  worker->sleeps = FALSE;
  g_mutex_unlock (&pool->lock);
}

static gpointer
worker_main (gpointer data)
{
  Start start = *(Start *)data;
  EffnetPool *pool = start.pool;
  Worker *worker = &pool->workers[start.worker];

  g_free (data);
  self = start;
  while (!atomic_load (&pool->quit)) {
    unsigned jobs = atomic_load (&pool->jobs);

    if (atomic_exchange (&worker->called, 0)) {
      pool->turn (pool->turn_data, start.worker);
      continue;
    }
    work (pool, start.worker, &worker->called);
    SPIN_UNTIL (has_news (pool, worker, jobs));
    if (!has_news (pool, worker, jobs))
      sleep_until_news (pool, worker, jobs);
  }
  if (pool->end != NULL)
    pool->end (pool->turn_data, start.worker);
  return NULL;
}

/* Without a thread (limits) the others and the caller do its share. */
static void
start_threads (EffnetPool *pool)
{
  pool->started = TRUE;
  for (unsigned i = pool->first; i < pool->size; i++) {
    Start *start = g_new (Start, 1);

    *start = (Start){.pool = pool, .worker = i};
    pool->workers[i].thread = g_thread_try_new ("effnet", worker_main, start, NULL);
    if (pool->workers[i].thread != NULL)
      continue;
    g_free (start);
    break;
  }
}

/* Under the lock. */
static void
wake_all (EffnetPool *pool)
{
  for (unsigned i = pool->first; i < pool->size; i++) {
    if (pool->workers[i].sleeps)
      g_cond_signal (&pool->workers[i].wake);
  }
}

/* ---- fork ---- */

static void
before_fork (void)
{
  g_mutex_lock (&registry_lock);
}

static void
after_fork (void)
{
  g_mutex_unlock (&registry_lock);
}

/* As when it was made: the child has neither the workers nor the other callers, and their jobs must
 * not be taken up. Its next job starts workers of its own; the threads cannot be joined. */
static void
reset (EffnetPool *pool)
{
  for (unsigned i = 0; i < MAX_LANES; i++)
    atomic_store (&pool->lanes[i].range, 0);
  atomic_store (&pool->streams, 0);
  atomic_store (&pool->sleepers, 0);
  atomic_store (&pool->caller_sleeps, 0);
  atomic_flag_clear (&pool->taken);
  g_mutex_init (&pool->lock);
  g_cond_init (&pool->finished);
  pool->started = FALSE;
  memset (pool->workers, 0, pool->size * sizeof *pool->workers);
  for (unsigned i = 0; i < pool->size; i++)
    g_cond_init (&pool->workers[i].wake);
}

static void
in_child (void)
{
  GHashTableIter iter;
  gpointer pool;

  if (registry != NULL) {
    g_hash_table_iter_init (&iter, registry);
    while (g_hash_table_iter_next (&iter, NULL, &pool))
      reset (pool);
  }
  for (GList *l = crews; l != NULL; l = l->next)
    reset (l->data);
  after_fork ();
}

/* ---- life ---- */

static EffnetPool *
pool_new (unsigned threads)
{
  EffnetPool *pool = g_aligned_alloc0 (1, sizeof *pool, 64);

  pool->refs = 1;
  pool->first = 1;
  pool->size = threads;
  pool->workers = g_aligned_alloc (threads, sizeof *pool->workers, 64);
  reset (pool);
  return pool;
}

static void
watch_forks (void)
{
  static gsize once;

  effnet_at_fork (&once, before_fork, after_fork, in_child);
}

EffnetPool *
effnet_pool_new_crew (unsigned threads, EffnetTurnFunc turn, EffnetTurnFunc end, void *user)
{
  EffnetPool *pool = pool_new (threads);

  pool->first = 0;
  pool->turn = turn;
  pool->end = end;
  pool->turn_data = user;
  watch_forks ();
  g_mutex_lock (&registry_lock);
  crews = g_list_prepend (crews, pool);
  g_mutex_unlock (&registry_lock);
  return pool;
}

EffnetPool *
effnet_pool_get (unsigned threads)
{
  EffnetPool *pool;

  if (threads == 0)
    threads = effnet_cpu_count ();
  watch_forks ();
  g_mutex_lock (&registry_lock);
  if (registry == NULL)
    registry = g_hash_table_new (NULL, NULL);
  pool = g_hash_table_lookup (registry, GUINT_TO_POINTER (threads));
  if (pool == NULL) {
    pool = pool_new (threads);
    g_hash_table_insert (registry, GUINT_TO_POINTER (threads), pool);
  } else {
    pool->refs++;
  }
  g_mutex_unlock (&registry_lock);
  return pool;
}

EffnetPool *
effnet_pool_ref (EffnetPool *pool)
{
  g_mutex_lock (&registry_lock);
  pool->refs++;
  g_mutex_unlock (&registry_lock);
  return pool;
}

void
effnet_pool_end (EffnetPool *pool)
{
  g_mutex_lock (&pool->lock);
  atomic_store (&pool->quit, 1);
  wake_all (pool);
  g_mutex_unlock (&pool->lock);
  for (unsigned i = 0; i < pool->size; i++) {
    if (pool->workers[i].thread != NULL)
      g_thread_join (pool->workers[i].thread);
    pool->workers[i].thread = NULL;
  }
}

static void
pool_free (EffnetPool *pool)
{
  effnet_pool_end (pool);
  for (unsigned i = 0; i < pool->size; i++)
    g_cond_clear (&pool->workers[i].wake);
  g_aligned_free (pool->workers);
  g_mutex_clear (&pool->lock);
  g_cond_clear (&pool->finished);
  g_aligned_free (pool);
}

void
effnet_pool_unref (EffnetPool *pool)
{
  gboolean last;

  if (pool == NULL)
    return;
  g_mutex_lock (&registry_lock);
  last = --pool->refs == 0;
  if (last && pool->turn != NULL) {
    crews = g_list_remove (crews, pool);
  } else if (last) {
    g_hash_table_remove (registry, GUINT_TO_POINTER (pool->size));
    if (g_hash_table_size (registry) == 0)
      g_clear_pointer (&registry, g_hash_table_unref);
  }
  g_mutex_unlock (&registry_lock);
  if (last)
    pool_free (pool);
}

unsigned
effnet_pool_size (const EffnetPool *pool)
{
  return pool->size;
}

int
effnet_pool_is_crew (const EffnetPool *pool)
{
  return pool->turn != NULL;
}

EffnetScratch *
effnet_pool_get_scratch (EffnetPool *crew, size_t bytes)
{
  EffnetScratch *scratch;

  g_mutex_lock (&registry_lock);
  scratch = crew->scratch;
  if (scratch == NULL || scratch->bytes < bytes) {
    scratch = g_new0 (EffnetScratch, 1);
    scratch->bytes = bytes;
    if (effnet_arena_init (&scratch->arena, crew->size * bytes) != 0)
      g_clear_pointer (&scratch, g_free);
    else
      crew->scratch = scratch;
  }
  if (scratch != NULL)
    scratch->refs++;
  g_mutex_unlock (&registry_lock);
  return scratch;
}

void
effnet_pool_put_scratch (EffnetPool *crew, EffnetScratch *scratch)
{
  gboolean last;

  if (scratch == NULL)
    return;
  g_mutex_lock (&registry_lock);
  last = --scratch->refs == 0;
  if (last && crew->scratch == scratch)
    crew->scratch = NULL;
  g_mutex_unlock (&registry_lock);
  if (!last)
    return;
  effnet_arena_clear (&scratch->arena);
  g_free (scratch);
}

unsigned
effnet_pool_start (EffnetPool *pool)
{
  unsigned n = pool->first;

  if (!pool->started)
    start_threads (pool);
  while (n < pool->size && pool->workers[n].thread != NULL)
    n++;
  return n - pool->first;
}

void
effnet_pool_call (EffnetPool *pool, unsigned worker)
{
  atomic_store (&pool->workers[worker].called, 1);
  if (atomic_load (&pool->sleepers) == 0)
    return;
  g_mutex_lock (&pool->lock);
  g_cond_signal (&pool->workers[worker].wake);
  g_mutex_unlock (&pool->lock);
}

void
effnet_pool_enter (EffnetPool *pool)
{
  atomic_fetch_add (&pool->streams, 1);
}

void
effnet_pool_leave (EffnetPool *pool)
{
  atomic_fetch_sub (&pool->streams, 1);
}

int
effnet_pool_is_alone (const EffnetPool *pool)
{
  return pool->size == 1 || atomic_load (&pool->streams) >= pool->size;
}

static uint64_t
lane_range (const EffnetPool *pool, uint64_t n_tiles, unsigned lane)
{
  return n_tiles * (lane + 1) / n_lanes (pool) << 32 | n_tiles * lane / n_lanes (pool);
}

/* Of this thread: in a crew its own, elsewhere the caller is 0. */
static unsigned
worker_of (const EffnetPool *pool)
{
  return self.pool == pool ? self.worker : 0;
}

static void
run_shared (EffnetPool *pool, size_t n_tiles, EffnetTileFunc func, void *user)
{
  static const _Atomic int never;

  if (!pool->started)
    start_threads (pool);
  pool->func = func;
  pool->user = user;
  pool->n_tiles = n_tiles;
  atomic_store (&pool->done, 0);
  for (unsigned i = 0; i < n_lanes (pool); i++)
    atomic_store_explicit (&pool->lanes[i].range, lane_range (pool, n_tiles, i),
                           memory_order_release);
  atomic_fetch_add (&pool->jobs, 1);
  if (atomic_load (&pool->sleepers) > 0) {
    g_mutex_lock (&pool->lock);
    wake_all (pool);
    g_mutex_unlock (&pool->lock);
  }
  work (pool, worker_of (pool), &never);
  SPIN_UNTIL (atomic_load (&pool->done) == n_tiles);
  if (atomic_load (&pool->done) != n_tiles) {
    g_mutex_lock (&pool->lock);
    atomic_store (&pool->caller_sleeps, 1);
    while (atomic_load (&pool->done) != n_tiles)
      g_cond_wait (&pool->finished, &pool->lock);
    atomic_store (&pool->caller_sleeps, 0);
    g_mutex_unlock (&pool->lock);
  }
}

void
effnet_pool_run (EffnetPool *pool, size_t n_tiles, EffnetTileFunc func, void *user)
{
  g_assert (n_tiles <= G_MAXUINT32 / MAX_LANES);
  if (n_tiles > 1 && !effnet_pool_is_alone (pool) &&
      !atomic_flag_test_and_set_explicit (&pool->taken, memory_order_acquire)) {
    run_shared (pool, n_tiles, func, user);
    atomic_flag_clear_explicit (&pool->taken, memory_order_release);
    return;
  }
  for (size_t tile = 0, worker = worker_of (pool); tile < n_tiles; tile++)
    func (user, tile, (unsigned)worker);
}
