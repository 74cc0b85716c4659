/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The validator reads the text once, byte by byte, and knows only strings and brackets. It is
 * stricter than json-glib about what may stand outside strings: comments and single quotes would
 * let the two disagree about where a string ends, and so about the depth. */
#include "weights/json.h"
#include "base/limits.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define JSON_VALUE_BYTES 512 /* at most: json-glib's node, its place in a list, and its key */

typedef struct {
  const char *text; /* [length] */
  size_t length, at;
  const EffnetJsonRules *rules;
  unsigned depth, values;
  gboolean ended; /* the outermost bracket is closed */
} Scan;

/* The code unit of "u00e9" at scan->at + @offset, or 0. */
static unsigned
code_unit (const Scan *scan, size_t offset)
{
  const char *text = scan->text + scan->at + offset;
  unsigned unit = 0;

  if (scan->length - scan->at < offset + 5 || text[0] != 'u')
    return 0;
  for (int i = 1; i < 5; i++) {
    int digit = g_ascii_xdigit_value (text[i]);
    if (digit < 0)
      return 0;
    unit = unit << 4 | (unsigned)digit;
  }
  return unit;
}

static gboolean
is_between (unsigned value, unsigned low, unsigned high)
{
  return value >= low && value <= high;
}

/* At the 'u' of an escape. What is no character would be cut or come out as broken UTF-8: NUL, and
 * half a surrogate pair. Of a whole pair the first half is passed over. */
static gboolean
scan_unicode (Scan *scan, GError **error)
{
  unsigned unit = code_unit (scan, 0);

  if (unit == 0)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds a NUL character or a broken \\u escape inside a string");
  if (is_between (unit, 0xdc00, 0xdfff))
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds half a surrogate pair (\\u%04x) inside a string", unit);
  if (!is_between (unit, 0xd800, 0xdbff))
    return TRUE;
  if (scan->length - scan->at < 6 || scan->text[scan->at + 5] != '\\' ||
      !is_between (code_unit (scan, 6), 0xdc00, 0xdfff))
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds half a surrogate pair (\\u%04x) inside a string", unit);
  scan->at += 6;
  return TRUE;
}

/* Behind the backslash. Only what JSON has: json-glib would take octal numbers, too, and make bytes
 * of them that are no UTF-8. */
static gboolean
scan_escape (Scan *scan, GError **error)
{
  unsigned char c = (unsigned char)scan->text[scan->at];

  if (c == 'u' && !scan_unicode (scan, error))
    return FALSE;
  if (c == '\0' || strchr ("\"\\/bfnrtu", c) == NULL)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds a backslash before the byte 0x%02x inside a string; expected one of "
                        "\" \\ / b f n r t u after it",
                        c);
  scan->at++;
  return TRUE;
}

/* From behind the opening quote to behind the closing one. */
static gboolean
scan_string (Scan *scan, GError **error)
{
  size_t start = scan->at;

  while (scan->at < scan->length) {
    unsigned char c = (unsigned char)scan->text[scan->at++];
    if (c == '"' && scan->at - start > EFFNET_JSON_STRING_MAX)
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "holds a string of %zu bytes; expected fewer than %d",
                          scan->at - 1 - start, EFFNET_JSON_STRING_MAX);
    if (c == '"')
      return TRUE;
    if (c < 0x20)
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "holds the control character 0x%02x inside a string", c);
    if (c != '\\')
      continue;
    if (scan->at < scan->length && !scan_escape (scan, error))
      return FALSE;
  }
  return effnet_fail (error, EFFNET_ERROR_FORMAT, "ends in the middle of a string");
}

static gboolean
scan_number (Scan *scan, GError **error)
{
  size_t start = scan->at - 1;
  gboolean is_fraction = start > 0 && scan->text[start - 1] == '.';

  while (scan->at < scan->length && g_ascii_isdigit (scan->text[scan->at]))
    scan->at++;
  size_t digits = scan->at - start;
  if (is_fraction)
    return TRUE;
  if (digits > EFFNET_JSON_DIGITS_MAX)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "holds a number of %zu digits; expected at most %d", digits,
                        EFFNET_JSON_DIGITS_MAX);
  if (digits > 1 && scan->text[start] == '0' &&
      !(start > 0 && strchr ("eE+-", scan->text[start - 1]) != NULL))
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "holds a number that starts with 0");
  return TRUE;
}

/* Nothing is scanned before the first '{' or behind its '}': a closing bracket has an opened one.
 */
static gboolean
scan_bracket (Scan *scan, char c, GError **error)
{
  if (c == '{' || c == '[') {
    scan->values++;
    if (++scan->depth > scan->rules->max_depth)
      return effnet_fail (error, EFFNET_ERROR_FORMAT, "nests deeper than %u levels",
                          scan->rules->max_depth);
    return TRUE;
  }
  if (--scan->depth == 0)
    scan->ended = TRUE;
  return TRUE;
}

static gboolean
scan_byte (Scan *scan, char c, GError **error)
{
  const char *others = scan->rules->unsigned_only ? "" : "+-.eEtrufalsn";

  if (strchr ("{}[]", c) != NULL)
    return scan_bracket (scan, c, error);
  if (c == '"')
    return scan_string (scan, error);
  if (g_ascii_isdigit (c))
    return scan_number (scan, error);
  if (c == ',' || c == ':') {
    scan->values++;
    return TRUE;
  }
  if (strchr (others, c) != NULL)
    return TRUE;
  return effnet_fail (error, EFFNET_ERROR_FORMAT, "holds the byte 0x%02x where no value can be",
                      (unsigned char)c);
}

static gboolean
scan_all (Scan *scan, GError **error)
{
  while (scan->at < scan->length) {
    char c = scan->text[scan->at++];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
      continue;
    if (scan->ended)
      return effnet_fail (error, EFFNET_ERROR_FORMAT, "goes on behind its last bracket");
    if (c == '\0' || (scan->depth == 0 && c != '{' && !(c == '[' && scan->rules->any_list)))
      return effnet_fail (error, EFFNET_ERROR_FORMAT, "does not begin with '{'");
    if (!scan_byte (scan, c, error))
      return FALSE;
    if (scan->values > EFFNET_JSON_VALUES_MAX)
      return effnet_fail (error, EFFNET_ERROR_FORMAT, "holds more than %u values",
                          EFFNET_JSON_VALUES_MAX);
  }
  if (!scan->ended)
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "ends before its last bracket");
  return TRUE;
}

typedef struct {
  unsigned line, column; /* from 1 on, columns in characters; line 0 = no place */
} Place;

static Place
place_of (const char *text, size_t offset)
{
  Place place = {1, 1};

  for (size_t i = 0; i < offset; i++) {
    if (text[i] == '\n')
      place = (Place){place.line + 1, 1};
    else
      place.column += ((unsigned char)text[i + 1] & 0xc0) != 0x80;
  }
  return place;
}

typedef struct {
  GHashTable *seen; /* "object/key" */
  char *twice;      /* the first key that came again */
  Place place;      /* behind it */
} Keys;

static void
note_key (JsonParser *parser, JsonObject *object, const char *key, gpointer user_data)
{
  Keys *keys = user_data;

  if (g_hash_table_add (keys->seen, g_strdup_printf ("%p/%s", (void *)object, key)) ||
      keys->twice != NULL)
    return;
  keys->twice = effnet_printable (key);
  keys->place =
      (Place){json_parser_get_current_line (parser), json_parser_get_current_pos (parser)};
}

/* json-glib's sentence may quote the text, and begins with "<data>:LINE:COLUMN: ". */
static void
fail_parser (const char *message, Place *place, GError **error)
{
  int skip = 0;

  if (sscanf (message, "<data>:%u:%u: %n", &place->line, &place->column, &skip) < 2)
    *place = (Place){0, 0};
  g_autofree char *shown = effnet_printable (message + skip);
  effnet_fail (error, EFFNET_ERROR_FORMAT, "is not JSON: %s", shown);
}

static JsonNode *
parse_scanned (const char *text, size_t length, Place *place, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) why = NULL;
  Keys keys = {.seen = seen};
  JsonNode *root = NULL;

  g_signal_connect (parser, "object-member", G_CALLBACK (note_key), &keys);
  if (!json_parser_load_from_data (parser, text, (gssize)length, &why))
    fail_parser (why->message, place, error);
  else if (keys.twice != NULL)
    effnet_fail (error, EFFNET_ERROR_FORMAT, "has the key \"%s\" twice", keys.twice);
  else
    root = json_parser_steal_root (parser);
  if (keys.twice != NULL && place->line == 0)
    *place = keys.place;
  g_free (keys.twice);
  return root;
}

static char *
show_place (const EffnetJsonFile *file, Place place)
{
  if (place.line == 0)
    return g_strdup (file->subject);
  return g_strdup_printf ("%s:%u:%u", file->subject, place.line, place.column);
}

gboolean
effnet_json_parse (EffnetJsonFile *file, const EffnetJsonRules *rules, GError **error)
{
  Scan scan = {.text = file->text, .length = file->length, .rules = rules};
  Place place = {0, 0};
  const char *end;

  if (!g_utf8_validate_len (file->text, file->length, &end)) {
    effnet_fail (error, EFFNET_ERROR_FORMAT, "is not valid UTF-8");
    place = place_of (file->text, (size_t)(end - file->text));
  } else if (!scan_all (&scan, error)) {
    place = place_of (file->text, scan.at - (scan.at > 0));
  } else if (effnet_check_memory (error, "reading it",
                                  scan.values * JSON_VALUE_BYTES + 4 * file->length)) {
    file->root = parse_scanned (file->text, file->length, &place, error);
  }
  if (file->root != NULL)
    return TRUE;
  g_autofree char *where = show_place (file, place);
  g_prefix_error (error, "%s: %s", where, file->opening);
  return FALSE;
}

/* ---- where a value stands -------------------------------------------------------------------- */

/* How many values come before @wanted, counted on from *@n as a text has them. */
static gboolean
count_values (JsonNode *node, JsonNode *wanted, size_t *n)
{
  gboolean found = node == wanted;

  if (found)
    return TRUE;
  ++*n;
  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *list = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (list) && !found; i++)
      found = count_values (json_array_get_element (list, i), wanted, n);
  } else if (JSON_NODE_HOLDS_OBJECT (node)) {
    g_autoptr (GList) keys = json_object_get_members (json_node_get_object (node));
    for (GList *key = keys; key != NULL && !found; key = key->next)
      found =
          count_values (json_object_get_member (json_node_get_object (node), key->data), wanted, n);
  }
  return found;
}

/* Behind the string that begins at @at and the spaces that follow it. */
static size_t
skip_string (const char *text, size_t length, size_t at)
{
  for (at++; at < length && text[at] != '"'; at++)
    at += text[at] == '\\';
  for (at++; at < length && g_ascii_isspace (text[at]); at++)
    ;
  return at;
}

/* Where the value begins that @n others come before. The text is JSON. */
static size_t
find_value (const char *text, size_t length, size_t n)
{
  size_t at = 0;

  while (at < length) {
    size_t start = at;
    if (strchr ("]},: \t\r\n", text[at]) != NULL) {
      at++;
      continue;
    }
    if (text[at] == '"')
      at = skip_string (text, length, at);
    else if (text[at] == '{' || text[at] == '[')
      at++;
    else
      at += strcspn (text + at, "]},: \t\r\n");
    gboolean is_key = text[start] == '"' && at < length && text[at] == ':';
    if (!is_key && n-- == 0)
      return start;
  }
  return length;
}

char *
effnet_json_place (const EffnetJsonFile *file, JsonNode *node)
{
  size_t n = 0;
  gboolean found = node != NULL && count_values (file->root, node, &n);
  size_t offset = found ? find_value (file->text, file->length, n) : 0;

  return show_place (file, found ? place_of (file->text, offset) : (Place){0, 0});
}

gboolean
effnet_json_is_string (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING;
}

gboolean
effnet_json_is_int (JsonNode *node)
{
  return JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_INT64;
}

gboolean
effnet_json_is_number (JsonNode *node)
{
  return effnet_json_is_int (node) ||
         (JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_DOUBLE);
}
