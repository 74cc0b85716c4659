/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread of its own, since one of GLib's pools would keep its low priority for other users. */
#define _DEFAULT_SOURCE /* syscall */
#include "teach/worker.h"

#ifdef __linux__
#  include <sys/resource.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#endif

#define NICE 10 /* of -20 to 19: about a tenth of a normal thread's share where both want a CPU */

struct _GstEffnetWorker {
  GThread *thread;
  GAsyncQueue *tasks; /* the worker itself is the last */
  GstEffnetWorkerFunc func;
  gpointer owner;
};

/* Linux has priorities of threads; elsewhere they are the process's, which is left alone. */
static void
be_nice (void)
{
#ifdef __linux__
  setpriority (PRIO_PROCESS, (id_t)syscall (SYS_gettid), NICE);
#endif
}

static gpointer
run (gpointer data)
{
  GstEffnetWorker *worker = data;
  gpointer task;

  be_nice ();
  while ((task = g_async_queue_pop (worker->tasks)) != worker)
    worker->func (task, worker->owner);
  return NULL;
}

GstEffnetWorker *
gst_effnet_worker_new (const char *name, GstEffnetWorkerFunc func, gpointer owner, GError **error)
{
  GstEffnetWorker *worker = g_new0 (GstEffnetWorker, 1);

  worker->func = func;
  worker->owner = owner;
  worker->tasks = g_async_queue_new ();
  worker->thread = g_thread_try_new (name, run, worker, error);
  if (worker->thread == NULL)
    g_clear_pointer (&worker, gst_effnet_worker_free);
  return worker;
}

void
gst_effnet_worker_free (GstEffnetWorker *worker)
{
  if (worker->thread != NULL) {
    g_async_queue_push (worker->tasks, worker);
    g_thread_join (worker->thread);
  }
  g_async_queue_unref (worker->tasks);
  g_free (worker);
}

void
gst_effnet_worker_push (GstEffnetWorker *worker, gpointer task)
{
  g_async_queue_push (worker->tasks, task);
}

guint
gst_effnet_worker_get_waiting (GstEffnetWorker *worker)
{
  return (guint)MAX (g_async_queue_length (worker->tasks), 0);
}
