/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the arguments to the list of pictures and clips. In a folder a name's
 * ending decides; a file named outright is opened whatever it is called. */
#include "cli/source.h"

#include <string.h>

static const char *const endings[] = {
    "jpg", "jpeg", "jpe", "jfif", "png",   "webp", "gif",  "bmp",  "tif", "tiff",
    "ppm", "pgm",  "pnm", "heic", "heif",  "avif", "jxl",  "mp4",  "m4v", "mov",
    "mkv", "webm", "avi", "ts",   "mts",   "m2ts", "mpg",  "mpeg", "ogv", "ogg",
    "wmv", "flv",  "3gp", "mjpg", "mjpeg", "h264", "h265", "ivf",  "y4m",
};

static gboolean
is_media_name (const char *name)
{
  const char *dot = strrchr (name, '.');

  for (gsize i = 0; dot != NULL && i < G_N_ELEMENTS (endings); i++)
    if (g_ascii_strcasecmp (dot + 1, endings[i]) == 0)
      return TRUE;
  return FALSE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* FALSE when the folder cannot be read. */
static gboolean
add_folder (GPtrArray *list, const char *folder, void (*failure) (const char *, const char *))
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (dir == NULL) {
    failure (folder, error->message);
    return FALSE;
  }
  while ((name = g_dir_read_name (dir)) != NULL)
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, compare_names);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);

    if (!g_file_test (path, G_FILE_TEST_IS_DIR)) {
      if (is_media_name (path))
        g_ptr_array_add (list, g_steal_pointer (&path));
    } else if (!g_file_test (path, G_FILE_TEST_IS_SYMLINK)) {
      add_folder (list, path, failure);
    }
  }
  return TRUE;
}

GPtrArray *
source_expand (char **inputs, void (*failure) (const char *subject, const char *message))
{
  GPtrArray *list = g_ptr_array_new_with_free_func (g_free);

  for (unsigned i = 0; inputs[i] != NULL; i++) {
    guint before = list->len;

    if (!g_file_test (inputs[i], G_FILE_TEST_IS_DIR))
      g_ptr_array_add (list, g_strdup (inputs[i]));
    else if (add_folder (list, inputs[i], failure) && list->len == before)
      failure (inputs[i], "holds no picture or clip (no name in it ends as theirs do)");
  }
  return list;
}
