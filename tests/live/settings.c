/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * See settings.h. */
#include "settings.h"

#include <string.h>

#define MANY 4 /* threads and such: as many as this, whatever the range */

/* Mostly a small number, now and then an end of the range. */
static guint64
pick (GRand *rand, guint64 minimum, guint64 maximum, guint64 standard)
{
  guint64 any = (guint64)g_rand_int (rand) * 8;

  switch (g_rand_int_range (rand, 0, 6)) {
  case 0:
    return minimum;
  case 1:
    return maximum;
  case 2:
    return standard;
  case 3:
    return CLAMP (any, minimum, maximum);
  default:
    return MIN (minimum + (guint64)g_rand_int_range (rand, 0, MANY), maximum);
  }
}

static void
set_number (GRand *rand, GParamSpec *pspec, GValue *value)
{
  gboolean few = strcmp (pspec->name, "threads") == 0; /* each is a thread */

  if (G_IS_PARAM_SPEC_UINT (pspec)) {
    GParamSpecUInt *p = G_PARAM_SPEC_UINT (pspec);

    g_value_set_uint (value,
                      (guint)pick (rand, p->minimum, few ? MANY : p->maximum, p->default_value));
  } else if (G_IS_PARAM_SPEC_UINT64 (pspec)) {
    GParamSpecUInt64 *p = G_PARAM_SPEC_UINT64 (pspec);

    g_value_set_uint64 (value, pick (rand, p->minimum, p->maximum, p->default_value));
  } else if (G_IS_PARAM_SPEC_INT (pspec)) {
    GParamSpecInt *p = G_PARAM_SPEC_INT (pspec);
    guint64 range = (guint64)((gint64)p->maximum - p->minimum);

    g_value_set_int (value, (int)((gint64)pick (rand, 0, range,
                                                (guint64)((gint64)p->default_value - p->minimum)) +
                                  p->minimum));
  } else if (G_IS_PARAM_SPEC_DOUBLE (pspec)) {
    GParamSpecDouble *p = G_PARAM_SPEC_DOUBLE (pspec);
    double ends[] = {p->minimum, p->maximum, p->default_value, g_rand_double (rand)};

    g_value_set_double (value, CLAMP (ends[g_rand_int_range (rand, 0, 4)], p->minimum, p->maximum));
  }
}

static void
set_value (const Settings *self, GParamSpec *pspec, GValue *value)
{
  if (G_IS_PARAM_SPEC_BOOLEAN (pspec)) {
    g_value_set_boolean (value, g_rand_boolean (self->rand));
  } else if (G_IS_PARAM_SPEC_ENUM (pspec)) {
    GEnumClass *class = G_PARAM_SPEC_ENUM (pspec)->enum_class;

    g_value_set_enum (value,
                      class->values[g_rand_int_range (self->rand, 0, (int)class->n_values)].value);
  } else if (G_IS_PARAM_SPEC_FLAGS (pspec)) {
    g_value_set_flags (value,
                       g_rand_int (self->rand) & G_PARAM_SPEC_FLAGS (pspec)->flags_class->mask);
  } else if (GST_IS_PARAM_SPEC_FRACTION (pspec)) {
    gst_value_set_fraction (value, g_rand_int_range (self->rand, 0, 20),
                            g_rand_int_range (self->rand, 1, 4));
  } else if (G_IS_PARAM_SPEC_STRING (pspec)) {
    const SettingsTexts *row = self->texts;
    guint n = 0;

    while (row->property != NULL && strcmp (row->property, pspec->name) != 0)
      row++;
    while (n < G_N_ELEMENTS (row->texts) && row->texts[n] != NULL)
      n++;
    n = (guint)g_rand_int_range (self->rand, 0, (int)n + 1);
    g_value_set_string (value, n < G_N_ELEMENTS (row->texts) ? row->texts[n] : NULL);
  } else {
    set_number (self->rand, pspec, value);
  }
}

static gboolean
is_setting (const GParamSpec *pspec)
{
  return pspec->flags & G_PARAM_WRITABLE && strcmp (pspec->name, "name") != 0 &&
         strcmp (pspec->name, "parent") != 0;
}

char *
settings_set_any (const Settings *self, GstElement *element)
{
  guint n;
  GParamSpec **all = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n), *pspec;
  GValue value = G_VALUE_INIT;
  char *text, *said;

  do
    pspec = all[g_rand_int_range (self->rand, 0, (int)n)];
  while (!is_setting (pspec));
  g_value_init (&value, pspec->value_type);
  set_value (self, pspec, &value);
  g_object_set_property (G_OBJECT (element), pspec->name, &value);
  text = g_strdup_value_contents (&value);
  said = g_strdup_printf ("%s=%s", pspec->name, text);
  g_free (text);
  g_value_unset (&value);
  g_free (all);
  return said;
}

void
settings_reset (GstElement *element)
{
  guint n;
  GParamSpec **all = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  for (guint i = 0; i < n; i++) {
    if (is_setting (all[i]))
      g_object_set_property (G_OBJECT (element), all[i]->name,
                             g_param_spec_get_default_value (all[i]));
  }
  g_free (all);
}

void
settings_read_all (GstElement *element)
{
  guint n;
  GParamSpec **all = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);

  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    if (!(all[i]->flags & G_PARAM_READABLE))
      continue;
    g_value_init (&value, all[i]->value_type);
    g_object_get_property (G_OBJECT (element), all[i]->name, &value);
    g_value_unset (&value);
  }
  g_free (all);
}

/* All arguments of an action are labels, or names of parts. */
static void
emit (const Settings *self, GstElement *element, const GSignalQuery *query)
{
  static const char *const labels[] = {"a", "b", "c", "full-frame", "", NULL};
  GValue values[3] = {G_VALUE_INIT}, answer = G_VALUE_INIT;

  g_assert_cmpuint (query->n_params, <, G_N_ELEMENTS (values));
  g_value_init (&values[0], G_OBJECT_TYPE (element));
  g_value_set_object (&values[0], element);
  for (guint i = 0; i < query->n_params; i++) {
    g_assert_true (query->param_types[i] == G_TYPE_STRING);
    g_value_init (&values[i + 1], G_TYPE_STRING);
    g_value_set_string (&values[i + 1],
                        labels[g_rand_int_range (self->rand, 0, G_N_ELEMENTS (labels))]);
  }
  if (query->return_type != G_TYPE_NONE) {
    g_assert_true (query->return_type == G_TYPE_BOOLEAN);
    g_value_init (&answer, G_TYPE_BOOLEAN);
  }
  g_signal_emitv (values, query->signal_id, 0, query->return_type != G_TYPE_NONE ? &answer : NULL);
  for (guint i = 0; i <= query->n_params; i++)
    g_value_unset (&values[i]);
}

const char *
settings_act (const Settings *self, GstElement *element)
{
  guint n, n_actions = 0;
  guint *ids = g_signal_list_ids (G_OBJECT_TYPE (element), &n);
  GSignalQuery query;
  const char *name = NULL;

  for (guint i = 0; i < n; i++) {
    g_signal_query (ids[i], &query);
    if (query.signal_flags & G_SIGNAL_ACTION)
      ids[n_actions++] = ids[i];
  }
  if (n_actions > 0) {
    g_signal_query (ids[g_rand_int_range (self->rand, 0, (int)n_actions)], &query);
    name = query.signal_name;
    emit (self, element, &query);
  }
  g_free (ids);
  return name;
}
