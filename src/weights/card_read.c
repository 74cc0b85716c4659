/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/card_read.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

/* A value as the card writes it, for messages. */
static char *
show (JsonNode *node)
{
  g_autofree char *text = json_to_string (node, FALSE);
  return effnet_printable (text);
}

gboolean
effnet_card_fail_value (const EffnetCardReader *reader, EffnetError code, const char *key,
                        JsonNode *node, const char *expected, GError **error)
{
  g_autofree char *shown = show (node);
  g_autofree char *where = effnet_json_place (reader->file, node);
  return effnet_fail (error, code, "%s: %s is %s; expected %s", where, key, shown, expected);
}

JsonNode *
effnet_card_get (JsonObject *object, const char *key)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, key) : NULL;
  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

/* 0 < low <= value <= high */
gboolean
effnet_card_read_number (const EffnetCardReader *reader, const char *key, JsonNode *node,
                         double low, double high, double *value, GError **error)
{
  if (node == NULL)
    return TRUE;
  double found = effnet_json_is_number (node) ? json_node_get_double (node) : 0.0;
  if (!(found >= low && found <= high)) {
    g_autofree char *expected = low < 1e-30 ? g_strdup_printf ("a number above 0, at most %g", high)
                                            : g_strdup_printf ("a number from %g to %g", low, high);
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node, expected, error);
  }
  *value = found;
  return TRUE;
}

gboolean
effnet_card_read_triple (const EffnetCardReader *reader, const char *key, JsonNode *node,
                         gboolean divisor, float *values, GError **error)
{
  const char *expected = divisor ? "three numbers above 0" : "three numbers";
  float found[3];

  if (node == NULL)
    return TRUE;
  JsonArray *list = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  guint n = list != NULL ? json_array_get_length (list) : 0;
  if (n != 3 && n != 1)
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node, expected, error);
  for (guint i = 0; i < 3; i++) {
    JsonNode *entry = json_array_get_element (list, i % n);
    double value = effnet_json_is_number (entry) ? json_node_get_double (entry) : NAN;
    if (!(fabs (value) <= G_MAXFLOAT) || (divisor && !(value >= (double)G_MINFLOAT)))
      return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node, expected, error);
    found[i] = (float)value;
  }
  memcpy (values, found, sizeof found);
  return TRUE;
}
