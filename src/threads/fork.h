/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * fork() copies one thread and all memory: locks that other threads held stay held in the child,
 * and what they were changing stays half changed. Who has process-wide state says here what becomes
 * of it. */
#ifndef EFFNET_THREADS_FORK_H
#define EFFNET_THREADS_FORK_H

#include <glib.h>

/* From now on @prepare is called before each fork(), then @parent and @child in the two processes.
 * Does it once: @once starts as 0. */
void effnet_at_fork (gsize *once, void (*prepare) (void), void (*parent) (void),
                     void (*child) (void));

#endif
