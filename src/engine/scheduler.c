/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scheduler: a crew of the thread pool whose turns are the jobs of streams; and the sessions
 * that its executors lend. Queues are in stream.c. */
#include "base/clock.h"
#include "base/error.h"
#include "engine/queue.h"
#include "threads/fork.h"

static GMutex registry_lock;
static GPtrArray *registry; /* EffnetScheduler *; NULL = none */

/* ---- fork ---- */

static void
before_fork (void)
{
  g_mutex_lock (&registry_lock);
  for (guint i = 0; registry != NULL && i < registry->len; i++) {
    EffnetScheduler *scheduler = g_ptr_array_index (registry, i);

    g_mutex_lock (&scheduler->lock);
  }
}

static void
after_fork (void)
{
  for (guint i = 0; registry != NULL && i < registry->len; i++) {
    EffnetScheduler *scheduler = g_ptr_array_index (registry, i);

    g_mutex_unlock (&scheduler->lock);
  }
  g_mutex_unlock (&registry_lock);
}

/* The crew starts anew with the next job. */
static void
in_child (void)
{
  for (guint i = 0; registry != NULL && i < registry->len; i++) {
    EffnetScheduler *scheduler = g_ptr_array_index (registry, i);

    scheduler->started = FALSE;
  }
  after_fork ();
}

/* ---- sessions ---- */

/* Index of the executor's session of @model, or -1. */
static int
find_session (const EffnetExecutor *executor, const EffnetModel *model)
{
  for (guint i = 0; i < executor->sessions->len; i++) {
    const EffnetSession *session = g_ptr_array_index (executor->sessions, i);

    if (session->model == model)
      return (int)i;
  }
  return -1;
}

static void
free_session (EffnetSession *session)
{
  effnet_model_lend (session->model, -1);
  effnet_session_free (session);
}

/* The job that runs is cancelled, or, while a batch is run ahead, one of its jobs. */
static gboolean
is_stopped (const EffnetExecutor *executor)
{
  if (executor->stream != NULL)
    return executor->stream->stopped;
  for (unsigned i = 0; i < executor->n_jobs; i++) {
    if (executor->streams[i]->stopped)
      return TRUE;
  }
  return FALSE;
}

/* Under the lock. */
static void
lend (EffnetExecutor *executor, EffnetSession *session)
{
  executor->session = session;
  effnet_session_set_cancelled (session, is_stopped (executor));
}

/* A session of @model for the job that runs; NULL with @error. */
static EffnetSession *
borrow (EffnetExecutor *executor, EffnetModel *model, GError **error)
{
  EffnetScheduler *scheduler = executor->scheduler;
  EffnetSession *session = NULL;
  int i;

  g_mutex_lock (&scheduler->lock);
  i = find_session (executor, model);
  if (i >= 0) {
    session = g_ptr_array_index (executor->sessions, i);
    lend (executor, session);
  }
  g_mutex_unlock (&scheduler->lock);
  if (session != NULL)
    return session;
  session = effnet_session_new_in (model, scheduler->pool, error);
  if (session == NULL)
    return NULL;
  effnet_model_lend (model, 1);
  g_mutex_lock (&scheduler->lock);
  g_ptr_array_add (executor->sessions, session);
  scheduler->stats.sessions++;
  lend (executor, session);
  g_mutex_unlock (&scheduler->lock);
  return session;
}

/* Takes the sessions of @model out. One that is lent is of a job that came after the model was
 * given up; the end of that job gives it up again. */
static void
take_sessions (EffnetScheduler *scheduler, const EffnetModel *model, GPtrArray *out)
{
  g_mutex_lock (&scheduler->lock);
  for (unsigned i = 0; i < scheduler->size; i++) {
    EffnetExecutor *executor = &scheduler->executors[i];
    int found = find_session (executor, model);

    if (found < 0 || g_ptr_array_index (executor->sessions, found) == executor->session)
      continue;
    g_ptr_array_add (out, g_ptr_array_index (executor->sessions, found));
    g_ptr_array_remove_index_fast (executor->sessions, (guint)found);
    scheduler->stats.sessions--;
  }
  g_mutex_unlock (&scheduler->lock);
}

static void
forget_model (const EffnetModel *model)
{
  g_autoptr (GPtrArray) sessions = g_ptr_array_new_with_free_func ((GDestroyNotify)free_session);

  g_mutex_lock (&registry_lock);
  for (guint i = 0; registry != NULL && i < registry->len; i++)
    take_sessions (g_ptr_array_index (registry, i), model, sessions);
  g_mutex_unlock (&registry_lock);
}

/* ---- executors ---- */

void
effnet_scheduler_call (EffnetScheduler *scheduler, const EffnetModel *model)
{
  EffnetExecutor *chosen = NULL;

  for (unsigned i = 0; i < scheduler->size; i++) {
    EffnetExecutor *executor = &scheduler->executors[i];

    if (!executor->idle)
      continue;
    if (chosen == NULL)
      chosen = executor;
    if (find_session (executor, model) >= 0) {
      chosen = executor;
      break;
    }
  }
  if (chosen == NULL)
    return;
  chosen->idle = FALSE;
  effnet_pool_call (scheduler->pool, chosen->index);
}

static void
take_back (EffnetExecutor *executor)
{
  g_mutex_lock (&executor->scheduler->lock);
  executor->session = NULL;
  g_mutex_unlock (&executor->scheduler->lock);
}

/* All inputs of the batch in one run. Where that comes to nothing, because a stream was cancelled
 * or there is no memory, each job runs its own. */
static void
run_ahead (EffnetExecutor *executor)
{
  const float *inputs[EFFNET_BATCH_MAX];
  EffnetModel *model = executor->jobs[0]->job.model;
  EffnetSession *session = borrow (executor, model, NULL);
  size_t per_image = (size_t)model->net->in_height * model->net->in_width * 3;
  unsigned n = 0;

  for (unsigned i = 0; i < executor->n_jobs; i++) {
    const EffnetJob *job = &executor->jobs[i]->job;

    executor->jobs[i]->first = n;
    for (unsigned k = 0; k < job->cost; k++)
      inputs[n++] = job->nhwc + k * per_image;
  }
  if (session != NULL)
    effnet_session_run_ahead (session, inputs, n);
  take_back (executor);
}

static gboolean
is_batch (const EffnetExecutor *executor)
{
  const EffnetJob *first = &executor->jobs[0]->job;

  return executor->n_jobs > 1 ||
         (first->nhwc != NULL && first->cost > 1 && first->cost <= executor->scheduler->batch_size);
}

/* @ahead: the batch was run. What else is at hand in the session is of other jobs, which may have
 * ended, and others may have got their addresses. */
static void
offer_ahead (EffnetSession *session, const EffnetWaiting *waiting, gboolean ahead)
{
  if (!ahead)
    session->ahead.n = 0;
  session->ahead.first = waiting->first;
  session->ahead.end = waiting->first + waiting->job.cost;
}

static void
run_job (EffnetExecutor *executor, EffnetWaiting *waiting, gboolean ahead)
{
  const EffnetJob *job = &waiting->job;
  g_autoptr (GError) error = NULL;
  EffnetSession *session;

  executor->wait_ns = waiting->wait_ns;
  session = job->model != NULL ? borrow (executor, job->model, &error) : NULL;
  if (session != NULL)
    offer_ahead (session, waiting, ahead);
  if (!effnet_executor_is_cancelled (executor))
    job->run (executor, session, error, job->data);
  take_back (executor);
  if (job->destroy != NULL)
    job->destroy (job->data);
  effnet_model_unref (job->model);
  g_free (waiting);
}

/* The jobs it has taken. Returns, as it is called, under the lock. */
static void
run_jobs (EffnetExecutor *executor)
{
  EffnetScheduler *scheduler = executor->scheduler;
  gboolean ahead = is_batch (executor);
  int64_t began_ns = executor->streams[0]->began_ns; /* as all of them did */

  if (ahead) {
    g_mutex_unlock (&scheduler->lock);
    run_ahead (executor);
    g_mutex_lock (&scheduler->lock);
  }
  for (unsigned k = 0; k < 2 * executor->n_jobs; k++) { /* first those that are cancelled */
    unsigned i = k % executor->n_jobs;
    EffnetWaiting *waiting = executor->jobs[i];

    if (waiting == NULL || (k < executor->n_jobs && !executor->streams[i]->stopped))
      continue;
    executor->stream = executor->streams[i];
    g_mutex_unlock (&scheduler->lock);
    run_job (executor, waiting, ahead);
    g_mutex_lock (&scheduler->lock);
    effnet_queue_end (executor, i);
  }
  executor->stream = NULL;
  executor->n_jobs = 0;
  scheduler->stats.busy_ns += (uint64_t)(effnet_clock_ns () - began_ns);
}

/* Under the lock, but while it waits. */
static void
wait_for_more (EffnetScheduler *scheduler)
{
  int64_t until_ns;

  while (effnet_queue_may_grow (scheduler, &until_ns)) {
    scheduler->gathering++;
    g_cond_wait_until (&scheduler->more, &scheduler->lock, until_ns / 1000 + 1);
    scheduler->gathering--;
  }
}

static void
take_turn (void *user, unsigned worker)
{
  EffnetScheduler *scheduler = user;
  EffnetExecutor *executor = &scheduler->executors[worker];

  g_mutex_lock (&scheduler->lock);
  for (wait_for_more (scheduler); effnet_queue_begin (executor); wait_for_more (scheduler)) {
    if (scheduler->turns.ready->len > 0) /* more than this batch has room for */
      effnet_scheduler_call (scheduler, executor->jobs[0]->job.model);
    run_jobs (executor);
  }
  executor->idle = TRUE;
  g_mutex_unlock (&scheduler->lock);
}

static void
clear_data (EffnetExecutor *executor)
{
  while (executor->data->len > 0) {
    EffnetExecutorData last =
        g_array_index (executor->data, EffnetExecutorData, executor->data->len - 1);

    g_array_set_size (executor->data, executor->data->len - 1);
    if (last.destroy != NULL)
      last.destroy (last.data);
  }
}

static void
end_executor (void *user, unsigned worker)
{
  EffnetScheduler *scheduler = user;

  clear_data (&scheduler->executors[worker]);
}

gboolean
effnet_scheduler_start (EffnetScheduler *scheduler)
{
  if (!scheduler->started) {
    unsigned n = effnet_pool_start (scheduler->pool);

    for (unsigned i = 0; i < scheduler->size; i++)
      scheduler->executors[i].idle = i < n;
    scheduler->started = n > 0;
  }
  return scheduler->started;
}

unsigned
effnet_executor_get_index (const EffnetExecutor *executor)
{
  return executor->index;
}

EffnetScheduler *
effnet_executor_get_scheduler (EffnetExecutor *executor)
{
  return executor->scheduler;
}

uint64_t
effnet_executor_get_wait_ns (const EffnetExecutor *executor)
{
  return executor->wait_ns;
}

gboolean
effnet_executor_is_cancelled (EffnetExecutor *executor)
{
  gboolean cancelled;

  g_mutex_lock (&executor->scheduler->lock);
  cancelled = is_stopped (executor);
  g_mutex_unlock (&executor->scheduler->lock);
  return cancelled;
}

/* The place of @key in the executor's data: its length when it is not there. */
static guint
find_data (const EffnetExecutor *executor, const void *key)
{
  guint i = 0;

  while (i < executor->data->len &&
         g_array_index (executor->data, EffnetExecutorData, i).key != key)
    i++;
  return i;
}

void *
effnet_executor_get_data (EffnetExecutor *executor, const void *key)
{
  guint i = find_data (executor, key);

  return i < executor->data->len ? g_array_index (executor->data, EffnetExecutorData, i).data
                                 : NULL;
}

void
effnet_executor_set_data (EffnetExecutor *executor, const void *key, void *data,
                          GDestroyNotify destroy)
{
  EffnetExecutorData entry = {.key = key, .data = data, .destroy = destroy};
  guint i = find_data (executor, key);

  if (i < executor->data->len) {
    EffnetExecutorData old = g_array_index (executor->data, EffnetExecutorData, i);

    g_array_remove_index (executor->data, i);
    if (old.destroy != NULL)
      old.destroy (old.data);
  }
  if (data != NULL)
    g_array_append_val (executor->data, entry);
}

/* ---- life ---- */

static EffnetScheduler *
scheduler_new (unsigned threads, const char *name)
{
  EffnetScheduler *scheduler = g_new0 (EffnetScheduler, 1);

  scheduler->size = threads;
  scheduler->name = g_strdup (name);
  scheduler->executors = g_new0 (EffnetExecutor, threads);
  for (unsigned i = 0; i < threads; i++) {
    EffnetExecutor *executor = &scheduler->executors[i];

    executor->scheduler = scheduler;
    executor->index = i;
    executor->sessions = g_ptr_array_new ();
    executor->data = g_array_new (FALSE, FALSE, sizeof (EffnetExecutorData));
  }
  scheduler->batch_size = 1;
  g_mutex_init (&scheduler->lock);
  g_cond_init (&scheduler->more);
  effnet_turns_init (&scheduler->turns);
  scheduler->pool = effnet_pool_new_crew (threads, take_turn, end_executor, scheduler);
  return scheduler;
}

/* Not in one of its executors: the stream of each job has a reference. Sessions have references to
 * the pool, but its threads must end before them. */
static void
scheduler_free (EffnetScheduler *scheduler)
{
  effnet_pool_end (scheduler->pool);
  for (unsigned i = 0; i < scheduler->size; i++) {
    EffnetExecutor *executor = &scheduler->executors[i];

    g_ptr_array_foreach (executor->sessions, (GFunc)(void (*) (void))free_session, NULL);
    g_ptr_array_unref (executor->sessions);
    clear_data (executor);
    g_array_unref (executor->data);
  }
  effnet_pool_unref (scheduler->pool);
  effnet_turns_clear (&scheduler->turns);
  g_cond_clear (&scheduler->more);
  g_mutex_clear (&scheduler->lock);
  g_free (scheduler->executors);
  g_free (scheduler->name);
  g_free (scheduler);
}

/* A new reference to the one that is there; else @fresh is from now on, if there is one. */
static EffnetScheduler *
find_or_add (unsigned threads, const char *name, EffnetScheduler *fresh)
{
  EffnetScheduler *found = NULL;

  g_mutex_lock (&registry_lock);
  for (guint i = 0; registry != NULL && i < registry->len && found == NULL; i++) {
    EffnetScheduler *other = g_ptr_array_index (registry, i);

    if (other->size == threads && g_strcmp0 (other->name, name) == 0)
      found = other;
  }
  if (found == NULL && fresh != NULL) {
    if (registry == NULL)
      registry = g_ptr_array_new ();
    g_ptr_array_add (registry, fresh);
    found = fresh;
  }
  if (found != NULL)
    found->refs++;
  g_mutex_unlock (&registry_lock);
  return found;
}

EffnetScheduler *
effnet_scheduler_new (unsigned threads, const char *name, GError **error)
{
  static gsize once;
  EffnetScheduler *scheduler, *fresh;

  if (threads > EFFNET_THREADS_MAX) {
    effnet_fail (error, EFFNET_ERROR_ARGUMENT, "%u threads asked for; expected 0 (all CPUs) to %d",
                 threads, EFFNET_THREADS_MAX);
    return NULL;
  }
  if (threads == 0)
    threads = effnet_cpu_count ();
  effnet_at_fork (&once, before_fork, after_fork, in_child);
  effnet_model_watch (forget_model);
  scheduler = find_or_add (threads, name, NULL);
  if (scheduler != NULL)
    return scheduler;
  fresh = scheduler_new (threads, name);
  scheduler = find_or_add (threads, name, fresh);
  if (scheduler != fresh)
    scheduler_free (fresh);
  return scheduler;
}

EffnetScheduler *
effnet_scheduler_ref (EffnetScheduler *scheduler)
{
  g_mutex_lock (&registry_lock);
  scheduler->refs++;
  g_mutex_unlock (&registry_lock);
  return scheduler;
}

void
effnet_scheduler_unref (EffnetScheduler *scheduler)
{
  gboolean last;

  if (scheduler == NULL)
    return;
  g_mutex_lock (&registry_lock);
  last = --scheduler->refs == 0;
  if (last) {
    g_ptr_array_remove (registry, scheduler);
    if (registry->len == 0)
      g_clear_pointer (&registry, g_ptr_array_unref);
  }
  g_mutex_unlock (&registry_lock);
  if (last)
    scheduler_free (scheduler);
}

void
effnet_scheduler_count (EffnetScheduler *scheduler, int change)
{
  g_mutex_lock (&scheduler->lock);
  scheduler->n_streams += (unsigned)change;
  g_cond_broadcast (&scheduler->more); /* a batch may be full now */
  g_mutex_unlock (&scheduler->lock);
}

void
effnet_scheduler_set_batch (EffnetScheduler *scheduler, unsigned size, int64_t timeout_ns)
{
  g_mutex_lock (&scheduler->lock);
  scheduler->batch_size = CLAMP (size, 1, EFFNET_BATCH_MAX);
  scheduler->batch_timeout_ns = MAX (timeout_ns, 0);
  g_cond_broadcast (&scheduler->more);
  g_mutex_unlock (&scheduler->lock);
}

unsigned
effnet_scheduler_get_size (const EffnetScheduler *scheduler)
{
  return scheduler->size;
}

void
effnet_scheduler_get_stats (EffnetScheduler *scheduler, EffnetQueueStats *stats)
{
  EffnetWaits waits;

  g_mutex_lock (&scheduler->lock);
  *stats = scheduler->stats;
  stats->streams = scheduler->n_streams;
  waits = scheduler->waits;
  g_mutex_unlock (&scheduler->lock);
  effnet_waits_report (&waits, stats);
}
