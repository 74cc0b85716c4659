/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prometheus: "Exposition formats", version 0.0.4; OpenMetrics: "OpenMetrics, a cloud-native,
 * highly scalable metrics protocol", version 1.0.0. */
#include "metrics/exposition.h"

#include <string.h>

typedef struct {
  GstEffnetFamily family; /* its strings are owned */
  GString *samples;
} Family;

struct _GstEffnetExposition {
  GPtrArray *families; /* of Family, in the order they came */
  GHashTable *of_name; /* name -> Family */
};

static void
family_free (gpointer data)
{
  Family *f = data;

  g_free ((char *)f->family.name);
  g_free ((char *)f->family.unit);
  g_free ((char *)f->family.help);
  g_string_free (f->samples, TRUE);
  g_free (f);
}

GstEffnetExposition *
gst_effnet_exposition_new (void)
{
  GstEffnetExposition *exposition = g_new (GstEffnetExposition, 1);

  exposition->families = g_ptr_array_new_with_free_func (family_free);
  exposition->of_name = g_hash_table_new (g_str_hash, g_str_equal);
  return exposition;
}

void
gst_effnet_exposition_free (GstEffnetExposition *exposition)
{
  g_hash_table_unref (exposition->of_name);
  g_ptr_array_unref (exposition->families);
  g_free (exposition);
}

static Family *
find (GstEffnetExposition *exposition, const GstEffnetFamily *family)
{
  Family *f = g_hash_table_lookup (exposition->of_name, family->name);

  if (f != NULL)
    return f;
  f = g_new (Family, 1);
  f->family = (GstEffnetFamily){g_strdup (family->name), family->type, g_strdup (family->unit),
                                g_strdup (family->help)};
  f->samples = g_string_new (NULL);
  g_ptr_array_add (exposition->families, f);
  g_hash_table_insert (exposition->of_name, (gpointer)f->family.name, f);
  return f;
}

void
gst_effnet_labels_add (GString *labels, const char *name, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value != NULL ? value : "", -1);

  g_string_append_printf (labels, "%s%s=\"", labels->len > 0 ? "," : "", name);
  for (const char *c = valid; *c != '\0'; c++) {
    if (*c == '\n')
      g_string_append (labels, "\\n");
    else if (*c == '"' || *c == '\\')
      g_string_append_printf (labels, "\\%c", *c);
    else
      g_string_append_c (labels, *c);
  }
  g_string_append_c (labels, '"');
}

char *
gst_effnet_metric_name (const char *prefix, const char *name)
{
  char *text = g_strdup_printf ("%s_%s", prefix, name);

  return g_strcanon (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", '_');
}

/* The shorter of two texts that are read back as the same number; in no locale. */
static void
append_number (GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (buffer, sizeof buffer, "%.15g", value);
  if (g_ascii_strtod (buffer, NULL) != value)
    g_ascii_formatd (buffer, sizeof buffer, "%.17g", value);
  g_string_append (text, buffer);
}

static void
add_sample (Family *f, const char *suffix, const char *labels, double value)
{
  g_string_append_printf (f->samples, "%s%s", f->family.name, suffix);
  if (*labels != '\0')
    g_string_append_printf (f->samples, "{%s}", labels);
  g_string_append_c (f->samples, ' ');
  append_number (f->samples, value);
  g_string_append_c (f->samples, '\n');
}

static const char *
suffix_of (GstEffnetFamilyType type)
{
  if (type == GST_EFFNET_FAMILY_COUNTER)
    return "_total";
  return type == GST_EFFNET_FAMILY_INFO ? "_info" : "";
}

void
gst_effnet_exposition_add (GstEffnetExposition *exposition, const GstEffnetFamily *family,
                           const char *labels, double value)
{
  Family *f = find (exposition, family);

  add_sample (f, suffix_of (f->family.type), labels, value);
}

/* OpenMetrics wants a bound to look like a float. */
static void
add_bound (GString *labels, double bound)
{
  g_autoptr (GString) text = g_string_new (NULL);

  append_number (text, bound);
  if (strpbrk (text->str, ".e") == NULL)
    g_string_append (text, ".0");
  gst_effnet_labels_add (labels, "le", text->str);
}

void
gst_effnet_exposition_add_histogram (GstEffnetExposition *exposition, const GstEffnetFamily *family,
                                     const char *labels, const double *bounds,
                                     const guint64 *counts, guint n, double sum)
{
  Family *f = find (exposition, family);
  guint64 total = 0;

  for (guint i = 0; i <= n; i++) {
    g_autoptr (GString) with_bound = g_string_new (labels);

    if (i < n)
      add_bound (with_bound, bounds[i]);
    else
      gst_effnet_labels_add (with_bound, "le", "+Inf");
    total += counts[i];
    add_sample (f, "_bucket", with_bound->str, (double)total);
  }
  add_sample (f, "_sum", labels, sum);
  add_sample (f, "_count", labels, (double)total);
}

/* Prometheus' own form has no type for infos, and announces a family as its samples are called. */
static void
append_head (GString *text, const GstEffnetFamily *family, gboolean openmetrics)
{
  static const char *const types[] = {"counter", "gauge", "info", "histogram"};
  const char *type = types[family->type];
  g_autofree char *name =
      g_strconcat (family->name, openmetrics ? "" : suffix_of (family->type), NULL);

  if (family->type == GST_EFFNET_FAMILY_INFO && !openmetrics)
    type = "gauge";
  g_string_append_printf (text, "# HELP %s %s\n# TYPE %s %s\n", name, family->help, name, type);
  if (openmetrics && family->unit != NULL)
    g_string_append_printf (text, "# UNIT %s %s\n", name, family->unit);
}

GBytes *
gst_effnet_exposition_render (const GstEffnetExposition *exposition, gboolean openmetrics)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < exposition->families->len; i++) {
    const Family *f = g_ptr_array_index (exposition->families, i);

    append_head (text, &f->family, openmetrics);
    g_string_append_len (text, f->samples->str, (gssize)f->samples->len);
  }
  if (openmetrics)
    g_string_append (text, "# EOF\n");
  return g_string_free_to_bytes (text);
}
