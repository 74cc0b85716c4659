/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The element's side of classes.h and state.h. */
#include "classify/labels.h"

#include "classify/instance.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

enum { STATE_CHANGED, CLASSIFIED, RESET_STATE, N_SIGNALS };

static guint signals[N_SIGNALS];

void
gst_effnet_label_settings_init (GstEffnetLabelSettings *settings)
{
  static const char *const none[GST_EFFNET_N_RULES];

  *settings = (GstEffnetLabelSettings){
      .rules = gst_effnet_class_rules_new (none, 0.0, 0.0, NULL),
      .smoothing = {.smoothing = GST_EFFNET_SMOOTHING_NONE, .window = 5, .switch_after = 3}};
}

void
gst_effnet_label_settings_clear (GstEffnetLabelSettings *settings)
{
  g_clear_pointer (&settings->rules, gst_effnet_class_rules_unref);
}

void
gst_effnet_labels_init (GstEffnetLabels *labels)
{
  *labels = (GstEffnetLabels){.states = gst_effnet_states_new ()};
}

void
gst_effnet_labels_clear (GstEffnetLabels *labels)
{
  g_clear_pointer (&labels->rules, gst_effnet_class_rules_unref);
  g_clear_pointer (&labels->list, gst_effnet_head_list_unref);
  g_clear_pointer (&labels->lineup, gst_effnet_lineup_unref);
  g_clear_pointer (&labels->states, gst_effnet_states_free);
}

void
gst_effnet_labels_forget (GstEffnetLabels *labels)
{
  gst_effnet_states_reset (labels->states);
  labels->is_unsaid = FALSE;
}

/* ---- lineup ---------------------------------------------------------------------------------- */

gboolean
gst_effnet_labels_check (const GstEffnetClassRules *rules, GstEffnetEngine *engine,
                         const GstEffnetHeadList *list, GError **error)
{
  g_autofree char *complaint = NULL;

  gst_effnet_lineup_unref (gst_effnet_lineup_new (engine, list, rules, &complaint));
  if (complaint != NULL)
    g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT, complaint);
  return complaint == NULL;
}

static void
make_lineup (GstEffnetClassify *self, GstEffnetEngine *engine)
{
  GstEffnetLabels *labels = &self->labels;
  g_autofree char *complaint = NULL;

  g_clear_pointer (&labels->lineup, gst_effnet_lineup_unref);
  labels->lineup = gst_effnet_lineup_new (engine, labels->list, labels->rules, &complaint);
  if (complaint != NULL)
    gst_effnet_outbox_add_problem (&self->outbox, self, GST_MESSAGE_WARNING, GST_RESOURCE_ERROR,
                                   GST_RESOURCE_ERROR_SETTINGS, "the others count", "%s",
                                   complaint);
}

static void
reset_states (GstEffnetClassify *self)
{
  gst_effnet_labels_forget (&self->labels);
  for (guint i = 0; i < self->results.results->len; i++)
    g_array_index (self->results.results, GstEffnetResult, i).state =
        (GstEffnetState)GST_EFFNET_STATE_INIT;
}

void
gst_effnet_classify_settle_labels (GstEffnetClassify *self, GstEffnetEngine *engine)
{
  GstEffnetLabels *labels = &self->labels;
  GstEffnetClassRules *stale = NULL;
  GstEffnetHeadList *stale_list = NULL;
  gboolean reset, is_off, changed = self->labels.lineup == NULL;

  GST_OBJECT_LOCK (self);
  if (self->label_settings.rules != labels->rules) {
    stale = labels->rules;
    labels->rules = gst_effnet_class_rules_ref (self->label_settings.rules);
    changed = TRUE;
  }
  if (self->heads.list != labels->list) {
    stale_list = labels->list;
    labels->list = self->heads.list != NULL ? gst_effnet_head_list_ref (self->heads.list) : NULL;
    changed = TRUE;
  }
  is_off = self->label_settings.smoothing.smoothing == GST_EFFNET_SMOOTHING_NONE &&
           labels->smoothing.smoothing != GST_EFFNET_SMOOTHING_NONE;
  labels->smoothing = self->label_settings.smoothing;
  reset = self->label_settings.wants_reset;
  self->label_settings.wants_reset = FALSE;
  GST_OBJECT_UNLOCK (self);
  g_clear_pointer (&stale, gst_effnet_class_rules_unref);
  g_clear_pointer (&stale_list, gst_effnet_head_list_unref);
  if (changed || labels->lineup->engine != engine || labels->lineup->is_starved)
    make_lineup (self, engine);
  if (reset || is_off)
    reset_states (self);
}

/* ---- states ---------------------------------------------------------------------------------- */

static void
emit_state_changed (GstEffnetClassify *self, const GstEffnetResult *result)
{
  char texts[2][GST_EFFNET_LABEL_LENGTH];
  GstEffnetEntry entries[2] = {gst_effnet_head_name (result->head, result->state.before, 0.0),
                               gst_effnet_head_name (result->head, result->state.id, 0.0)};
  const char *before = gst_effnet_entry_get_label (&entries[0], texts[0]);
  const char *now = gst_effnet_entry_get_label (&entries[1], texts[1]);

  GST_DEBUG_OBJECT (self, "%s %d %s: \"%s\" becomes \"%s\" at %" GST_TIME_FORMAT, result->pick.name,
                    result->pick.roi_id, result->head->name, before, now,
                    GST_TIME_ARGS (result->state.since));
  if (g_signal_has_handler_pending (self, signals[STATE_CHANGED], 0, FALSE))
    gst_effnet_outbox_add_signal (&self->outbox, signals[STATE_CHANGED], self, G_TYPE_STRING,
                                  result->pick.name, G_TYPE_STRING, before, G_TYPE_STRING, now,
                                  G_TYPE_UINT64, result->state.since, G_TYPE_INT,
                                  result->pick.roi_id, G_TYPE_STRING, result->head->name, (GType)0);
}

/* A region of interest without a number of its own cannot be followed. */
static void
feed (GstEffnetClassify *self, GstEffnetResult *result)
{
  const GstEffnetResults *results = &self->results;
  GstEffnetObservation observation = {
      .part = result->pick.name,
      .number = result->pick.roi_id,
      .head = result->head->name,
      .class_list = result->head->class_list,
      .running_time = results->running_time,
      .best = result->answer,
      .scores = gst_effnet_results_get_scores (results, result),
      .filter = result->head->filter,
  };

  if (result->kept) {
    gst_effnet_states_touch (self->labels.states, result->pick.name, result->pick.roi_id,
                             result->head->name, results->running_time);
    result->state.changed = FALSE;
    return;
  }
  if (!result->pick.unique ||
      (observation.scores == NULL && self->labels.smoothing.smoothing == GST_EFFNET_SMOOTHING_EMA))
    return;
  result->state =
      gst_effnet_states_feed (self->labels.states, &self->labels.smoothing, &observation);
}

void
gst_effnet_classify_feed_states (GstEffnetClassify *self)
{
  GstEffnetLabels *labels = &self->labels;
  GArray *results = self->results.results;

  for (guint i = 0; i < results->len; i++)
    labels->is_unsaid |= !g_array_index (results, GstEffnetResult, i).kept;
  if (labels->smoothing.smoothing == GST_EFFNET_SMOOTHING_NONE || results->len == 0)
    return;
  gst_effnet_states_advance (labels->states, self->results.running_time);
  for (guint i = 0; i < results->len; i++)
    feed (self, &g_array_index (results, GstEffnetResult, i));
  for (guint i = 0; i < results->len; i++) {
    const GstEffnetResult *result = &g_array_index (results, GstEffnetResult, i);

    if (result->state.changed)
      emit_state_changed (self, result);
  }
}

/* ---- signals --------------------------------------------------------------------------------- */

gboolean
gst_effnet_classify_has_listener (GstEffnetClassify *self)
{
  return g_signal_has_handler_pending (self, signals[CLASSIFIED], 0, FALSE);
}

void
gst_effnet_classify_emit_classified (GstEffnetClassify *self, GstBuffer *buffer)
{
  GstStructure *s;

  if (!self->labels.is_unsaid)
    return;
  self->labels.is_unsaid = FALSE;
  if (!gst_effnet_classify_has_listener (self))
    return;
  s = gst_effnet_announcer_to_structure (&self->announcer, &self->segment, buffer);
  gst_effnet_outbox_add_signal (&self->outbox, signals[CLASSIFIED], self, GST_TYPE_STRUCTURE, s,
                                (GType)0);
  gst_structure_free (s);
}

/* Any thread. */
static void
reset_state (GstEffnetClassify *self)
{
  GST_OBJECT_LOCK (self);
  self->label_settings.wants_reset = TRUE;
  GST_OBJECT_UNLOCK (self);
}

void
gst_effnet_labels_install_signals (GObjectClass *klass)
{
  GType type = G_OBJECT_CLASS_TYPE (klass);

  /**
   * GstEffnetClassify::state-changed:
   * @element: the element
   * @region: the part: "full-frame", a name of #effnetclassify:regions, or a region of interest's
   *   type
   * @before: its stable label until now; "" = none
   * @now: the one from now on; "" when no class reaches the threshold
   * @since: running time of the frame that made it so, ns
   * @roi_id: number of the region of interest; -1: none
   * @head: name of the head, of #effnetclassify:heads; "" without heads
   *
   * With #effnetclassify:smoothing: the stable label of a part is another one. Emitted from a
   * thread of the element's: return soon.
   */
  signals[STATE_CHANGED] = g_signal_new ("state-changed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 6, G_TYPE_STRING, G_TYPE_STRING,
                                         G_TYPE_STRING, G_TYPE_UINT64, G_TYPE_INT, G_TYPE_STRING);
  /**
   * GstEffnetClassify::classified:
   * @element: the element
   * @result: (type Gst.Structure): what an element message would hold
   *
   * There are new results, and the first buffer that carries them is about to go on; with
   * #effnetclassify:inference-mode=async as soon as they are ready. Emitted from a thread of the
   * element's: return soon.
   */
  signals[CLASSIFIED] =
      g_signal_new ("classified", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 1,
                    GST_TYPE_STRUCTURE | G_SIGNAL_TYPE_STATIC_SCOPE);
  /**
   * GstEffnetClassify::reset-state:
   * @element: the element
   *
   * Forgets the stable labels, and what led to them, before the next frame.
   */
  signals[RESET_STATE] =
      g_signal_new_class_handler ("reset-state", type, G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
                                  G_CALLBACK (reset_state), NULL, NULL, NULL, G_TYPE_NONE, 0);
}
