/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The monotonic clock in nanoseconds; g_get_monotonic_time() stops at microseconds. */
#ifndef EFFNET_BASE_CLOCK_H
#define EFFNET_BASE_CLOCK_H

#include <stdint.h>

int64_t effnet_clock_ns (void);

#endif
