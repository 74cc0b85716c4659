/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json.h"

#include <math.h>
#include <string.h>

void
gst_effnet_json_append_escaped (GString *out, gunichar c)
{
  if (c < 0x10000) {
    g_string_append_printf (out, "\\u%04x", c);
  } else { /* a surrogate pair, as JSON has it */
    c -= 0x10000;
    g_string_append_printf (out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
  }
}

void
gst_effnet_json_append_string (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (out, '"');
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (!g_unichar_isprint (c)) {
      gst_effnet_json_append_escaped (out, c);
    } else {
      if (c == '"' || c == '\\')
        g_string_append_c (out, '\\');
      g_string_append_unichar (out, c);
    }
  }
  g_string_append_c (out, '"');
}

void
gst_effnet_json_append_double (GString *out, double value)
{
  gboolean is_float = (double)(float)value == value;
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value)) {
    g_string_append (out, "null");
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    char format[8];
    double back;

    g_snprintf (format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd (text, sizeof text, format, value);
    back = g_ascii_strtod (text, NULL);
    if (is_float ? (float)back == (float)value : back == value)
      break;
  }
  g_string_append (out, text);
  if (strpbrk (text, ".e") == NULL)
    g_string_append (out, ".0");
}

static void
append_json (GString *out, JsonNode *node)
{
  GType type = json_node_get_value_type (node);
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;

  if (JSON_NODE_HOLDS_OBJECT (node)) {
    char before = '{';

    json_object_iter_init_ordered (&iter, json_node_get_object (node));
    while (json_object_iter_next_ordered (&iter, &name, &member)) {
      g_string_append_c (out, before);
      gst_effnet_json_append_string (out, name);
      g_string_append_c (out, ':');
      append_json (out, member);
      before = ',';
    }
    g_string_append (out, before == '{' ? "{}" : "}");
  } else if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);

    g_string_append_c (out, '[');
    for (guint i = 0; i < json_array_get_length (array); i++) {
      if (i > 0)
        g_string_append_c (out, ',');
      append_json (out, json_array_get_element (array, i));
    }
    g_string_append_c (out, ']');
  } else if (type == G_TYPE_STRING) {
    gst_effnet_json_append_string (out, json_node_get_string (node));
  } else if (type == G_TYPE_DOUBLE) {
    gst_effnet_json_append_double (out, json_node_get_double (node));
  } else if (type == G_TYPE_INT64) {
    g_string_append_printf (out, "%" G_GINT64_FORMAT, json_node_get_int (node));
  } else {
    const char *word = json_node_get_boolean (node) ? "true" : "false";
    g_string_append (out, type == G_TYPE_BOOLEAN ? word : "null");
  }
}

char *
gst_effnet_json_text (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  GString *text = g_string_new (NULL);

  append_json (text, node);
  return g_string_free (text, FALSE);
}
