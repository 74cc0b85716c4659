/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread of its own, since one of GLib's pools would keep its low priority for other users. */
#include "teach/worker.h"

#include "nice.h"

struct _GstEffnetWorker {
  GThread *thread;
  GstEffnetWorkerFunc func;
  gpointer owner;

  GMutex lock;
  GCond changed;
  GQueue tasks;
  gboolean ends; /* when there are no more tasks */
};

/* Returns: the next task, when there is one; NULL: it is the end */
static gpointer
wait_for_task (GstEffnetWorker *worker)
{
  gpointer task;

  g_mutex_lock (&worker->lock);
  while ((task = g_queue_pop_head (&worker->tasks)) == NULL && !worker->ends)
    g_cond_wait (&worker->changed, &worker->lock);
  g_mutex_unlock (&worker->lock);
  return task;
}

static gpointer
run (gpointer data)
{
  GstEffnetWorker *worker = data;
  gpointer task;

  gst_effnet_be_nice ();
  while ((task = wait_for_task (worker)) != NULL)
    worker->func (task, worker->owner);
  return NULL;
}

GstEffnetWorker *
gst_effnet_worker_new (const char *name, GstEffnetWorkerFunc func, gpointer owner, GError **error)
{
  GstEffnetWorker *worker = g_new0 (GstEffnetWorker, 1);

  worker->func = func;
  worker->owner = owner;
  g_mutex_init (&worker->lock);
  g_cond_init (&worker->changed);
  worker->thread = g_thread_try_new (name, run, worker, error);
  if (worker->thread == NULL)
    g_clear_pointer (&worker, gst_effnet_worker_free);
  return worker;
}

void
gst_effnet_worker_free (GstEffnetWorker *worker)
{
  g_mutex_lock (&worker->lock);
  worker->ends = TRUE;
  g_cond_signal (&worker->changed);
  g_mutex_unlock (&worker->lock);
  if (worker->thread != NULL)
    g_thread_join (worker->thread);
  g_mutex_clear (&worker->lock);
  g_cond_clear (&worker->changed);
  g_free (worker);
}

void
gst_effnet_worker_push (GstEffnetWorker *worker, gpointer task)
{
  g_mutex_lock (&worker->lock);
  g_queue_push_tail (&worker->tasks, task);
  g_cond_signal (&worker->changed);
  g_mutex_unlock (&worker->lock);
}

guint
gst_effnet_worker_get_waiting (GstEffnetWorker *worker)
{
  guint n;

  g_mutex_lock (&worker->lock);
  n = worker->tasks.length;
  g_mutex_unlock (&worker->lock);
  return n;
}
