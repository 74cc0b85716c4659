/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _POSIX_C_SOURCE 200809L /* fsync, O_CLOEXEC */
#include "weights/output.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

struct _EffnetOutput {
  char *path, *temporary;
  int fd; /* -1: closed */
};

static gboolean
fail (const EffnetOutput *output, const char *verb, GError **error)
{
  int code = errno;
  g_autofree char *shown = effnet_printable (output->path);

  return effnet_fail (error, code == ENOENT ? EFFNET_ERROR_NOT_FOUND : EFFNET_ERROR_IO,
                      "\"%s\" could not be %s: %s", shown, verb, g_strerror (code));
}

EffnetOutput *
effnet_output_new (const char *path, GError **error)
{
  EffnetOutput *output = g_new0 (EffnetOutput, 1);

  output->path = g_strdup (path);
  output->temporary = g_strconcat (path, ".XXXXXX", NULL);
  /* 0666 without the umask's bits, which mkstemp() cannot give */
  output->fd = g_mkstemp_full (output->temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (output->fd >= 0)
    return output;
  fail (output, "created", error);
  g_clear_pointer (&output->temporary, g_free);
  effnet_output_discard (output);
  return NULL;
}

gboolean
effnet_output_write (EffnetOutput *output, const void *bytes, size_t n, GError **error)
{
  const char *at = bytes;

  while (n > 0) {
    ssize_t done = write (output->fd, at, n);

    if (done < 0 && errno == EINTR)
      continue;
    if (done < 0)
      return fail (output, "written", error);
    at += done;
    n -= (size_t)done;
  }
  return TRUE;
}

gboolean
effnet_output_close (EffnetOutput *output, GError **error)
{
  gboolean ok = fsync (output->fd) == 0 || errno == EINVAL || fail (output, "written", error);

  ok = (close (output->fd) == 0 || !ok || fail (output, "written", error)) && ok;
  output->fd = -1;
  if (ok && g_rename (output->temporary, output->path) == 0)
    g_clear_pointer (&output->temporary, g_free);
  else if (ok)
    ok = fail (output, "written", error);
  effnet_output_discard (output);
  return ok;
}

void
effnet_output_discard (EffnetOutput *output)
{
  if (output == NULL)
    return;
  if (output->fd >= 0)
    close (output->fd);
  if (output->temporary != NULL)
    g_unlink (output->temporary);
  g_free (output->temporary);
  g_free (output->path);
  g_free (output);
}

gboolean
effnet_output_put (const char *path, const void *bytes, size_t n, GError **error)
{
  g_autoptr (EffnetOutput) output = effnet_output_new (path, error);

  return output != NULL && effnet_output_write (output, bytes, n, error) &&
         effnet_output_close (g_steal_pointer (&output), error);
}
