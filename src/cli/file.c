/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/file.h"

#include "effnet/effnet.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
file_open (const char *path, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  struct stat info;

  if (fd < 0 || fstat (fd, &info) != 0) {
    g_set_error (error, EFFNET_ERROR, errno == ENOENT ? EFFNET_ERROR_NOT_FOUND : EFFNET_ERROR_IO,
                 "cannot be opened: %s", g_strerror (errno));
  } else if (!S_ISREG (info.st_mode)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "is %s; expected an ordinary file",
                 S_ISDIR (info.st_mode) ? "a folder" : "a pipe, socket or device");
  } else {
    return fd;
  }
  if (fd >= 0)
    close (fd);
  return -1;
}

GBytes *
file_read (int fd, gsize max, GError **error)
{
  struct stat info;
  gsize have = 0;
  g_autofree guint8 *data = NULL;

  if (fstat (fd, &info) != 0 || (guint64)info.st_size > max) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "has %" G_GINT64_FORMAT " bytes; at most %" G_GSIZE_FORMAT " are read",
                 (gint64)info.st_size, max);
    return NULL;
  }
  data = g_try_malloc ((gsize)info.st_size + 1);
  while (data != NULL && have < (gsize)info.st_size) {
    gssize n = pread (fd, data + have, (gsize)info.st_size - have, (off_t)have);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    have += (gsize)n;
  }
  if (data == NULL || have < (gsize)info.st_size) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "could not be read: %" G_GSIZE_FORMAT " of %" G_GINT64_FORMAT " bytes", have,
                 (gint64)info.st_size);
    return NULL;
  }
  return g_bytes_new_take (g_steal_pointer (&data), have);
}
