/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet bench: opens, warms up, times effnet_session_run() and nothing else between two readings
 * of the clock. With several streams each has a session and a thread of its own. The peer of this
 * in tests/bench only drives it. */
#include "effnet/percentile.h"
#include "cli/bench.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define WARM_UP_RUNS 3
#define AUTO_US      (2 * G_USEC_PER_SEC) /* --runs 0: as many as fit, at least AUTO_RUNS */
#define AUTO_RUNS    10
#define MAX_STREAMS  256
#define MAX_NAME     300 /* characters */

static gboolean
open_model (Bench *self, GError **error)
{
  EffnetModelOptions options = self->args.model_options;
  gboolean is_path = strchr (self->what, '/') != NULL;
  gint64 start = g_get_monotonic_time ();

  if (is_path || g_str_has_suffix (self->what, ".safetensors")) {
    self->model = effnet_model_open (self->what, &options, error);
  } else {
    g_autofree char *folder = NULL;

    options.variant = self->what;
    if (options.synthetic_seed == 0)
      folder = effnet_model_find (self->what, NULL);
    if (folder == NULL && options.synthetic_seed == 0)
      options.synthetic_seed = 1;
    self->model = effnet_model_open (folder, &options, error);
  }
  if (self->model != NULL)
    self->sessions[0] = effnet_session_new (self->model, &self->args.session_options, error);
  self->open_ms = (double)(g_get_monotonic_time () - start) / 1e3;
  return self->sessions[0] != NULL;
}

/* Uniform in -1..1, the same every time. */
static gboolean
make_input (Bench *self, GError **error)
{
  gsize n = (gsize)self->info.input_height * self->info.input_width * 3;
  guint32 state = 1;

  self->nhwc = g_try_new (float, n); /* [H][W][3] */
  if (self->nhwc == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "an input needs %" G_GSIZE_FORMAT
                 " bytes of memory, which the system does not give",
                 n * sizeof (float));
    return FALSE;
  }
  for (gsize i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    self->nhwc[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
  }
  return TRUE;
}

typedef struct {
  Bench *bench;
  EffnetSession *session;
  GArray *us; /* of gint64, one a run */
} Stream;

static gpointer
run_stream (gpointer data)
{
  Stream *stream = data;
  Bench *self = stream->bench;
  gint64 begin = g_get_monotonic_time (), now = begin;
  EffnetResult result;

  for (unsigned i = 0; self->runs > 0 ? i < self->runs : i < AUTO_RUNS || now - begin < AUTO_US;
       i++) {
    gint64 start = g_get_monotonic_time (), spent;

    effnet_session_run (stream->session, self->nhwc, &result, NULL); /* the first run checked it */
    now = g_get_monotonic_time ();
    spent = now - start;
    g_array_append_val (stream->us, spent);
  }
  return NULL;
}

static gboolean
run_streams (Bench *self, GError **error)
{
  Stream *streams = g_new0 (Stream, self->streams);
  GThread **threads = g_new0 (GThread *, self->streams);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (gint64));
  EffnetResult result;
  gint64 start;
  gboolean ok = TRUE;

  for (unsigned s = 0; ok && s < self->streams; s++) {
    if (self->sessions[s] == NULL)
      self->sessions[s] = effnet_session_new (self->model, &self->args.session_options, error);
    ok = self->sessions[s] != NULL;
    streams[s] = (Stream){self, self->sessions[s], g_array_new (FALSE, FALSE, sizeof (gint64))};
    for (unsigned i = 0; ok && i < WARM_UP_RUNS; i++)
      ok = effnet_session_run (self->sessions[s], self->nhwc, &result, error);
  }
  start = g_get_monotonic_time ();
  for (unsigned s = 1; ok && s < self->streams; s++)
    threads[s] = g_thread_new ("stream", run_stream, &streams[s]);
  if (ok)
    run_stream (&streams[0]);
  for (unsigned s = 1; ok && s < self->streams; s++)
    g_thread_join (threads[s]);
  self->wall_s = (double)(g_get_monotonic_time () - start) / 1e6;
  for (unsigned s = 0; s < self->streams && streams[s].us != NULL; s++) {
    g_array_append_vals (all, streams[s].us->data, streams[s].us->len);
    g_array_unref (streams[s].us);
  }
  if (ok) {
    uint64_t *us = (uint64_t *)(void *)all->data;

    effnet_percentile_sort (us, all->len);
    self->n_runs = all->len;
    self->min_ms = (double)effnet_percentile (us, all->len, 0) / 1e3;
    self->median_ms = (double)effnet_percentile (us, all->len, 50) / 1e3;
    self->p95_ms = (double)effnet_percentile (us, all->len, 95) / 1e3;
  }
  g_free (threads);
  g_free (streams);
  return ok;
}

/* A line of /proc/self/status in bytes; 0 where there is none. "VmHWM": the most the process had.
 */
static gint64
status_bytes (const char *name)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents ("/proc/self/status", &text, NULL, NULL))
    return 0;
  line = strstr (text, name);
  return line != NULL ? g_ascii_strtoll (line + strlen (name) + 1, NULL, 10) * 1024 : 0;
}

static gboolean
bench (Bench *self, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  EffnetResult result;

  self->base_bytes = status_bytes ("VmHWM");
  self->sessions = g_new0 (EffnetSession *, self->streams);
  if (!open_model (self, error))
    return FALSE;
  effnet_model_get_info (self->model, &self->info);
  if (!make_input (self, error) ||
      !effnet_session_run (self->sessions[0], self->nhwc, &result, error))
    return FALSE;
  self->first_ms = (double)(g_get_monotonic_time () - start) / 1e3;
  if (!run_streams (self, error))
    return FALSE;
  self->peak_bytes = status_bytes ("VmHWM");
  return bench_profile (self, error);
}

static void
print_text (const Bench *self)
{
  g_autofree char *name = cli_printable (self->info.name, MAX_NAME);
  g_autofree char *path =
      cli_printable (self->info.path != NULL ? self->info.path : "synthetic weights", MAX_NAME);

  printf ("%s, %s, %u x %u, %s, %s, threads %u, streams %u, %u runs\n", name, path,
          self->info.input_width, self->info.input_height, self->info.precision, self->info.isa,
          self->threads, self->streams, self->n_runs);
  printf ("one inference  median %.3f ms, p95 %.3f ms, min %.3f ms; %.1f inferences/s\n",
          self->median_ms, self->p95_ms, self->min_ms, self->n_runs / self->wall_s);
  printf ("open           %.1f ms, first result after %.1f ms\n", self->open_ms, self->first_ms);
  printf ("memory         peak %.1f MB of the process, of it %.1f MB before the model was opened;\n"
          "               weights %.1f MB, a session %.1f MB\n",
          (double)self->peak_bytes / 1e6, (double)self->base_bytes / 1e6,
          (double)self->info.weight_bytes / 1e6, (double)self->info.arena_bytes / 1e6);
}

static void
print_json (const Bench *self)
{
  JsonObject *o = json_object_new ();

  json_object_set_string_member (o, "name", self->info.name);
  json_object_set_string_member (o, "variant", self->info.variant);
  json_object_set_string_member (o, "weights",
                                 self->info.path != NULL ? self->info.path : "synthetic");
  json_object_set_string_member (o, "version", effnet_version ());
  json_object_set_string_member (o, "precision", self->info.precision);
  json_object_set_string_member (o, "isa", self->info.isa);
  json_object_set_int_member (o, "input_size", self->info.input_width);
  json_object_set_int_member (o, "threads", self->threads);
  json_object_set_int_member (o, "streams", self->streams);
  json_object_set_int_member (o, "runs", self->n_runs);
  json_object_set_double_member (o, "median_ms", self->median_ms);
  json_object_set_double_member (o, "p95_ms", self->p95_ms);
  json_object_set_double_member (o, "min_ms", self->min_ms);
  json_object_set_double_member (o, "throughput_fps", self->n_runs / self->wall_s);
  json_object_set_double_member (o, "open_ms", self->open_ms);
  json_object_set_double_member (o, "first_result_ms", self->first_ms);
  json_object_set_int_member (o, "peak_bytes", self->peak_bytes);
  json_object_set_int_member (o, "base_bytes", self->base_bytes);
  json_object_set_int_member (o, "weight_bytes", (gint64)self->info.weight_bytes);
  json_object_set_int_member (o, "arena_bytes", (gint64)self->info.arena_bytes);
  bench_profile_json (self, o);
  cli_print_json (o);
}

static void
clear (Bench *self)
{
  for (unsigned s = 0; self->sessions != NULL && s < self->streams; s++)
    effnet_session_free (self->sessions[s]);
  g_free (self->sessions);
  g_clear_pointer (&self->steps, g_ptr_array_unref);
  g_clear_pointer (&self->model, effnet_model_unref);
  g_free (self->nhwc);
  cli_model_args_clear (&self->args);
}

int
cmd_bench (int argc, char **argv)
{
  Bench self = {.streams = 1};
  int streams = 1, runs = 0;
  gboolean json = FALSE;
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {
      {"streams", 's', 0, G_OPTION_ARG_INT, &streams,
       "frames in flight, a session each (default 1)", "N"},
      {"runs", 'r', 0, G_OPTION_ARG_INT, &runs, "of each stream; 0 (default) = two seconds' worth",
       "N"},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "one JSON object", NULL},
      {"profile", 0, 0, G_OPTION_ARG_NONE, &self.profile, "also a row per step of the network",
       NULL},
      {"peak", 0, 0, G_OPTION_ARG_DOUBLE, &self.peak,
       "GFLOP/s that the shares of --profile refer to; 0 (default) = measured: fp32 multiply-adds "
       "in registers, one core, times the threads",
       "GFLOPS"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {"bench", "VARIANT|MODEL",
                              "Times one inference, the network alone. A variant for which no "
                              "model is found gets synthetic\n"
                              "weights.",
                              "Example:\n  effnet bench b0 --threads 1 --precision fp32\n",
                              entries};
  int code = cli_parse (&command, CLI_TAKES_BARE | CLI_TAKES_RUN, &self.args, &argc, &argv);

  if (code < 0 && argc != 2)
    code = cli_usage ("bench", "%d names given; expected one variant or model", argc - 1);
  if (code < 0 && (streams < 1 || streams > MAX_STREAMS))
    code = cli_usage ("bench", "--streams %d is not in 1..%d", streams, MAX_STREAMS);
  if (code < 0 && (runs < 0 || runs > 1000000))
    code = cli_usage ("bench", "--runs %d is not in 0..1000000", runs);
  if (code < 0) {
    self.what = argv[1];
    self.streams = (unsigned)streams;
    self.runs = (unsigned)runs;
    self.threads = self.args.threads > 0 ? (unsigned)self.args.threads : effnet_cpu_count ();
    bench (&self, &error);
    code = cli_exit_code (error);
  }
  if (code == CLI_OK && json)
    print_json (&self);
  if (code == CLI_OK && !json) {
    print_text (&self);
    bench_profile_print (&self);
  }
  clear (&self);
  return code;
}
