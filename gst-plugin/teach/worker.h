/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A thread for what may take long and nobody waits for: training, writing. It has a lower priority
 * than the threads of the stream. The invariant: what is pushed runs in order, one at a time. */
#ifndef GST_EFFNET_TEACH_WORKER_H
#define GST_EFFNET_TEACH_WORKER_H

#include <glib.h>

G_BEGIN_DECLS

/* @task: (transfer full) */
typedef void (*GstEffnetWorkerFunc) (gpointer task, gpointer owner);

typedef struct _GstEffnetWorker GstEffnetWorker;

/* Returns: (nullable): NULL when the system gives no thread */
GstEffnetWorker *gst_effnet_worker_new (const char *name, GstEffnetWorkerFunc func, gpointer owner,
                                        GError **error);
/* Waits until all that was pushed has run. */
void gst_effnet_worker_free (GstEffnetWorker *worker);
/* Any thread. */
void gst_effnet_worker_push (GstEffnetWorker *worker, gpointer task);
/* Those that have not begun. */
guint gst_effnet_worker_get_waiting (GstEffnetWorker *worker);

G_END_DECLS

#endif
