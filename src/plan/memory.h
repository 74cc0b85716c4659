/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: which buffers may share bytes because they never live at the same time. */
#ifndef EFFNET_PLAN_MEMORY_H
#define EFFNET_PLAN_MEMORY_H

#include <stddef.h>

typedef struct {
  size_t bytes;       /* of one image, rounded up */
  size_t first, last; /* steps: written first, read last; both inclusive */
  size_t offset;      /* found by effnet_memory_plan(); of n images n times as much */
  size_t stride;      /* from image to image: what one has, to the byte */
  int rarely_whole;   /* placed after the others, which then lie close together */
} EffnetBuffer;

/* Gives each buffer an aligned offset such that buffers alive at the same step do not overlap:
 * largest first, each in the lowest gap that holds it. @work: [2 * n_buffers], written over.
 * Returns the bytes of the whole. */
size_t effnet_memory_plan (EffnetBuffer *buffers, size_t n_buffers, EffnetBuffer **work);

#endif
