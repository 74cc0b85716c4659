/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet run: a batch of tensors from one .npy file to another, a row at a time. */
#include "cli/cli.h"
#include "cli/npy.h"

#include <string.h>

typedef struct {
  CliModelArgs args;
  char *input, *output;
  gboolean features;
} Run;

/* [N, H, W, 3] with H = W: the network is laid out for that size. */
static gboolean
check_shape (const char *path, const Npy *in, GError **error)
{
  const guint64 *s = npy_shape (in);
  g_autoptr (GString) text = g_string_new ("(");

  if (npy_n_dims (in) == 4 && s[3] == 3 && s[1] == s[2] && s[1] >= 1 &&
      s[1] <= EFFNET_INPUT_SIDE_MAX)
    return TRUE;
  for (unsigned i = 0; i < npy_n_dims (in); i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", s[i]);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
               "%s: has shape %s); expected (N, S, S, 3) with S in 1..%d", path, text->str,
               EFFNET_INPUT_SIDE_MAX);
  return FALSE;
}

static gboolean
run_rows (const Run *self, EffnetModel *model, EffnetSession *session, Npy *in, GError **error)
{
  const guint64 *s = npy_shape (in);
  gsize n_in = (gsize)(s[1] * s[2] * 3);
  g_autofree float *nhwc = g_new (float, n_in); /* [H][W][3] */
  EffnetModelInfo info;
  EffnetResult result;
  guint64 shape[2] = {s[0], 0};
  Npy *out;

  effnet_model_get_info (model, &info);
  shape[1] = self->features ? info.n_features : info.n_classes;
  out = npy_create (self->output, shape, 2, error);
  for (guint64 i = 0; out != NULL && i < s[0]; i++) {
    if (!npy_read (in, nhwc, n_in, error)) {
      npy_discard (out);
      return FALSE;
    }
    effnet_session_run (session, nhwc, &result);
    if (!npy_write (out, self->features ? result.features : result.logits, (gsize)shape[1],
                    error)) {
      npy_discard (out);
      return FALSE;
    }
  }
  return out != NULL && npy_close (out, error);
}

static gboolean
open_and_run (const Run *self, EffnetModelOptions *model_options,
              const EffnetSessionOptions *session_options, GError **error)
{
  Npy *in = npy_open (self->input, error);
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  gboolean ok = FALSE;

  if (in != NULL && check_shape (self->input, in, error)) {
    if (model_options->input_size == 0)
      model_options->input_size = (unsigned)npy_shape (in)[1];
    if (model_options->input_size != npy_shape (in)[1])
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                   "%s: holds pictures of %" G_GUINT64_FORMAT
                   " pixels a side; --input-size says %u",
                   self->input, npy_shape (in)[1], model_options->input_size);
    else
      model = effnet_model_open (self->args.model, model_options, error);
    if (model != NULL)
      session = effnet_session_new (model, session_options, error);
    ok = session != NULL && run_rows (self, model, session, in, error);
  }
  npy_discard (in);
  return ok;
}

int
cmd_run (int argc, char **argv)
{
  Run self = {0};
  EffnetModelOptions model_options;
  EffnetSessionOptions session_options;
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {{"input", 'i', 0, G_OPTION_ARG_FILENAME, &self.input,
                                   "float32 [N, S, S, 3], normalised", "X.npy"},
                                  {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
                                   "float32 [N, classes] is written", "Y.npy"},
                                  {"features", 'f', 0, G_OPTION_ARG_NONE, &self.features,
                                   "pooled features [N, channels] instead of logits", NULL},
                                  {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "run", "--input X.npy --output Y.npy",
      "Runs the network alone on tensors that are already normalised. The network is laid out for\n"
      "the pictures' size. The default --precision is fp32 here.",
      "Example:\n  effnet run --model models/lite0 --input x.npy --output logits.npy\n", entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_RUN, &self.args, &argc, &argv);

  if (code < 0 && argc > 1)
    code = cli_usage ("run", "'%s' is not expected", argv[1]);
  if (code < 0 && (self.input == NULL || self.output == NULL))
    code = cli_usage ("run", "--%s is missing", self.input == NULL ? "input" : "output");
  if (self.args.precision == NULL)
    self.args.precision = g_strdup ("fp32");
  if (code < 0 && (!cli_model_options (&self.args, &model_options, &error) ||
                   !cli_session_options (&self.args, &session_options, &error)))
    code = cli_usage ("run", "%s", error->message);
  if (code < 0) {
    code = CLI_OK;
    if (!open_and_run (&self, &model_options, &session_options, &error)) {
      cli_failure (NULL, error->message);
      code = CLI_FAILED;
    }
  }
  g_free (self.input);
  g_free (self.output);
  cli_model_args_clear (&self.args);
  return code;
}
