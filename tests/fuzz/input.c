/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* memfd_create */
#include "input.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

static void
fill (int fd, const uint8_t *data, size_t size)
{
  size_t done = 0;

  FUZZ_CHECK (ftruncate (fd, 0) == 0);
  while (done < size) {
    ssize_t n = pwrite (fd, data + done, size - done, (off_t)done);
    FUZZ_CHECK (n > 0);
    done += (size_t)n;
  }
}

const char *
fuzz_input_path (const uint8_t *data, size_t size)
{
  static char path[64];
  static int fd = -1;

  if (fd < 0) {
    fd = memfd_create ("input", MFD_CLOEXEC);
    FUZZ_CHECK (fd >= 0);
    snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  }
  fill (fd, data, size);
  return path;
}

void
fuzz_write (const char *path, const uint8_t *data, size_t size)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  FUZZ_CHECK (fd >= 0);
  fill (fd, data, size);
  close (fd);
}
