/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet preprocess: what the network would get from pictures or clips' first frames: of all
 * inputs, in their order, or nothing is written. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/stop.h"
#include "cli/walk.h"

/* @nhwc: [H][W][3] */
static gboolean
read_input (EffnetSession *session, const char *input, int timeout_s, float *nhwc, GError **error)
{
  Source *source = source_open (input, timeout_s, error);
  SourceFrame frame;
  gboolean ok = source != NULL && source_next (source, &frame, error) == 1 &&
                effnet_session_preprocess (session, &frame.image, nhwc, error);

  source_close (source);
  if (!ok)
    g_prefix_error (error, "%s: ", input);
  return ok;
}

static gboolean
preprocess (const CliModelArgs *args, const GPtrArray *inputs, const char *output, GError **error)
{
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  g_autoptr (Npy) out = NULL;
  EffnetModelInfo info;

  if (!cli_open (args, &model, &session, error))
    return FALSE;
  effnet_model_get_info (model, &info);
  gsize n = (gsize)info.input_height * info.input_width * 3;
  g_autofree float *nhwc = g_try_new (float, n);
  if (nhwc == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s: what is written of it needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 (const char *)inputs->pdata[0], n * sizeof *nhwc);
    return FALSE;
  }
  cli_catch_signals (NULL); /* no half-written file stays */
  for (guint i = 0; i < inputs->len && cli_stopped () == 0; i++) {
    if (!read_input (session, inputs->pdata[i], args->timeout, nhwc, error))
      return FALSE;
    if (out == NULL)
      out = npy_create (
          output, (const guint64[]){inputs->len, info.input_height, info.input_width, 3}, 4, error);
    if (out == NULL || !npy_write (out, nhwc, n, error))
      return FALSE;
  }
  return cli_stopped () == 0 && npy_close (g_steal_pointer (&out), error);
}

int
cmd_preprocess (int argc, char **argv)
{
  CliModelArgs args = {0};
  char *output = NULL;
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output,
                                   "float32 [inputs, S, S, 3] is written", "X.npy"},
                                  {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "preprocess", "INPUT... --output X.npy",
      "Writes exactly what the network would get from pictures, clips (their first frames) and "
      "folders.",
      "Example:\n  effnet preprocess cat.jpg --output x.npy\n", entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_PICTURES, &args, &argc, &argv);

  if (code < 0 && argc < 2)
    code = cli_usage ("preprocess", "no INPUT given");
  if (code < 0 && output == NULL)
    code = cli_usage ("preprocess", "--output is missing");
  if (code < 0) {
    g_autoptr (GPtrArray) inputs = walk_expand (argv + 1);

    code = CLI_FAILED;
    if (!walk_has_failed ()) {
      preprocess (&args, inputs, output, &error);
      code = cli_stopped () != 0 ? CLI_SIGNAL + cli_stopped () : cli_exit_code (error);
    }
  }
  g_free (output);
  cli_model_args_clear (&args);
  return code;
}
