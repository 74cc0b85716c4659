/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How a call is told to end early, from another thread. That it obeyed is kept, since the asking
 * may have been taken back by the time the call returns. */
#ifndef EFFNET_BASE_STOP_H
#define EFFNET_BASE_STOP_H

#include <stdatomic.h>
#include <stddef.h>

typedef struct {
  _Atomic int asked;  /* by any thread */
  _Atomic int obeyed; /* something was left out; cleared by who begins a call */
} EffnetStop;

/* Whether to leave out what comes next. NULL never stops. */
static inline int
effnet_stop_now (EffnetStop *stop)
{
  if (stop == NULL || !atomic_load_explicit (&stop->asked, memory_order_relaxed))
    return 0;
  atomic_store_explicit (&stop->obeyed, 1, memory_order_relaxed);
  return 1;
}

#endif
