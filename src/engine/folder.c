/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The weights in a folder that is not laid out as a model's: found where there is one file that
 * they can be, else what is there instead is said. */
#include "engine/choose.h"

#include <string.h>

#include "base/text.h"
#include "weights/sniff.h"

#define MAX_NAMED 5

static int
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

/* Names in @folder, sorted, without hidden ones; with @ending only those of files that end so. */
static GPtrArray *
list (const char *folder, const char *ending)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  GPtrArray *names = g_ptr_array_new_with_free_func (g_free);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (*name != '.' && (ending == NULL || (g_str_has_suffix (name, ending) &&
                                            g_file_test (path, G_FILE_TEST_IS_REGULAR))))
      g_ptr_array_add (names, g_strdup (name));
  }
  g_ptr_array_sort (names, by_name);
  return names;
}

/* "a, b, c, ..." made printable */
static char *
join (const GPtrArray *names)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < names->len && i < MAX_NAMED; i++) {
    g_autofree char *shown = effnet_printable (names->pdata[i]);
    g_string_append_printf (text, "%s%s", i > 0 ? ", " : "", shown);
  }
  if (names->len > MAX_NAMED)
    g_string_append (text, ", ...");
  return g_strdup (text->str);
}

/* The folders right in @folder that a model is in, model.safetensors or another one. */
static GPtrArray *
list_nested (const char *folder)
{
  g_autoptr (GPtrArray) all = list (folder, NULL);
  GPtrArray *nested = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < all->len; i++) {
    g_autofree char *path = g_build_filename (folder, all->pdata[i], NULL);

    if (!g_file_test (path, G_FILE_TEST_IS_DIR))
      continue;
    g_autoptr (GPtrArray) weights = list (path, EFFNET_WEIGHTS_ENDING);
    if (weights->len > 0)
      g_ptr_array_add (nested, g_strdup (all->pdata[i]));
  }
  return nested;
}

/* Nothing in @folder is safetensors: says what the likeliest file is. */
static gboolean
fail_other (const char *folder, GError **error)
{
  static const char *const endings[] = {".pth",   ".pt",     ".bin",  ".ckpt", ".pkl", ".h5",
                                        ".keras", ".tflite", ".onnx", ".pb",   ".xml", ".zip"};
  g_autofree char *shown = effnet_printable (folder);
  g_autoptr (GPtrArray) all = list (folder, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++) {
    g_autoptr (GPtrArray) names = list (folder, endings[i]);
    const char *advice = NULL;

    for (guint j = 0; j < names->len; j++) {
      g_autofree char *path = g_build_filename (folder, names->pdata[j], NULL);
      g_autofree char *name = effnet_printable (names->pdata[j]);
      const char *what = effnet_sniff_file (path, &advice);
      if (what != NULL)
        return effnet_fail (error, EFFNET_ERROR_NOT_FOUND,
                            "folder %s holds no model.safetensors; its %s is %s%s%s", shown, name,
                            what, advice != NULL ? ": " : "", advice != NULL ? advice : "");
    }
  }
  g_autofree char *there = join (all);
  return effnet_fail (error, EFFNET_ERROR_NOT_FOUND,
                      "folder %s holds no model.safetensors%s%s; a model folder has "
                      "model.safetensors and config.json: `effnet fetch VARIANT --output FOLDER` "
                      "makes one",
                      shown, all->len > 0 ? ", but " : ": it is empty", there);
}

char *
effnet_find_in_folder (const char *folder, GError **error)
{
  g_autoptr (GPtrArray) weights = list (folder, EFFNET_WEIGHTS_ENDING);
  g_autofree char *shown = effnet_printable (folder);
  g_autoptr (GPtrArray) nested = NULL;

  if (weights->len == 1)
    return g_build_filename (folder, weights->pdata[0], NULL);
  if (weights->len > 1) {
    g_autofree char *names = join (weights);
    gboolean is_split = strstr (weights->pdata[0], "-of-") != NULL;
    effnet_fail (error, EFFNET_ERROR_NOT_FOUND, "folder %s holds no model.safetensors, but %s: %s",
                 shown, names,
                 is_split
                     ? "one model in several files: `effnet convert FOLDER --output DIR` makes "
                       "one of them"
                     : "name the one that is meant");
    return NULL;
  }
  nested = list_nested (folder);
  if (nested->len == 1) {
    g_autofree char *inner = g_build_filename (folder, nested->pdata[0], NULL);
    g_autofree char *plain = g_build_filename (inner, EFFNET_WEIGHTS_NAME, NULL);
    return g_file_test (plain, G_FILE_TEST_EXISTS) ? g_steal_pointer (&plain)
                                                   : effnet_find_in_folder (inner, error);
  }
  if (nested->len == 0) {
    fail_other (folder, error);
  } else {
    g_autofree char *names = join (nested);
    effnet_fail (error, EFFNET_ERROR_NOT_FOUND,
                 "folder %s holds no model.safetensors itself, but models in its folders %s: name "
                 "one of them",
                 shown, names);
  }
  return NULL;
}
