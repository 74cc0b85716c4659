/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where models are. The one place that knows folders. */
#include <string.h>

#include "base/text.h"
#include "engine/choose.h"

#define DEFAULT_VARIANT "lite0"
#define WEIGHTS         "model.safetensors"
#define CARD            "config.json"

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
  g_autofree char *shown = effnet_printable (name);
  g_autoptr (GString) tried = g_string_new (NULL);

  /* A variant is a name, never a way out of the folders. */
  for (guint i = 0; i < folders->len && strchr (name, G_DIR_SEPARATOR) == NULL; i++) {
    const char *models = g_ptr_array_index (folders, i);
    g_autofree char *folder = g_build_filename (models, name, NULL);
    g_autofree char *file = g_build_filename (folder, WEIGHTS, NULL);
    g_autofree char *looked = g_build_filename (models, shown, NULL);

    if (g_file_test (file, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&folder);
    g_string_append_printf (tried, "%s%s", tried->len > 0 ? ", " : "", looked);
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
               "no model for variant %s: looked for model.safetensors in %s; `models/fetch %s` "
               "gets it, or name a file or folder",
               shown, tried->str, shown);
  return NULL;
}

/* Also when it is a link to nowhere: that is an error, not a card that is not there. */
static gboolean
is_there (const char *path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS) || g_file_test (path, G_FILE_TEST_IS_SYMLINK);
}

/* "x.json" of "x.safetensors"; NULL when that is not there. */
static char *
card_of_name (const char *weights)
{
  static const char ending[] = ".safetensors";

  if (!g_str_has_suffix (weights, ending))
    return NULL;
  g_autofree char *stem = g_strndup (weights, strlen (weights) - strlen (ending));
  g_autofree char *card = g_strconcat (stem, ".json", NULL);
  return is_there (card) ? g_steal_pointer (&card) : NULL;
}

gboolean
effnet_find_files (const char *path, EffnetModelFiles *files, GError **error)
{
  g_autofree char *folder = NULL, *base = NULL;

  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    folder = g_strdup (path);
    files->weights = g_build_filename (path, WEIGHTS, NULL);
    if (!is_there (files->weights)) {
      g_autofree char *shown = effnet_printable (path);
      effnet_model_files_clear (files);
      return effnet_fail (
          error, EFFNET_ERROR_NOT_FOUND,
          "folder %s holds no " WEIGHTS "; a model folder has " WEIGHTS " and " CARD, shown);
    }
  } else {
    folder = g_path_get_dirname (path);
    files->weights = g_strdup (path);
  }
  base = g_path_get_basename (files->weights);
  files->card = card_of_name (files->weights);
  files->is_cards = files->card != NULL || strcmp (base, WEIGHTS) == 0;
  if (files->card == NULL)
    files->card = g_build_filename (folder, CARD, NULL);
  if (!is_there (files->card))
    g_clear_pointer (&files->card, g_free);
  return TRUE;
}

void
effnet_model_files_clear (EffnetModelFiles *files)
{
  g_clear_pointer (&files->weights, g_free);
  g_clear_pointer (&files->card, g_free);
}
