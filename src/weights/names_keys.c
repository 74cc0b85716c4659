/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The keys under which cards of other projects hold names of classes. */
#include "base/text.h"
#include "weights/names.h"

#include <string.h>

typedef struct {
  const char *key;
  EffnetNamesOrder order;
  gboolean may_be_other; /* also a common name for something else: a number is passed over */
} Key;

/* Of several the first counts. */
static const Key keys[] = {
    {"label_names", EFFNET_NAMES_BY_NUMBER, FALSE},   /* timm */
    {"id2label", EFFNET_NAMES_BY_NUMBER, FALSE},      /* Transformers */
    {"label2id", EFFNET_NAMES_TO_NUMBER, FALSE},      /* Transformers */
    {"class_names", EFFNET_NAMES_BY_NUMBER, FALSE},   /* Keras, fastai */
    {"idx_to_class", EFFNET_NAMES_BY_NUMBER, FALSE},  /* torchvision's recipes */
    {"class_to_idx", EFFNET_NAMES_TO_NUMBER, FALSE},  /* torchvision's ImageFolder */
    {"class_indices", EFFNET_NAMES_TO_NUMBER, FALSE}, /* Keras' generators */
    {"idx2class", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"class2idx", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"index_to_class", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"class_to_index", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"index_to_name", EFFNET_NAMES_BY_NUMBER, FALSE}, /* TorchServe */
    {"idx_to_label", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label_to_idx", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"index_to_label", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label_to_index", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"idx2label", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label2idx", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"index2label", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label2index", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"id2name", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"name2id", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"id2class", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"class2id", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"id_to_label", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label_to_id", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"id_to_class", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"class_to_id", EFFNET_NAMES_TO_NUMBER, FALSE},
    {"class_labels", EFFNET_NAMES_BY_NUMBER, FALSE},
    {"label_map", EFFNET_NAMES_UNSAID, FALSE},
    {"labels_map", EFFNET_NAMES_UNSAID, FALSE},
    {"class_map", EFFNET_NAMES_UNSAID, FALSE},
    {"class_mapping", EFFNET_NAMES_UNSAID, FALSE},
    {"label_mapping", EFFNET_NAMES_UNSAID, FALSE},
    {"names", EFFNET_NAMES_BY_NUMBER, TRUE}, /* Ultralytics */
    {"classes", EFFNET_NAMES_UNSAID, TRUE},
    {"labels", EFFNET_NAMES_UNSAID, TRUE},
    {"categories", EFFNET_NAMES_UNSAID, TRUE}, /* COCO, torchvision's weights */
};

static JsonNode *
get (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && !JSON_NODE_HOLDS_NULL (node) ? node : NULL;
}

/* LABEL_0, LABEL_1 ...: what Transformers writes where nobody gave names. */
static gboolean
are_stand_ins (char **names)
{
  for (unsigned i = 0; names[i] != NULL; i++) {
    g_autofree char *stand_in = g_strdup_printf ("LABEL_%u", i);
    if (strcmp (names[i], stand_in) != 0)
      return FALSE;
  }
  return TRUE;
}

/* label2id may lack names that two classes share, but must not contradict. It has names as they are
 * before @descriptions replace them. */
static gboolean
check_inverse (const EffnetJsonFile *file, JsonObject *object, char **names,
               JsonObject *descriptions, GError **error)
{
  JsonNode *inverse = get (object, "label2id");
  JsonObjectIter iter;
  const char *name;
  JsonNode *value;

  if (inverse == NULL || !JSON_NODE_HOLDS_OBJECT (inverse))
    return TRUE;
  guint n = g_strv_length (names);
  json_object_iter_init (&iter, json_node_get_object (inverse));
  while (json_object_iter_next (&iter, &name, &value)) {
    const char *described = NULL;
    uint64_t number = 0;
    if (descriptions != NULL)
      described = json_object_get_string_member_with_default (descriptions, name, NULL);
    if (!effnet_names_node_number (value, &number) ||
        (number < n && strcmp (names[number], described != NULL ? described : name) == 0))
      continue;
    g_autofree char *shown = effnet_printable (name);
    g_autofree char *where = effnet_json_place (file, value);
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "%s: label2id gives \"%s\" the number %" G_GUINT64_FORMAT
                        ", which id2label does not",
                        where, shown, number);
  }
  return TRUE;
}

static gboolean
read_key (const EffnetJsonFile *file, JsonObject *object, const Key *key, char ***names,
          GError **error)
{
  JsonNode *described = get (object, "label_descriptions");
  JsonObject *descriptions = NULL;
  g_auto (GStrv) found = NULL;

  if (described != NULL && !JSON_NODE_HOLDS_OBJECT (described)) {
    g_autofree char *where = effnet_json_place (file, described);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s: label_descriptions is no object from name to description", where);
  }
  if (described != NULL)
    descriptions = json_node_get_object (described);
  found = effnet_names_from_json (file, get (object, key->key), key->key, key->order, descriptions,
                                  error);
  if (found == NULL || (strcmp (key->key, "id2label") == 0 &&
                        !check_inverse (file, object, found, descriptions, error)))
    return FALSE;
  g_strfreev (*names);
  *names = g_steal_pointer (&found);
  return TRUE;
}

gboolean
effnet_names_find (const EffnetJsonFile *file, JsonObject *object, char ***names, GError **error)
{
  *names = NULL;
  for (size_t i = 0; i < G_N_ELEMENTS (keys); i++) {
    JsonNode *node = get (object, keys[i].key);
    if (node == NULL || (keys[i].may_be_other && JSON_NODE_HOLDS_VALUE (node)))
      continue;
    if (*names != NULL && keys[i].may_be_other) /* stand-ins are better than a guess */
      continue;
    if (!read_key (file, object, &keys[i], names, error)) {
      g_clear_pointer (names, g_strfreev);
      return FALSE;
    }
    if (!are_stand_ins (*names))
      return TRUE;
  }
  return TRUE;
}
