/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _DEFAULT_SOURCE
#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/error.h"

#define HUGE_PAGE ((size_t)2 << 20)

/* Large blocks are mapped, so that what is cleared is the system's again: of those it once freed,
 * malloc() keeps tens of megabytes. A sanitizer sees the ends of malloc's blocks only. */
#if defined(__has_feature)
#  if __has_feature(address_sanitizer)
#    define MAPPED_MIN SIZE_MAX
#  endif
#elif defined(__SANITIZE_ADDRESS__)
#  define MAPPED_MIN SIZE_MAX
#endif
#ifndef MAPPED_MIN
#  define MAPPED_MIN ((size_t)128 << 10)
#endif

/* Who takes the last of the memory for a large block leaves none for GLib's small ones, which end
 * the process. */
static int
leaves_reserve (size_t bytes)
{
  void *volatile block = bytes >= EFFNET_RESERVE ? malloc (EFFNET_RESERVE) : NULL;

  free (block);
  return bytes < EFFNET_RESERVE || block != NULL;
}

int
effnet_arena_init (EffnetArena *arena, size_t bytes)
{
  size_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : EFFNET_ALIGN, huge;

  memset (arena, 0, sizeof *arena);
  if (bytes > SIZE_MAX / 2)
    return -1;
  bytes = effnet_align_up (bytes > 0 ? bytes : 1, EFFNET_ALIGN);
  /* a last huge page that is at least half full is worth the memory behind @bytes */
  huge = (bytes + HUGE_PAGE / 2) & ~(HUGE_PAGE - 1);
  if (bytes >= MAPPED_MIN) {
    arena->mapped = (huge > bytes ? huge : bytes) + align;
    arena->block =
        mmap (NULL, arena->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (arena->block == MAP_FAILED)
      arena->block = NULL;
  } else {
    arena->block = calloc (1, bytes + align);
  }
  if (arena->block == NULL || !leaves_reserve (bytes)) {
    effnet_arena_clear (arena);
    return -1;
  }
  arena->base = (char *)arena->block + (-(uintptr_t)arena->block & (align - 1));
  arena->bytes = bytes;
#ifdef MADV_HUGEPAGE
  if (bytes >= HUGE_PAGE) /* advisory: failure is ignored */
    madvise (arena->base, huge, MADV_HUGEPAGE);
#endif
  return 0;
}

void
effnet_arena_clear (EffnetArena *arena)
{
  if (arena->mapped > 0 && arena->block != NULL)
    munmap (arena->block, arena->mapped);
  else
    free (arena->block);
  memset (arena, 0, sizeof *arena);
}
