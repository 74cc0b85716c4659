/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * In a file of its own, since a shared library takes pthread_atfork() along from the C library. */
#include "threads/fork.h"

#include <pthread.h>

void
effnet_at_fork (gsize *once, void (*prepare) (void), void (*parent) (void), void (*child) (void))
{
  if (!g_once_init_enter (once))
    return;
  /* No memory for a handler: as without it, a child of a busy process may hang. */
  (void)pthread_atfork (prepare, parent, child);
  g_once_init_leave (once, 1);
}
