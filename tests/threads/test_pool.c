/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The pool: each tile exactly once, no tile after the end, no CPU while idle; and the turns of a
 * crew. */
#include <glib.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "threads/pool.h"

#define MAX_TILES 5000

typedef struct {
  _Atomic unsigned hits[MAX_TILES];
  _Atomic unsigned bad_worker;
  unsigned size;
} Count;

static void
count_tile (void *user, size_t tile, unsigned worker)
{
  Count *count = user;

  atomic_fetch_add (&count->hits[tile], 1);
  if (worker >= count->size)
    atomic_fetch_add (&count->bad_worker, 1);
}

static void
check_jobs (EffnetPool *pool, unsigned jobs, guint32 seed)
{
  Count *count = g_new0 (Count, 1);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);

  count->size = effnet_pool_size (pool);
  for (unsigned job = 0; job < jobs; job++) {
    size_t n = (size_t)g_rand_int_range (rand, 0, job % 50 == 0 ? MAX_TILES : 40);

    memset ((void *)count->hits, 0, sizeof count->hits);
    effnet_pool_run (pool, n, count_tile, count);
    for (size_t i = 0; i < MAX_TILES; i++)
      g_assert_cmpuint (count->hits[i], ==, i < n ? 1 : 0);
  }
  g_assert_cmpuint (count->bad_worker, ==, 0);
  g_free (count);
}

static void
test_each_tile_once (gconstpointer data)
{
  EffnetPool *pool = effnet_pool_get (GPOINTER_TO_UINT (data));

  check_jobs (pool, 3000, 1);
  effnet_pool_unref (pool);
}

static gpointer
stream_main (gpointer pool)
{
  effnet_pool_enter (pool);
  check_jobs (pool, 500, GPOINTER_TO_UINT (g_thread_self ()));
  effnet_pool_leave (pool);
  return NULL;
}

static void
test_many_callers (void)
{
  EffnetPool *pool = effnet_pool_get (3);
  GThread *threads[5];

  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("stream", stream_main, pool);
  for (unsigned i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  effnet_pool_unref (pool);
}

/* Tiles that wait for each other can only end if two threads work at once. */
static void
meet (void *user, size_t tile, unsigned worker)
{
  _Atomic unsigned *arrived = user;

  (void)tile;
  (void)worker;
  atomic_fetch_add (arrived, 1);
  while (atomic_load (arrived) < 2)
    g_usleep (10);
}

static void
test_runs_in_parallel (void)
{
  EffnetPool *pool = effnet_pool_get (2);

  for (unsigned i = 0; i < 20; i++) {
    _Atomic unsigned arrived = 0;

    effnet_pool_run (pool, 2, meet, (void *)&arrived);
    g_assert_cmpuint (arrived, ==, 2);
    if (i % 5 == 0)
      g_usleep (2000); /* long enough for the worker to fall asleep */
  }
  effnet_pool_unref (pool);
}

static void
test_shared (void)
{
  EffnetPool *a = effnet_pool_get (2), *b = effnet_pool_get (2), *c = effnet_pool_get (3);

  g_assert_true (a == b);
  g_assert_true (a != c);
  g_assert_cmpuint (effnet_pool_size (c), ==, 3);
  effnet_pool_unref (a);
  effnet_pool_unref (b);
  effnet_pool_unref (c);
}

static void
nothing (void *user, size_t tile, unsigned worker)
{
  (void)user;
  (void)tile;
  (void)worker;
}

static double
cpu_seconds (void)
{
  struct timespec now;

  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void
test_idle_costs_nothing (void)
{
  EffnetPool *pool = effnet_pool_get (4);
  double before;

  effnet_pool_run (pool, 100, nothing, NULL);
  g_usleep (100000); /* far past the spin */
  before = cpu_seconds ();
  g_usleep (500000);
  /* A spinning worker would have used 0.5 s. */
  g_assert_cmpfloat (cpu_seconds () - before, <, 0.01);
  effnet_pool_unref (pool);
}

/* ---- crews ---- */

typedef struct {
  EffnetPool *pool;
  _Atomic unsigned turns[4], ended, arrived;
  _Atomic gboolean meets; /* a turn runs tiles that only two threads can end */
} Crew;

static void
crew_turn (void *user, unsigned worker)
{
  Crew *crew = user;

  if (crew->meets) {
    crew->arrived = 0;
    effnet_pool_enter (crew->pool);
    effnet_pool_run (crew->pool, 2, meet, (void *)&crew->arrived);
    effnet_pool_leave (crew->pool);
  }
  atomic_fetch_add (&crew->turns[worker], 1);
}

static void
crew_end (void *user, unsigned worker)
{
  Crew *crew = user;

  (void)worker;
  atomic_fetch_add (&crew->ended, 1);
}

static void
call_and_wait (Crew *crew, unsigned worker)
{
  unsigned before = crew->turns[worker];

  effnet_pool_call (crew->pool, worker);
  while (crew->turns[worker] == before)
    g_usleep (100);
}

typedef struct {
  EffnetPool *pool;
  _Atomic unsigned ended, turns;
  _Atomic int busy[4];
  _Atomic unsigned collisions;
} Workers;

/* Two tiles with the same number at the same time would share scratch memory. */
static void
occupy (void *user, size_t tile, unsigned worker)
{
  Workers *workers = user;

  (void)tile;
  if (atomic_exchange (&workers->busy[worker], 1))
    atomic_fetch_add (&workers->collisions, 1);
  g_usleep (20);
  atomic_store (&workers->busy[worker], 0);
}

static void
run_some (void *user, unsigned worker)
{
  Workers *workers = user;

  (void)worker;
  for (unsigned i = 0; i < 50; i++) {
    effnet_pool_enter (workers->pool);
    effnet_pool_run (workers->pool, 1 + i % 7, occupy, workers);
    effnet_pool_leave (workers->pool);
  }
  atomic_fetch_add (&workers->turns, 1);
}

/* However many run at once, a worker's number is its thread's; and so one block of scratch memory
 * is enough for all. */
static void
test_crew_scratch (void)
{
  Workers workers = {.pool = NULL};
  EffnetScratch *small, *same, *large;

  workers.pool = effnet_pool_new_crew (4, run_some, NULL, &workers);
  g_assert_cmpuint (effnet_pool_start (workers.pool), ==, 4);
  for (unsigned i = 0; i < 4; i++)
    effnet_pool_call (workers.pool, i);
  while (workers.turns < 4)
    g_usleep (1000);
  g_assert_cmpuint (workers.collisions, ==, 0);

  small = effnet_pool_get_scratch (workers.pool, 1000);
  same = effnet_pool_get_scratch (workers.pool, 500);
  g_assert_true (same == small);
  large = effnet_pool_get_scratch (workers.pool, 2000);
  g_assert_true (large != small);
  g_assert_cmpuint (large->arena.bytes, >=, 4 * 2000);
  effnet_pool_put_scratch (workers.pool, small);
  effnet_pool_put_scratch (workers.pool, same);
  same = effnet_pool_get_scratch (workers.pool, 1000);
  g_assert_true (same == large);
  effnet_pool_put_scratch (workers.pool, same);
  effnet_pool_put_scratch (workers.pool, large);
  g_assert_null (effnet_pool_get_scratch (workers.pool, (size_t)1 << 60));
  effnet_pool_end (workers.pool);
  effnet_pool_unref (workers.pool);
}

/* Who is called takes a turn, asleep or not; who is not serves the tiles of who does. */
static void
test_crew (void)
{
  Crew crew = {0};

  crew.pool = effnet_pool_new_crew (4, crew_turn, crew_end, &crew);
  g_assert_cmpuint (effnet_pool_start (crew.pool), ==, 4);
  g_assert_cmpuint (effnet_pool_start (crew.pool), ==, 4);
  for (unsigned round = 0; round < 20; round++) {
    crew.meets = round % 2;
    for (unsigned worker = 0; worker < 4; worker++) {
      unsigned before[4];

      for (unsigned i = 0; i < 4; i++)
        before[i] = crew.turns[i];
      call_and_wait (&crew, worker);
      for (unsigned i = 0; i < 4; i++)
        g_assert_cmpuint (crew.turns[i], ==, before[i] + (i == worker));
    }
    if (round % 5 == 0)
      g_usleep (2000); /* long enough for all to fall asleep */
  }
  effnet_pool_unref (crew.pool);
  g_assert_cmpuint (crew.ended, ==, 4);
}

typedef struct {
  EffnetPool *pool;
  Count count; /* of the worker's run of tiles */
  _Atomic unsigned wrong, turns;
} Busy;

static void
busy_turn (void *user, unsigned worker)
{
  Busy *busy = (Busy *)user + worker;

  effnet_pool_enter (busy->pool);
  for (unsigned run = 0; run < 20; run++) {
    memset ((void *)busy->count.hits, 0, 100 * sizeof busy->count.hits[0]);
    effnet_pool_run (busy->pool, 100, count_tile, &busy->count);
    for (size_t i = 0; i < 100; i++)
      busy->wrong += busy->count.hits[i] != 1;
  }
  effnet_pool_leave (busy->pool);
  atomic_fetch_add (&busy->turns, 1);
}

/* Calls fall between the tiles of others' runs: each tile is still done once. */
static void
test_busy_crew (void)
{
  Busy *busy = g_new0 (Busy, 3);
  EffnetPool *pool = effnet_pool_new_crew (3, busy_turn, NULL, busy);

  effnet_pool_start (pool);
  for (unsigned i = 0; i < 3; i++) {
    busy[i].pool = pool;
    busy[i].count.size = 3;
  }
  for (unsigned round = 0; round < 300; round++) {
    unsigned before[3];

    for (unsigned i = 0; i < 3; i++) {
      before[i] = busy[i].turns;
      effnet_pool_call (pool, i);
      if (round % 3 == i)
        g_usleep (50);
    }
    for (unsigned i = 0; i < 3; i++)
      while (busy[i].turns == before[i])
        g_usleep (10);
  }
  effnet_pool_unref (pool);
  for (unsigned i = 0; i < 3; i++) {
    g_assert_cmpuint (busy[i].wrong, ==, 0);
    g_assert_cmpuint (busy[i].count.bad_worker, ==, 0);
  }
  g_free (busy);
}

int
main (int argc, char **argv)
{
  static const unsigned sizes[] = {1, 2, 3, 8};

  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *name = g_strdup_printf ("/threads/each-tile-once/%u", sizes[i]);

    g_test_add_data_func (name, GUINT_TO_POINTER (sizes[i]), test_each_tile_once);
  }
  g_test_add_func ("/threads/many-callers", test_many_callers);
  g_test_add_func ("/threads/parallel", test_runs_in_parallel);
  g_test_add_func ("/threads/shared", test_shared);
  g_test_add_func ("/threads/idle", test_idle_costs_nothing);
  g_test_add_func ("/threads/crew", test_crew);
  g_test_add_func ("/threads/crew-scratch", test_crew_scratch);
  g_test_add_func ("/threads/busy-crew", test_busy_crew);
  return g_test_run ();
}
