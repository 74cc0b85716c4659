/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Percentiles over the newest samples: exact, and they follow the stream instead of averaging over
 * its life. */
#include "stats.h"

#include "effnet/percentile.h"

/* Of pictures that take a tenth of a millisecond to convert and of networks that take seconds. */
const guint64 gst_effnet_histogram_bounds[GST_EFFNET_HISTOGRAM_BOUNDS] = {
    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

static void
add_time (GstEffnetHistogram *histogram, guint64 ns)
{
  guint i = 0;

  while (i < GST_EFFNET_HISTOGRAM_BOUNDS && ns > gst_effnet_histogram_bounds[i])
    i++;
  histogram->counts[i]++;
  histogram->sum += ns;
}

void
gst_effnet_stats_add_frame (GstEffnetStats *stats)
{
  stats->frames++;
  stats->frame_at = gst_util_get_timestamp ();
}

void
gst_effnet_stats_add (GstEffnetStats *stats, const guint64 *ns)
{
  guint slot = stats->n_samples % GST_EFFNET_STATS_SAMPLES;

  for (guint t = 0; t < GST_EFFNET_N_TIMES; t++) {
    stats->ns[t][slot] = ns[t];
    add_time (&stats->histograms[t], ns[t]);
  }
  stats->n_samples++;
  stats->inferences++;
}

void
gst_effnet_stats_skip (GstEffnetStats *stats, GstEffnetReason reason)
{
  stats->skipped++;
  stats->reasons[reason]++;
}

static const struct {
  const char *field, *text;
} reasons[GST_EFFNET_N_REASONS] = {
    [GST_EFFNET_REASON_NONE] = {NULL, "it is classified"},
    [GST_EFFNET_REASON_GAP] = {"skipped-gap", "it is a gap"},
    [GST_EFFNET_REASON_NO_PICTURE] = {"skipped-no-picture", "it is not decoded"},
    [GST_EFFNET_REASON_INTERVAL] = {"skipped-interval", "inference-interval"},
    [GST_EFFNET_REASON_RATE] = {"skipped-rate", "max-inference-rate"},
    [GST_EFFNET_REASON_TRIGGER] = {"skipped-trigger", "the picture did not change"},
    [GST_EFFNET_REASON_LATE] = {"skipped-late", "it is late"},
    [GST_EFFNET_REASON_THROTTLED] = {"skipped-throttled", "downstream throttles"},
    [GST_EFFNET_REASON_BUSY] = {"skipped-busy", "an earlier frame still waits"},
    [GST_EFFNET_REASON_REPLACED] = {"skipped-replaced", "a newer frame took its place"},
    [GST_EFFNET_REASON_TRACKED] = {"skipped-tracked", "its regions have results"},
    [GST_EFFNET_REASON_NO_REGION] = {"skipped-no-region", "it has no region that is wanted"},
};

const char *
gst_effnet_reason_text (GstEffnetReason reason)
{
  return reasons[reason].text;
}

static void
set_reasons (const GstEffnetStats *stats, GstStructure *s)
{
  for (guint i = GST_EFFNET_REASON_NONE + 1; i < GST_EFFNET_N_REASONS; i++)
    gst_structure_set (s, reasons[i].field, G_TYPE_UINT64, stats->reasons[i], NULL);
}

void
gst_effnet_stats_add_latency (GstEffnetStats *stats, guint64 ns)
{
  stats->latency[stats->n_latencies % GST_EFFNET_STATS_SAMPLES] = ns;
  add_time (&stats->histograms[GST_EFFNET_N_TIMES], ns);
  stats->n_latencies++;
}

static const guint percent[3] = {50, 95, 99};

/* @samples: are sorted */
static void
set_percentiles (GstStructure *s, const char *const fields[3], guint64 *samples, guint n)
{
  effnet_percentile_sort (samples, n);
  for (guint p = 0; p < 3; p++) {
    guint64 ns = effnet_percentile (samples, n, percent[p]);

    gst_structure_set (s, fields[p], G_TYPE_UINT64, ns, NULL);
  }
}

static void
set_histogram (GstStructure *s, const char *field, const GstEffnetHistogram *histogram)
{
  g_auto (GValue) counts = G_VALUE_INIT;
  g_autofree char *sum = g_strconcat (field, "-sum", NULL);

  gst_value_array_init (&counts, GST_EFFNET_HISTOGRAM_BOUNDS + 1);
  for (guint i = 0; i <= GST_EFFNET_HISTOGRAM_BOUNDS; i++) {
    GValue count = G_VALUE_INIT;

    g_value_init (&count, G_TYPE_UINT64);
    g_value_set_uint64 (&count, histogram->counts[i]);
    gst_value_array_append_and_take_value (&counts, &count);
  }
  gst_structure_set_value (s, field, &counts);
  gst_structure_set (s, sum, G_TYPE_UINT64, histogram->sum, NULL);
}

static void
set_histograms (GstStructure *s, const GstEffnetStats *stats)
{
  static const char *const fields[GST_EFFNET_N_TIMES + 1] = {"wait", "decode", "convert", "infer",
                                                             "latency"};
  g_autoptr (GstStructure) histograms = gst_structure_new_empty ("effnet-histograms");

  for (guint t = 0; t <= GST_EFFNET_N_TIMES; t++)
    set_histogram (histograms, fields[t], &stats->histograms[t]);
  gst_structure_set (s, "histograms", GST_TYPE_STRUCTURE, histograms, NULL);
}

GstStructure *
gst_effnet_stats_to_structure (GstEffnetStats *stats)
{
  static const char *const names[GST_EFFNET_N_TIMES][3] = {
      {"wait-p50", "wait-p95", "wait-p99"},
      {"decode-p50", "decode-p95", "decode-p99"},
      {"convert-p50", "convert-p95", "convert-p99"},
      {"infer-p50", "infer-p95", "infer-p99"},
  };
  static const char *const latency[3] = {"latency-p50", "latency-p95", "latency-p99"};
  guint n = (guint)MIN (stats->n_samples, GST_EFFNET_STATS_SAMPLES);
  GstStructure *s = gst_structure_new (
      "effnet-stats", "frames", G_TYPE_UINT64, stats->frames, "inferences", G_TYPE_UINT64,
      stats->inferences, "skipped", G_TYPE_UINT64, stats->skipped, "errors", G_TYPE_UINT64,
      stats->errors, "rois-skipped", G_TYPE_UINT64, stats->rois_skipped, "dropped", G_TYPE_UINT64,
      stats->dropped, "cancelled", G_TYPE_UINT64, stats->cancelled, NULL);

  set_reasons (stats, s);
  for (guint t = 0; t < GST_EFFNET_N_TIMES; t++)
    set_percentiles (s, names[t], stats->ns[t], n);
  set_percentiles (s, latency, stats->latency,
                   (guint)MIN (stats->n_latencies, GST_EFFNET_STATS_SAMPLES));
  set_histograms (s, stats);
  gst_structure_set (s, "frame-age", G_TYPE_UINT64,
                     stats->frame_at != 0 ? gst_util_get_timestamp () - stats->frame_at
                                          : GST_CLOCK_TIME_NONE,
                     NULL);
  return s;
}

/* Share of the executors' time, since the first job, that jobs took: 0..1. */
static double
utilisation_of (const EffnetQueueStats *queue, guint n_executors)
{
  gint64 passed = g_get_monotonic_time () * 1000 - queue->since_ns;

  if (queue->since_ns == 0 || passed <= 0)
    return 0.0;
  return MIN ((double)queue->busy_ns / (double)passed / n_executors, 1.0);
}

GstStructure *
gst_effnet_stats_of_queue (const EffnetQueueStats *queue, guint n_executors, const char *name)
{
  GstStructure *s = gst_structure_new (
      n_executors > 0 ? "effnet-scheduler" : "effnet-queue", "submitted", G_TYPE_UINT64,
      queue->submitted, "started", G_TYPE_UINT64, queue->started, "replaced", G_TYPE_UINT64,
      queue->replaced, "refused", G_TYPE_UINT64, queue->refused, "cancelled", G_TYPE_UINT64,
      queue->cancelled, "late", G_TYPE_UINT64, queue->late, "batched", G_TYPE_UINT64,
      queue->batched, "turns", G_TYPE_UINT64, queue->cost, "waiting", G_TYPE_UINT, queue->waiting,
      "running", G_TYPE_UINT, queue->running, "busy", G_TYPE_UINT64, queue->busy_ns, "wait-p50",
      G_TYPE_UINT64, queue->wait_p50_ns, "wait-p95", G_TYPE_UINT64, queue->wait_p95_ns, "wait-p99",
      G_TYPE_UINT64, queue->wait_p99_ns, NULL);

  if (n_executors > 0)
    gst_structure_set (s, "name", G_TYPE_STRING, name != NULL ? name : "", "executors", G_TYPE_UINT,
                       n_executors, "streams", G_TYPE_UINT, queue->streams, "sessions", G_TYPE_UINT,
                       queue->sessions, "utilisation", G_TYPE_DOUBLE,
                       utilisation_of (queue, n_executors), NULL);
  return s;
}
