/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Where models are. The one place that knows folders. */
#include <string.h>

#include "base/text.h"
#include "engine/choose.h"
#include "weights/tensors.h"

#define DEFAULT_VARIANT "lite0"
#define WEIGHTS         EFFNET_WEIGHTS_NAME
#define HEAD            "head.safetensors"
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

static gboolean
holds_model (const char *folder)
{
  g_autofree char *weights = g_build_filename (folder, WEIGHTS, NULL);
  g_autofree char *head = g_build_filename (folder, HEAD, NULL);

  return g_file_test (weights, G_FILE_TEST_EXISTS) || g_file_test (head, G_FILE_TEST_EXISTS);
}

char *
effnet_find_named (const char *name, GString *tried)
{
  g_autoptr (GPtrArray) folders = model_folders ();
  g_autofree char *shown = effnet_printable (name);

  /* A name is never a way out of the folders. */
  if (*name == '\0' || strchr (name, G_DIR_SEPARATOR) != NULL || strcmp (name, ".") == 0 ||
      strcmp (name, "..") == 0)
    return NULL;
  for (guint i = 0; i < folders->len; i++) {
    const char *models = g_ptr_array_index (folders, i);
    g_autofree char *folder = g_build_filename (models, name, NULL);
    g_autofree char *looked = g_build_filename (models, shown, NULL);
    g_autofree char *own = g_path_get_basename (models);

    if (holds_model (folder))
      return g_steal_pointer (&folder);
    if (strcmp (own, name) == 0 && holds_model (models))
      return g_strdup (models);
    if (tried != NULL)
      g_string_append_printf (tried, "%s%s", tried->len > 0 ? ", " : "", looked);
  }
  return NULL;
}

char *
effnet_model_find (const char *variant, GError **error)
{
  const char *name = variant != NULL ? variant : DEFAULT_VARIANT;
  g_autofree char *shown = effnet_printable (name);
  g_autoptr (GString) tried = g_string_new (NULL);
  char *found = effnet_find_named (name, tried);

  if (found != NULL)
    return found;
  if (tried->len == 0) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
                 "variant \"%s\" is not the name of one, as b0 and lite0 are; a file or folder is "
                 "named as the model",
                 shown);
    return NULL;
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_NOT_FOUND,
               "no model for variant %s: looked for model.safetensors in %s; `effnet fetch %s` "
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

char *
effnet_find_card (const char *weights)
{
  static const char ending[] = ".safetensors";

  if (!g_str_has_suffix (weights, ending))
    return NULL;
  g_autofree char *stem = g_strndup (weights, strlen (weights) - strlen (ending));
  g_autofree char *card = g_strconcat (stem, ".json", NULL);
  return is_there (card) ? g_steal_pointer (&card) : NULL;
}

/* Adds the weights in @place, a folder or the file itself, which it takes. */
static void
add_candidate (GPtrArray *candidates, char *place)
{
  if (g_file_test (place, G_FILE_TEST_IS_DIR)) {
    g_autofree char *folder = place;
    place = g_build_filename (folder, WEIGHTS, NULL);
  }
  if (g_file_test (place, G_FILE_TEST_IS_REGULAR))
    add_folder (candidates, place);
  else
    g_free (place);
}

static gboolean
is_digest_of (const char *path, const char *sha256)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, NULL);

  return table != NULL &&
         g_ascii_strcasecmp (effnet_hash_get (effnet_tensor_table_hash (table)), sha256) == 0;
}

/* The backbone that the card of a head names: where it lay, else a model of its name beside the
 * head or where models are. Of several the one with the bytes that the head was trained on; whether
 * a single one has them is asked when it is opened. */
static char *
find_backbone (const char *folder, const EffnetCard *card, GError **error)
{
  g_autoptr (GPtrArray) candidates = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) folders = model_folders ();
  const char *name = card->backbone_name;
  g_autofree char *shown = effnet_printable (folder), *shown_name = effnet_printable (name);

  if (card->backbone_sha256 == NULL) {
    effnet_fail (error, EFFNET_ERROR_MISMATCH,
                 "folder %s holds a head (" HEAD ") alone, but its " CARD
                 " does not say which backbone it belongs to (effnet.backbone)",
                 shown);
    return NULL;
  }
  if (card->backbone_path != NULL && g_path_is_absolute (card->backbone_path))
    add_candidate (candidates, g_strdup (card->backbone_path));
  else if (card->backbone_path != NULL)
    add_candidate (candidates, g_build_filename (folder, card->backbone_path, NULL));
  if (name != NULL && strchr (name, G_DIR_SEPARATOR) == NULL) {
    g_autofree char *parent = g_build_filename (folder, "..", NULL);

    add_candidate (candidates, g_build_filename (parent, name, NULL));
    for (guint i = 0; i < folders->len; i++)
      add_candidate (candidates, g_build_filename (folders->pdata[i], name, NULL));
  }
  for (guint i = 0; i < candidates->len; i++)
    if (candidates->len == 1 || is_digest_of (candidates->pdata[i], card->backbone_sha256))
      return g_strdup (candidates->pdata[i]);
  if (candidates->len > 0)
    return g_strdup (candidates->pdata[0]);
  effnet_fail (error, EFFNET_ERROR_NOT_FOUND,
               "the head in folder %s needs its backbone %s (sha256 %.12s...), which is neither "
               "where it was (%s), nor beside the folder, nor among the models; put it there, name "
               "its parent folder in EFFNET_MODEL_PATH, or `effnet fetch` it",
               shown, shown_name, card->backbone_sha256,
               card->backbone_path != NULL ? card->backbone_path : "not said");
  return NULL;
}

/* @folder: of @files->head */
static gboolean
find_head_files (const char *folder, EffnetModelFiles *files, GError **error)
{
  g_autoptr (EffnetCard) card = NULL;

  files->is_cards = TRUE;
  files->card = g_build_filename (folder, CARD, NULL);
  card = effnet_card_load (files->card, error);
  if (card != NULL)
    files->weights = find_backbone (folder, card, error);
  if (files->weights == NULL)
    effnet_model_files_clear (files);
  return files->weights != NULL;
}

gboolean
effnet_find_files (const char *path, EffnetModelFiles *files, GError **error)
{
  g_autofree char *folder = NULL, *base = NULL;
  g_autofree char *named = !is_there (path) ? effnet_find_named (path, NULL) : NULL;
  gboolean is_only = FALSE; /* of its folder, whose card then is its own */

  if (named != NULL)
    path = named;
  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    folder = g_strdup (path);
    files->weights = g_build_filename (path, WEIGHTS, NULL);
    files->head = g_build_filename (path, HEAD, NULL);
    if (!is_there (files->weights) && is_there (files->head)) {
      g_clear_pointer (&files->weights, g_free);
      return find_head_files (folder, files, error);
    }
    g_clear_pointer (&files->head, g_free);
    if (!is_there (files->weights)) {
      g_free (files->weights);
      files->weights = effnet_find_in_folder (path, error);
      if (files->weights == NULL)
        return FALSE;
      g_free (folder);
      folder = g_path_get_dirname (files->weights);
      is_only = TRUE;
    }
  } else {
    folder = g_path_get_dirname (path);
    base = g_path_get_basename (path);
    if (strcmp (base, HEAD) == 0) {
      files->head = g_strdup (path);
      return find_head_files (folder, files, error);
    }
    g_clear_pointer (&base, g_free);
    files->weights = g_strdup (path);
  }
  base = g_path_get_basename (files->weights);
  files->card = effnet_find_card (files->weights);
  files->is_cards = files->card != NULL || is_only || strcmp (base, WEIGHTS) == 0;
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
  g_clear_pointer (&files->head, g_free);
  g_clear_pointer (&files->card, g_free);
}
