/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The folder that training leaves: made beside its place under another name, renamed when it is
 * whole. Until then, and when anything fails, the old one stays. */
#include "cli/train.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <glib/gstdio.h>

struct _TrainOutput {
  char *path, *temporary;
  gboolean there; /* @path is */
};

/* What training writes; a file of another name in the folder is somebody's own. */
static const char *const own_files[] = {"model.safetensors",   "head.safetensors",
                                        "unknown.safetensors", "config.json",
                                        "report.html",         "report.json"};

static gboolean
fail_errno (const char *path, const char *what, GError **error)
{
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "%s could not be %s: %s", path, what,
               g_strerror (errno));
  return FALSE;
}

/* FALSE: something of it is left. */
static gboolean
remove_folder (const char *path)
{
  for (gsize i = 0; i < G_N_ELEMENTS (own_files); i++) {
    g_autofree char *file = g_build_filename (path, own_files[i], NULL);
    g_unlink (file);
  }
  return g_rmdir (path) == 0;
}

static gboolean
is_empty (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);

  return dir != NULL && g_dir_read_name (dir) == NULL;
}

/* Whether an earlier training made @path: its card says so. */
static gboolean
is_trained (const char *path)
{
  g_autoptr (EffnetHead) head = effnet_head_open (path, NULL);
  EffnetHeadInfo info;

  if (head == NULL)
    return FALSE;
  effnet_head_get_info (head, &info);
  return info.version != NULL;
}

static gboolean
check_place (TrainOutput *output, gboolean force, GError **error)
{
  struct stat info;

  if (stat (output->path, &info) != 0)
    return errno == ENOENT || fail_errno (output->path, "looked at", error);
  output->there = TRUE;
  if (!S_ISDIR (info.st_mode)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "--output %s is a file; name a folder to be made", output->path);
    return FALSE;
  }
  if (force || is_empty (output->path) || is_trained (output->path))
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "--output %s is a folder that effnet train did not make; name another, or --force "
               "(the old one is then kept beside it)",
               output->path);
  return FALSE;
}

/* Whether none of @inputs is @output or below it. */
static gboolean
check_inputs (const TrainOutput *output, const char *const *inputs, GError **error)
{
  for (; *inputs != NULL; inputs++) {
    char *real = realpath (*inputs, NULL);
    gsize n = strlen (output->path);
    gboolean is_inside =
        real != NULL && strncmp (real, output->path, n) == 0 && (real[n] == '/' || real[n] == '\0');

    free (real);
    if (is_inside) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                   "--output %s has the pictures %s in it, and would take their place; name "
                   "another folder, such as %s-model",
                   output->path, *inputs, output->path);
      return FALSE;
    }
  }
  return TRUE;
}

TrainOutput *
train_output_new (const char *path, gboolean force, const char *const *inputs, GError **error)
{
  TrainOutput *output = g_new0 (TrainOutput, 1);
  char *real = realpath (path, NULL); /* of a link what it links to */
  mode_t mask;

  output->path = real != NULL ? g_strdup (real) : g_canonicalize_filename (path, NULL);
  free (real);
  if (check_inputs (output, inputs, error) && check_place (output, force, error)) {
    output->temporary = g_strconcat (output->path, ".XXXXXX", NULL);
    if (g_mkdtemp (output->temporary) != NULL) {
      mask = umask (0);
      umask (mask);
      g_chmod (output->temporary, (int)(0777 & ~mask));
      return output;
    }
    g_clear_pointer (&output->temporary, g_free);
    fail_errno (output->path, "made", error);
  }
  train_output_discard (output);
  return NULL;
}

const char *
train_output_folder (const TrainOutput *output)
{
  return output->temporary;
}

/* A name beside @path that nothing has. */
static char *
spare_name (const char *path)
{
  for (unsigned i = 1;; i++) {
    g_autofree char *name = g_strdup_printf ("%s.old-%u", path, i);
    if (!g_file_test (name, G_FILE_TEST_EXISTS) && !g_file_test (name, G_FILE_TEST_IS_SYMLINK))
      return g_steal_pointer (&name);
  }
}

gboolean
train_output_publish (TrainOutput *output, char **kept, GError **error)
{
  g_autofree char *old = output->there ? spare_name (output->path) : NULL;
  gboolean ok = TRUE;

  *kept = NULL;
  if (old != NULL && g_rename (output->path, old) != 0)
    ok = fail_errno (output->path, "replaced", error);
  if (ok && g_rename (output->temporary, output->path) != 0) {
    ok = fail_errno (output->path, "made", error);
    if (old != NULL)
      g_rename (old, output->path);
  }
  if (ok)
    g_clear_pointer (&output->temporary, g_free);
  if (ok && old != NULL) {
    gboolean ours = is_trained (old) || is_empty (old);
    if (!ours || !remove_folder (old))
      *kept = g_steal_pointer (&old);
  }
  train_output_discard (output);
  return ok;
}

void
train_output_discard (TrainOutput *output)
{
  if (output == NULL)
    return;
  if (output->temporary != NULL)
    remove_folder (output->temporary);
  g_free (output->temporary);
  g_free (output->path);
  g_free (output);
}
