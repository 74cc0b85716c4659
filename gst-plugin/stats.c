/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Percentiles over the newest samples: exact, and they follow the stream instead of averaging over
 * its life. */
#include "stats.h"

#include "base/percentile.h"

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

GstStructure *
gst_effnet_stats_to_structure (GstEffnetStats *stats)
{
  static const char *const names[GST_EFFNET_N_TIMES][3] = {
      {"wait-p50", "wait-p95", "wait-p99"},
      {"decode-p50", "decode-p95", "decode-p99"},
      {"convert-p50", "convert-p95", "convert-p99"},
      {"infer-p50", "infer-p95", "infer-p99"},
  };
  static const guint percent[3] = {50, 95, 99};
  guint n = (guint)MIN (stats->n_samples, GST_EFFNET_STATS_SAMPLES);
  GstStructure *s = gst_structure_new (
      "effnet-stats", "frames", G_TYPE_UINT64, stats->frames, "inferences", G_TYPE_UINT64,
      stats->inferences, "skipped", G_TYPE_UINT64, stats->skipped, "errors", G_TYPE_UINT64,
      stats->errors, "rois-skipped", G_TYPE_UINT64, stats->rois_skipped, "dropped", G_TYPE_UINT64,
      stats->dropped, "cancelled", G_TYPE_UINT64, stats->cancelled, NULL);

  set_reasons (stats, s);
  for (guint t = 0; t < GST_EFFNET_N_TIMES; t++) {
    effnet_percentile_sort (stats->ns[t], n);
    for (guint p = 0; p < 3; p++) {
      guint64 ns = effnet_percentile (stats->ns[t], n, percent[p]);

      gst_structure_set (s, names[t][p], G_TYPE_UINT64, ns, NULL);
    }
  }
  return s;
}
