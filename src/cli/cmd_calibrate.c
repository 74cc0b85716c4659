/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet calibrate: means of activations, from frames, for a model whose file has no statistics of
 * its own. They go beside the weights, whole or not at all. */
#include "cli/cli.h"
#include "cli/walk.h"

#include <stdio.h>

#define USUAL_FRAMES 256

typedef struct {
  CliModelArgs args;
  char **words; /* the model, then the inputs */
  int every, frames;
  gboolean json;
  EffnetSession *session;
  Walk walk;
  gint64 n_done;
} Calibrate;

static gboolean
measure_frame (gpointer data, const char *input, const SourceFrame *frame, GError **error)
{
  Calibrate *self = data;
  EffnetResult result;

  (void)input;
  if (!effnet_session_classify (self->session, &frame->image, &result, error))
    return FALSE;
  self->n_done++;
  self->walk.enough = self->n_done >= self->frames;
  return TRUE;
}

static void
print_done (const Calibrate *self, const char *path)
{
  JsonObject *object;

  if (!self->json) {
    g_autofree char *shown = cli_printable (path, 4096);
    printf ("means of %" G_GINT64_FORMAT " frames in %s\n", self->n_done, shown);
    return;
  }
  object = json_object_new ();
  json_object_set_string_member (object, "means", path);
  json_object_set_int_member (object, "frames", self->n_done);
  cli_print_json (object);
}

static int
measure_all (Calibrate *self)
{
  g_autoptr (GPtrArray) inputs = walk_expand (self->words + 1);
  g_autoptr (GError) error = NULL;
  g_autofree char *path = NULL;
  int code;

  self->walk = (Walk){.session = self->session,
                      .timeout_s = self->args.timeout,
                      .every = self->every,
                      .frame = measure_frame,
                      .data = self};
  code = walk_inputs (&self->walk, inputs);
  if (code > CLI_SIGNAL)
    return code;
  path = effnet_session_save_means (self->session, &error);
  if (path == NULL)
    return cli_exit_code (error);
  print_done (self, path);
  return code;
}

static int
open_and_measure (Calibrate *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;

  self->args.model = g_strdup (self->words[0]);
  self->args.model_options.precision = EFFNET_PRECISION_FP32;
  if (!cli_open (&self->args, &model, &session, &error) ||
      !effnet_session_measure (session, &error))
    return cli_exit_code (error);
  self->session = session;
  return measure_all (self);
}

static int
check_usage (const Calibrate *self)
{
  if (self->words == NULL)
    return cli_usage ("calibrate", "no MODEL given");
  if (self->words[1] == NULL)
    return cli_usage ("calibrate", "no INPUT given");
  if (self->every < 1)
    return cli_usage ("calibrate", "--every %d is below 1", self->every);
  if (self->frames < 1)
    return cli_usage ("calibrate", "--frames %d is below 1", self->frames);
  return -1;
}

int
cmd_calibrate (int argc, char **argv)
{
  Calibrate self = {.every = 1, .frames = USUAL_FRAMES};
  const GOptionEntry entries[] = {
      {"frames", 0, 0, G_OPTION_ARG_INT, &self.frames,
       "stop after so many (default 256); of a camera the first ones", "N"},
      {"every", 'n', 0, G_OPTION_ARG_INT, &self.every,
       "of a clip or a stream, every Nth frame (default 1)", "N"},
      {"variant", 'v', 0, G_OPTION_ARG_STRING, &self.args.variant,
       "what a bare file without a card is", "NAME"},
      {"threads", 't', 0, G_OPTION_ARG_INT, &self.args.threads,
       "workers; 0 (default) = the CPUs this process may use", "N"},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "one JSON object", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.words, NULL, NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "calibrate", "MODEL INPUT...",
      "Measures what the layers of a model read on average, over pictures, clips, folders and "
      "URIs\n"
      "(a camera's rtsp:// among them), and writes that beside its weights, as NAME.means. Opened\n"
      "in bf16 or int8 the model then corrects its biases with it.",
      "For models whose batch norm has been folded into the weights, as TFLite's are; others have\n"
      "these means in their statistics and need no frame. A few dozen frames do, without "
      "labels.\n\n"
      "Examples:\n  effnet calibrate flowers/ photos/\n"
      "  effnet calibrate --every 25 --frames 64 flowers/ rtsp://camera/stream\n",
      entries};
  int code = cli_parse (&command, CLI_TAKES_PICTURES, &self.args, &argc, &argv);

  if (code < 0)
    code = check_usage (&self);
  if (code < 0)
    code = open_and_measure (&self);
  g_strfreev (self.words);
  cli_model_args_clear (&self.args);
  return code;
}
