/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A program's own malloc() comes before the C library's for every shared library in it. */
#define _GNU_SOURCE /* posix_memalign() */
#include "allocations.h"

#include <errno.h>
#include <stdlib.h>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#  define COUNTED TRUE
#else
#  define COUNTED FALSE
#endif

static int counting;  /* atomic */
static guint n_calls; /* atomic */

void
allocations_start (void)
{
  g_atomic_int_set (&n_calls, 0);
  g_atomic_int_set (&counting, 1);
}

guint
allocations_stop (void)
{
  g_atomic_int_set (&counting, 0);
  return g_atomic_int_get (&n_calls);
}

gboolean
allocations_counted (void)
{
  void *volatile block; /* not to be optimised away */

  allocations_start ();
  block = malloc (1);
  free (block);
  return allocations_stop () == 1 && COUNTED;
}

#if COUNTED
#  define REPLACEMENT __attribute__ ((visibility ("default")))

/* The C library's own names of what is replaced. */
void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n, size_t size);
void *__libc_realloc (void *block, size_t size);
void *__libc_memalign (size_t alignment, size_t size);

static void
note (void)
{
  if (g_atomic_int_get (&counting))
    g_atomic_int_inc (&n_calls);
}

REPLACEMENT void *
malloc (size_t size)
{
  note ();
  return __libc_malloc (size);
}

REPLACEMENT void *
calloc (size_t n, size_t size)
{
  note ();
  return __libc_calloc (n, size);
}

REPLACEMENT void *
realloc (void *block, size_t size)
{
  note ();
  return __libc_realloc (block, size);
}

REPLACEMENT void *
aligned_alloc (size_t alignment, size_t size)
{
  note ();
  return __libc_memalign (alignment, size);
}

REPLACEMENT int
posix_memalign (void **block, size_t alignment, size_t size)
{
  note ();
  *block = __libc_memalign (alignment, size);
  return *block != NULL ? 0 : ENOMEM;
}
#endif
