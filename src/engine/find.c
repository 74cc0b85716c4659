/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where models are. The one place that knows folders. */
#include <string.h>

#include "engine/engine.h"

#define DEFAULT_VARIANT "lite0"

static void
add_folder (GPtrArray *folders, char *folder)
{
  for (guint i = 0; i < folders->len; i++) {
    if (g_strcmp0 (g_ptr_array_index (folders, i), folder) == 0) {
      g_free (folder);
      return;
    }
  }
  g_ptr_array_add (folders, folder);
}

/* In the order of the search. */
static GPtrArray *
model_folders (void)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  const char *env = g_getenv ("EFFNET_MODEL_PATH");

  if (env != NULL) {
    g_auto (GStrv) parts = g_strsplit (env, G_SEARCHPATH_SEPARATOR_S, -1);

    for (char **part = parts; *part != NULL; part++) {
      if (**part != '\0')
        add_folder (folders, g_strdup (*part));
    }
  }
  add_folder (folders, g_build_filename (g_get_user_data_dir (), "effnet", "models", NULL));
  add_folder (folders, g_strdup (EFFNET_MODELS_DIR));
#ifdef EFFNET_SOURCE_MODELS_DIR
  add_folder (folders, g_strdup (EFFNET_SOURCE_MODELS_DIR));
#endif
  return folders;
}

char *
effnet_model_find (const char *variant, GError **error)
{
  g_autoptr (GPtrArray) folders = model_folders ();
  const char *name = variant != NULL ? variant : DEFAULT_VARIANT;
  g_autoptr (GString) tried = g_string_new (NULL);

  /* A variant is a name, never a way out of the folders. */
  for (guint i = 0; i < folders->len && strchr (name, G_DIR_SEPARATOR) == NULL; i++) {
    g_autofree char *folder = g_build_filename (g_ptr_array_index (folders, i), name, NULL);
    g_autofree char *file = g_build_filename (folder, "model.safetensors", NULL);

    if (g_file_test (file, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&folder);
    g_string_append_printf (tried, "%s%s", tried->len > 0 ? ", " : "", folder);
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
               "no model for variant %s: looked for model.safetensors in %s; `models/fetch %s` "
               "gets it, or name a "
               "file or folder",
               name, tried->str, name);
  return NULL;
}

gboolean
effnet_find_files (const char *path, char **weights, char **card, GError **error)
{
  g_autofree char *folder = NULL;

  *weights = *card = NULL;
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    folder = g_strdup (path);
    *weights = g_build_filename (path, "model.safetensors", NULL);
    if (!g_file_test (*weights, G_FILE_TEST_EXISTS)) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
                   "folder %s holds no model.safetensors; a model folder has model.safetensors and "
                   "config.json",
                   path);
      g_clear_pointer (weights, g_free);
      return FALSE;
    }
  } else {
    folder = g_path_get_dirname (path);
    *weights = g_strdup (path);
  }
  *card = g_build_filename (folder, "config.json", NULL);
  if (!g_file_test (*card, G_FILE_TEST_EXISTS))
    g_clear_pointer (card, g_free);
  return TRUE;
}
