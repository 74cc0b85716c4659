/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Rules are looked up among the classes of all heads together, so that a name which one of them has
 * is none to complain about, and then cut into a filter for each. */
#include "classify/lineup.h"

#include <math.h>
#include <string.h>

const char *
gst_effnet_head_get_label (const GstEffnetHead *head, guint id)
{
  EffnetHeadInfo info;

  if (head->head == NULL)
    return effnet_model_get_label (head->model, id);
  effnet_head_get_info (head->head, &info);
  return info.labels != NULL ? info.labels[id] : NULL;
}

GstEffnetEntry
gst_effnet_head_name (const GstEffnetHead *head, int id, double score)
{
  if (id == GST_EFFNET_CLASS_UNKNOWN)
    return (GstEffnetEntry){GST_EFFNET_UNKNOWN, -1, score};
  if (id < 0)
    return (GstEffnetEntry){"", -1, score};
  return (GstEffnetEntry){gst_effnet_head_get_label (head, (guint)id), id, score};
}

/* ---- answers --------------------------------------------------------------------------------- */

static void
use_softmax (float *scores, guint n, double temperature)
{
  double most = -HUGE_VAL, sum = 0.0;

  for (guint i = 0; i < n; i++)
    most = MAX (most, (double)scores[i]);
  for (guint i = 0; i < n; i++)
    sum += exp (((double)scores[i] - most) / temperature);
  for (guint i = 0; i < n; i++)
    scores[i] = (float)(exp (((double)scores[i] - most) / temperature) / sum);
}

static void
use_sigmoid (float *scores, guint n, double temperature)
{
  for (guint i = 0; i < n; i++)
    scores[i] = (float)(1.0 / (1.0 + exp (-(double)scores[i] / temperature)));
}

static double
plogp (double p)
{
  return p > 0.0 ? p * log (p) : 0.0;
}

static double
margin_of (const float *scores, guint n, gboolean is_sigmoid)
{
  double best = -HUGE_VAL, second = -HUGE_VAL;

  if (n == 1)
    return is_sigmoid ? fabs (2.0 * (double)scores[0] - 1.0) : 0.0;
  for (guint i = 0; i < n; i++) {
    double score = (double)scores[i];

    second = MAX (second, MIN (score, best));
    best = MAX (best, score);
  }
  return best - second;
}

static double
entropy_of (const float *scores, guint n, gboolean is_sigmoid)
{
  double entropy = 0.0;

  for (guint i = 0; i < n; i++) {
    double p = (double)scores[i];

    entropy -= plogp (p) + (is_sigmoid ? plogp (1.0 - p) : 0.0);
  }
  return entropy;
}

gboolean
gst_effnet_head_answer (const GstEffnetHead *head, const EffnetResult *from,
                        const GstEffnetRunSettings *run, float *scores, double *margin,
                        double *entropy)
{
  EffnetOutputActivation activation = run->activation;
  double distance, temperature = run->temperature;
  gboolean is_foreign = FALSE;
  EffnetHeadInfo info;

  if (head->head == NULL)
    return head->card != NULL &&
           effnet_head_apply (head->card, from->features, NULL, NULL, &distance);
  is_foreign = effnet_head_apply (head->head, from->features, scores, NULL, &distance);
  effnet_head_get_info (head->head, &info);
  if (temperature <= 0.0)
    temperature = info.temperature;
  if (activation == EFFNET_OUTPUT_ACTIVATION_AUTO)
    activation = info.kind == EFFNET_HEAD_SOFTMAX ? EFFNET_OUTPUT_ACTIVATION_SOFTMAX
                                                  : EFFNET_OUTPUT_ACTIVATION_SIGMOID;
  if (activation == EFFNET_OUTPUT_ACTIVATION_SOFTMAX)
    use_softmax (scores, head->n_classes, temperature);
  else if (activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID)
    use_sigmoid (scores, head->n_classes, temperature);
  *margin = margin_of (scores, head->n_classes, activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID);
  *entropy =
      activation == EFFNET_OUTPUT_ACTIVATION_NONE
          ? 0.0
          : entropy_of (scores, head->n_classes, activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID);
  return is_foreign;
}

/* ---- making ---------------------------------------------------------------------------------- */

static void
complain (GString *to, const char *text)
{
  if (to->len > 0)
    g_string_append (to, "; ");
  g_string_append (to, text);
}

/* The present heads' entries, but those for another model. */
static void
add_heads (GstEffnetLineup *lineup, const GstEffnetHeadList *list, GString *complaints)
{
  for (guint i = 0; list != NULL && i < list->n; i++) {
    const GstEffnetHeadEntry *entry = &list->entries[i];
    GstEffnetHead *head = &lineup->heads[lineup->n];
    g_autoptr (GError) error = NULL;

    if (entry->head != NULL && !gst_effnet_engine_fits (lineup->engine, entry->head, &error)) {
      g_prefix_error (&error, "Head \"%s\" is left out: ", entry->name);
      complain (complaints, error->message);
      continue;
    }
    head->name = g_strdup (entry->name);
    if (entry->head != NULL)
      head->head = effnet_head_ref (entry->head);
    lineup->n++;
  }
  if (lineup->n == 0)
    lineup->heads[lineup->n++].name = g_strdup ("");
}

static void
describe (GstEffnetHead *head, const GstEffnetEngine *engine)
{
  EffnetHeadInfo info;

  head->model = engine->model;
  head->n_classes = engine->info.n_classes;
  head->class_list = engine->class_list;
  head->identity = engine->identity;
  head->card = engine->card;
  if (head->head == NULL)
    return;
  effnet_head_get_info (head->head, &info);
  head->card = head->head;
  head->n_classes = info.n_classes;
  head->identity = head->class_list = gst_effnet_class_list_of (info.labels, info.n_classes);
}

/* The labels of all heads, one behind the other; NULL without memory. */
static const char **
all_labels (const GstEffnetLineup *lineup, guint *n)
{
  const char **labels;

  *n = 0;
  for (guint i = 0; i < lineup->n; i++)
    *n += lineup->heads[i].n_classes;
  labels = g_try_new (const char *, *n);
  *n = 0;
  for (guint i = 0; labels != NULL && i < lineup->n; i++) {
    for (guint k = 0; k < lineup->heads[i].n_classes; k++)
      labels[(*n)++] = gst_effnet_head_get_label (&lineup->heads[i], k);
  }
  return labels;
}

static void
make_filters (GstEffnetLineup *lineup, const GstEffnetClassRules *rules, GString *complaints)
{
  guint first = 0, n;
  g_autofree const char **labels = all_labels (lineup, &n);
  g_autoptr (GstEffnetClassFilter) all = NULL;
  g_autofree char *complaint = NULL;

  if (labels != NULL)
    all = gst_effnet_class_filter_new (rules, labels, n, &complaint);
  lineup->is_starved = all == NULL;
  if (complaint != NULL || all == NULL)
    complain (complaints, complaint != NULL ? complaint : "No memory for the names of the classes");
  for (guint i = 0; all != NULL && i < lineup->n; i++) {
    GstEffnetHead *head = &lineup->heads[i];
    EffnetHeadInfo info = {0};

    if (head->card != NULL)
      effnet_head_get_info (head->card, &info);
    head->filter = gst_effnet_class_filter_slice (all, first, head->n_classes, info.thresholds);
    lineup->is_starved |= head->filter == NULL;
    first += head->n_classes;
  }
}

GstEffnetLineup *
gst_effnet_lineup_new (GstEffnetEngine *engine, const GstEffnetHeadList *list,
                       const GstEffnetClassRules *rules, char **complaint)
{
  guint n = list != NULL ? list->n : 0;
  GstEffnetLineup *lineup = g_malloc0 (sizeof *lineup + MAX (n, 1) * sizeof lineup->heads[0]);
  GString *complaints = g_string_new (NULL);

  g_atomic_ref_count_init (&lineup->refs);
  lineup->engine = gst_effnet_engine_ref (engine);
  add_heads (lineup, list, complaints);
  for (guint i = 0; i < lineup->n; i++)
    describe (&lineup->heads[i], engine);
  make_filters (lineup, rules, complaints);
  *complaint = g_string_free (complaints, complaints->len == 0);
  return lineup;
}

GstEffnetLineup *
gst_effnet_lineup_ref (GstEffnetLineup *lineup)
{
  g_atomic_ref_count_inc (&lineup->refs);
  return lineup;
}

void
gst_effnet_lineup_unref (GstEffnetLineup *lineup)
{
  if (!g_atomic_ref_count_dec (&lineup->refs))
    return;
  for (guint i = 0; i < lineup->n; i++) {
    g_clear_pointer (&lineup->heads[i].filter, gst_effnet_class_filter_free);
    g_clear_pointer (&lineup->heads[i].head, effnet_head_unref);
    g_free (lineup->heads[i].name);
  }
  gst_effnet_engine_unref (lineup->engine);
  g_free (lineup);
}
