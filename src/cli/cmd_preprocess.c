/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet preprocess: what the network would get from a picture or a clip's first frame. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/source.h"

static gboolean
preprocess (const CliModelArgs *args, const char *input, const char *output, GError **error)
{
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  g_autoptr (Source) source = NULL;
  g_autoptr (Npy) out = NULL;
  EffnetModelInfo info;
  SourceFrame frame;

  if (!cli_open (args, &model, &session, error))
    return FALSE;
  effnet_model_get_info (model, &info);
  gsize n = (gsize)info.input_height * info.input_width * 3;
  g_autofree float *nhwc = g_try_new (float, n); /* [H][W][3] */
  if (nhwc == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s: what is written of it needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 input, n * sizeof *nhwc);
    return FALSE;
  }
  source = source_open (input, args->timeout, error);
  if (source == NULL || source_next (source, &frame, error) != 1 ||
      !effnet_session_preprocess (session, &frame.image, nhwc, error)) {
    g_prefix_error (error, "%s: ", input);
    return FALSE;
  }
  out = npy_create (output, (const guint64[]){1, info.input_height, info.input_width, 3}, 4, error);
  return out != NULL && npy_write (out, nhwc, n, error) &&
         npy_close (g_steal_pointer (&out), error);
}

int
cmd_preprocess (int argc, char **argv)
{
  CliModelArgs args = {0};
  char *output = NULL;
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
  if (code < 0) {
    preprocess (&args, argv[1], output, &error);
    code = cli_exit_code (error);
  }
  g_free (output);
  cli_model_args_clear (&args);
  return code;
}
