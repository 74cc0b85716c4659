/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Options the subcommands share: parsing, and from words to the library's option structs. A word
 * the tool does not know is a usage error and names the words it does know. */
#include "cli/cli.h"
#include "cli/source.h"

#include <stdio.h>
#include <string.h>

#define MAX_MESSAGE 1000 /* characters */
#define MAX_SUBJECT 300
#define MAX_TIMEOUT 86400 /* s */

#define SHARED_LETTERS "mvlpt" /* of shared options with a value */

static void
add_model_entries (GOptionContext *context, CliTakes takes, CliModelArgs *a)
{
  g_autofree char *variants =
      g_strconcat (effnet_variant_summary (),
                   " (`effnet info --list` has all), or one of them scaled, as in b0:phi:1.5 or "
                   "b0:1.1,1.2,260; phi:X is b0:phi:X; without --model it says which model to "
                   "look for",
                   NULL);
  const GOptionEntry model[] = {
      {"model", 'm', 0, G_OPTION_ARG_FILENAME, &a->model,
       "safetensors file, or a folder with model.safetensors and config.json", "PATH"},
      {"variant", 'v', 0, G_OPTION_ARG_STRING, &a->variant, g_intern_string (variants), "NAME"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const GOptionEntry bare[] = {
      {"input-size", 0, 0, G_OPTION_ARG_INT, &a->input_size, "side of the network's input",
       "PIXELS"},
      {"padding", 0, 0, G_OPTION_ARG_STRING, &a->padding, "auto (default), same or symmetric",
       "NAME"},
      {"bn-eps", 0, 0, G_OPTION_ARG_DOUBLE, &a->bn_eps, "batch-norm epsilon of a bare file", "EPS"},
      {"synthetic", 0, 0, G_OPTION_ARG_INT64, &a->synthetic,
       "no file: the variant with weights made from this seed (not 0)", "SEED"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const GOptionEntry scores[] = {
      {"labels", 'l', 0, G_OPTION_ARG_FILENAME, &a->labels,
       "class names, one a line with or without its number, JSON, YAML or CSV", "FILE"},
      {"activation", 0, 0, G_OPTION_ARG_STRING, &a->activation,
       "auto (default, what the card says), softmax, sigmoid or none", "NAME"},
      {"temperature", 0, 0, G_OPTION_ARG_DOUBLE, &a->temperature,
       "divides the logits before softmax or sigmoid; 0 (default) = what the card says, else 1",
       "T"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const GOptionEntry run[] = {{"precision", 'p', 0, G_OPTION_ARG_STRING, &a->precision,
                               "auto (default), fp32, bf16 or int8", "NAME"},
                              {"threads", 't', 0, G_OPTION_ARG_INT, &a->threads,
                               "workers; 0 (default) = the CPUs this process may use", "N"},
                              {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const GOptionEntry pictures[] = {
      {"resize-mode", 0, 0, G_OPTION_ARG_STRING, &a->resize_mode,
       "auto (default, what the card says), stretch, center-crop or letterbox", "NAME"},
      {"full-scale", 0, 0, G_OPTION_ARG_NONE, &a->full_scale,
       "decode JPEG at full size, not at the smallest scale that covers the input", NULL},
      {"sparse-rows", 0, 0, G_OPTION_ARG_NONE, &a->sparse_rows,
       "read only every second row or fewer of raw pictures with rows to spare", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &a->timeout,
       "an input without a frame for so long has failed (default 10)", "SECONDS"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const struct {
    unsigned when;
    const GOptionEntry *entries;
  } sets[] = {{CLI_TAKES_MODEL, model},
              {CLI_TAKES_MODEL | CLI_TAKES_BARE, bare},
              {CLI_TAKES_SCORES, scores},
              {CLI_TAKES_RUN, run},
              {CLI_TAKES_PICTURES, pictures}};

  for (gsize i = 0; i < G_N_ELEMENTS (sets); i++)
    if (takes & sets[i].when)
      g_option_context_add_main_entries (context, sets[i].entries, NULL);
}

/* Index of @word in @words (NULL = the first), or -1 with an error that lists them. */
static int
choose (const char *option, const char *word, const char *const *words, GError **error)
{
  g_autofree char *known = NULL;

  if (word == NULL)
    return 0;
  for (int i = 0; words[i] != NULL; i++)
    if (strcmp (word, words[i]) == 0)
      return i;
  known = g_strjoinv (", ", (char **)words);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, "--%s '%s' is not one of %s", option,
               word, known);
  return -1;
}

static gboolean
fill_options (CliModelArgs *args, GError **error)
{
  /* in the order of the public enums */
  static const char *const precisions[] = {"auto", "fp32", "bf16", "int8", NULL};
  static const char *const paddings[] = {"auto", "same", "symmetric", NULL};
  static const char *const modes[] = {"auto", "stretch", "center-crop", "letterbox", NULL};
  static const char *const activations[] = {"auto", "softmax", "sigmoid", "none", NULL};
  int precision = choose ("precision", args->precision, precisions, error);
  int padding = precision < 0 ? -1 : choose ("padding", args->padding, paddings, error);
  int mode = padding < 0 ? -1 : choose ("resize-mode", args->resize_mode, modes, error);
  int activation = mode < 0 ? -1 : choose ("activation", args->activation, activations, error);

  if (activation < 0)
    return FALSE;
  args->model_options = (EffnetModelOptions){
      .variant = args->variant,
      .labels_file = args->labels,
      .precision = (EffnetPrecision)precision,
      .padding = (EffnetPadding)padding,
      .bn_epsilon = args->bn_eps,
      .synthetic_seed = (uint64_t)args->synthetic,
      .input_size = (unsigned)args->input_size,
  };
  args->session_options = (EffnetSessionOptions){
      .threads = (unsigned)args->threads,
      .resize_mode = (EffnetResizeMode)mode,
      .jpeg_full_scale = args->full_scale,
      .sparse_rows = args->sparse_rows,
      .activation = (EffnetOutputActivation)activation,
      .temperature = args->temperature,
  };
  return TRUE;
}

static gboolean
takes_value (const CliCommand *command, char letter)
{
  for (const GOptionEntry *e = command->entries; e != NULL && e->long_name != NULL; e++)
    if (letter != '\0' && e->short_name == letter)
      return e->arg != G_OPTION_ARG_NONE;
  return letter != '\0' && strchr (SHARED_LETTERS, letter) != NULL;
}

/* GOption reads the 1 of "-k1" as a flag: a value in its option's argument becomes one of its own,
 * in @args, which owns it. */
static void
split_short_values (const CliCommand *command, CliModelArgs *args, int *argc, char ***argv)
{
  g_autoptr (GPtrArray) words = g_ptr_array_new ();
  char **arguments = *argv;
  gboolean options = TRUE;

  for (unsigned i = 0; arguments[i] != NULL; i++) {
    char *word = arguments[i];

    options = options && strcmp (word, "--") != 0;
    if (options && word[0] == '-' && takes_value (command, word[1]) && word[2] != '\0') {
      g_ptr_array_add (args->made, g_strndup (word, 2));
      g_ptr_array_add (words, args->made->pdata[args->made->len - 1]);
      word += word[2] == '=' ? 3 : 2;
    } else if (options && word[0] == '-' && takes_value (command, word[1]) &&
               arguments[i + 1] != NULL) {
      g_ptr_array_add (words, word); /* and its value, whatever that looks like */
      word = arguments[++i];
    }
    g_ptr_array_add (words, word);
  }
  *argc = (int)words->len;
  g_ptr_array_add (words, NULL);
  *argv = (char **)g_ptr_array_steal (words, NULL);
  g_ptr_array_add (args->made, *argv);
}

int
cli_parse (const CliCommand *command, CliTakes takes, CliModelArgs *args, int *argc, char ***argv)
{
  g_autofree char *prgname = g_strconcat ("effnet ", command->name, NULL);
  g_autoptr (GOptionContext) context = g_option_context_new (command->parameters);
  g_autoptr (GError) error = NULL;

  g_set_prgname (prgname);
  g_option_context_set_summary (context, command->summary);
  g_option_context_set_description (context, command->description);
  if (command->entries != NULL)
    g_option_context_add_main_entries (context, command->entries, NULL);
  add_model_entries (context, takes, args);
  args->timeout = SOURCE_TIMEOUT_S;
  args->made = g_ptr_array_new_with_free_func (g_free);
  split_short_values (command, args, argc, argv);
  if (!g_option_context_parse (context, argc, argv, &error))
    return cli_usage (command->name, "%s", error->message);
  if (args->threads < 0 || args->threads > EFFNET_THREADS_MAX)
    return cli_usage (command->name, "--threads %d is not in 0..%d", args->threads,
                      EFFNET_THREADS_MAX);
  if (args->input_size < 0 || args->input_size > EFFNET_INPUT_SIDE_MAX)
    return cli_usage (command->name, "--input-size %d is not in 0..%d", args->input_size,
                      EFFNET_INPUT_SIDE_MAX);
  if (args->synthetic != 0 && args->model != NULL)
    return cli_usage (command->name, "--synthetic makes weights; it does not go with --model");
  if (args->bn_eps < 0 || args->bn_eps > 1)
    return cli_usage (command->name, "--bn-eps %g is not in 0..1", args->bn_eps);
  if (args->timeout < 1 || args->timeout > MAX_TIMEOUT)
    return cli_usage (command->name, "--timeout %d is not in 1..%d", args->timeout, MAX_TIMEOUT);
  if (!fill_options (args, &error))
    return cli_usage (command->name, "%s", error->message);
  return -1;
}

void
cli_model_args_clear (CliModelArgs *args)
{
  char *strings[] = {args->model,   args->variant,     args->labels,    args->precision,
                     args->padding, args->resize_mode, args->activation};

  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    g_free (strings[i]);
  g_clear_pointer (&args->made, g_ptr_array_unref);
  memset (args, 0, sizeof *args);
}

int
cli_usage (const char *command, const char *format, ...)
{
  g_autofree char *text = NULL, *line = NULL;
  va_list ap;

  va_start (ap, format);
  text = g_strdup_vprintf (format, ap);
  va_end (ap);
  line = cli_printable (text, MAX_MESSAGE);
  fprintf (stderr, "effnet %s: %s; 'effnet %s --help' lists the options\n", command, line, command);
  return CLI_USAGE;
}

void
cli_failure (const char *subject, const char *message)
{
  g_autofree char *text = g_strdelimit (g_strdup (message), "\r\n", ' ');
  g_autofree char *line = cli_printable (g_strchomp (text), MAX_MESSAGE);
  g_autofree char *name = cli_printable (subject, MAX_SUBJECT);

  if (subject != NULL)
    fprintf (stderr, "effnet: %s: %s\n", name, line);
  else
    fprintf (stderr, "effnet: %s\n", line);
}

void
cli_notice (const EffnetModel *model)
{
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  if (info.notice != NULL)
    cli_failure ("note", info.notice);
}

gboolean
cli_open (const CliModelArgs *args, EffnetModel **model, EffnetSession **session, GError **error)
{
  *model = effnet_model_open (args->model, &args->model_options, error);
  if (*model == NULL)
    return FALSE;
  cli_notice (*model);
  *session = effnet_session_new (*model, &args->session_options, error);
  return *session != NULL;
}

gboolean
cli_has_classes (const EffnetModelInfo *info, GError **error)
{
  if (info->n_classes > 0)
    return TRUE;
  g_set_error (
      error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
      "%s has no classifier (num_classes 0), so it knows no classes; `effnet embed` writes "
      "its features, and `effnet train --model` makes a classifier on it",
      info->path);
  return FALSE;
}

int
cli_exit_code (const GError *error)
{
  if (error != NULL)
    cli_failure (NULL, error->message);
  return error == NULL ? CLI_OK : CLI_FAILED;
}
