/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet embed: the pooled features of every frame of every input, a row each, in the order of the
 * inputs. The rows that could be made are written whole or not at all. */
#include "cli/cli.h"
#include "cli/npy.h"
#include "cli/stop.h"
#include "cli/walk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAME 65536 /* characters of a name on a terminal */

typedef struct {
  CliModelArgs args;
  char **inputs;
  char *output, *names;
  int every;
  gboolean normalise, json, all_frames;
  EffnetSession *session;
  const char *model_name;
  Npy *npy;     /* of features, or NULL */
  OutFile *csv; /* of names, or of names and features; NULL with neither: stdout */
  guint64 n_rows;
  unsigned n_features;
  float *row; /* [n_features] */
  GString *line;
  Walk walk;
} Embed;

static gboolean
write_line (Embed *self, GError **error)
{
  g_string_append_c (self->line, '\n');
  if (self->csv != NULL)
    return out_write (self->csv, self->line->str, self->line->len, error);
  fwrite (self->line->str, 1, self->line->len, stdout); /* cli_flush() says how it went */
  return TRUE;
}

/* Features stand in the lines unless they have a file of their own. */
static gboolean
write_head (Embed *self, GError **error)
{
  g_string_assign (self->line, "source,frame,pts_ns");
  for (unsigned c = 0; self->npy == NULL && c < self->n_features; c++)
    g_string_append_printf (self->line, ",f%u", c);
  return write_line (self, error);
}

static gboolean
write_row (Embed *self, const char *input, const SourceFrame *frame, GError **error)
{
  g_autofree char *shown = self->csv == NULL ? cli_printable (input, MAX_NAME) : NULL;

  g_string_truncate (self->line, 0);
  cli_append_csv_frame (self->line, shown != NULL ? shown : input, frame->index, frame->pts_ns);
  for (unsigned c = 0; self->npy == NULL && c < self->n_features; c++) {
    char number[G_ASCII_DTOSTR_BUF_SIZE]; /* nine digits give a float back */

    g_string_append_c (self->line, ',');
    g_string_append (self->line,
                     g_ascii_formatd (number, sizeof number, "%.9g", (double)self->row[c]));
  }
  return write_line (self, error) &&
         (self->npy == NULL || npy_write (self->npy, self->row, self->n_features, error));
}

static void
print_json (Embed *self, const char *input, const SourceFrame *frame)
{
  JsonObject *object = cli_frame_object (input, frame->index, frame->pts_ns, self->model_name);
  JsonArray *features = json_array_new ();

  for (unsigned c = 0; c < self->n_features; c++)
    json_array_add_double_element (features, (double)self->row[c]);
  json_object_set_array_member (object, "features", features);
  cli_print_json (object);
}

static gboolean
embed_frame (gpointer data, const char *input, const SourceFrame *frame, GError **error)
{
  Embed *self = data;
  EffnetResult result;
  double sum = 0;

  if (!effnet_session_classify (self->session, &frame->image, &result, error))
    return FALSE;
  for (unsigned c = 0; c < self->n_features; c++)
    sum += (double)result.features[c] * (double)result.features[c];
  for (unsigned c = 0; c < self->n_features; c++)
    self->row[c] = self->normalise && sum > 0 ? (float)((double)result.features[c] / sqrt (sum))
                                              : result.features[c];
  self->n_rows++;
  if (self->json)
    print_json (self, input, frame);
  else
    write_row (self, input, frame, &self->walk.fatal);
  return TRUE;
}

/* "x.npy" -> "x.csv" */
static char *
names_beside (const char *output)
{
  return g_strdup_printf ("%.*s.csv", (int)(strlen (output) - strlen (".npy")), output);
}

static gboolean
open_files (Embed *self, GError **error)
{
  gboolean is_npy = self->output != NULL && g_str_has_suffix (self->output, ".npy");
  const char *csv = self->output;

  if (self->json)
    return TRUE;
  if (is_npy) {
    self->npy = npy_create (self->output, (const guint64[]){0, self->n_features}, 2, error);
    if (self->npy == NULL)
      return FALSE;
    if (self->names == NULL)
      self->names = names_beside (self->output);
    csv = self->names;
  }
  if (strcmp (csv, "-") != 0 && (self->csv = out_create (csv, error)) == NULL)
    return FALSE;
  return write_head (self, error);
}

static gboolean
close_files (Embed *self, GError **error)
{
  if (self->n_rows == 0 && !self->json) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME,
                 "no input could be read; %s is not written", self->output);
    return FALSE;
  }
  return (self->npy == NULL || (npy_set_rows (self->npy, self->n_rows, error) &&
                                npy_close (g_steal_pointer (&self->npy), error))) &&
         (self->csv == NULL || out_commit (g_steal_pointer (&self->csv), error));
}

static int
embed_all (Embed *self)
{
  g_autoptr (GPtrArray) inputs = walk_expand (self->inputs);
  g_autoptr (GError) error = NULL;
  int code;

  self->walk = (Walk){.session = self->session,
                      .timeout_s = self->args.timeout,
                      .every = self->every,
                      .all_frames = self->all_frames,
                      .frame = embed_frame,
                      .data = self};
  if (!open_files (self, &error))
    return cli_exit_code (error);
  code = walk_inputs (&self->walk, inputs);
  if (cli_stopped () == 0 && self->walk.fatal == NULL)
    close_files (self, &self->walk.fatal);
  return self->walk.fatal != NULL ? cli_exit_code (self->walk.fatal) : code;
}

static int
open_and_embed (Embed *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  EffnetModelInfo info;
  int code;

  if (!cli_open (&self->args, &model, &session, &error))
    return cli_exit_code (error);
  effnet_model_get_info (model, &info);
  self->session = session;
  self->model_name = info.name;
  self->n_features = info.n_features;
  self->row = g_new (float, info.n_features);
  self->line = g_string_new (NULL);
  code = embed_all (self);
  npy_discard (self->npy);
  out_discard (self->csv);
  g_clear_error (&self->walk.fatal);
  g_string_free (self->line, TRUE);
  g_free (self->row);
  return code;
}

static int
check_usage (const Embed *self)
{
  gboolean is_npy = self->output != NULL && g_str_has_suffix (self->output, ".npy");

  if (self->inputs == NULL)
    return cli_usage ("embed", "no INPUT given");
  if (self->every < 1)
    return cli_usage ("embed", "--every %d is below 1", self->every);
  if (self->json != (self->output == NULL))
    return cli_usage ("embed", self->json ? "--json prints; it does not go with --output"
                                          : "--output is missing");
  if (!self->json && !is_npy && strcmp (self->output, "-") != 0 &&
      !g_str_has_suffix (self->output, ".csv"))
    return cli_usage ("embed", "--output '%s' ends neither in .npy nor in .csv, and is not '-'",
                      self->output);
  if (self->names != NULL && !is_npy)
    return cli_usage ("embed", "--names goes with an --output that ends in .npy");
  return -1;
}

int
cmd_embed (int argc, char **argv)
{
  Embed self = {.every = 1};
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &self.output,
       "float32 [N, features] with the names in X.csv; or all in a CSV file; - = CSV on stdout",
       "X.npy|X.csv|-"},
      {"names", 0, 0, G_OPTION_ARG_FILENAME, &self.names,
       "where the names go; - = stdout (default: X.csv)", "FILE"},
      {"l2", 0, 0, G_OPTION_ARG_NONE, &self.normalise,
       "divide each row by its length: then a product of two is their cosine", NULL},
      {"every", 'n', 0, G_OPTION_ARG_INT, &self.every, "of a clip, every Nth frame (default 1)",
       "N"},
      {"all-frames", 'a', 0, G_OPTION_ARG_NONE, &self.all_frames,
       "of GIF, WebP and TIFF all frames or pages, not the first alone", NULL},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "one JSON object a line instead", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.inputs, NULL, NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "embed", "INPUT... --output X.npy",
      "Writes the embedding (the pooled features before the classifier) of pictures, clips, "
      "folders\nand URIs, as 'effnet classify' takes them: a row for each picture or frame.",
      "Names are source, frame and pts_ns (empty for a picture). An input that cannot be read has\n"
      "no row, is named on stderr, and makes the exit code 1.\n\n"
      "Examples:\n  effnet embed --output x.npy photos/\n"
      "  effnet embed --l2 --json cat.jpg\n",
      entries};
  int code = cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_RUN | CLI_TAKES_PICTURES, &self.args,
                        &argc, &argv);

  if (code < 0)
    code = check_usage (&self);
  if (code < 0)
    code = open_and_embed (&self);
  g_strfreev (self.inputs);
  g_free (self.output);
  g_free (self.names);
  cli_model_args_clear (&self.args);
  return code;
}
