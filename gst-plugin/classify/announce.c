/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A fresh result goes onto its buffer as it is; a repeated one gets its age, and that of a region
 * of interest the place the region has now. */
#include "classify/announce.h"

#include "classify/carriers.h"

/* The class that a message announced, of one head for one part of the frames. */
typedef struct {
  const char *name; /* as GstEffnetPick has it */
  int roi_id;
  guint nth;
  char *head;       /* its name, owned */
  guint64 identity; /* as GstEffnetHead has it */
  int label_id;
  GstClockTime since; /* of a stable class; else NONE */
} Announced;

static void
clear_announced (gpointer announced)
{
  g_free (((Announced *)announced)->head);
}

void
gst_effnet_announcer_init (GstEffnetAnnouncer *announcer)
{
  announcer->announced = g_array_new (FALSE, FALSE, sizeof (Announced));
  g_array_set_clear_func (announcer->announced, clear_announced);
  announcer->records = g_array_new (FALSE, FALSE, sizeof (GstEffnetRecord));
  announcer->origins = g_array_new (FALSE, FALSE, sizeof (GstEffnetResult *));
  announcer->places = g_array_new (FALSE, FALSE, sizeof (GstEffnetPick));
  announcer->picks = g_array_new (FALSE, FALSE, sizeof (GstEffnetPick));
}

void
gst_effnet_announcer_clear (GstEffnetAnnouncer *announcer)
{
  g_clear_pointer (&announcer->announced, g_array_unref);
  g_clear_pointer (&announcer->records, g_array_unref);
  g_clear_pointer (&announcer->origins, g_array_unref);
  g_clear_pointer (&announcer->places, g_array_unref);
  g_clear_pointer (&announcer->picks, g_array_unref);
}

void
gst_effnet_announcer_forget (GstEffnetAnnouncer *announcer)
{
  g_array_set_size (announcer->announced, 0);
}

static gboolean
is_of (const Announced *announced, const GstEffnetResult *result)
{
  const GstEffnetPick *pick = &result->pick;

  return announced->roi_id == pick->roi_id && announced->nth == pick->nth &&
         strcmp (announced->head, result->head->name) == 0 &&
         gst_effnet_region_is_named (announced->name, pick->name);
}

void
gst_effnet_announcer_keep (GstEffnetAnnouncer *announcer, const GstEffnetResults *results)
{
  for (guint i = announcer->announced->len; i-- > 0;) {
    const Announced *old = &g_array_index (announcer->announced, Announced, i);
    gboolean found = FALSE;

    for (guint k = 0; k < gst_effnet_results_length (results) && !found; k++)
      found = is_of (old, gst_effnet_results_get (results, k));
    if (!found)
      g_array_remove_index_fast (announcer->announced, i);
  }
}

/* ---- records --------------------------------------------------------------------------------- */

static guint
to_us (guint64 ns)
{
  return (guint)MIN ((ns + 500) / 1000, G_MAXUINT);
}

static GstClockTime
difference (GstClockTime a, GstClockTime b)
{
  if (!GST_CLOCK_TIME_IS_VALID (a) || !GST_CLOCK_TIME_IS_VALID (b))
    return GST_CLOCK_TIME_NONE;
  return a > b ? a - b : b - a;
}

/* In the time that the stream itself counts, at whatever rate it is played. */
static GstClockTime
age_of (const GstEffnetResult *result, GstBuffer *buffer)
{
  return difference (GST_BUFFER_PTS (buffer), result->pts);
}

static void
set_classes (GstEffnetRecord *record, const GstEffnetResult *result, const GstEffnetView *view)
{
  const GstEffnetEntry *entries =
      &g_array_index (view->results->entries, GstEffnetEntry, result->first);

  gst_effnet_record_set_entries (record, entries, MIN (result->n, view->top_k));
  if (result->answer == GST_EFFNET_CLASS_UNKNOWN)
    gst_effnet_record_set_unknown (record, entries[0].score);
}

static void
set_stable (GstEffnetRecord *record, const GstEffnetResult *result)
{
  record->stable = gst_effnet_head_name (result->head, result->state.id, 0.0);
  record->stable_since = result->state.since;
  record->state_changed = result->state.is_news;
}

/* @place: where the part is on @buffer */
static void
add_record (GstEffnetAnnouncer *announcer, const GstEffnetView *view, GstEffnetResult *result,
            const GstEffnetPick *place, GstBuffer *buffer)
{
  const EffnetRegion *rect = &place->rect;
  gboolean fresh = view->fresh && !result->kept;
  const GstEffnetEngine *engine = view->results->engine;
  GstEffnetRecord record = {
      .schema_version = GST_EFFNET_SCHEMA_VERSION,
      .model = engine->info.name,
      .model_sha256 = engine->sha256,
      .variant = engine->info.variant,
      .element = view->element,
      .region = result->pick.name,
      .roi_id = result->pick.roi_id,
      .head = result->head->name,
      .margin = result->margin,
      .entropy = result->entropy,
      .fresh = fresh,
      .result_pts = result->pts,
      .result_running_time = result->running_time,
      .age = fresh ? 0 : age_of (result, buffer),
      .infer_us = to_us (result->ns[GST_EFFNET_TIME_INFER]),
      .convert_us = to_us (result->ns[GST_EFFNET_TIME_CONVERT]),
      .decode_us = to_us (result->ns[GST_EFFNET_TIME_DECODE]),
      .wait_us = to_us (result->ns[GST_EFFNET_TIME_WAIT]),
      .frame_width = view->results->width,
      .frame_height = view->results->height,
      .box = {0.0, 0.0, 1.0, 1.0},
      .embedding = view->embeddings ? result->embedding : NULL,
      .activation_map = result->activation_map,
  };

  if (view->regions->mode != GST_EFFNET_INFERENCE_REGION_FULL_FRAME)
    gst_effnet_record_set_part (&record, rect->x, rect->y, rect->width, rect->height);
  set_classes (&record, result, view);
  set_stable (&record, result);
  g_array_append_val (announcer->records, record);
  g_array_append_val (announcer->origins, result);
  g_array_append_val (announcer->places, *place);
}

/* Regions of interest are where this buffer says, and only those that it still has. */
static void
collect_again (GstEffnetAnnouncer *announcer, const GstEffnetView *view, GstBuffer *buffer)
{
  const GstEffnetResults *results = view->results;

  gst_effnet_regions_pick (view->regions, buffer, results->width, results->height,
                           &results->storage, announcer->picks);
  for (guint i = 0; i < announcer->picks->len; i++) {
    const GstEffnetPick *pick = &g_array_index (announcer->picks, GstEffnetPick, i);
    GstEffnetResult *result = gst_effnet_results_find (results, pick);

    for (guint k = 0; result != NULL && k < results->lineup->n; k++)
      add_record (announcer, view, &result[k], pick, buffer);
  }
}

guint
gst_effnet_announcer_collect (GstEffnetAnnouncer *announcer, const GstEffnetView *view,
                              GstBuffer *buffer)
{
  const GstEffnetResults *results = view->results;

  g_array_set_size (announcer->records, 0);
  g_array_set_size (announcer->origins, 0);
  g_array_set_size (announcer->places, 0);
  announcer->smooths = view->smooths;
  if (!view->fresh && !view->alone && view->regions->mode == GST_EFFNET_INFERENCE_REGION_ROI_LIST) {
    collect_again (announcer, view, buffer);
  } else {
    for (guint i = 0; i < gst_effnet_results_length (results); i++) {
      GstEffnetResult *result = &g_array_index (results->results, GstEffnetResult, i);

      add_record (announcer, view, result, &result->pick, buffer);
    }
  }
  return announcer->records->len;
}

void
gst_effnet_announcer_tell (GstEffnetAnnouncer *announcer, GstEffnetStates *states)
{
  for (guint i = 0; i < announcer->origins->len; i++) {
    GstEffnetResult *origin = g_array_index (announcer->origins, GstEffnetResult *, i);

    if (!origin->state.is_news)
      continue;
    origin->state.is_news = FALSE;
    gst_effnet_states_tell (states, origin->pick.name, origin->pick.roi_id, origin->head->name);
  }
}

/* ---- carriers -------------------------------------------------------------------------------- */

void
gst_effnet_announcer_attach (GstEffnetAnnouncer *announcer, const GstEffnetResults *results,
                             GstEffnetAttachMeta carriers, GstBuffer *buffer)
{
  const GstEffnetRecord *records = (const GstEffnetRecord *)(void *)announcer->records->data;
  const GstEffnetPick *places = (const GstEffnetPick *)(void *)announcer->places->data;
  const GstEffnetResult *first = g_array_index (announcer->origins, const GstEffnetResult *, 0);
  guint n = announcer->records->len;

  if (carriers & GST_EFFNET_ATTACH_META_CUSTOM)
    gst_effnet_schema_attach (buffer, records, n);
  if (carriers & GST_EFFNET_ATTACH_META_ANALYTICS)
    gst_effnet_carriers_add_classes (buffer, records, places, n);
  if (carriers & GST_EFFNET_ATTACH_META_ROI)
    gst_effnet_carriers_add_params (buffer, records, places, n);
  if (carriers & GST_EFFNET_ATTACH_META_TENSOR && first == gst_effnet_results_get (results, 0))
    gst_effnet_carriers_add_scores (buffer, results->all);
}

/* TRUE when no message has announced this class of this part; from now on one has. */
static gboolean
is_news (GArray *announced, const GstEffnetResult *result, int label_id, GstClockTime since)
{
  const GstEffnetPick *pick = &result->pick;
  Announced now = {pick->name, pick->roi_id, pick->nth, NULL, result->head->identity,
                   label_id,   since};

  for (guint i = 0; i < announced->len; i++) {
    Announced *old = &g_array_index (announced, Announced, i);
    gboolean news =
        old->identity != now.identity || old->label_id != label_id || old->since != since;

    if (!is_of (old, result))
      continue;
    now.head = old->head;
    *old = now;
    return news;
  }
  now.head = g_strdup (result->head->name);
  g_array_append_val (announced, now);
  return TRUE;
}

GstStructure *
gst_effnet_announcer_to_structure (const GstEffnetAnnouncer *announcer, const GstSegment *segment,
                                   GstBuffer *buffer)
{
  GstEffnetMoment moment = gst_effnet_moment_of (segment, buffer);

  return gst_effnet_schema_structure_new (
      &moment, (const GstEffnetRecord *)(void *)announcer->records->data, announcer->records->len);
}

/* A stable class is news until a buffer tells of it, and told by one message. */
static gboolean
is_announced_now (GstEffnetAnnouncer *announcer, const GstEffnetRecord *record,
                  const GstEffnetResult *origin)
{
  if (!announcer->smooths)
    return is_news (announcer->announced, origin, origin->answer, GST_CLOCK_TIME_NONE);
  return record->state_changed &&
         is_news (announcer->announced, origin, origin->state.id, origin->state.since);
}

GstMessage *
gst_effnet_announcer_pop_message (GstEffnetAnnouncer *announcer, GstObject *source,
                                  const GstSegment *segment, GstBuffer *buffer, gboolean all)
{
  GstEffnetRecord *records = (GstEffnetRecord *)(void *)announcer->records->data;
  GstEffnetMoment moment = gst_effnet_moment_of (segment, buffer);
  guint n = 0;

  for (guint i = 0; i < announcer->records->len; i++) {
    const GstEffnetResult *origin = g_array_index (announcer->origins, GstEffnetResult *, i);

    if (is_announced_now (announcer, &records[i], origin) || all)
      records[n++] = records[i];
  }
  return n > 0 ? gst_effnet_schema_message_new (source, &moment, records, n) : NULL;
}
