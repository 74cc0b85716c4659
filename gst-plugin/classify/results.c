/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Results in arrays that are used again for each frame. */
#include "classify/results.h"

#include <string.h>

void
gst_effnet_results_init (GstEffnetResults *results)
{
  *results = (GstEffnetResults){
      .pts = GST_CLOCK_TIME_NONE,
      .running_time = GST_CLOCK_TIME_NONE,
      .results = g_array_new (FALSE, FALSE, sizeof (GstEffnetResult)),
      .entries = g_array_new (FALSE, FALSE, sizeof (GstEffnetEntry)),
      .scores = g_array_new (FALSE, FALSE, sizeof (EffnetScore)),
      .head_scores = g_array_new (FALSE, FALSE, sizeof (float)),
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
  g_clear_pointer (&results->head_scores, g_array_unref);
  g_clear_pointer (&results->class_scores, g_array_unref);
}

void
gst_effnet_results_reset (GstEffnetResults *results)
{
  g_clear_pointer (&results->engine, gst_effnet_engine_unref);
  g_clear_pointer (&results->lineup, gst_effnet_lineup_unref);
  g_array_set_size (results->class_scores, 0);
  gst_clear_buffer (&results->all);
  for (guint i = 0; i < results->results->len; i++) {
    GstEffnetResult *result = &g_array_index (results->results, GstEffnetResult, i);

    gst_clear_buffer (&result->embedding);
    gst_clear_buffer (&result->activation_map.values);
  }
  g_array_set_size (results->results, 0);
  g_array_set_size (results->entries, 0);
  results->pts = results->running_time = GST_CLOCK_TIME_NONE;
  results->width = results->height = results->outside = 0;
  results->storage = (GstEffnetStorage){0};
}

static GstBuffer *
floats_new (const float *floats, guint n)
{
  return gst_buffer_new_memdup (floats, n * sizeof *floats);
}

/* What a head makes of the scores of its classes. */
static void
add_entries (GstEffnetResults *results, GstEffnetResult *result, const float *scores, guint max,
             gboolean is_foreign)
{
  const GstEffnetHead *head = result->head;
  EffnetScore *top;
  GstEffnetEntry *entries;
  double best;

  g_array_set_size (results->scores, max);
  top = &g_array_index (results->scores, EffnetScore, 0);
  result->answer = gst_effnet_class_filter_answer (head->filter, scores, &best);
  if (is_foreign)
    result->answer = GST_EFFNET_CLASS_UNKNOWN;
  if (result->answer >= 0)
    result->n = gst_effnet_class_filter_top (head->filter, scores, max, top);
  g_array_set_size (results->entries, result->first + MAX (result->n, 1));
  entries = &g_array_index (results->entries, GstEffnetEntry, result->first);
  entries[0] = gst_effnet_head_name (head, result->answer,
                                     result->answer == GST_EFFNET_CLASS_UNKNOWN ? best : 0.0);
  for (guint i = 0; i < result->n; i++)
    entries[i] = gst_effnet_head_name (head, (int)top[i].id, (double)top[i].score);
}

static void
add_answer (GstEffnetResults *results, const GstEffnetHead *head, const GstEffnetPick *pick,
            const EffnetResult *from, const GstEffnetRunSettings *run,
            const GstEffnetWanted *wanted, const guint64 *ns)
{
  GstEffnetResult result = {.pick = *pick,
                            .head = head,
                            .pts = results->pts,
                            .running_time = results->running_time,
                            .frame = results->frame,
                            .first = results->entries->len,
                            .scores_at = results->class_scores->len,
                            .margin = from->margin,
                            .entropy = from->entropy,
                            .state = GST_EFFNET_STATE_INIT};
  const float *scores = from->probabilities;
  gboolean is_foreign;

  if (head->head != NULL) {
    g_array_set_size (results->head_scores, head->n_classes);
    scores = (const float *)(const void *)results->head_scores->data;
  }
  is_foreign = gst_effnet_head_answer (head, from, run, (float *)(void *)results->head_scores->data,
                                       &result.margin, &result.entropy);
  add_entries (results, &result, scores, CLAMP (wanted->top_k, 1, EFFNET_TOP_K_MAX), is_foreign);
  if (wanted->class_scores)
    g_array_append_vals (results->class_scores, scores, head->n_classes);
  memcpy (result.ns, ns, sizeof result.ns);
  g_array_append_val (results->results, result);
}

const GstEffnetResult *
gst_effnet_results_add (GstEffnetResults *results, const GstEffnetPick *pick,
                        const EffnetResult *from, const GstEffnetRunSettings *run,
                        const GstEffnetWanted *wanted, const guint64 *ns)
{
  guint first = results->results->len;
  const GstEffnetLineup *lineup = results->lineup;

  for (guint i = 0; i < lineup->n; i++)
    add_answer (results, &lineup->heads[i], pick, from, run, wanted, ns);
  if (wanted->embeddings) {
    GstBuffer *embedding = floats_new (from->features, from->n_features);

    for (guint i = first; i < results->results->len; i++)
      gst_buffer_replace (&g_array_index (results->results, GstEffnetResult, i).embedding,
                          embedding);
    gst_buffer_unref (embedding);
  }
  if (wanted->all_scores && results->all == NULL)
    results->all = floats_new (from->probabilities, from->n_classes);
  return &g_array_index (results->results, GstEffnetResult, first);
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

/* Index of the first result of part @at, or of none. */
static guint
index_of_part (const GstEffnetResults *results, guint at)
{
  guint n = results->lineup->n;

  return MIN (at * n, results->results->len);
}

void
gst_effnet_results_keep (GstEffnetResults *results, const GstEffnetResults *from,
                         const GstEffnetPick *pick, guint at)
{
  const GstEffnetResult *old = gst_effnet_results_find (from, pick);
  guint to = index_of_part (results, at);

  if (old == NULL || from->lineup != results->lineup)
    return;
  for (guint i = 0; i < results->lineup->n; i++, old++) {
    GstEffnetResult result = *old;

    result.pick = *pick;
    result.kept = TRUE;
    result.first = results->entries->len;
    g_array_append_vals (results->entries,
                         &g_array_index (from->entries, GstEffnetEntry, old->first),
                         MAX (old->n, 1));
    if (result.embedding != NULL)
      gst_buffer_ref (result.embedding);
    if (result.activation_map.values != NULL)
      gst_buffer_ref (result.activation_map.values);
    g_array_insert_val (results->results, to + i, result);
  }
  if (at == 0) /* the first part's, whichever it is */
    gst_buffer_replace (&results->all, from->all);
}

gboolean
gst_effnet_result_leads (const GstEffnetResults *results, const GstEffnetResult *result)
{
  return result->head == results->lineup->heads;
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
