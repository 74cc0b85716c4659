/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The network step by step: medians over runs of effnet_session_get_profile(). */
#include "cli/bench.h"

#include "effnet/percentile.h"
#include "cli/peak.h"

#include <stdio.h>
#include <string.h>

#define PROFILE_RUNS 15
#define PEAK_SECONDS 0.3

typedef struct {
  char *name, *kernel;
  double flop;
  gint64 bytes;
  uint64_t ns[PROFILE_RUNS];
  double median_ns;
} BenchStep;

static void
step_free (gpointer data)
{
  BenchStep *step = data;

  g_free (step->name);
  g_free (step->kernel);
  g_free (step);
}

static void
read_profile (Bench *self, EffnetSession *session, unsigned run)
{
  g_autofree char *text = effnet_session_get_profile (session);
  g_autoptr (JsonNode) root = json_from_string (text, NULL);
  JsonArray *list = json_node_get_array (root);

  for (guint i = 0; i < json_array_get_length (list); i++) {
    JsonObject *o = json_array_get_object_element (list, i);
    BenchStep *step;

    if (i == self->steps->len) {
      step = g_new0 (BenchStep, 1);
      step->name = g_strdup (json_object_get_string_member_with_default (o, "name", "?"));
      step->kernel = g_strdup (json_object_get_string_member_with_default (o, "kernel", ""));
      step->flop = json_object_get_double_member_with_default (o, "flop", 0);
      step->bytes = json_object_get_int_member_with_default (o, "bytes", 0);
      g_ptr_array_add (self->steps, step);
    }
    step = g_ptr_array_index (self->steps, i);
    step->ns[run] = (uint64_t)json_object_get_int_member_with_default (o, "ns", 0);
  }
}

gboolean
bench_profile (Bench *self, GError **error)
{
  EffnetSessionOptions options = self->args.session_options;
  g_autoptr (EffnetSession) session = NULL;
  unsigned runs = self->profile ? PROFILE_RUNS : 1;
  EffnetResult result;

  options.profile = TRUE;
  session = effnet_session_new (self->model, &options, error);
  if (session == NULL)
    return FALSE;
  self->steps = g_ptr_array_new_with_free_func (step_free);
  if (runs > 1 && !effnet_session_run (session, self->nhwc, &result, error))
    return FALSE;
  for (unsigned run = 0; run < runs; run++) {
    if (!effnet_session_run (session, self->nhwc, &result, error))
      return FALSE;
    read_profile (self, session, run);
  }
  for (guint i = 0; i < self->steps->len; i++) {
    BenchStep *step = g_ptr_array_index (self->steps, i);
    effnet_percentile_sort (step->ns, runs);
    step->median_ns = (double)effnet_percentile (step->ns, runs, 50);
  }
  if (self->profile && self->peak <= 0)
    self->peak = peak_measure (self->info.isa, PEAK_SECONDS) * MAX (self->threads, 1);
  return TRUE;
}

void
bench_profile_print (const Bench *self)
{
  static const char *const heads[] = {"step",    "kernel",  "time us", "share of time",
                                      "GFLOP/s", "of peak", NULL};
  CliTable *table;
  double total = 0;

  if (!self->profile)
    return;
  for (guint i = 0; i < self->steps->len; i++)
    total += ((const BenchStep *)g_ptr_array_index (self->steps, i))->median_ns;
  printf ("\npeak           %.1f GFLOP/s (fp32 multiply-adds)\nsteps          %.3f ms together, "
          "medians of %d runs\n\n",
          self->peak, total / 1e6, PROFILE_RUNS);
  table = cli_table_new (heads, 0x3cu);
  for (guint i = 0; i < self->steps->len; i++) {
    const BenchStep *step = g_ptr_array_index (self->steps, i);
    double gflops = step->median_ns > 0 ? step->flop / step->median_ns : 0;
    g_autofree char *us = g_strdup_printf ("%.1f", step->median_ns / 1e3);
    g_autofree char *share =
        g_strdup_printf ("%.1f %%", total > 0 ? 100 * step->median_ns / total : 0);
    g_autofree char *rate = g_strdup_printf ("%.1f", gflops);
    g_autofree char *of_peak = g_strdup_printf ("%.1f %%", 100 * gflops / self->peak);
    const char *cells[] = {step->name, step->kernel, us, share, rate, of_peak};

    cli_table_add (table, cells);
  }
  cli_table_print (table);
}

void
bench_profile_json (const Bench *self, JsonObject *object)
{
  JsonArray *kernels = json_array_new (), *profile;
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->steps->len; i++) {
    const BenchStep *step = g_ptr_array_index (self->steps, i);
    if (step->kernel[0] != '\0' && g_hash_table_add (seen, step->kernel))
      json_array_add_string_element (kernels, step->kernel);
  }
  json_object_set_array_member (object, "kernels", kernels);
  if (!self->profile)
    return;
  profile = json_array_new ();
  for (guint i = 0; i < self->steps->len; i++) {
    const BenchStep *step = g_ptr_array_index (self->steps, i);
    JsonObject *o = json_object_new ();

    json_object_set_string_member (o, "name", step->name);
    json_object_set_string_member (o, "kernel", step->kernel);
    json_object_set_double_member (o, "median_ns", step->median_ns);
    json_object_set_double_member (o, "flop", step->flop);
    json_object_set_int_member (o, "bytes", step->bytes);
    json_array_add_object_element (profile, o);
  }
  json_object_set_double_member (object, "peak_gflops", self->peak);
  json_object_set_array_member (object, "profile", profile);
}
