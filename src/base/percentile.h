/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Percentiles by nearest rank, for the element, the tool and whoever measures. Depends on nothing
 * of the library, so the plugin and the tool compile it in. */
#ifndef EFFNET_BASE_PERCENTILE_H
#define EFFNET_BASE_PERCENTILE_H

#include <stddef.h>
#include <stdint.h>

/* Ascending. */
void effnet_percentile_sort (uint64_t *values, size_t n);
/* The ceil (n * percent / 100)-th smallest of @sorted, counted from 1: always one of the values.
 * The smallest for 0 percent; 0 when there are no values. */
uint64_t effnet_percentile (const uint64_t *sorted, size_t n, unsigned percent);

#endif
