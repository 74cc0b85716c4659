/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/percentile.h"

#include <stdlib.h>

static int
compare (const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

  return (a > b) - (a < b);
}

void
effnet_percentile_sort (uint64_t *values, size_t n)
{
  qsort (values, n, sizeof *values, compare);
}

uint64_t
effnet_percentile (const uint64_t *sorted, size_t n, unsigned percent)
{
  size_t rank = (n * percent + 99) / 100;

  if (n == 0)
    return 0;
  return sorted[rank > 0 ? rank - 1 : 0];
}
