/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the arguments to the list of pictures and clips. In a folder a name's
 * ending decides; a file named outright is opened whatever it is called. */
#include "cli/source.h"

#include <string.h>
#include <sys/stat.h>

static const char *const endings[] = {
    "jpg", "jpeg", "jpe", "jfif", "mpo",  "png",  "webp",  "gif",  "bmp",  "dib",  "tif", "tiff",
    "ppm", "pgm",  "pbm", "pnm",  "heic", "heif", "hif",   "avif", "jxl",  "ico",  "jp2", "j2k",
    "j2c", "mp4",  "m4v", "mov",  "mkv",  "webm", "avi",   "ts",   "mts",  "m2ts", "mpg", "mpeg",
    "ogv", "ogg",  "wmv", "flv",  "3gp",  "mjpg", "mjpeg", "h264", "h265", "ivf",  "y4m",
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

int
source_compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

typedef struct {
  GPtrArray *list;
  GHashTable *folders; /* "DEVICE:INODE" of those searched: links make circles */
  void (*failure) (const char *subject, const char *message);
} Search;

static gboolean
is_new_folder (Search *self, const struct stat *info)
{
  return g_hash_table_add (self->folders,
                           g_strdup_printf ("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT,
                                            (guint64)info->st_dev, (guint64)info->st_ino));
}

/* FALSE when the folder cannot be read. */
static gboolean
add_folder (Search *self, const char *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  if (dir == NULL) {
    if (self->failure != NULL)
      self->failure (folder, error->message);
    else
      g_ptr_array_add (self->list, g_strdup (folder));
    return FALSE;
  }
  while ((name = g_dir_read_name (dir)) != NULL)
    if (name[0] != '.')
      g_ptr_array_add (names, g_strdup (name));
  g_ptr_array_sort (names, source_compare_names);
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path = g_build_filename (folder, names->pdata[i], NULL);
    struct stat info;
    gboolean exists = stat (path, &info) == 0;

    if (exists && S_ISDIR (info.st_mode)) {
      if (is_new_folder (self, &info))
        add_folder (self, path);
    } else if (is_media_name (path) && (!exists || S_ISREG (info.st_mode))) {
      g_ptr_array_add (self->list, g_steal_pointer (&path)); /* opening says what is missing */
    }
  }
  return TRUE;
}

GPtrArray *
source_expand (char **inputs, void (*failure) (const char *subject, const char *message))
{
  g_autoptr (GHashTable) folders = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  Search search = {g_ptr_array_new_with_free_func (g_free), folders, failure};

  for (unsigned i = 0; inputs[i] != NULL; i++) {
    guint before = search.list->len;
    struct stat info;

    g_hash_table_remove_all (folders);
    if (stat (inputs[i], &info) != 0 || !S_ISDIR (info.st_mode))
      g_ptr_array_add (search.list, g_strdup (inputs[i]));
    else if (is_new_folder (&search, &info) && add_folder (&search, inputs[i]) &&
             search.list->len == before && failure != NULL)
      failure (inputs[i], "holds no picture or clip (no name in it ends as theirs do)");
  }
  return search.list;
}
