/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Texts -> rules -> a score for each class; and the ranking that looks at it. */
#include "classes.h"
#include "memory.h"
#include "text.h"

#include <math.h>
#include <string.h>

#define NEAR_MAX    3  /* suggestions for a name */
#define NAME_LENGTH 80 /* characters of a name that are compared for nearness */

static const char *const rule_names[GST_EFFNET_N_RULES] = {"class-allow", "class-deny",
                                                           "class-thresholds"};

/* ---- rules ----------------------------------------------------------------------------------- */

/* Cuts "NAME=SCORE" at its last '='. FALSE when it is not that. */
static gboolean
split_score (char *part, double *score)
{
  char *equals = strrchr (part, '='), *end;

  if (equals == NULL)
    return FALSE;
  *score = g_ascii_strtod (g_strstrip (equals + 1), &end);
  *equals = '\0';
  g_strstrip (part);
  return end != equals + 1 && *end == '\0' && *part != '\0' && *score >= 0.0 && *score <= 1.0;
}

static gboolean
parse (GstEffnetClassRules *rules, GstEffnetRule rule, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) scores = g_array_new (FALSE, FALSE, sizeof (double));

  for (char **part = parts; *part != NULL; part++) {
    g_autofree char *as_given = gst_effnet_printable (*part);
    double score = 0.0;

    if (*g_strstrip (*part) == '\0')
      continue; /* of "a,,b" */
    if (rule == GST_EFFNET_RULE_THRESHOLDS && !split_score (*part, &score)) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                   "%s:%u: \"%s\" is not CLASS=SCORE with a score of 0 to 1, as in "
                   "cat=0.6,dog=0.4",
                   rule_names[rule], gst_effnet_part_position (text, ',', (guint)(part - parts)),
                   as_given);
      return FALSE;
    }
    g_ptr_array_add (names, g_strdup (*part));
    g_array_append_val (scores, score);
  }
  g_ptr_array_add (names, NULL);
  rules->names[rule] = (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
  if (rule == GST_EFFNET_RULE_THRESHOLDS)
    rules->scores = (double *)(void *)g_array_free (g_steal_pointer (&scores), FALSE);
  return TRUE;
}

GstEffnetClassRules *
gst_effnet_class_rules_new (const char *const texts[GST_EFFNET_N_RULES], double threshold,
                            double unknown, GError **error)
{
  g_autoptr (GstEffnetClassRules) rules = g_new0 (GstEffnetClassRules, 1);

  g_atomic_ref_count_init (&rules->refs);
  rules->threshold = threshold;
  rules->unknown = unknown;
  for (guint r = 0; r < GST_EFFNET_N_RULES; r++) {
    const char *text = texts[r] != NULL ? texts[r] : "";

    if (!gst_effnet_check_text (rule_names[r], text, 64, error))
      return NULL;
    rules->texts[r] = g_strdup (texts[r]);
    if (!g_utf8_validate (text, -1, NULL)) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
                   "%s is not text; expected names or numbers of classes in UTF-8", rule_names[r]);
      return NULL;
    }
    if (!parse (rules, r, text, error))
      return NULL;
  }
  return g_steal_pointer (&rules);
}

GstEffnetClassRules *
gst_effnet_class_rules_ref (GstEffnetClassRules *rules)
{
  g_atomic_ref_count_inc (&rules->refs);
  return rules;
}

void
gst_effnet_class_rules_unref (GstEffnetClassRules *rules)
{
  if (!g_atomic_ref_count_dec (&rules->refs))
    return;
  for (guint r = 0; r < GST_EFFNET_N_RULES; r++) {
    g_free (rules->texts[r]);
    g_strfreev (rules->names[r]);
  }
  g_free (rules->scores);
  g_free (rules);
}

/* ---- names ----------------------------------------------------------------------------------- */

typedef struct {
  char *folded; /* without its case */
  char *name;
  guint id;
} Name;

static void
clear_name (gpointer at)
{
  Name *name = at;

  g_free (name->folded);
  g_free (name->name);
}

static void
add_name (GArray *names, const char *text, guint id)
{
  Name name = {.name = g_strstrip (g_strdup (text)), .id = id};

  name.folded = g_utf8_casefold (name.name, -1);
  g_array_append_val (names, name);
}

/* What names_new() asks for, at most: a label of a letter and a comma, a letter and a comma has a
 * part for each. */
static gsize
bytes_of_names (const char *const *labels, guint n)
{
  gsize bytes = 0;

  for (guint i = 0; labels != NULL && i < n; i++) {
    gsize parts = 2;

    for (const char *c = labels[i]; c != NULL && *c != '\0'; c++)
      parts += *c == ',';
    bytes += parts * 8 * sizeof (Name) + (labels[i] != NULL ? 8 * strlen (labels[i]) : 0);
  }
  return bytes;
}

/* Returns: (transfer full): of Name: each label, and its parts */
static GArray *
names_new (const char *const *labels, guint n)
{
  GArray *names = g_array_new (FALSE, FALSE, sizeof (Name));

  g_array_set_clear_func (names, clear_name);
  for (guint i = 0; labels != NULL && i < n; i++) {
    g_auto (GStrv) parts = NULL;

    if (labels[i] == NULL || !g_utf8_validate (labels[i], -1, NULL))
      continue;
    add_name (names, labels[i], i);
    parts = g_strsplit (labels[i], ",", -1);
    for (char **part = parts; *part != NULL && parts[1] != NULL; part++)
      add_name (names, *part, i);
  }
  return names;
}

/* Marks the classes that @word means. FALSE when there are none. */
static gboolean
find_classes (const GArray *names, const char *word, guint n, gboolean *found)
{
  g_autofree char *folded = g_utf8_casefold (word, -1);
  gboolean any = FALSE;
  char *end;
  guint64 id;

  memset (found, 0, n * sizeof *found);
  for (guint i = 0; i < names->len; i++) {
    const Name *name = &g_array_index (names, Name, i);

    if (strcmp (name->folded, folded) == 0)
      any = found[name->id] = TRUE;
  }
  if (any || !g_ascii_isdigit (*word))
    return any;
  id = g_ascii_strtoull (word, &end, 10);
  if (*end != '\0' || id >= n)
    return FALSE;
  return found[id] = TRUE;
}

/* Levenshtein's: insertions, deletions and replacements that make one of the other. Bytes, which is
 * near enough for a suggestion. */
static guint
edit_distance (const char *a, const char *b)
{
  guint row[NAME_LENGTH + 1], n = (guint)MIN (strlen (b), NAME_LENGTH);

  for (guint k = 0; k <= n; k++)
    row[k] = k;
  for (guint i = 0; a[i] != '\0' && i < NAME_LENGTH; i++) {
    guint diagonal = row[0];

    row[0] = i + 1;
    for (guint k = 0; k < n; k++) {
      guint replaced = diagonal + (a[i] != b[k]);

      diagonal = row[k + 1];
      row[k + 1] = MIN (replaced, MIN (row[k], diagonal) + 1);
    }
  }
  return row[n];
}

/* 0: as good as equal; G_MAXUINT: another name altogether */
static guint
distance (const char *name, const char *word)
{
  guint length = (guint)strlen (word), d = edit_distance (name, word);

  if (length >= 3 && strstr (name, word) != NULL)
    return MIN (d, 1);
  return d <= 1 + (length + 1) / 4 ? d : G_MAXUINT;
}

/* Appends " (near: ...)" when there is something near. */
static void
append_near (GString *to, const GArray *names, const char *word)
{
  g_autofree char *folded = g_utf8_casefold (word, -1);
  const Name *near[NEAR_MAX] = {NULL};
  guint distances[NEAR_MAX], n = 0;

  for (guint i = 0; i < names->len; i++) {
    const Name *name = &g_array_index (names, Name, i);
    guint d = distance (name->folded, folded), at;

    if (d == G_MAXUINT || (n > 0 && near[n - 1]->id == name->id))
      continue;
    if (n == NEAR_MAX && d >= distances[n - 1])
      continue;
    for (at = n < NEAR_MAX ? n++ : n - 1; at > 0 && d < distances[at - 1]; at--) {
      near[at] = near[at - 1];
      distances[at] = distances[at - 1];
    }
    near[at] = name;
    distances[at] = d;
  }
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = gst_effnet_printable (near[i]->name);
    g_string_append_printf (to, "%s\"%s\"", i == 0 ? " (near: " : ", ", name);
  }
  if (n > 0)
    g_string_append_c (to, ')');
}

static void
complain (GString *to, const GArray *names, GstEffnetRule rule, const char *word, guint n)
{
  if (to->len == 0)
    g_string_append_printf (to,
                            "Classes that the model does not have; expected names of its %u "
                            "classes, or numbers below that: ",
                            n);
  else
    g_string_append (to, "; ");
  g_autofree char *shown = gst_effnet_printable (word);
  g_string_append_printf (to, "%s \"%s\"", rule_names[rule], shown);
  append_near (to, names, word);
}

/* ---- filter ---------------------------------------------------------------------------------- */

/* Returns: what the word at @w of @rule changes @floor to */
static double
apply (const GstEffnetClassRules *rules, GstEffnetRule rule, guint w, double floor)
{
  switch (rule) {
  case GST_EFFNET_RULE_THRESHOLDS:
    return floor == HUGE_VAL ? HUGE_VAL : rules->scores[w];
  case GST_EFFNET_RULE_ALLOW:
    return rules->threshold > 0.0 ? rules->threshold : -HUGE_VAL;
  default:
    return HUGE_VAL;
  }
}

static gboolean
none_named (const GstEffnetClassRules *rules)
{
  for (guint r = 0; r < GST_EFFNET_N_RULES; r++) {
    if (rules->names[r][0] != NULL)
      return FALSE;
  }
  return TRUE;
}

static GstEffnetClassFilter *
filter_alloc (guint n, double unknown)
{
  GstEffnetClassFilter *filter = g_try_malloc (sizeof *filter + n * sizeof filter->floor[0]);

  if (filter == NULL)
    return NULL;
  filter->n = n;
  filter->unknown = unknown;
  return filter;
}

GstEffnetClassFilter *
gst_effnet_class_filter_new (const GstEffnetClassRules *rules, const char *const *labels, guint n,
                             char **complaint)
{
  static const GstEffnetRule order[] = {GST_EFFNET_RULE_ALLOW, GST_EFFNET_RULE_DENY,
                                        GST_EFFNET_RULE_THRESHOLDS};
  GstEffnetClassFilter *filter = filter_alloc (n, rules->unknown);
  g_autofree gboolean *found = g_try_new (gboolean, MAX (n, 1));
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) names = NULL;
  g_autoptr (GError) error = NULL;
  gboolean none_allowed = rules->names[GST_EFFNET_RULE_ALLOW][0] != NULL;

  if (filter == NULL || found == NULL ||
      !gst_effnet_check_memory ("Looking for names among the classes",
                                none_named (rules) ? 0 : bytes_of_names (labels, n), &error)) {
    g_free (filter);
    *complaint = g_strdup_printf ("No memory for thresholds of %u classes", n);
    return NULL;
  }
  for (guint i = 0; i < n; i++)
    filter->floor[i] = none_allowed ? HUGE_VAL : apply (rules, GST_EFFNET_RULE_ALLOW, 0, 0.0);
  for (guint o = 0; o < G_N_ELEMENTS (order); o++) {
    for (guint w = 0; rules->names[order[o]][w] != NULL; w++) {
      const char *word = rules->names[order[o]][w];

      if (names == NULL)
        names = names_new (labels, n);
      if (!find_classes (names, word, n, found))
        complain (text, names, order[o], word, n);
      for (guint i = 0; i < n; i++)
        filter->floor[i] =
            found[i] ? apply (rules, order[o], w, filter->floor[i]) : filter->floor[i];
    }
  }
  *complaint = text->len > 0 ? g_string_free (g_steal_pointer (&text), FALSE) : NULL;
  return filter;
}

GstEffnetClassFilter *
gst_effnet_class_filter_slice (const GstEffnetClassFilter *filter, guint first, guint n,
                               const float *floors)
{
  GstEffnetClassFilter *slice = filter_alloc (n, filter->unknown);

  for (guint i = 0; slice != NULL && i < n; i++) {
    double floor = filter->floor[first + i];

    slice->floor[i] = floors != NULL && floor == -HUGE_VAL ? (double)floors[i] : floor;
  }
  return slice;
}

void
gst_effnet_class_filter_free (GstEffnetClassFilter *filter)
{
  g_free (filter);
}

int
gst_effnet_class_filter_answer (const GstEffnetClassFilter *filter, const float *scores,
                                double *best)
{
  double highest = -HUGE_VAL, reached = -HUGE_VAL;
  int id = GST_EFFNET_CLASS_NONE;

  for (guint i = 0; i < filter->n; i++) {
    double score = (double)scores[i];

    if (filter->floor[i] == HUGE_VAL)
      continue;
    highest = MAX (highest, score);
    if (score >= filter->floor[i] && score > reached) {
      reached = score;
      id = (int)i;
    }
  }
  if (best != NULL)
    *best = highest > -HUGE_VAL ? highest : 0.0;
  if (filter->unknown > 0.0 && highest > -HUGE_VAL && highest < filter->unknown)
    return GST_EFFNET_CLASS_UNKNOWN;
  return id;
}

guint
gst_effnet_class_filter_top (const GstEffnetClassFilter *filter, const float *scores, guint k,
                             EffnetScore *top)
{
  guint n = 0, at;

  for (guint i = 0; i < filter->n; i++) {
    if ((double)scores[i] < filter->floor[i] || (n == k && scores[i] <= top[n - 1].score))
      continue;
    for (at = n < k ? n++ : n - 1; at > 0 && scores[i] > top[at - 1].score; at--)
      top[at] = top[at - 1];
    top[at] = (EffnetScore){i, scores[i]};
  }
  return n;
}
