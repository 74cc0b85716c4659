/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/names.h"
#include "base/limits.h"
#include "base/text.h"

#include <string.h>

#define NUMBER_DIGITS_MAX 9

gboolean
effnet_names_init (EffnetNames *names, const char *where, size_t n, GError **error)
{
  *names = (EffnetNames){.where = where, .n = (unsigned)n};
  if (n == 0)
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "%s is empty: expected a name for each class",
                        where);
  if (n > EFFNET_CLASSES_MAX)
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "%s holds %zu names; expected at most %d",
                        where, n, EFFNET_CLASSES_MAX);
  names->names = g_try_new0 (char *, n + 1);
  return names->names != NULL ||
         effnet_fail (error, EFFNET_ERROR_IO, "%s: no memory for %zu names", where, n);
}

/* What is wrong with @name as that of @number; no error when nothing is. */
static gboolean
check_name (const EffnetNames *names, uint64_t number, const char *name, GError **error)
{
  gboolean is_long = strlen (name) > EFFNET_NAME_BYTES_MAX;

  if (!is_long && number < names->n && names->names[number] == NULL)
    return TRUE;
  g_autofree char *shown = effnet_printable (name);
  if (is_long)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s has a name of %zu bytes (\"%s\"); expected at most %d", names->where,
                        strlen (name), shown, EFFNET_NAME_BYTES_MAX);
  if (number >= names->n)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s gives \"%s\" the number %" G_GUINT64_FORMAT
                        ", but holds %u names: expected each number from 0 to %u once",
                        names->where, shown, number, names->n, names->n - 1);
  g_autofree char *other = effnet_printable (names->names[number]);
  return effnet_fail (error, EFFNET_ERROR_FORMAT,
                      "%s gives the number %" G_GUINT64_FORMAT " to \"%s\" and to \"%s\"",
                      names->where, number, other, shown);
}

gboolean
effnet_names_put (EffnetNames *names, uint64_t number, char *name, GError **error)
{
  g_autofree char *taken = name;

  if (name == NULL || !check_name (names, number, name, error))
    return FALSE;
  names->names[number] = g_steal_pointer (&taken);
  return TRUE;
}

void
effnet_names_clear (EffnetNames *names)
{
  /* Not g_strfreev(): there may be gaps before the last. */
  for (unsigned i = 0; names->names != NULL && i < names->n; i++)
    g_free (names->names[i]);
  g_clear_pointer (&names->names, g_free);
}

gboolean
effnet_names_number (const char *text, uint64_t *number)
{
  size_t n = strspn (text, "0123456789");

  if (n == 0 || n > NUMBER_DIGITS_MAX || text[n] != '\0')
    return FALSE;
  *number = g_ascii_strtoull (text, NULL, 10);
  return TRUE;
}

gboolean
effnet_names_node_number (JsonNode *node, uint64_t *number)
{
  if (effnet_json_is_string (node))
    return effnet_names_number (json_node_get_string (node), number);
  if (!effnet_json_is_int (node) || json_node_get_int (node) < 0)
    return FALSE;
  *number = (uint64_t)json_node_get_int (node);
  return TRUE;
}

/* "cat", or ["n02123045", "cat"] as Keras has it; NULL = neither. Of ["7", "cat"] it is not certain
 * that its place in the list counts. */
static const char *
node_name (JsonNode *node)
{
  uint64_t number;

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *pair = json_node_get_array (node);
    if (json_array_get_length (pair) != 2 ||
        !effnet_json_is_string (json_array_get_element (pair, 0)) ||
        effnet_names_node_number (json_array_get_element (pair, 0), &number))
      return NULL;
    node = json_array_get_element (pair, 1);
  }
  return node != NULL && effnet_json_is_string (node) ? json_node_get_string (node) : NULL;
}

char *
effnet_names_copy (const char *name, GError **error)
{
  char *own = effnet_try_strdup (name);

  if (own == NULL)
    effnet_fail_memory (error, "The name of a class", strlen (name) + 1);
  return own;
}

/* A copy of @name or of its description; NULL with FORMAT or IO. */
static char *
describe (const char *name, JsonObject *descriptions, GError **error)
{
  JsonNode *described = descriptions != NULL ? json_object_get_member (descriptions, name) : NULL;

  if (described == NULL || JSON_NODE_HOLDS_NULL (described))
    return effnet_names_copy (name, error);
  if (effnet_json_is_string (described))
    return effnet_names_copy (json_node_get_string (described), error);
  g_autofree char *shown = effnet_printable (name);
  effnet_fail (error, EFFNET_ERROR_FORMAT, "label_descriptions has no string for \"%s\"", shown);
  return NULL;
}

/* {"id": 0, "name": "cat"} as COCO's categories have it. */
static gboolean
read_record (JsonObject *record, uint64_t *number, const char **name)
{
  static const char *const numbers[] = {"id", "index", "idx", "class_id", "label_id"};
  static const char *const names[] = {"name", "label", "class", "class_name", "label_name"};
  gboolean found = FALSE;

  *name = NULL;
  for (size_t i = 0; i < G_N_ELEMENTS (numbers) && !found; i++)
    found = json_object_has_member (record, numbers[i]) &&
            effnet_names_node_number (json_object_get_member (record, numbers[i]), number);
  for (size_t i = 0; i < G_N_ELEMENTS (names) && *name == NULL; i++)
    *name = node_name (json_object_get_member (record, names[i]));
  return found && *name != NULL;
}

/* "Model card x:3:7: id2label" */
static char *
place (const EffnetJsonFile *file, JsonNode *node, const char *key)
{
  g_autofree char *where = effnet_json_place (file, node);

  return key != NULL ? g_strdup_printf ("%s: %s", where, key) : g_steal_pointer (&where);
}

static gboolean
put_list (const EffnetJsonFile *file, EffnetNames *names, JsonArray *list, const char *key,
          JsonObject *descriptions, GError **error)
{
  gboolean records = JSON_NODE_HOLDS_OBJECT (json_array_get_element (list, 0));

  for (guint i = 0; i < names->n; i++) {
    JsonNode *entry = json_array_get_element (list, i);
    uint64_t number = i;
    const char *name = NULL;

    if (!records)
      name = node_name (entry);
    else if (!JSON_NODE_HOLDS_OBJECT (entry) ||
             !read_record (json_node_get_object (entry), &number, &name))
      name = NULL;
    if (name == NULL) {
      g_autofree char *text = json_to_string (entry, FALSE);
      g_autofree char *shown = effnet_printable (text);
      g_autofree char *where = place (file, entry, key);
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "%s has no name for class %u, but %s; expected %s", where, i, shown,
                          records ? "an object with id and name" : "a string");
    }
    if (!effnet_names_put (names, number, describe (name, descriptions, error), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
fail_order (const char *where, GError **error)
{
  return effnet_fail (error, EFFNET_ERROR_FORMAT,
                      "%s leaves open which side is the number: expected {\"0\": \"name\"} or "
                      "{\"name\": 0}",
                      where);
}

/* Which side of each of the object's pairs is the number. */
static gboolean
find_order (JsonObject *object, const char *where, EffnetNamesOrder *order, GError **error)
{
  gboolean by_number = TRUE, to_number = TRUE;
  JsonObjectIter iter;
  const char *key, *odd = NULL;
  JsonNode *value;
  uint64_t number;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &key, &value)) {
    gboolean by = effnet_names_number (key, &number) && node_name (value) != NULL;
    gboolean to = effnet_names_node_number (value, &number);
    if (odd == NULL && !(by_number && by) && !(to_number && to))
      odd = key;
    by_number = by_number && by;
    to_number = to_number && to;
  }
  if (!by_number && !to_number) {
    g_autofree char *shown = effnet_printable (odd);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s has no class number with a name at \"%s\": expected {\"0\": \"name\"} "
                        "or {\"name\": 0}",
                        where, shown);
  }
  if (by_number != to_number)
    *order = by_number ? EFFNET_NAMES_BY_NUMBER : EFFNET_NAMES_TO_NUMBER;
  return *order != EFFNET_NAMES_UNSAID || fail_order (where, error);
}

static gboolean
put_object (EffnetNames *names, JsonObject *object, EffnetNamesOrder order,
            JsonObject *descriptions, GError **error)
{
  JsonObjectIter iter;
  const char *key;
  JsonNode *value;

  if (!find_order (object, names->where, &order, error))
    return FALSE;
  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &key, &value)) {
    uint64_t number = 0;
    const char *name = key;

    if (order == EFFNET_NAMES_TO_NUMBER) {
      effnet_names_node_number (value, &number);
    } else {
      effnet_names_number (key, &number);
      name = node_name (value);
    }
    if (!effnet_names_put (names, number, describe (name, descriptions, error), error))
      return FALSE;
  }
  return TRUE;
}

char **
effnet_names_from_json (const EffnetJsonFile *file, JsonNode *node, const char *key,
                        EffnetNamesOrder order, JsonObject *descriptions, GError **error)
{
  g_autofree char *where = place (file, node, key);
  EffnetNames names;
  gboolean ok;

  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *list = json_node_get_array (node);
    ok = effnet_names_init (&names, where, json_array_get_length (list), error) &&
         put_list (file, &names, list, key, descriptions, error);
  } else if (JSON_NODE_HOLDS_OBJECT (node)) {
    JsonObject *object = json_node_get_object (node);
    ok = effnet_names_init (&names, where, json_object_get_size (object), error) &&
         put_object (&names, object, order, descriptions, error);
  } else {
    g_autofree char *text = json_to_string (node, FALSE);
    g_autofree char *shown = effnet_printable (text);
    effnet_fail (error, EFFNET_ERROR_FORMAT, "%s is %s; expected a list of names", where, shown);
    return NULL;
  }
  if (ok)
    return names.names;
  effnet_names_clear (&names);
  return NULL;
}
