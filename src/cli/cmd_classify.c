/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet classify: every frame of every input through one session. */
#include "cli/cli.h"
#include "cli/progress.h"
#include "cli/walk.h"
#include "effnet/train.h"
#include "gst-plugin/schema_json.h"

#include <stdio.h>
#include <string.h>

#define TOP_K            5
#define TOP_K_UNSAID     G_MININT
#define MAX_SOURCE_WIDTH 40 /* characters */
#define MAX_LABEL        1000
#define MAX_NAME         65536

typedef struct {
  CliModelArgs args;
  char **inputs;
  int top_k, every; /* unsaid: TOP_K, and in the table 1 of a clip */
  gboolean json, csv, all_frames, is_percent;
  EffnetModel *model;
  EffnetSession *session;
  EffnetHead *head; /* of a model that effnet train made; else NULL */
  EffnetHeadInfo head_info;
  double distance; /* of the frame from the classes */
  gboolean is_unknown;
  EffnetScore *top; /* [EFFNET_TOP_K_MAX] */
  const char *model_name;
  glong source_width;
  guint64 n_printed;
} Classify;

/* Whether its score is one that counts; TRUE where nothing says from which on it does. */
static gboolean
is_recognised (const Classify *self, const EffnetScore *score)
{
  const float *thresholds = self->is_percent ? self->head_info.thresholds : NULL;

  return thresholds == NULL || score->score >= thresholds[score->id];
}

static void
print_json (Classify *self, const char *source, const SourceFrame *frame,
            const EffnetResult *result, unsigned n)
{
  JsonObject *object = cli_frame_object (source, frame->index, frame->pts_ns, self->model_name);
  JsonArray *top = json_array_new ();

  for (unsigned i = 0; i < n; i++) {
    g_autofree char *label = cli_label (self->model, self->top[i].id);
    JsonObject *score =
        gst_effnet_schema_json_add_class (top, self->top[i].id, label, self->top[i].score);

    if (self->head_info.thresholds != NULL)
      json_object_set_boolean_member (score, "recognised", is_recognised (self, &self->top[i]));
  }
  json_object_set_array_member (object, "top", top);
  if (self->head_info.unknown_method != EFFNET_UNKNOWN_NONE) {
    json_object_set_boolean_member (object, "unknown", self->is_unknown);
    json_object_set_double_member (object, "distance", self->distance);
  }
  if (result->warnings > 0)
    json_object_set_double_member (object, "damage", result->damage);
  cli_print_json (object);
}

/* A line for each class, best first; numbers as in JSON. */
static void
print_csv (Classify *self, const char *source, const SourceFrame *frame, unsigned n)
{
  g_autoptr (GString) line = g_string_new (NULL);
  g_autofree char *shown = cli_printable (source, MAX_NAME);

  if (self->n_printed++ == 0)
    g_string_append (line, "source,frame,pts_ns,rank,id,label,score\n");
  for (unsigned i = 0; i < n; i++) {
    g_autofree char *label = cli_label (self->model, self->top[i].id);
    g_autofree char *shown_label = cli_printable (label, MAX_LABEL);

    cli_append_csv_frame (line, shown, frame->index, frame->pts_ns);
    g_string_append_printf (line, ",%u,%u,", i + 1, self->top[i].id);
    cli_append_csv (line, shown_label);
    g_string_append_c (line, ',');
    gst_effnet_json_append_double (line, (double)self->top[i].score);
    g_string_append_c (line, '\n');
  }
  fwrite (line->str, 1, line->len, stdout); /* cli_flush() says how it went */
}

/* The last part of a path or URI. */
static char *
short_name (const char *source)
{
  g_autofree char *last = g_path_get_basename (source);

  return cli_printable (last, MAX_SOURCE_WIDTH);
}

/* The name of class @i of the best, and what a trained head says against it. */
static char *
row_label (const Classify *self, unsigned i)
{
  g_autofree char *label = cli_label (self->model, self->top[i].id);
  g_autofree char *printable = cli_printable (label, MAX_LABEL);

  if (i == 0 && self->is_unknown)
    return g_strdup_printf ("unknown (nearest: %s)", printable);
  if (i == 0 && !is_recognised (self, &self->top[i]))
    return g_strdup_printf ("%s (not sure)", printable);
  return g_steal_pointer (&printable);
}

static void
print_row (Classify *self, const char *source, const SourceFrame *frame, unsigned n)
{
  g_autofree char *name = short_name (source);
  g_autofree char *index = g_strdup_printf ("%" G_GUINT64_FORMAT, frame->index);
  int width = (int)self->source_width;
  char when[32] = "-", score[32];

  if (self->n_printed++ == 0)
    printf ("%-*s  %6s  %9s  %6s  LABEL\n", width, "SOURCE", "FRAME", "TIME", "SCORE");
  if (frame->pts_ns >= 0)
    g_snprintf (when, sizeof when, "%.3f s", (double)frame->pts_ns / 1e9);
  for (unsigned i = 0; i < n; i++) {
    g_autofree char *label = row_label (self, i);
    gboolean first = i == 0;

    if (self->is_percent)
      g_snprintf (score, sizeof score, "%.1f%%", 100.0 * self->top[i].score);
    else
      g_snprintf (score, sizeof score, "%.3f", self->top[i].score);
    printf ("%s%*s  %6s  %9s  %6s  %s\n", first ? name : "",
            (int)MAX (0, width - (first ? g_utf8_strlen (name, -1) : 0)), "", first ? index : "",
            first ? when : "", score, label);
  }
}

static gboolean
classify_frame (gpointer data, const char *input, const SourceFrame *frame, GError **error)
{
  Classify *self = data;
  EffnetResult result;
  gboolean brief = self->top_k < 0 && !self->json && !self->csv && frame->pts_ns >= 0;
  unsigned k = self->top_k > 0 ? (unsigned)self->top_k : brief ? 1 : TOP_K, n;

  if (!effnet_session_classify (self->session, &frame->image, &result, error))
    return FALSE;
  if (self->head != NULL)
    self->is_unknown = effnet_head_apply (self->head, result.features, NULL, NULL, &self->distance);
  n = effnet_result_top_k (&result, k, self->top);
  progress_clear ();
  if (self->json)
    print_json (self, input, frame, &result, n);
  else if (self->csv)
    print_csv (self, input, frame, n);
  else
    print_row (self, input, frame, n);
  cli_flush ();
  return TRUE;
}

static int
classify_all (Classify *self)
{
  g_autoptr (GPtrArray) inputs = walk_expand (self->inputs);
  Walk walk = {.session = self->session,
               .timeout_s = self->args.timeout,
               .every = self->every,
               .all_frames = self->all_frames,
               .frame = classify_frame,
               .data = self};

  self->source_width = (glong)strlen ("SOURCE");
  for (guint i = 0; i < inputs->len; i++) {
    g_autofree char *name = short_name (inputs->pdata[i]);
    self->source_width = MAX (self->source_width, g_utf8_strlen (name, -1));
  }
  return walk_inputs (&walk, inputs);
}

/* What the card of a model that was trained as a head says of its classes. FALSE when it is broken.
 */
static gboolean
open_head (Classify *self, const char *path, GError **error)
{
  g_autoptr (GError) cause = NULL;
  EffnetHeadInfo info;

  if (path == NULL)
    return TRUE;
  self->head = effnet_head_open (path, &cause);
  if (self->head == NULL && !g_error_matches (cause, EFFNET_ERROR, EFFNET_ERROR_MISMATCH)) {
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  if (self->head == NULL)
    return TRUE;
  effnet_head_get_info (self->head, &info);
  if (info.backbone_sha256 != NULL)
    self->head_info = info;
  else
    g_clear_pointer (&self->head, effnet_head_unref);
  return TRUE;
}

static int
open_and_run (Classify *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetSession) session = NULL;
  g_autofree EffnetScore *top = g_new (EffnetScore, EFFNET_TOP_K_MAX);
  EffnetOutputActivation activation = self->args.session_options.activation;
  EffnetModelInfo info;

  if (!cli_open (&self->args, &model, &session, &error))
    return cli_exit_code (error);
  effnet_model_get_info (model, &info);
  if (!cli_has_classes (&info, &error))
    return cli_exit_code (error);
  self->model = model;
  self->session = session;
  self->model_name = info.name;
  self->is_percent = activation == EFFNET_OUTPUT_ACTIVATION_AUTO
                         ? strcmp (info.activation, "none") != 0
                         : activation != EFFNET_OUTPUT_ACTIVATION_NONE;
  self->top = top;
  if (!open_head (self, info.path, &error))
    return cli_exit_code (error);
  return classify_all (self);
}

int
cmd_classify (int argc, char **argv)
{
  Classify self = {.top_k = TOP_K_UNSAID, .every = 1};
  const GOptionEntry entries[] = {
      {"top-k", 'k', 0, G_OPTION_ARG_INT, &self.top_k,
       "classes a result (default 5; in the table 1 of a clip's frame)", "K"},
      {"every", 'n', 0, G_OPTION_ARG_INT, &self.every, "of a clip, every Nth frame (default 1)",
       "N"},
      {"all-frames", 'a', 0, G_OPTION_ARG_NONE, &self.all_frames,
       "of GIF, WebP and TIFF all frames or pages, not the first alone", NULL},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &self.json, "one JSON object a line", NULL},
      {"csv", 0, 0, G_OPTION_ARG_NONE, &self.csv,
       "CSV (RFC 4180), a line for each class of a result", NULL},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &self.inputs, NULL, NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "classify", "INPUT...",
      "Classifies pictures, clips, folders (searched to their depth, in order of names) and URIs.",
      "A JSON line holds source, frame, pts_ns (null for a picture), model and top: a list of id,\n"
      "label and score, best first. A JPEG that its decoder complains of has damage, too: the "
      "share\n"
      "of the picture that is lost or in doubt. A model that effnet train made has unknown, "
      "whether\n"
      "the picture is farther from its classes (distance) than pictures of them are, and in each\n"
      "class recognised, whether the score reaches the class's threshold.\n\n"
      "Examples:\n  effnet classify cat.jpg\n"
      "  effnet classify --json --every 10 --top-k 1 clip.mp4\n"
      "  effnet classify --csv photos/ >photos.csv\n",
      entries};
  int code =
      cli_parse (&command, CLI_TAKES_MODEL | CLI_TAKES_SCORES | CLI_TAKES_RUN | CLI_TAKES_PICTURES,
                 &self.args, &argc, &argv);

  if (code < 0 && self.inputs == NULL)
    code = cli_usage ("classify", "no INPUT given");
  if (code < 0 && self.top_k != TOP_K_UNSAID && (self.top_k < 1 || self.top_k > EFFNET_TOP_K_MAX))
    code = cli_usage ("classify", "--top-k %d is not in 1..%d", self.top_k, EFFNET_TOP_K_MAX);
  if (code < 0 && self.csv && self.json)
    code = cli_usage ("classify", "--csv and --json are two forms of the same; expected one");
  if (code < 0 && self.every < 1)
    code = cli_usage ("classify", "--every %d is below 1", self.every);
  if (code < 0)
    code = open_and_run (&self);
  g_strfreev (self.inputs);
  g_clear_pointer (&self.head, effnet_head_unref);
  cli_model_args_clear (&self.args);
  return code;
}
