/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/outfile.h"

#include "cli/text.h"
#include "effnet/effnet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <glib/gstdio.h>
#include <sys/stat.h>

#define MAX_NAME 300 /* characters */

static GPtrArray *spared; /* names of files */

static gboolean
io_error (const OutFile *out, GError **error, const char *what)
{
  int code = errno;
  g_autofree char *name = cli_printable (out->path, MAX_NAME);

  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s: cannot %s: %s", name, what,
               code == EEXIST ? "it is an input, which would be lost; name another file"
                              : g_strerror (code));
  return FALSE;
}

void
out_spare (const char *path)
{
  char *file = g_str_has_prefix (path, "file:") ? g_filename_from_uri (path, NULL, NULL) : NULL;

  if (spared == NULL)
    spared = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (spared, file != NULL ? file : g_strdup (path));
}

static gboolean
is_spared (const struct stat *target)
{
  struct stat info;

  for (guint i = 0; spared != NULL && i < spared->len; i++)
    if (stat (spared->pdata[i], &info) == 0 && info.st_dev == target->st_dev &&
        info.st_ino == target->st_ino)
      return TRUE;
  return FALSE;
}

/* Beside an ordinary file, which stays as it is until the new one is whole; a pipe or device
 * itself. Returns its descriptor, or -1. */
static int
open_target (OutFile *out)
{
  char *real = realpath (out->path, NULL); /* of a link what it links to */
  struct stat info;
  mode_t mask;
  int fd;

  out->target = g_strdup (real != NULL ? real : out->path);
  free (real);
  if (stat (out->target, &info) == 0) {
    if (is_spared (&info)) {
      errno = EEXIST;
      return -1;
    }
    if (!S_ISREG (info.st_mode)) {
      fd = open (out->target, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
      if (fd >= 0)
        fcntl (fd, F_SETFL, 0);
      return fd;
    }
  }
  out->temporary = g_strconcat (out->target, ".XXXXXX", NULL);
  fd = mkstemp (out->temporary);
  if (fd < 0) {
    g_clear_pointer (&out->temporary, g_free);
    return fd;
  }
  mask = umask (0);
  umask (mask);
  fchmod (fd, 0666 & ~mask);
  return fd;
}

OutFile *
out_create (const char *path, GError **error)
{
  OutFile *out = g_new0 (OutFile, 1);
  int fd;

  out->path = g_strdup (path);
  fd = open_target (out);
  out->file = fd >= 0 ? fdopen (fd, "wb") : NULL;
  if (out->file != NULL)
    return out;
  io_error (out, error, "create");
  out_discard (out);
  return NULL;
}

gboolean
out_write (OutFile *out, const void *data, gsize size, GError **error)
{
  return fwrite (data, 1, size, out->file) == size || io_error (out, error, "write");
}

gboolean
out_commit (OutFile *out, GError **error)
{
  gboolean ok =
      fflush (out->file) == 0 && (out->temporary == NULL || fsync (fileno (out->file)) == 0);

  ok = fclose (out->file) == 0 && ok;
  out->file = NULL;
  ok = ok && (out->temporary == NULL || g_rename (out->temporary, out->target) == 0);
  if (ok)
    g_clear_pointer (&out->temporary, g_free);
  else
    io_error (out, error, "write");
  out_discard (out);
  return ok;
}

void
out_discard (OutFile *out)
{
  if (out == NULL)
    return;
  if (out->file != NULL)
    fclose (out->file);
  if (out->temporary != NULL)
    g_unlink (out->temporary);
  g_free (out->temporary);
  g_free (out->target);
  g_free (out->path);
  g_free (out);
}
