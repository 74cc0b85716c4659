/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet run: a batch of tensors from one .npy file to another, a row at a time. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/outfile.h"
#include "cli/stop.h"

#include <string.h>

#define MAX_STAGE 30   /* that a list may name; which there are the model says */
#define MAX_SIDE  1024 /* of the network's input, where nobody asked for more */

typedef struct {
  CliModelArgs args;
  char *input, *output;
  gboolean features;
  char *stages;
  EffnetStage about[EFFNET_STAGES_MAX];
  Npy *maps[EFFNET_STAGES_MAX]; /* by number of the stage, of those asked for */
  EffnetSession *session;
} Run;

/* [N, H, W, 3]: the network is laid out for that size where it is square. */
static gboolean
check_shape (const CliModelArgs *args, const Npy *in, GError **error)
{
  const guint64 *s = in->shape;
  g_autoptr (GString) text = g_string_new ("(");
  gboolean ok = in->n_dims == 4 && s[3] == 3 && MIN (s[1], s[2]) >= 1 &&
                MAX (s[1], s[2]) <= EFFNET_INPUT_SIDE_MAX;

  if (ok && args->input_size == 0 && s[1] > MAX_SIDE) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s: holds pictures of %" G_GUINT64_FORMAT
                 " pixels a side, which take much memory; --input-size %" G_GUINT64_FORMAT
                 " says that this is meant",
                 in->path, s[1], s[1]);
    return FALSE;
  }
  if (ok && args->input_size != 0 && (guint64)args->input_size != s[1]) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s: holds pictures of %" G_GUINT64_FORMAT " pixels a side; --input-size says %d",
                 in->path, s[1], args->input_size);
    return FALSE;
  }
  for (unsigned i = 0; i < in->n_dims; i++)
    g_string_append_printf (text, "%s%" G_GUINT64_FORMAT, i > 0 ? ", " : "", s[i]);
  if (!ok)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s: has shape %s); expected (N, S, S, 3), or the model's own height and width, "
                 "with S in 1..%d",
                 in->path, text->str, EFFNET_INPUT_SIDE_MAX);
  return ok;
}

/* "2,3,5" as bits of @mask; FALSE for what is no such list. */
static gboolean
parse_stages (const char *text, unsigned *mask)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  guint64 number;

  *mask = 0;
  for (unsigned i = 0; words[i] != NULL; i++) {
    if (!g_ascii_string_to_unsigned (words[i], 10, 0, MAX_STAGE, &number, NULL))
      return FALSE;
    *mask |= 1u << number;
  }
  return *mask != 0;
}

/* "y.npy" -> "y-stage3.npy", [@n][height][width][channels] each. */
static gboolean
create_maps (Run *self, guint64 n, GError **error)
{
  gsize stem = strlen (self->output) - (g_str_has_suffix (self->output, ".npy") ? 4 : 0);

  for (unsigned s = 0; self->args.session_options.stages >> s != 0; s++) {
    const EffnetStage *stage = &self->about[s];
    g_autofree char *path = g_strdup_printf ("%.*s-stage%u.npy", (int)stem, self->output, s);
    const guint64 shape[] = {n, stage->height, stage->width, stage->channels};

    if (self->args.session_options.stages >> s & 1 &&
        (self->maps[s] = npy_create (path, shape, 4, error)) == NULL)
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_maps (Run *self, const EffnetResult *result, GError **error)
{
  for (unsigned s = 0; s < EFFNET_STAGES_MAX; s++) {
    const EffnetStage *stage = &self->about[s];
    gsize n = (gsize)stage->height * stage->width * stage->channels;

    if (self->maps[s] != NULL && !npy_write (self->maps[s], result->stages[s], n, error))
      return FALSE;
  }
  return TRUE;
}

/* All files appear once the last of them is whole. */
static gboolean
close_files (Run *self, Npy *out, GError **error)
{
  gboolean ok = npy_close (out, error);

  for (unsigned s = 0; ok && s < EFFNET_STAGES_MAX; s++)
    ok = self->maps[s] == NULL || npy_close (g_steal_pointer (&self->maps[s]), error);
  return ok;
}

static gboolean
run (Run *self, GError **error)
{
  g_autoptr (Npy) in = npy_open (self->input, error), out = NULL;
  g_autoptr (EffnetModel) model = NULL;
  EffnetModelInfo info;
  EffnetResult result;

  if (in == NULL || !check_shape (&self->args, in, error))
    return FALSE;
  if (in->shape[1] == in->shape[2])
    self->args.model_options.input_size = (unsigned)in->shape[1];
  if (!cli_open (&self->args, &model, &self->session, error))
    return FALSE;
  effnet_model_get_info (model, &info);
  if (info.input_height != in->shape[1] || info.input_width != in->shape[2]) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s: holds pictures of %u x %u pixels; the model takes %u x %u, or a square",
                 in->path, (unsigned)in->shape[1], (unsigned)in->shape[2], info.input_height,
                 info.input_width);
    return FALSE;
  }
  if (!self->features && !cli_has_classes (&info, error))
    return FALSE;
  effnet_model_get_stages (model, self->about);
  gsize n_in = (gsize)(in->shape[1] * in->shape[2] * 3);
  gsize n_out = self->features ? info.n_features : info.n_classes;
  g_autofree float *nhwc = g_try_new (float, n_in); /* [H][W][3] */

  if (nhwc == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s: a picture needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 in->path, n_in * sizeof *nhwc);
    return FALSE;
  }
  cli_catch_signals (self->session); /* no half-written file stays */
  out = npy_create (self->output, (const guint64[]){in->shape[0], n_out}, 2, error);
  if (out == NULL || !create_maps (self, in->shape[0], error))
    return FALSE;
  for (guint64 i = 0; i < in->shape[0]; i++) {
    if (cli_stopped () != 0)
      return TRUE;
    if (!npy_read (in, nhwc, n_in, error) ||
        !effnet_session_run (self->session, nhwc, &result, error) ||
        !npy_write (out, self->features ? result.features : result.logits, n_out, error) ||
        !write_maps (self, &result, error))
      return FALSE;
  }
  return close_files (self, g_steal_pointer (&out), error);
}

static void
clear (Run *self)
{
  cli_forget_session ();
  for (unsigned s = 0; s < EFFNET_STAGES_MAX; s++)
    npy_discard (self->maps[s]);
  effnet_session_free (self->session);
  g_free (self->input);
  g_free (self->output);
  g_free (self->stages);
  cli_model_args_clear (&self->args);
}

int
cmd_run (int argc, char **argv)
{
  Run self = {0};
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {{"input", 'i', 0, G_OPTION_ARG_FILENAME, &self.input,
                                   "float32 [N, S, S, 3], normalised", "X.npy"},
                                  {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
                                   "float32 [N, classes] is written", "Y.npy"},
                                  {"features", 'f', 0, G_OPTION_ARG_NONE, &self.features,
                                   "pooled features [N, channels] instead of logits", NULL},
                                  {"stages", 0, 0, G_OPTION_ARG_STRING, &self.stages,
                                   "also the feature maps of these stages, [N, H, W, channels] "
                                   "each in Y-stageK.npy; 'effnet info' lists them",
                                   "K,K,..."},
                                  {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "run", "--input X.npy --output Y.npy",
      "Runs the network alone on tensors that are already normalised. The network is laid out for\n"
      "the pictures' size. The default --precision is fp32 here.",
      "Stages count as timm's feature_info does; its features_only=True gives 1, 2, 3, 5 and 7.\n\n"
      "Examples:\n  effnet run --model models/lite0 --input x.npy --output logits.npy\n"
      "  effnet run --model models/lite0 --input x.npy --output y.npy --stages 3,5,7\n",
      entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_RUN, &self.args, &argc, &argv);

  if (code < 0 && argc > 1)
    code = cli_usage ("run", "'%s' is not expected", argv[1]);
  if (code < 0 && (self.input == NULL || self.output == NULL))
    code = cli_usage ("run", "--%s is missing", self.input == NULL ? "input" : "output");
  if (code < 0 && self.stages != NULL &&
      !parse_stages (self.stages, &self.args.session_options.stages))
    code = cli_usage ("run", "--stages '%s' is no list of numbers such as 3,5,7", self.stages);
  if (self.args.precision == NULL)
    self.args.model_options.precision = EFFNET_PRECISION_FP32;
  if (code < 0) {
    out_spare (self.input);
    run (&self, &error);
    code = cli_stopped () != 0 ? CLI_SIGNAL + cli_stopped () : cli_exit_code (error);
  }
  clear (&self);
  return code;
}
