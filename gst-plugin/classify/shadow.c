/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Answers of either model wait for the other's in a ring; what never gets one is overwritten. */
#include "classify/shadow.h"

#include "classify/instance.h"
#include "classify/learn.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

void
gst_effnet_shadow_init (GstEffnetShadow *shadow, GstObject *element)
{
  *shadow = (GstEffnetShadow){.interval = 10};
  gst_effnet_stream_init (&shadow->stream, element);
}

static void
clear (GstEffnetAnswer *answer)
{
  answer->frame = 0;
  g_clear_pointer (&answer->label, g_free);
  gst_clear_buffer (&answer->embedding);
}

static void
clear_answers (GstEffnetAnswers *answers)
{
  for (guint i = 0; i < GST_EFFNET_SHADOW_ANSWERS; i++)
    clear (&answers->answers[i]);
  answers->next = 0;
}

void
gst_effnet_shadow_clear (GstEffnetShadow *shadow)
{
  gst_effnet_stream_clear (&shadow->stream);
  clear_answers (&shadow->own);
  clear_answers (&shadow->candidate);
  g_clear_pointer (&shadow->scheduler, effnet_scheduler_unref);
  g_clear_pointer (&shadow->lineup, gst_effnet_lineup_unref);
  g_clear_pointer (&shadow->rules, gst_effnet_class_rules_unref);
  g_clear_pointer (&shadow->engine, gst_effnet_engine_unref);
  g_free (shadow->path);
}

void
gst_effnet_shadow_start (GstEffnetShadow *shadow, EffnetScheduler *scheduler)
{
  gst_effnet_stream_stop (&shadow->stream);
  g_clear_pointer (&shadow->scheduler, effnet_scheduler_unref);
  if (scheduler != NULL)
    shadow->scheduler = effnet_scheduler_ref (scheduler);
  clear_answers (&shadow->own);
  clear_answers (&shadow->candidate);
  shadow->since = 0;
  shadow->serial = 0;
  GST_OBJECT_LOCK (shadow->stream.element);
  shadow->compared = shadow->agreed = 0;
  shadow->distance = 0.0;
  GST_OBJECT_UNLOCK (shadow->stream.element);
}

/* ---- loading --------------------------------------------------------------------------------- */

static void
load (GstElement *element, gpointer user_data)
{
  GstEffnetClassify *self = GST_EFFNET_CLASSIFY_CAST (element);
  GstEffnetShadow *shadow = &self->shadow;
  GstEffnetModelSettings settings;
  GstEffnetEngine *engine = NULL;
  GError *error = NULL;
  gboolean wanted;

  GST_OBJECT_LOCK (self);
  wanted = shadow->generation == GPOINTER_TO_UINT (user_data) && self->engine != NULL;
  gst_effnet_model_settings_copy (&settings, &self->model_settings);
  g_free (settings.model_file);
  settings.model_file = g_strdup (shadow->path);
  GST_OBJECT_UNLOCK (self);
  settings.input_size = 0;
  g_clear_pointer (&settings.variant, g_free); /* as the candidate's card says */
  if (wanted)
    engine = gst_effnet_engine_new (&settings, &error);
  gst_effnet_model_settings_clear (&settings);

  GST_OBJECT_LOCK (self);
  wanted = wanted && shadow->generation == GPOINTER_TO_UINT (user_data) && self->engine != NULL;
  if (wanted && engine != NULL)
    shadow->engine = g_steal_pointer (&engine);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&engine, gst_effnet_engine_unref);
  if (wanted && error != NULL)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS, ("shadow-model: %s", error->message),
                         ("the model in use is not affected"));
  g_clear_error (&error);
}

GstEffnetEngine *
gst_effnet_shadow_take (GstEffnetShadow *shadow)
{
  shadow->generation++;
  shadow->compared = shadow->agreed = 0;
  shadow->distance = 0.0;
  return g_steal_pointer (&shadow->engine);
}

void
gst_effnet_classify_load_shadow (GstEffnetClassify *self)
{
  GstEffnetEngine *stale;
  guint generation;
  gboolean wanted;

  GST_OBJECT_LOCK (self);
  stale = gst_effnet_shadow_take (&self->shadow);
  generation = self->shadow.generation;
  wanted = self->shadow.path != NULL && self->engine != NULL;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&stale, gst_effnet_engine_unref);
  if (wanted)
    gst_element_call_async (GST_ELEMENT (self), load, GUINT_TO_POINTER (generation), NULL);
}

void
gst_effnet_classify_close_shadow (GstEffnetClassify *self)
{
  GstEffnetEngine *stale;

  GST_OBJECT_LOCK (self);
  stale = gst_effnet_shadow_take (&self->shadow);
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&stale, gst_effnet_engine_unref);
}

/* ---- answers --------------------------------------------------------------------------------- */

static GstEffnetAnswer *
find (GstEffnetAnswers *answers, guint64 frame, guint part)
{
  for (guint i = 0; i < GST_EFFNET_SHADOW_ANSWERS; i++) {
    GstEffnetAnswer *answer = &answers->answers[i];

    if (answer->frame == frame && answer->part == part)
      return answer;
  }
  return NULL;
}

/* Whether the answers are those of the candidate that is set now. With the object lock. */
static gboolean
is_current (const GstEffnetShadow *shadow)
{
  return shadow->engine != NULL && shadow->engine->serial == shadow->serial;
}

/* One that waits there gives way. */
static void
leave (GstEffnetAnswers *answers, const GstEffnetAnswer *answer)
{
  GstEffnetAnswer *to = &answers->answers[answers->next++ % GST_EFFNET_SHADOW_ANSWERS];

  clear (to);
  *to = *answer;
  to->label = g_strdup (answer->label);
  if (to->embedding != NULL)
    gst_buffer_ref (to->embedding);
}

static void
count (GstEffnetClassify *self, const GstEffnetAnswer *one, const GstEffnetAnswer *other)
{
  GST_OBJECT_LOCK (self);
  if (is_current (&self->shadow)) {
    self->shadow.compared++;
    self->shadow.agreed += strcmp (one->label, other->label) == 0;
    self->shadow.distance += ABS (one->score - other->score);
  }
  GST_OBJECT_UNLOCK (self);
}

static void
disagree (GstEffnetClassify *self, const GstEffnetJob *job, const GstEffnetResults *results,
          guint nth, const GstEffnetAnswer *own, const GstEffnetAnswer *candidate)
{
  const GstEffnetDisagreement d = {own->label, candidate->label, own->score, own->margin,
                                   own->embedding};

  gst_effnet_classify_keep_disagreement (self, job, results, nth, &d);
}

/* Compares with those of the other model that are there, and leaves the rest for it. */
static void
compare (GstEffnetClassify *self, const GstEffnetJob *job, const GstEffnetResults *results,
         GstEffnetAnswers *mine, GstEffnetAnswers *others)
{
  guint step = results->lineup->n;
  guint n = MIN (gst_effnet_results_length (results) / step, GST_EFFNET_SHADOW_ANSWERS);

  for (guint i = 0; i < n; i++) {
    const GstEffnetResult *result = gst_effnet_results_get (results, i * step);
    const GstEffnetEntry *best = &g_array_index (results->entries, GstEffnetEntry, result->first);
    char text[GST_EFFNET_LABEL_LENGTH], *label = (char *)gst_effnet_entry_get_label (best, text);
    GstEffnetAnswer answer = {.frame = results->frame,
                              .part = i,
                              .label = label,
                              .score = best->score,
                              .margin = result->margin,
                              .embedding = result->embedding};
    GstEffnetAnswer *other = find (others, results->frame, i);

    if (other == NULL) {
      leave (mine, &answer);
      continue;
    }
    GST_LOG_OBJECT (self, "frame %" G_GUINT64_FORMAT " part %u: \"%s\" %.3f beside \"%s\" %.3f",
                    answer.frame, i, answer.label, answer.score, other->label, other->score);
    count (self, &answer, other);
    if (strcmp (label, other->label) != 0)
      disagree (self, job, results, i, mine == &self->shadow.own ? &answer : other,
                mine == &self->shadow.own ? other : &answer);
    clear (other);
  }
}

void
gst_effnet_classify_compare (GstEffnetClassify *self, const GstEffnetJob *job,
                             const GstEffnetResults *results)
{
  if (self->shadow.serial != 0)
    compare (self, job, results, &self->shadow.own, &self->shadow.candidate);
}

static void
take_up (GstEffnetClassify *self)
{
  GstEffnetShadow *shadow = &self->shadow;
  GstEffnetJob *job;

  while ((job = gst_effnet_stream_take (&shadow->stream, G_MAXUINT)) != NULL) {
    if (job->error == NULL && job->results.engine->serial == shadow->serial)
      compare (self, job, &job->results, &shadow->candidate, &shadow->own);
    gst_effnet_stream_give_back (&shadow->stream, job);
  }
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* What the candidate does not know is passed over: whoever set the rules heard of the model in use.
 */
static void
make_lineup (GstEffnetClassify *self, GstEffnetEngine *engine)
{
  GstEffnetShadow *shadow = &self->shadow;
  g_autofree char *complaint = NULL;

  g_clear_pointer (&shadow->lineup, gst_effnet_lineup_unref);
  g_clear_pointer (&shadow->rules, gst_effnet_class_rules_unref);
  shadow->rules = gst_effnet_class_rules_ref (self->labels.rules);
  shadow->lineup = gst_effnet_lineup_new (engine, NULL, shadow->rules, &complaint);
  if (shadow->serial != engine->serial)
    clear_answers (&shadow->candidate);
  shadow->serial = engine->serial;
}

/* A stream that nothing comes from would have batches wait for it: there is one while there is a
 * candidate. */
static void
settle_stream (GstEffnetClassify *self, gboolean wanted)
{
  GstEffnetStream *stream = &self->shadow.stream;
  gboolean cancelled;

  if (wanted == (stream->stream != NULL))
    return;
  if (!wanted) {
    gst_effnet_stream_stop (stream);
    return;
  }
  gst_effnet_stream_start (stream, self->shadow.scheduler, 1);
  GST_OBJECT_LOCK (self);
  cancelled = self->cancelled;
  GST_OBJECT_UNLOCK (self);
  if (cancelled) /* before there was one to cancel */
    gst_effnet_stream_set_cancelled (stream, TRUE);
}

/* Returns: (transfer full) (nullable): the candidate, if this frame is one for it */
static GstEffnetEngine *
ref_engine (GstEffnetClassify *self)
{
  GstEffnetShadow *shadow = &self->shadow;
  GstEffnetEngine *engine = NULL;
  gboolean due, has;

  GST_OBJECT_LOCK (self);
  due = ++shadow->since >= shadow->interval;
  has = shadow->engine != NULL;
  if (has && due)
    engine = gst_effnet_engine_ref (shadow->engine);
  GST_OBJECT_UNLOCK (self);
  settle_stream (self, has);
  if (engine != NULL && (engine->serial != shadow->serial || shadow->rules != self->labels.rules ||
                         shadow->lineup->is_starved))
    make_lineup (self, engine);
  if (engine != NULL && shadow->lineup->is_starved)
    g_clear_pointer (&engine, gst_effnet_engine_unref); /* the next frame tries again */
  return engine;
}

gboolean
gst_effnet_classify_has_shadow (GstEffnetClassify *self)
{
  gboolean has;

  GST_OBJECT_LOCK (self);
  has = self->shadow.engine != NULL;
  GST_OBJECT_UNLOCK (self);
  return has;
}

void
gst_effnet_classify_shadow (GstEffnetClassify *self, const GstEffnetFormat *format,
                            GstBuffer *buffer, guint64 frame,
                            const GstEffnetInferenceSettings *settings)
{
  static const GstEffnetResults none;
  GstEffnetCoded raw = {.chain = NULL};
  GstEffnetShadow *shadow = &self->shadow;
  GstEffnetInferenceSettings mine = *settings;
  GstEffnetEngine *engine;
  GstEffnetJob *job;

  take_up (self);
  engine = ref_engine (self);
  if (engine == NULL)
    return;
  job = gst_effnet_stream_is_free (&shadow->stream) ? gst_effnet_stream_get_job (&shadow->stream)
                                                    : NULL;
  if (job != NULL) {
    mine.wanted = (GstEffnetWanted){.top_k = 1};
    mine.keep.picture &= (mine.keep.reasons & GST_EFFNET_SAVE_DISAGREEMENT) != 0;
    gst_effnet_job_begin (job, engine, &mine);
    job->results.lineup = gst_effnet_lineup_ref (shadow->lineup);
    job->results.frame = frame;
    if (gst_effnet_inference_capture (&self->inference, format, &raw, buffer, TRUE, &none, job,
                                      NULL) &&
        job->input != GST_EFFNET_INPUT_NONE) {
      gst_effnet_stream_submit (&shadow->stream, job, EFFNET_SUBMIT_REPLACE);
      shadow->since = 0;
    } else {
      gst_effnet_stream_give_back (&shadow->stream, job);
    }
  }
  gst_effnet_engine_unref (engine);
}

void
gst_effnet_classify_add_shadow_stats (GstEffnetClassify *self, GstStructure *stats)
{
  const GstEffnetShadow *shadow = &self->shadow;
  guint64 compared, agreed;
  double distance;

  GST_OBJECT_LOCK (self);
  compared = shadow->compared;
  agreed = shadow->agreed;
  distance = shadow->distance;
  GST_OBJECT_UNLOCK (self);
  gst_structure_set (stats, "shadow-compared", G_TYPE_UINT64, compared, "shadow-agreed",
                     G_TYPE_UINT64, agreed, "shadow-distance", G_TYPE_DOUBLE,
                     compared > 0 ? distance / (double)compared : 0.0, NULL);
}
