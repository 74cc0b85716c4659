/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "base/cpu.h"

#include <sched.h>

unsigned
effnet_cpu_count (void)
{
  cpu_set_t set;

  if (sched_getaffinity (0, sizeof set, &set) != 0 || CPU_COUNT (&set) < 1)
    return 1;
  return (unsigned) CPU_COUNT (&set);
}
