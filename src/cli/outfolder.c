/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/outfolder.h"

#include <effnet/effnet.h>
#include <errno.h>
#include <glib/gstdio.h>

struct _OutFolder {
  char *path, *stage; /* on one file system */
  gboolean there;     /* @path was */
};

static void
fail (const char *path, GError **error)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s: the folder cannot be made: %s", path,
               g_strerror (errno));
}

OutFolder *
out_folder_create (const char *path, GError **error)
{
  OutFolder *out = g_new0 (OutFolder, 1);
  g_autofree char *parent = NULL;

  out->path = g_canonicalize_filename (path, NULL);
  out->there = g_file_test (out->path, G_FILE_TEST_IS_DIR);
  out->stage = g_strconcat (out->path, out->there ? "/.XXXXXX" : ".XXXXXX", NULL);
  parent = g_path_get_dirname (out->path);
  if (g_mkdir_with_parents (parent, 0777) == 0 && g_mkdtemp_full (out->stage, 0777) != NULL)
    return out;
  fail (path, error);
  g_clear_pointer (&out->stage, g_free);
  out_folder_discard (out);
  return NULL;
}

const char *
out_folder_stage (const OutFolder *out)
{
  return out->stage;
}

gboolean
out_folder_commit (OutFolder *out, const char *const *names, GError **error)
{
  gboolean ok = TRUE;

  if (!out->there) {
    ok = g_rename (out->stage, out->path) == 0;
    if (ok)
      g_clear_pointer (&out->stage, g_free);
  }
  for (; ok && out->there && *names != NULL; names++) {
    g_autofree char *from = g_build_filename (out->stage, *names, NULL);
    g_autofree char *to = g_build_filename (out->path, *names, NULL);

    ok = g_rename (from, to) == 0 || errno == ENOENT; /* it was not written */
  }
  if (!ok)
    fail (out->path, error);
  out_folder_discard (out);
  return ok;
}

void
out_folder_discard (OutFolder *out)
{
  GDir *dir = out->stage != NULL ? g_dir_open (out->stage, 0, NULL) : NULL;
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *file = g_build_filename (out->stage, name, NULL);

    g_unlink (file);
  }
  g_clear_pointer (&dir, g_dir_close);
  if (out->stage != NULL)
    g_rmdir (out->stage);
  g_free (out->stage);
  g_free (out->path);
  g_free (out);
}
