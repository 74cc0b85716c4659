/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/memory.h"

#include <glib.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/checked.h"

static int
larger_first (const void *a, const void *b)
{
  const EffnetBuffer *p = *(EffnetBuffer *const *)a, *q = *(EffnetBuffer *const *)b;

  if (p->rarely_whole != q->rarely_whole)
    return p->rarely_whole - q->rarely_whole;
  if (p->bytes != q->bytes)
    return p->bytes > q->bytes ? -1 : 1;
  return (p > q) - (p < q);
}

static int
lower_first (const void *a, const void *b)
{
  const EffnetBuffer *p = *(EffnetBuffer *const *)a, *q = *(EffnetBuffer *const *)b;

  return (p->offset > q->offset) - (p->offset < q->offset);
}

/* The lowest offset where @buffer fits beside the placed ones that live with it. @near: scratch
 * array for those. */
static size_t
lowest_gap (const EffnetBuffer *buffer, EffnetBuffer **placed, size_t n_placed, EffnetBuffer **near)
{
  size_t n = 0, offset = 0;

  for (size_t i = 0; i < n_placed; i++) {
    if (placed[i]->first <= buffer->last && buffer->first <= placed[i]->last)
      near[n++] = placed[i];
  }
  qsort (near, n, sizeof *near, lower_first);
  for (size_t i = 0; i < n; i++) {
    if (offset + buffer->bytes <= near[i]->offset)
      break;
    offset = MAX (offset, effnet_align_up (near[i]->offset + near[i]->bytes, EFFNET_ALIGN));
  }
  return offset;
}

size_t
effnet_memory_plan (EffnetBuffer *buffers, size_t n_buffers, EffnetBuffer **work)
{
  EffnetBuffer **order = work, **near = work + n_buffers;
  size_t total = 0;

  for (size_t i = 0; i < n_buffers; i++)
    order[i] = &buffers[i];
  qsort (order, n_buffers, sizeof *order, larger_first);
  for (size_t i = 0; i < n_buffers; i++) {
    order[i]->offset = lowest_gap (order[i], order, i, near);
    total = MAX (total, order[i]->offset + order[i]->bytes);
  }
  return effnet_align_up (total, EFFNET_ALIGN);
}
