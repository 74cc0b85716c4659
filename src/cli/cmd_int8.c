/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet convert --int8: a model folder whose weights are int8. What the library opens is read by
 * it; what it does not is first converted by the script, into the folder that is asked for. */
#include "cli/cli.h"
#include "cli/outfolder.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

#define WEIGHTS "model.safetensors"

typedef struct {
  char *name;         /* argv[0] */
  const char *input;  /* NULL: none, or several */
  const char *output; /* NULL: not said */
  GPtrArray *rest;    /* all words but --int8, for the script */
  gboolean is_plain;  /* nothing but INPUT and --output */
} Words;

static void
read_words (Words *words, char **argv)
{
  gboolean several = FALSE;

  *words = (Words){.name = argv[0], .rest = g_ptr_array_new (), .is_plain = TRUE};
  g_ptr_array_add (words->rest, argv[0]);
  for (char **word = argv + 1; *word != NULL; word++) {
    if (strcmp (*word, "--int8") == 0)
      continue;
    g_ptr_array_add (words->rest, *word);
    if ((strcmp (*word, "--output") == 0 || strcmp (*word, "-o") == 0) && word[1] != NULL) {
      words->output = *++word;
      g_ptr_array_add (words->rest, *word);
    } else if (g_str_has_prefix (*word, "--output=")) {
      words->output = *word + strlen ("--output=");
    } else if (**word == '-') {
      words->is_plain = FALSE;
    } else {
      several = several || words->input != NULL;
      words->input = *word;
    }
  }
  if (several) {
    words->input = NULL;
    words->is_plain = FALSE;
  }
  g_ptr_array_add (words->rest, NULL);
}

/* All that is written; the weights come to their place at last. */
static const char *const written[] = {"config.json", "preprocessor_config.json", "LICENSE", WEIGHTS,
                                      NULL};
#define N_CARD 3 /* of these, copied from beside the weights */

/* The card, and under which licence the weights are, from beside the weights @from. */
static gboolean
copy_card (const char *from, const char *folder, GError **error)
{
  g_autofree char *beside = g_path_get_dirname (from), *base = g_path_get_basename (from);
  g_autofree char *stem =
      g_strndup (base, strlen (base) - (g_str_has_suffix (base, ".safetensors") ? 12 : 0));
  g_autofree char *own = g_strconcat (stem, ".json", NULL);

  for (gsize i = 0; i < N_CARD; i++) {
    g_autofree char *named = g_build_filename (beside, i == 0 ? own : written[i], NULL);
    g_autofree char *usual = g_build_filename (beside, written[i], NULL);
    const char *path = g_file_test (named, G_FILE_TEST_EXISTS) ? named : usual;
    g_autoptr (GFile) source = g_file_new_for_path (path);
    g_autoptr (GFile) target = g_file_new_build_filename (folder, written[i], NULL);

    if (g_file_test (path, G_FILE_TEST_IS_REGULAR) &&
        !g_file_copy (source, target, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_all (EffnetModel *model, const char *stage, GError **error)
{
  g_autofree char *path = g_build_filename (stage, WEIGHTS, NULL);
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  return effnet_model_save_int8 (model, path, error) && copy_card (info.path, stage, error);
}

static gboolean
save (const char *input, const char *folder, GError **error)
{
  const EffnetModelOptions options = {.precision = EFFNET_PRECISION_FP32};
  g_autoptr (EffnetModel) model = effnet_model_open (input, &options, error);
  g_autofree char *path = g_build_filename (folder, WEIGHTS, NULL), *shown = NULL;
  OutFolder *out = model != NULL ? out_folder_create (folder, error) : NULL;

  if (out == NULL)
    return FALSE;
  if (!write_all (model, out_folder_stage (out), error)) {
    out_folder_discard (out);
    return FALSE;
  }
  if (!out_folder_commit (out, written, error))
    return FALSE;
  shown = cli_printable (path, 4096);
  printf ("%s: int8\n", shown);
  return TRUE;
}

/* What the library opens as it is. */
static gboolean
is_model (const char *input)
{
  g_autofree char *weights = g_build_filename (input, WEIGHTS, NULL);

  return g_str_has_suffix (input, ".safetensors") || g_file_test (weights, G_FILE_TEST_EXISTS);
}

int
cmd_int8 (char **argv, int (*script) (char **words))
{
  g_autoptr (GError) error = NULL;
  Words words;
  gboolean ours;
  int code = CLI_OK;

  read_words (&words, argv);
  ours = words.is_plain && words.input != NULL && is_model (words.input);
  if (words.output == NULL)
    code = cli_usage ("convert", "--int8 needs --output FOLDER");
  else if (!ours)
    code = script ((char **)words.rest->pdata);
  if (code == CLI_OK) {
    save (ours ? words.input : words.output, words.output, &error);
    code = cli_exit_code (error);
  }
  g_ptr_array_unref (words.rest);
  return code;
}
