/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arithmetic on sizes that come from files: returns FALSE instead of wrapping around. */
#ifndef EFFNET_BASE_CHECKED_H
#define EFFNET_BASE_CHECKED_H

#include <glib.h>

static inline gboolean
effnet_checked_mul (size_t a, size_t b, size_t *out)
{
  return !__builtin_mul_overflow (a, b, out);
}

static inline gboolean
effnet_checked_add (size_t a, size_t b, size_t *out)
{
  return !__builtin_add_overflow (a, b, out);
}

/* The next multiple of @to, a power of two. */
static inline size_t
effnet_align_up (size_t value, size_t to)
{
  return (value + to - 1) & ~(to - 1);
}

static inline size_t
effnet_div_up (size_t value, size_t by)
{
  return (value + by - 1) / by;
}

#endif
