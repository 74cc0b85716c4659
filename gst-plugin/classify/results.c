/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results in arrays that are used again for each frame. */
#include "classify/results.h"

void
gst_effnet_results_init (GstEffnetResults *results)
{
  *results = (GstEffnetResults){
      .pts = GST_CLOCK_TIME_NONE,
      .running_time = GST_CLOCK_TIME_NONE,
      .results = g_array_new (FALSE, FALSE, sizeof (GstEffnetResult)),
      .entries = g_array_new (FALSE, FALSE, sizeof (GstEffnetEntry)),
      .scores = g_array_new (FALSE, FALSE, sizeof (EffnetScore)),
      .class_scores = g_array_new (FALSE, FALSE, sizeof (float)),
  };
}

void
gst_effnet_results_clear (GstEffnetResults *results)
{
  gst_effnet_results_reset (results);
  g_clear_pointer (&results->results, g_array_unref);
  g_clear_pointer (&results->entries, g_array_unref);
  g_clear_pointer (&results->scores, g_array_unref);
  g_clear_pointer (&results->class_scores, g_array_unref);
}

void
gst_effnet_results_reset (GstEffnetResults *results)
{
  g_clear_pointer (&results->engine, gst_effnet_engine_unref);
  g_clear_pointer (&results->filter, gst_effnet_class_filter_unref);
  g_array_set_size (results->class_scores, 0);
  gst_clear_buffer (&results->all);
  for (guint i = 0; i < results->results->len; i++)
    gst_clear_buffer (&g_array_index (results->results, GstEffnetResult, i).embedding);
  g_array_set_size (results->results, 0);
  g_array_set_size (results->entries, 0);
  results->pts = results->running_time = GST_CLOCK_TIME_NONE;
  results->width = results->height = results->outside = 0;
  results->storage = (GstEffnetStorage){0};
}

GstEffnetEntry
gst_effnet_results_name (const GstEffnetResults *results, int id, double score)
{
  if (id == GST_EFFNET_CLASS_UNKNOWN)
    return (GstEffnetEntry){GST_EFFNET_UNKNOWN, -1, score};
  if (id < 0)
    return (GstEffnetEntry){"", -1, score};
  return (GstEffnetEntry){effnet_model_get_label (results->engine->model, (guint)id), id, score};
}

static GstBuffer *
floats_new (const float *floats, guint n)
{
  return gst_buffer_new_memdup (floats, n * sizeof *floats);
}

GstEffnetResult *
gst_effnet_results_add (GstEffnetResults *results, const EffnetResult *from,
                        const GstEffnetWanted *wanted)
{
  guint max = CLAMP (wanted->top_k, 1, EFFNET_TOP_K_MAX);
  EffnetScore *scores;
  GstEffnetEntry *entries;
  GstEffnetResult result = {.pts = results->pts,
                            .running_time = results->running_time,
                            .frame = results->frame,
                            .first = results->entries->len,
                            .scores_at = results->class_scores->len,
                            .margin = from->margin,
                            .entropy = from->entropy,
                            .state = GST_EFFNET_STATE_INIT};
  double best;

  g_array_set_size (results->scores, max);
  scores = &g_array_index (results->scores, EffnetScore, 0);
  result.answer = gst_effnet_class_filter_answer (results->filter, from->probabilities, &best);
  if (result.answer >= 0)
    result.n = gst_effnet_class_filter_top (results->filter, from->probabilities, max, scores);
  g_array_set_size (results->entries, result.first + MAX (result.n, 1));
  entries = &g_array_index (results->entries, GstEffnetEntry, result.first);
  entries[0] = gst_effnet_results_name (results, result.answer,
                                        result.answer == GST_EFFNET_CLASS_UNKNOWN ? best : 0.0);
  for (guint i = 0; i < result.n; i++)
    entries[i] = gst_effnet_results_name (results, (int)scores[i].id, (double)scores[i].score);
  if (wanted->embeddings)
    result.embedding = floats_new (from->features, from->n_features);
  if (wanted->all_scores && results->all == NULL)
    results->all = floats_new (from->probabilities, from->n_classes);
  if (wanted->class_scores)
    g_array_append_vals (results->class_scores, from->probabilities, from->n_classes);
  g_array_append_val (results->results, result);
  return &g_array_index (results->results, GstEffnetResult, results->results->len - 1);
}

const float *
gst_effnet_results_get_scores (const GstEffnetResults *results, const GstEffnetResult *result)
{
  if (result->kept || results->class_scores->len == 0)
    return NULL;
  return &g_array_index (results->class_scores, float, result->scores_at);
}

GstEffnetResult *
gst_effnet_results_find (const GstEffnetResults *results, const GstEffnetPick *pick)
{
  for (guint i = 0; pick->unique && i < results->results->len; i++) {
    GstEffnetResult *result = &g_array_index (results->results, GstEffnetResult, i);

    if (result->pick.unique && result->pick.roi_id == pick->roi_id &&
        gst_effnet_region_is_named (result->pick.name, pick->name))
      return result;
  }
  return NULL;
}

void
gst_effnet_results_keep (GstEffnetResults *results, const GstEffnetResults *from,
                         const GstEffnetPick *pick, guint at)
{
  const GstEffnetResult *old = gst_effnet_results_find (from, pick);
  GstEffnetResult result;

  if (old == NULL || from->engine != results->engine)
    return;
  result = *old;
  result.pick = *pick;
  result.kept = TRUE;
  result.first = results->entries->len;
  g_array_append_vals (results->entries, &g_array_index (from->entries, GstEffnetEntry, old->first),
                       MAX (old->n, 1));
  if (result.embedding != NULL)
    gst_buffer_ref (result.embedding);
  if (at == 0) /* the first part's, whichever it is */
    gst_buffer_replace (&results->all, from->all);
  g_array_insert_val (results->results, MIN (at, results->results->len), result);
}

guint
gst_effnet_results_length (const GstEffnetResults *results)
{
  return results->results->len;
}

const GstEffnetResult *
gst_effnet_results_get (const GstEffnetResults *results, guint i)
{
  return &g_array_index (results->results, GstEffnetResult, i);
}
