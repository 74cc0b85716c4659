/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _POSIX_C_SOURCE 200809L /* O_CLOEXEC, pread */
#include "weights/file.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536 /* bytes */

static void
fail_errno (const char *path, const char *what, const char *verb, int code, GError **error)
{
  g_autofree char *shown = effnet_printable (path);
  gboolean missing = code == ENOENT || code == ENOTDIR;

  g_set_error (error, EFFNET_ERROR, missing ? EFFNET_ERROR_NOT_FOUND : EFFNET_ERROR_IO,
               "%s \"%s\" could not be %s: %s", what, shown, verb, g_strerror (code));
}

int
effnet_file_open (const char *path, const char *what, GError **error)
{
  struct stat info;
  /* O_NONBLOCK: opening a FIFO must not wait for its writer. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

  if (fd < 0) {
    fail_errno (path, what, "opened", errno, error);
    return -1;
  }
  if (fstat (fd, &info) != 0) {
    fail_errno (path, what, "examined", errno, error);
    close (fd);
    return -1;
  }
  if (!S_ISREG (info.st_mode)) {
    g_autofree char *shown = effnet_printable (path);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s \"%s\" is %s; expected an ordinary file",
                 what, shown, S_ISDIR (info.st_mode) ? "a folder" : "a pipe, socket or device");
    close (fd);
    return -1;
  }
  return fd;
}

gboolean
effnet_file_read_at (int fd, size_t offset, size_t n, void *out, GError **error)
{
  char *at = out;
  size_t left = n;

  while (left > 0) {
    ssize_t got = pread (fd, at, left, (off_t)(offset + (n - left)));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return effnet_fail (error, EFFNET_ERROR_IO, "could not be read: %s", g_strerror (errno));
    if (got == 0)
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "has no byte %zu; expected %zu bytes: it was cut short while it was read",
                          offset + (n - left), offset + n);
    at += got;
    left -= (size_t)got;
  }
  return TRUE;
}

typedef struct {
  char *data;
  size_t length, capacity;
} Bytes;

/* Room for @capacity bytes; what a file's size asks for may be refused. */
static gboolean
reserve (Bytes *bytes, size_t capacity)
{
  char *data = g_try_realloc (bytes->data, capacity);

  if (data == NULL)
    return FALSE;
  bytes->data = data;
  bytes->capacity = capacity;
  return TRUE;
}

/* Up to @max_bytes + 1 bytes and room for a NUL: one more than allowed detects a longer file.
 * Returns an errno, or 0. */
static int
read_bytes (int fd, Bytes *bytes, size_t max_bytes)
{
  while (bytes->length <= max_bytes) {
    size_t room = bytes->capacity - bytes->length;
    if (room <= 1 && !reserve (bytes, 2 * bytes->capacity + CHUNK))
      return ENOMEM;
    room = MIN (bytes->capacity - bytes->length - 1, max_bytes + 1 - bytes->length);
    ssize_t n = read (fd, bytes->data + bytes->length, room);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno;
    if (n == 0)
      break;
    bytes->length += (size_t)n;
  }
  return bytes->data != NULL || reserve (bytes, 1) ? 0 : ENOMEM;
}

char *
effnet_file_read (const char *path, const char *what, size_t max_bytes, size_t *length,
                  GError **error)
{
  g_autofree char *shown = effnet_printable (path);
  Bytes bytes = {NULL, 0, 0};
  int fd = effnet_file_open (path, what, error);

  if (fd < 0)
    return NULL;
  int code = read_bytes (fd, &bytes, max_bytes);
  close (fd);
  if (code != 0) {
    fail_errno (path, what, "read", code, error);
    goto fail;
  }
  if (bytes.length > max_bytes) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "%s \"%s\" is longer than %zu bytes, the most one may have", what, shown,
                 max_bytes);
    goto fail;
  }
  *length = bytes.length;
  bytes.data[bytes.length] = '\0';
  return bytes.data;

  /* ERRORS */
fail:
  g_free (bytes.data);
  return NULL;
}
