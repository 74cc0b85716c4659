/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define HUGE_PAGE ((size_t) 2 << 20)

int
effnet_arena_init (EffnetArena *arena, size_t bytes)
{
  void *base = NULL;
  size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : EFFNET_ALIGN;

  arena->base = NULL;
  arena->bytes = 0;
  if (bytes > SIZE_MAX / 2)
    return -1;
  bytes = effnet_align_up (bytes > 0 ? bytes : 1, EFFNET_ALIGN);
  if (posix_memalign (&base, align, bytes) != 0)
    return -1;
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGE)
    madvise (base, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE); /* a wish: refusal changes nothing */
#endif
  memset (base, 0, bytes);
  arena->base = base;
  arena->bytes = bytes;
  return 0;
}

void
effnet_arena_clear (EffnetArena *arena)
{
  free (arena->base);
  arena->base = NULL;
  arena->bytes = 0;
}
