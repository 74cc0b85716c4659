/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/card_training.h"

#include <math.h>
#include <string.h>

/* A text under @key of @object, which is called @where in messages. */
static gboolean
read_text (const EffnetCardReader *reader, JsonObject *object, const char *where, const char *key,
           char **text, GError **error)
{
  JsonNode *node = effnet_card_get (object, key);
  g_autofree char *place = g_strdup_printf ("effnet.%s.%s", where, key);

  if (node == NULL)
    return TRUE;
  if (!effnet_json_is_string (node) || *json_node_get_string (node) == '\0')
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, place, node, "a text", error);
  *text = g_strdup (json_node_get_string (node));
  return TRUE;
}

/* The object under @key, or NULL. */
static gboolean
get_object (const EffnetCardReader *reader, JsonObject *own, const char *key, JsonObject **object,
            GError **error)
{
  JsonNode *node = effnet_card_get (own, key);
  g_autofree char *place = g_strconcat ("effnet.", key, NULL);

  *object = NULL;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, place, node, "an object", error);
  *object = json_node_get_object (node);
  return TRUE;
}

static gboolean
read_backbone (const EffnetCardReader *reader, JsonObject *own, EffnetCard *card, GError **error)
{
  static const char where[] = "backbone";
  JsonObject *object;

  if (!get_object (reader, own, where, &object, error) ||
      !read_text (reader, object, where, "name", &card->backbone_name, error) ||
      !read_text (reader, object, where, "path", &card->backbone_path, error) ||
      !read_text (reader, object, where, "sha256", &card->backbone_sha256, error))
    return FALSE;
  if (object == NULL || (card->backbone_sha256 != NULL && strlen (card->backbone_sha256) == 64))
    return TRUE;
  return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "effnet.backbone",
                                 effnet_card_get (own, where),
                                 "an object whose sha256 has 64 hexadecimal digits", error);
}

static gboolean
read_thresholds (const EffnetCardReader *reader, JsonObject *own, EffnetCard *card, GError **error)
{
  JsonObject *object;
  JsonObjectIter iter;
  const char *label;
  JsonNode *node;

  if (!get_object (reader, own, "thresholds", &object, error))
    return FALSE;
  if (object == NULL || card->labels == NULL)
    return TRUE;
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);
  unsigned n = g_strv_length (card->labels);
  card->thresholds = g_new0 (double, n);
  for (unsigned i = 0; i < n; i++)
    g_hash_table_insert (ids, card->labels[i], GUINT_TO_POINTER (i + 1));
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &label, &node)) {
    unsigned id = GPOINTER_TO_UINT (g_hash_table_lookup (ids, label));
    double value = effnet_json_is_number (node) ? json_node_get_double (node) : NAN;

    if (id == 0 || !(value >= 0.0 && value <= 1.0))
      return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "effnet.thresholds",
                                     effnet_card_get (own, "thresholds"),
                                     "names of classes, each with a score from 0 to 1", error);
    card->thresholds[id - 1] = value;
  }
  return TRUE;
}

/* The file is one of the card's own folder. */
static gboolean
read_unknown (const EffnetCardReader *reader, JsonObject *own, EffnetCard *card, GError **error)
{
  static const char where[] = "unknown";
  JsonObject *object;

  if (!get_object (reader, own, where, &object, error) ||
      !read_text (reader, object, where, "method", &card->unknown_method, error) ||
      !read_text (reader, object, where, "file", &card->unknown_file, error) ||
      !effnet_card_read_number (reader, "effnet.unknown.threshold",
                                effnet_card_get (object, "threshold"), 0.0, G_MAXFLOAT,
                                &card->unknown_threshold, error))
    return FALSE;
  if (object == NULL || (card->unknown_method != NULL && card->unknown_file != NULL &&
                         strchr (card->unknown_file, '/') == NULL))
    return TRUE;
  return effnet_card_fail_value (
      reader, EFFNET_ERROR_FORMAT, "effnet.unknown", effnet_card_get (own, where),
      "a method, a threshold, and a file's name in the card's folder", error);
}

gboolean
effnet_card_read_training (const EffnetCardReader *reader, JsonObject *own, EffnetCard *card,
                           GError **error)
{
  JsonObject *provenance;

  if (!read_backbone (reader, own, card, error) || !read_thresholds (reader, own, card, error) ||
      !read_unknown (reader, own, card, error) ||
      !get_object (reader, own, "provenance", &provenance, error))
    return FALSE;
  if (provenance != NULL)
    card->provenance = json_to_string (effnet_card_get (own, "provenance"), FALSE);
  return TRUE;
}
