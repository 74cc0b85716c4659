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

/* Puts the place of the byte before scan->at behind the sentence. */
static gboolean
fail_at (const Scan *scan, GError **error)
{
  unsigned line = 1, column = 0;

  for (size_t i = 0; i < scan->at; i++) {
    unsigned char c = (unsigned char)scan->text[i];
    column += (c & 0xc0) != 0x80;
    if (c == '\n' && i + 1 < scan->at)
      line++, column = 0;
  }
  if (error == NULL || *error == NULL)
    return FALSE;
  g_autofree char *sentence = g_strdup ((*error)->message);
  g_clear_error (error);
  return effnet_fail (error, EFFNET_ERROR_FORMAT, "%s (line %u, column %u)", sentence, line,
                      column);
}

typedef struct {
  GHashTable *seen;      /* "object/key" */
  char *twice;           /* the first key that came again */
  unsigned line, column; /* behind it */
} Keys;

static void
note_key (JsonParser *parser, JsonObject *object, const char *key, gpointer user_data)
{
  Keys *keys = user_data;

  if (g_hash_table_add (keys->seen, g_strdup_printf ("%p/%s", (void *)object, key)) ||
      keys->twice != NULL)
    return;
  keys->twice = effnet_printable (key);
  keys->line = json_parser_get_current_line (parser);
  keys->column = json_parser_get_current_pos (parser);
}

/* json-glib's sentence may quote the text, and begins with "<data>:LINE:COLUMN: ". */
static void
fail_parser (const char *message, GError **error)
{
  unsigned line = 0, column = 0;
  int skip = 0;

  if (sscanf (message, "<data>:%u:%u: %n", &line, &column, &skip) < 2)
    skip = 0;
  g_autofree char *shown = effnet_printable (message + skip);
  if (skip > 0)
    effnet_fail (error, EFFNET_ERROR_FORMAT, "is not JSON: %s (line %u, column %u)", shown, line,
                 column);
  else
    effnet_fail (error, EFFNET_ERROR_FORMAT, "is not JSON: %s", shown);
}

static JsonNode *
parse_scanned (const char *text, size_t length, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GError) why = NULL;
  Keys keys = {.seen = seen};
  JsonNode *root = NULL;

  g_signal_connect (parser, "object-member", G_CALLBACK (note_key), &keys);
  if (!json_parser_load_from_data (parser, text, (gssize)length, &why))
    fail_parser (why->message, error);
  else if (keys.twice != NULL)
    effnet_fail (error, EFFNET_ERROR_FORMAT, "has the key \"%s\" twice (line %u, column %u)",
                 keys.twice, keys.line, keys.column);
  else
    root = json_parser_steal_root (parser);
  g_free (keys.twice);
  return root;
}

JsonNode *
effnet_json_parse (const char *text, size_t length, const EffnetJsonRules *rules, GError **error)
{
  Scan scan = {.text = text, .length = length, .rules = rules};

  if (!g_utf8_validate_len (text, length, NULL)) {
    effnet_fail (error, EFFNET_ERROR_FORMAT, "is not valid UTF-8");
    return NULL;
  }
  if (!scan_all (&scan, error)) {
    fail_at (&scan, error);
    return NULL;
  }
  return parse_scanned (text, length, error);
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
