/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where lists of pictures come from: a folder for each class, as ImageFolder, Keras and Frigate
 * have them, or a CSV file. */
#include "cli/train.h"

#include "cli/source.h"

#include <string.h>

static gboolean
is_folder (const char *path)
{
  return g_file_test (path, G_FILE_TEST_IS_DIR);
}

/* A folder that training made is no class. */
static gboolean
is_model_folder (const char *path)
{
  g_autofree char *card = g_build_filename (path, "config.json", NULL);
  g_autofree char *weights = g_build_filename (path, "model.safetensors", NULL);
  g_autofree char *head = g_build_filename (path, "head.safetensors", NULL);

  return g_file_test (card, G_FILE_TEST_EXISTS) &&
         (g_file_test (weights, G_FILE_TEST_EXISTS) || g_file_test (head, G_FILE_TEST_EXISTS));
}

/* Names of the folders in @path, sorted; NULL with an error. */
static GPtrArray *
subfolders (const char *path, GError **error)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, error);
  GPtrArray *names;
  const char *name;

  if (dir == NULL)
    return NULL;
  names = g_ptr_array_new_with_free_func (g_free);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *inner = g_build_filename (path, name, NULL);

    if (name[0] != '.' && is_folder (inner) && !is_model_folder (inner))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, source_compare_names);
  return names;
}

/* The name among @names that means @part, "train" or "val", or NULL. */
static const char *
part_name (const GPtrArray *names, const char *part)
{
  static const char *const trains[] = {"train", "training", NULL};
  static const char *const vals[] = {"val", "valid", "validation", "test", NULL};
  const char *const *words = part[0] == 't' ? trains : vals;

  for (unsigned w = 0; words[w] != NULL; w++)
    for (guint i = 0; i < names->len; i++)
      if (g_ascii_strcasecmp (names->pdata[i], words[w]) == 0)
        return names->pdata[i];
  return NULL;
}

/* Whether @path is split in folders of class folders, and not of classes called so. */
static gboolean
is_split (const char *path, const GPtrArray *names)
{
  const char *train = part_name (names, "train");
  g_autofree char *inner = train != NULL ? g_build_filename (path, train, NULL) : NULL;
  g_autoptr (GPtrArray) classes = inner != NULL ? subfolders (inner, NULL) : NULL;

  for (guint i = 0; i < names->len; i++) {
    g_autoptr (GPtrArray) one = g_ptr_array_new ();

    g_ptr_array_add (one, names->pdata[i]);
    if (part_name (one, "train") == NULL && part_name (one, "val") == NULL)
      return FALSE;
  }
  return classes != NULL && classes->len > 0;
}

static gboolean
add_class (TrainList *list, const char *folder, const char *label, GError **error)
{
  g_autofree char *path = g_build_filename (folder, label, NULL);
  char *inputs[] = {path, NULL};
  g_autoptr (GPtrArray) files = NULL;

  if (!train_check_label (label, error))
    return FALSE;
  files = source_expand (inputs, NULL);
  if (files->len == 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "the class folder %s holds no picture or clip; put some there, or remove it",
                 path);
    return FALSE;
  }
  for (guint i = 0; i < files->len; i++)
    train_list_add (list, g_strdup (files->pdata[i]), g_strdupv ((char *[]){(char *)label, NULL}));
  return TRUE;
}

static TrainList *
open_classes (const char *path, const GPtrArray *names, GError **error)
{
  TrainList *list = train_list_new ();

  for (guint i = 0; i < names->len; i++)
    if (!add_class (list, path, names->pdata[i], error)) {
      train_list_free (list);
      return NULL;
    }
  train_list_sort (list);
  return list;
}

static TrainList *
open_part (const char *path, const char *name, GError **error)
{
  g_autofree char *folder = g_build_filename (path, name, NULL);
  g_autoptr (GPtrArray) names = subfolders (folder, error);

  return names != NULL ? open_classes (folder, names, error) : NULL;
}

static TrainList *
open_folder (const char *path, TrainList **validation, GError **error)
{
  g_autoptr (GPtrArray) names = subfolders (path, error);
  TrainList *list;

  if (names == NULL)
    return NULL;
  if (names->len == 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                 "%s holds no folders; expected one for each class, with its pictures, such as "
                 "%s/open and %s/closed",
                 path, path, path);
    return NULL;
  }
  if (!is_split (path, names))
    return open_classes (path, names, error);
  list = open_part (path, part_name (names, "train"), error);
  if (list != NULL && validation != NULL && part_name (names, "val") != NULL) {
    *validation = open_part (path, part_name (names, "val"), error);
    if (*validation == NULL)
      g_clear_pointer (&list, train_list_free);
  }
  return list;
}

TrainList *
train_list_open (const char *path, gboolean multi_label, TrainList **validation, GError **error)
{
  TrainList *list;

  if (validation != NULL)
    *validation = NULL;
  if (is_folder (path))
    return open_folder (path, validation, error);
  list = train_list_new ();
  list->is_csv = TRUE;
  if (train_csv_read (path, multi_label, list, error)) {
    train_list_sort (list);
    return list;
  }
  train_list_free (list);
  return NULL;
}

TrainList *
train_list_open_plain (const char *path, GError **error)
{
  char *inputs[] = {(char *)path, NULL};
  g_autoptr (GPtrArray) files = NULL;
  TrainList *list;

  files = source_expand (inputs, NULL);
  if (!g_file_test (path, G_FILE_TEST_EXISTS) || files->len == 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND, "%s holds no picture or clip", path);
    return NULL;
  }
  list = train_list_new ();
  for (guint i = 0; i < files->len; i++)
    train_list_add (list, g_strdup (files->pdata[i]), NULL);
  return list;
}
