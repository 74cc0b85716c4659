/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet preprocess: what the network would get from pictures or clips' first frames: of all
 * inputs, in their order, or nothing is written. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/stop.h"
#include "cli/walk.h"

typedef struct {
  CliModelArgs args;
  char *output;
  gboolean all_frames;
  EffnetSession *session;
  EffnetModelInfo info;
  Npy *npy;
  float *nhwc; /* [H][W][3] */
  guint64 n_rows;
} Preprocess;

static gboolean
write_frame (Preprocess *self, const SourceFrame *frame, GError **error)
{
  const guint64 shape[] = {1, self->info.input_height, self->info.input_width, 3};

  if (!effnet_session_preprocess (self->session, &frame->image, self->nhwc, error))
    return FALSE;
  if (self->npy == NULL)
    self->npy = npy_create (self->output, shape, 4, error);
  self->n_rows++;
  return self->npy != NULL && npy_write (self->npy, self->nhwc, shape[1] * shape[2] * 3, error);
}

static gboolean
read_input (Preprocess *self, const char *input, GError **error)
{
  Source *source = source_open_all (input, self->args.timeout, self->all_frames, error);
  SourceFrame frame;
  int got = source != NULL ? 1 : -1;
  gboolean ok = TRUE, more = TRUE;

  while (got == 1 && ok && more && (got = source_next (source, &frame, error)) == 1) {
    ok = write_frame (self, &frame, error);
    more = self->all_frames;
  }
  source_close (source);
  if (got < 0 || !ok)
    g_prefix_error (error, "%s: ", input);
  return got >= 0 && ok;
}

static gboolean
preprocess (Preprocess *self, const GPtrArray *inputs, GError **error)
{
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;

  if (!cli_open (&self->args, &model, &session, error))
    return FALSE;
  effnet_model_get_info (model, &self->info);
  gsize n = (gsize)self->info.input_height * self->info.input_width * 3;
  g_autofree float *nhwc = g_try_new (float, n);
  if (nhwc == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s: what is written of it needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 (const char *)inputs->pdata[0], n * sizeof *nhwc);
    return FALSE;
  }
  self->session = session;
  self->nhwc = nhwc;
  cli_catch_signals (NULL); /* no half-written file stays */
  for (guint i = 0; i < inputs->len && cli_stopped () == 0; i++)
    if (!read_input (self, inputs->pdata[i], error))
      return FALSE;
  return cli_stopped () == 0 && self->npy != NULL &&
         npy_set_rows (self->npy, self->n_rows, error) &&
         npy_close (g_steal_pointer (&self->npy), error);
}

int
cmd_preprocess (int argc, char **argv)
{
  Preprocess self = {0};
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {{"all-frames", 'a', 0, G_OPTION_ARG_NONE, &self.all_frames,
                                   "all frames or pages of every input, not the first alone", NULL},
                                  {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
                                   "float32 [inputs, or frames, S, S, 3] is written", "X.npy"},
                                  {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "preprocess", "INPUT... --output X.npy",
      "Writes exactly what the network would get from pictures, clips (their first frames) and "
      "folders.",
      "Example:\n  effnet preprocess cat.jpg --output x.npy\n", entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_PICTURES, &self.args, &argc, &argv);

  if (code < 0 && argc < 2)
    code = cli_usage ("preprocess", "no INPUT given");
  if (code < 0 && self.output == NULL)
    code = cli_usage ("preprocess", "--output is missing");
  if (code < 0) {
    g_autoptr (GPtrArray) inputs = walk_expand (argv + 1);

    code = CLI_FAILED;
    if (!walk_has_failed ()) {
      preprocess (&self, inputs, &error);
      code = cli_stopped () != 0 ? CLI_SIGNAL + cli_stopped () : cli_exit_code (error);
    }
  }
  npy_discard (self.npy);
  g_free (self.output);
  cli_model_args_clear (&self.args);
  return code;
}
