/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Percentiles over the newest samples: exact, and they follow the stream instead of averaging over
 * its life. */
#include "stats.h"

#include "effnet/percentile.h"

void
gst_effnet_stats_add (GstEffnetStats *stats, const guint64 *ns)
{
  guint slot = stats->n_samples % GST_EFFNET_STATS_SAMPLES;

  for (guint t = 0; t < GST_EFFNET_N_TIMES; t++)
    stats->ns[t][slot] = ns[t];
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
gst_effnet_stats_of_queue (const EffnetQueueStats *queue, guint n_executors)
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
    gst_structure_set (s, "executors", G_TYPE_UINT, n_executors, "streams", G_TYPE_UINT,
                       queue->streams, "sessions", G_TYPE_UINT, queue->sessions, "utilisation",
                       G_TYPE_DOUBLE, utilisation_of (queue, n_executors), NULL);
  return s;
}
