/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Aligned blocks of memory that live as long as their owner. Large ones ask for huge pages, and go
 * back to the system when they are cleared. */
#ifndef EFFNET_BASE_ARENA_H
#define EFFNET_BASE_ARENA_H

#include <stddef.h>

#define EFFNET_ALIGN 64 /* bytes: one cache line, one AVX-512 register */

typedef struct {
  void *base;
  size_t bytes;
  void *block;   /* what the system gave: base lies in it, aligned */
  size_t mapped; /* bytes of it to unmap; 0: free it */
} EffnetArena;

/* Zeroed, aligned to EFFNET_ALIGN. Returns 0, or -1 when the system has not that much memory. */
int effnet_arena_init (EffnetArena *arena, size_t bytes);
void effnet_arena_clear (EffnetArena *arena);

#endif
