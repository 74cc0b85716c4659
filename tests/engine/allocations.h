/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counts what the process asks of the heap: the program that links allocations.c has its malloc()
 * and relatives in place of the C library's. */
#ifndef TEST_ALLOCATIONS_H
#define TEST_ALLOCATIONS_H

#include <glib.h>

/* From now on, in all threads. */
void allocations_start (void);
/* Returns: calls since the start */
guint allocations_stop (void);
/* FALSE where they cannot be counted (a sanitizer has the heap): the test is skipped. */
gboolean allocations_counted (void);

#endif
