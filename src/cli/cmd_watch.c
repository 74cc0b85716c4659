/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet watch: runs a pipeline with effnetclassify in it and prints what the elements announce,
 * each line when it comes. What gst-launch-1.0 -m prints is for people alone. */
#include "cli/cli.h"
#include "cli/player.h"
#include "cli/reconnect.h"
#include "cli/stop.h"
#include "gst-plugin/schema_json.h"

#include <stdio.h>
#include <string.h>

#define MAX_NAME      300   /* characters */
#define SILENCE_S     30    /* which a camera may keep */
#define MAX_SILENCE_S 86400 /* a day */
#define ANEW          "; from now on it is opened anew every second"

typedef struct {
  gboolean json, reconnect;
  int metrics;      /* port; negative: none */
  int timeout;      /* s; 0: none */
  Reconnect *waits; /* with reconnect */
} Options;

static void
print_json (const GstStructure *s, const GstEffnetRecord *record, GstClockTime stream_time)
{
  static GstEffnetEntry entries[EFFNET_TOP_K_MAX];
  guint n = gst_effnet_schema_read_entries (s, entries, EFFNET_TOP_K_MAX);
  JsonObject *object = json_object_new ();
  JsonArray *top = json_array_new ();

  json_object_set_string_member (object, "element", record->element);
  json_object_set_string_member (object, "region", record->region);
  if (GST_CLOCK_TIME_IS_VALID (stream_time))
    json_object_set_int_member (object, "stream_time_ns", (gint64)stream_time);
  else
    json_object_set_null_member (object, "stream_time_ns");
  json_object_set_string_member (object, "model", record->model);
  for (guint i = 0; i < n; i++)
    gst_effnet_schema_json_add_class (top, entries[i].id, entries[i].label,
                                      (float)entries[i].score);
  json_object_set_array_member (object, "top", top);
  if (record->unknown)
    json_object_set_boolean_member (object, "unknown", TRUE);
  if (*record->stable.label != '\0') {
    json_object_set_string_member (object, "stable_label", record->stable.label);
    json_object_set_boolean_member (object, "state_changed", record->state_changed);
  }
  cli_print_json (object);
}

static void
print_row (const GstEffnetRecord *record, GstClockTime stream_time)
{
  g_autofree char *name = record->is_part
                              ? g_strdup_printf ("%s:%s", record->element, record->region)
                              : g_strdup (record->element);
  g_autofree char *subject = cli_printable (name, MAX_NAME);
  gboolean stable = *record->stable.label != '\0';
  g_autofree char *label =
      cli_printable (stable ? record->stable.label : record->best.label, MAX_NAME);
  double seconds = GST_CLOCK_TIME_IS_VALID (stream_time) ? (double)stream_time / 1e9 : 0;

  printf ("%-16s  %9.3f s  %5.1f %%  %s\n", subject, seconds, 100 * record->best.score, label);
}

static gboolean
print_result (GstMessage *message, gboolean json, GError **error)
{
  const GstStructure *s = gst_message_get_structure (message);
  guint n = gst_effnet_schema_n_parts (s);
  GstEffnetMoment moment;
  GstEffnetRecord record;

  if (!gst_effnet_schema_read_moment (s, &moment, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const GstStructure *part = gst_effnet_schema_get_part (s, i);

    if (!gst_effnet_schema_read (part, &record, error))
      return FALSE;
    if (json)
      print_json (part, &record, moment.stream_time);
    else
      print_row (&record, moment.stream_time);
  }
  cli_flush ();
  return TRUE;
}

/* The device that an element is for, as v4l2src has it; NULL: none. */
static char *
device_of (GstObject *element)
{
  GParamSpec *spec = g_object_class_find_property (G_OBJECT_GET_CLASS (element), "device");
  char *device = NULL;

  if (spec != NULL && spec->value_type == G_TYPE_STRING)
    g_object_get (element, "device", &device, NULL);
  return device;
}

/* An element that left the sentence to GStreamer says what happened in the last line of @debug.
 * @more: what follows from it. */
static void
print_complaint (GstMessage *message, const GError *error, const char *debug, const char *more)
{
  g_autofree char *general = gst_error_get_message (error->domain, error->code);
  g_autofree char *device = device_of (GST_MESSAGE_SRC (message)), *text = NULL;
  const char *line = debug != NULL ? strrchr (debug, '\n') : NULL;
  gboolean is_named = device == NULL || strstr (error->message, device) != NULL;

  if (line == NULL || strcmp (error->message, general) != 0)
    line = NULL;
  text = g_strconcat (is_named ? "" : device, is_named ? "" : ": ", error->message,
                      line != NULL ? " " : "", line != NULL ? line + 1 : "", more, NULL);
  cli_failure (GST_MESSAGE_SRC_NAME (message), text);
}

/* TRUE: the camera that failed is waited for. */
static gboolean
is_waited_for (GstMessage *message, const GError *error, const char *debug, const Options *options)
{
  gboolean is_news;

  if (options->waits == NULL || !reconnect_take (options->waits, message, &is_news))
    return FALSE;
  if (is_news)
    print_complaint (message, error, debug, ANEW);
  return TRUE;
}

/* A camera that ends its stream, or keeps silent, is waited for. */
static void
wait_on (GstMessage *message, const Options *options)
{
  g_autoptr (GstElement) source = NULL;

  if (options->waits != NULL && gst_message_has_name (message, RECONNECT_END))
    source = reconnect_take_end (options->waits, message);
  if (source != NULL) {
    g_autofree char *text = g_strconcat (
        gst_structure_get_string (gst_message_get_structure (message), "what"), ANEW, NULL);

    cli_failure (GST_OBJECT_NAME (source), text);
  }
}

static void
print_back (GstMessage *message)
{
  g_autoptr (GstElement) source = NULL;
  g_autofree char *device = NULL, *text = NULL;

  if (!gst_message_has_name (message, RECONNECT_MESSAGE))
    return;
  gst_structure_get (gst_message_get_structure (message), "source", GST_TYPE_ELEMENT, &source,
                     NULL);
  device = device_of (GST_OBJECT (source));
  text = g_strconcat (device != NULL ? device : "it", " is back", NULL);
  cli_failure (GST_OBJECT_NAME (source), text);
}

/* -1: go on, else the exit code. */
static int
handle (GstElement *pipeline, GstMessage *message, const Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;
  const char *name = GST_MESSAGE_SRC_NAME (message);

  switch (GST_MESSAGE_TYPE (message)) {
  case GST_MESSAGE_ELEMENT:
    if (gst_message_has_name (message, GST_EFFNET_MESSAGE_NAME) &&
        !print_result (message, options->json, &error))
      return cli_exit_code (error);
    if (gst_message_has_name (message, "effnetclassify-metrics"))
      cli_failure (name, gst_structure_get_string (gst_message_get_structure (message), "url"));
    break;
  case GST_MESSAGE_WARNING:
    gst_message_parse_warning (message, &error, &debug);
    print_complaint (message, error, debug, NULL);
    break;
  case GST_MESSAGE_ERROR:
    gst_message_parse_error (message, &error, &debug);
    if (is_waited_for (message, error, debug, options))
      break;
    print_complaint (message, error, debug, NULL);
    return CLI_FAILED;
  case GST_MESSAGE_APPLICATION:
    wait_on (message, options);
    print_back (message);
    break;
  case GST_MESSAGE_LATENCY:
    gst_bin_recalculate_latency (GST_BIN (pipeline));
    break;
  case GST_MESSAGE_EOS:
    if (options->waits != NULL && reconnect_is_waiting (options->waits))
      break;
    return CLI_OK;
  default:
    break;
  }
  return -1;
}

/* Opens an endpoint for metrics at @port, if that is not negative. FALSE: there is no classifier.
 */
static gboolean
set_up_classifiers (GstElement *pipeline, int port)
{
  GstIterator *iterator =
      gst_bin_iterate_all_by_element_factory_name (GST_BIN (pipeline), "effnetclassify");
  GValue value = G_VALUE_INIT;
  gboolean found = FALSE;

  while (gst_iterator_next (iterator, &value) == GST_ITERATOR_OK) {
    found = TRUE;
    if (port >= 0)
      g_object_set (g_value_get_object (&value), "metrics-port", port, NULL);
    g_value_reset (&value);
  }
  g_value_unset (&value);
  gst_iterator_free (iterator);
  return found;
}

/* Takes @pipeline. */
static int
watch (GstElement *pipeline, Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  Player *player;
  int code = -1;

  cli_catch_signals (NULL); /* the elements are cancelled when the pipeline is stopped */
  if (options->reconnect)   /* before elements come and go, which ends an iteration */
    options->waits = reconnect_new (pipeline, options->timeout);
  player = player_start (pipeline, &error);
  if (player == NULL) {
    reconnect_free (options->waits);
    gst_object_unref (pipeline);
    return cli_exit_code (error);
  }
  if (options->reconnect)
    player_set_idle (player, reconnect_work, options->waits, (GDestroyNotify)reconnect_free);
  while (code < 0 && cli_stopped () == 0 && cli_flush ()) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop (bus, 50 * GST_MSECOND);

    if (message != NULL)
      code = handle (pipeline, message, options);
  }
  gst_object_unref (pipeline); /* the last reference is the player's */
  if (!player_stop (player)) {
    cli_failure (NULL, "the pipeline does not stop; it is left behind");
    code = CLI_FAILED;
  }
  return cli_stopped () != 0 ? CLI_SIGNAL + cli_stopped () : MAX (code, CLI_OK);
}

/* A bin or a single element gets a pipeline around it, as gst-launch-1.0 gives it. A single word is
 * the whole of it, in quotes. */
static GstElement *
parse (const char **words, GError **error)
{
  GstElement *parsed =
      words[1] == NULL ? gst_parse_launch_full (words[0], NULL, GST_PARSE_FLAG_FATAL_ERRORS, error)
                       : gst_parse_launchv_full (words, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
  GstElement *pipeline;

  if (parsed == NULL || GST_IS_PIPELINE (parsed))
    return parsed;
  pipeline = gst_pipeline_new (NULL);
  gst_bin_add (GST_BIN (pipeline), parsed);
  return pipeline;
}

static int
parse_and_watch (const char **words, Options *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = NULL;

  if (!gst_init_check (NULL, NULL, &error))
    return cli_exit_code (error);
  pipeline = parse (words, &error);
  if (pipeline == NULL)
    return cli_exit_code (error);
  gst_object_ref_sink (pipeline);
  if (!set_up_classifiers (pipeline, options->metrics))
    return cli_usage ("watch", "there is no effnetclassify in the pipeline");
  return watch (g_steal_pointer (&pipeline), options);
}

int
cmd_watch (int argc, char **argv)
{
  CliModelArgs args = {0};
  Options options = {.metrics = -1, .timeout = SILENCE_S};
  char **words = NULL;
  const GOptionEntry entries[] = {
      {"json", 'j', 0, G_OPTION_ARG_NONE, &options.json, "one JSON object a line", NULL},
      {"reconnect", 'r', 0, G_OPTION_ARG_NONE, &options.reconnect,
       "wait for a camera that fails after it gave frames, instead of ending", NULL},
      {"timeout", 0, 0, G_OPTION_ARG_INT, &options.timeout,
       "with --reconnect, how long a live stream may give no frame (default 30; 0: for ever)",
       "SECONDS"},
      {"metrics", 0, 0, G_OPTION_ARG_INT, &options.metrics,
       "serve metrics for Prometheus at this port of 127.0.0.1; 0: any that is free", "PORT"},
      {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_STRING_ARRAY, &words, NULL, NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "watch", "PIPELINE",
      "Runs a pipeline as gst-launch-1.0 does and prints each result that an effnetclassify in it\n"
      "announces: by default when the label changes, with post-messages=all for every frame.",
      "A JSON line holds element, region, stream_time_ns, model and top: a list of id, label and\n"
      "score, best first; unknown, where it is; with smoothing stable_label and state_changed. A "
      "row\n"
      "shows the stable label then.\n\n"
      "With --reconnect a source that fails, as a camera does that is unplugged, or ends a live "
      "stream\nor keeps silent for --timeout seconds, as one of RTSP does that is switched off, is "
      "closed "
      "with\nwhat it is linked to, and opened anew every second until it gives frames again. The "
      "rest of the\npipeline goes on. A camera of v4l2src is looked for at its port, whatever its "
      "number is then.\n"
      "A source that never gave a frame is an error all the same.\n\n"
      "Examples:\n  effnet watch --reconnect v4l2src ! effnetclassify ! fakesink\n"
      "  effnet watch --json --metrics 9431 videotestsrc num-buffers=30 ! effnetclassify ! "
      "fakesink\n",
      entries};
  int code = cli_parse (&command, 0, &args, &argc, &argv);

  if (code < 0 && words == NULL)
    code = cli_usage ("watch", "no PIPELINE given");
  if (code < 0 && (options.metrics < -1 || options.metrics > G_MAXUINT16))
    code = cli_usage ("watch", "--metrics is %d, expected a port from 0 to 65535", options.metrics);
  if (code < 0 && (options.timeout < 0 || options.timeout > MAX_SILENCE_S))
    code = cli_usage ("watch", "--timeout %d is not in 0..%d", options.timeout, MAX_SILENCE_S);
  if (code < 0)
    code = parse_and_watch ((const char **)words, &options);
  g_strfreev (words);
  cli_model_args_clear (&args);
  return code;
}
