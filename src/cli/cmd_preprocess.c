/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet preprocess: what the network would get from a picture or a clip's first frame. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/source.h"

static gboolean
preprocess (EffnetSession *session, const EffnetModelInfo *info, const char *input,
            const char *output, GError **error)
{
  const guint64 shape[4] = {1, info->input_height, info->input_width, 3};
  gsize n = (gsize)info->input_height * info->input_width * 3;
  g_autofree float *nhwc = g_new (float, n); /* [H][W][3] */
  g_autoptr (Source) source = source_open (input, error);
  SourceFrame frame;
  Npy *out;

  if (source == NULL || source_next (source, &frame, error) != 1 ||
      !effnet_session_preprocess (session, &frame.image, nhwc, error)) {
    g_prefix_error (error, "%s: ", input);
    return FALSE;
  }
  out = npy_create (output, shape, 4, error);
  if (out != NULL && !npy_write (out, nhwc, n, error)) {
    npy_discard (out);
    return FALSE;
  }
  return out != NULL && npy_close (out, error);
}

static gboolean
open_and_preprocess (const char *path, const EffnetModelOptions *model_options,
                     const EffnetSessionOptions *session_options, const char *input,
                     const char *output, GError **error)
{
  g_autoptr (EffnetModel) model = effnet_model_open (path, model_options, error);
  g_autoptr (EffnetSession) session = NULL;
  EffnetModelInfo info;

  if (model == NULL)
    return FALSE;
  session = effnet_session_new (model, session_options, error);
  if (session == NULL)
    return FALSE;
  effnet_model_get_info (model, &info);
  return preprocess (session, &info, input, output, error);
}

int
cmd_preprocess (int argc, char **argv)
{
  CliModelArgs args = {0};
  char *output = NULL;
  EffnetModelOptions model_options;
  EffnetSessionOptions session_options;
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
                                   "float32 [1, S, S, 3] is written", "X.npy"},
                                  {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "preprocess", "INPUT --output X.npy",
      "Writes exactly what the network would get from a picture, or from a clip's first frame.",
      "Example:\n  effnet preprocess cat.jpg --output x.npy\n", entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_PICTURES, &args, &argc, &argv);

  if (code < 0 && argc != 2)
    code = cli_usage ("preprocess", "%d inputs given; expected one", argc - 1);
  if (code < 0 && output == NULL)
    code = cli_usage ("preprocess", "--output is missing");
  if (code < 0 && (!cli_model_options (&args, &model_options, &error) ||
                   !cli_session_options (&args, &session_options, &error)))
    code = cli_usage ("preprocess", "%s", error->message);
  if (code < 0) {
    code = CLI_OK;
    if (!open_and_preprocess (args.model, &model_options, &session_options, argv[1], output,
                              &error)) {
      cli_failure (NULL, error->message);
      code = CLI_FAILED;
    }
  }
  g_free (output);
  cli_model_args_clear (&args);
  return code;
}
