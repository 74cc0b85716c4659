/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Linux has priorities of threads; elsewhere they are the process's, which is left alone. */
#define _DEFAULT_SOURCE /* syscall */
#include "nice.h"

#ifdef __linux__
#  include <sys/resource.h>
#  include <sys/syscall.h>
#  include <unistd.h>
#endif

#define NICE 19 /* of -20 to 19: 1.5 % of a normal thread's share where both want a CPU */

void
gst_effnet_be_nice (void)
{
#ifdef __linux__
  setpriority (PRIO_PROCESS, (id_t)syscall (SYS_gettid), NICE);
#endif
}
