/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "schema_json.h"

#include <effnet/effnet.h>
#include <string.h>

#define NTP_TO_UNIX G_GINT64_CONSTANT (2208988800) /* s from 1900 to 1970 */

JsonObject *
gst_effnet_schema_json_add_class (JsonArray *top, gint64 id, const char *label, double score)
{
  JsonObject *object = json_object_new ();

  json_object_set_int_member (object, "id", id);
  json_object_set_string_member (object, "label", label);
  json_object_set_double_member (object, "score", score);
  json_array_add_object_element (top, object);
  return object;
}

static void
set_time (JsonObject *object, const char *name, guint64 ns)
{
  if (ns <= G_MAXINT64)
    json_object_set_int_member (object, name, (gint64)ns);
  else
    json_object_set_null_member (object, name);
}

static JsonArray *
floats_of (GstBuffer *buffer)
{
  JsonArray *list = json_array_new ();
  GstMapInfo map;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return list;
  for (gsize i = 0; i < map.size / sizeof (float); i++) {
    float value;

    memcpy (&value, map.data + i * sizeof value, sizeof value);
    json_array_add_double_element (list, value);
  }
  gst_buffer_unmap (buffer, &map);
  return list;
}

/* A list of numbers; of other things nothing. */
static JsonArray *
doubles_of (const GValue *list)
{
  JsonArray *array = json_array_new ();

  for (guint i = 0; i < gst_value_list_get_size (list); i++) {
    const GValue *value = gst_value_list_get_value (list, i);

    if (G_VALUE_HOLDS_DOUBLE (value))
      json_array_add_double_element (array, g_value_get_double (value));
  }
  return array;
}

static void
set_map (JsonObject *object, const GstEffnetActivationMap *map)
{
  JsonObject *made = json_object_new ();
  JsonArray *box = json_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (map->box); i++)
    json_array_add_double_element (box, map->box[i]);
  json_object_set_int_member (made, "height", map->height);
  json_object_set_int_member (made, "width", map->width);
  json_object_set_array_member (made, "box", box);
  json_object_set_array_member (made, "values", floats_of (map->values));
  json_object_set_object_member (object, "activation_map", made);
}

static void
set_top (JsonObject *object, const GstStructure *part, guint n_entries)
{
  g_autofree GstEffnetEntry *entries = g_new (GstEffnetEntry, MAX (n_entries, 1));
  guint n = gst_effnet_schema_read_entries (part, entries, n_entries);
  JsonArray *top = json_array_new ();

  for (guint i = 0; i < n; i++)
    gst_effnet_schema_json_add_class (top, entries[i].id, entries[i].label, entries[i].score);
  json_object_set_array_member (object, "top", top);
}

/* The fields of one value each, and lists of numbers; the others are written by name. */
static gboolean
set_field (GQuark id, const GValue *value, gpointer user_data)
{
  JsonObject *object = user_data;
  g_autofree char *name = g_strdelimit (g_strdup (g_quark_to_string (id)), "-", '_');
  const char *text;

  if (G_VALUE_HOLDS_UINT64 (value)) {
    g_autofree char *time = g_strconcat (name, "_ns", NULL);
    set_time (object, time, g_value_get_uint64 (value));
  } else if (G_VALUE_HOLDS_UINT (value)) {
    json_object_set_int_member (object, name, g_value_get_uint (value));
  } else if (G_VALUE_HOLDS_INT (value)) {
    json_object_set_int_member (object, name, g_value_get_int (value));
  } else if (G_VALUE_HOLDS_DOUBLE (value)) {
    /* sums of scores, which have seven digits */
    json_object_set_double_member (object, name, (double)(float)g_value_get_double (value));
  } else if (G_VALUE_HOLDS_BOOLEAN (value)) {
    json_object_set_boolean_member (object, name, g_value_get_boolean (value));
  } else if (G_VALUE_HOLDS_STRING (value)) {
    text = g_value_get_string (value);
    json_object_set_string_member (object, name, text != NULL ? text : "");
  } else if (strcmp (name, "box") == 0) {
    json_object_set_array_member (object, name, doubles_of (value));
  }
  return TRUE;
}

JsonObject *
gst_effnet_schema_json_object (const GstStructure *part, const GstEffnetMoment *moment,
                               gint64 utc_ns, GError **error)
{
  g_autofree char *utc = gst_effnet_utc_text (utc_ns);
  GstEffnetRecord record;
  JsonObject *object;

  if (!gst_effnet_schema_read (part, &record, error))
    return NULL;
  object = json_object_new ();
  json_object_set_int_member (object, "schema_version", record.schema_version);
  json_object_set_string_member (object, "time", utc); /* null for NULL */
  set_time (object, "pts_ns", moment->timestamp);
  set_time (object, "duration_ns", moment->duration);
  set_time (object, "stream_time_ns", moment->stream_time);
  set_time (object, "running_time_ns", moment->running_time);
  gst_structure_foreach (part, set_field, object);
  set_top (object, part, record.n_entries);
  if (record.embedding != NULL)
    json_object_set_array_member (object, "embedding", floats_of (record.embedding));
  if (record.activation_map.values != NULL)
    set_map (object, &record.activation_map);
  return object;
}

/* ---- wall clock ------------------------------------------------------------------------------ */

char *
gst_effnet_utc_text (gint64 utc_ns)
{
  g_autoptr (GDateTime) time =
      utc_ns >= 0 ? g_date_time_new_from_unix_utc (utc_ns / GST_SECOND) : NULL;
  g_autofree char *seconds = time != NULL ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%S") : NULL;

  return seconds == NULL ? NULL
                         : g_strdup_printf ("%s.%06" G_GINT64_FORMAT "Z", seconds,
                                            utc_ns % GST_SECOND / GST_USECOND);
}

/* ns since 1970; -1: @buffer does not say. */
static gint64
reference_time (GstBuffer *buffer)
{
  GstReferenceTimestampMeta *meta;
  gpointer state = NULL;

  while ((meta = (GstReferenceTimestampMeta *)gst_buffer_iterate_meta_filtered (
              buffer, &state, GST_REFERENCE_TIMESTAMP_META_API_TYPE)) != NULL) {
    const GstStructure *s = gst_caps_get_structure (meta->reference, 0);
    gint64 from = gst_structure_has_name (s, "timestamp/x-ntp") ? NTP_TO_UNIX * GST_SECOND : 0;

    if ((from != 0 || gst_structure_has_name (s, "timestamp/x-unix")) &&
        meta->timestamp <= G_MAXINT64 && (gint64)meta->timestamp >= from)
      return (gint64)meta->timestamp - from;
  }
  return -1;
}

gint64
gst_effnet_utc_of (GstElement *element, GstBuffer *buffer, GstClockTime running_time)
{
  gint64 utc = reference_time (buffer), now = g_get_real_time () * GST_USECOND;
  g_autoptr (GstClock) clock = utc < 0 ? gst_element_get_clock (element) : NULL;

  if (utc >= 0 || clock == NULL || !GST_CLOCK_TIME_IS_VALID (running_time))
    return utc >= 0 ? utc : now;
  return now + GST_CLOCK_DIFF (gst_clock_get_time (clock),
                               gst_element_get_base_time (element) + running_time);
}
