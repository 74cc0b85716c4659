/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet: percentiles by nearest rank, as all statistics of library, element and tool have them.
 * There is nothing to link.
 */
#ifndef EFFNET_PERCENTILE_H
#define EFFNET_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline int
effnet_percentile_compare (const void *left, const void *right)
{
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

  return (a > b) - (a < b);
}

/**
 * effnet_percentile_sort:
 * @values: [n], put in ascending order
 * @n: how many
 */
static inline void
effnet_percentile_sort (uint64_t *values, size_t n)
{
  qsort (values, n, sizeof *values, effnet_percentile_compare);
}

/**
 * effnet_percentile:
 * @sorted: [n], ascending
 * @n: how many
 * @percent: 0 to 100
 *
 * Returns: the ceil (n * percent / 100)-th smallest, counted from 1, which is always one of the
 *   values; the smallest for 0 percent; 0 when there are no values
 */
static inline uint64_t
effnet_percentile (const uint64_t *sorted, size_t n, unsigned percent)
{
  size_t rank = (n * percent + 99) / 100;

  if (n == 0)
    return 0;
  return sorted[rank > 0 ? rank - 1 : 0];
}

#endif /* EFFNET_PERCENTILE_H */
