/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"

#define HUGE_PAGE ((size_t)2 << 20)

int
effnet_arena_init (EffnetArena *arena, size_t bytes)
{
  size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : EFFNET_ALIGN;

  memset (arena, 0, sizeof *arena);
  if (bytes > SIZE_MAX / 2)
    return -1;
  bytes = effnet_align_up (bytes > 0 ? bytes : 1, EFFNET_ALIGN);
  /* calloc knows which pages come zeroed from the system and leaves those alone */
  arena->block = calloc (1, bytes + align);
  if (arena->block == NULL)
    return -1;
  arena->base = (char *)arena->block + (-(uintptr_t)arena->block & (align - 1));
  arena->bytes = bytes;
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGE) /* advisory: failure is ignored */
    madvise (arena->base, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#endif
  return 0;
}

void
effnet_arena_clear (EffnetArena *arena)
{
  free (arena->block);
  memset (arena, 0, sizeof *arena);
}
