/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Many arrays in one block: laid out twice, first without a base to count, then to place. */
#ifndef EFFNET_TRAIN_LAYOUT_H
#define EFFNET_TRAIN_LAYOUT_H

#include "base/arena.h"
#include "base/checked.h"

typedef struct {
  float *base;   /* NULL: only count */
  size_t floats; /* taken */
} EffnetLayout;

/* @n floats, aligned to EFFNET_ALIGN; NULL when only counting. */
static inline float *
effnet_layout_take (EffnetLayout *layout, size_t n)
{
  size_t at = layout->floats;

  layout->floats += effnet_align_up (n, EFFNET_ALIGN / sizeof (float));
  return layout->base != NULL ? layout->base + at : NULL;
}

#endif
