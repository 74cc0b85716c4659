/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What GLib's locks order, told to ThreadSanitizer, which cannot see it: GLib is built without it
 * and waits by system calls of its own. Preloaded into programs that are built with it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* The function of GLib's that the one of the same name here stands before. */
#define REAL(name) (__extension__(__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

#pragma GCC visibility push(default)

#undef g_once_init_enter
#undef g_once_init_leave

void
g_mutex_lock (GMutex *mutex)
{
  static __typeof__ (&g_mutex_lock) real;

  if (real == NULL)
    real = REAL (g_mutex_lock);
  real (mutex);
  __tsan_acquire (mutex);
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked = REAL (g_mutex_trylock) (mutex);

  if (locked)
    __tsan_acquire (mutex);
  return locked;
}

void
g_mutex_unlock (GMutex *mutex)
{
  static __typeof__ (&g_mutex_unlock) real;

  if (real == NULL)
    real = REAL (g_mutex_unlock);
  __tsan_release (mutex);
  real (mutex);
}

void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  __tsan_release (mutex);
  REAL (g_cond_wait) (cond, mutex);
  __tsan_acquire (mutex);
}

gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  __tsan_release (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  __tsan_acquire (mutex);
  return signalled;
}

gboolean
g_once_init_enter (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  if (!first)
    __tsan_acquire ((void *)location);
  return first;
}

void
g_once_init_leave (volatile void *location, gsize result)
{
  __tsan_release ((void *)location);
  REAL (g_once_init_leave) (location, result);
}

/* Who drops a reference is done before whoever drops the last one frees. */
gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  __tsan_acquire (count);
  return last;
}
