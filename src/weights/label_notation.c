/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/label_notation.h"

#include <string.h>

#define SPACES    " \t\r"
#define DEPTH_MAX 3
#define COLUMNS   32
#define ESCAPES   "/abefnrtuvxNU01234567" /* what a backslash makes another character of */

/* ---- scalars --------------------------------------------------------------------------------- */

static void
put_string (GString *json, const char *text, gsize n)
{
  g_string_append_c (json, '"');
  for (gsize i = 0; i < n; i++) {
    if (text[i] == '"' || text[i] == '\\')
      g_string_append_c (json, '\\');
    if ((guchar)text[i] < 0x20)
      g_string_append_printf (json, "\\u%04x", (guchar)text[i]);
    else
      g_string_append_c (json, text[i]);
  }
  g_string_append_c (json, '"');
}

/* From the opening quote at @at; two quotes, or one behind a backslash, are a quote. Returns what
 * comes behind, or NULL when it does not end in its line or has one of @escapes. */
static const char *
put_quoted (GString *json, const char *at, const char *escapes)
{
  g_autoptr (GString) text = g_string_new (NULL);
  char quote = *at++;

  for (; *at != '\0' && *at != '\n'; at++) {
    if (*at == quote && at[1] != quote) {
      put_string (json, text->str, text->len);
      return at + 1;
    }
    if (*at == '\\' && at[1] != '\0' && strchr (escapes, at[1]) != NULL)
      return NULL;
    if (*at == quote || (*at == '\\' && (at[1] == quote || at[1] == '\\')))
      at++;
    g_string_append_c (text, *at);
  }
  return NULL;
}

/* Up to one of @ends; a colon ends a number, anything else only before a space, a quote or a
 * bracket; a hash only behind a space. NULL when there is nothing. */
static const char *
put_plain (GString *json, const char *at, const char *ends)
{
  const char *start = at, *end;
  size_t digits = strspn (at, "0123456789");

  for (; *at != '\0' && *at != '\n'; at++) {
    gboolean may_end = *at != ':' || at == start + digits || strchr (" \t\r\n'\"[(", at[1]) != NULL;

    if (*at == '#')
      may_end = at > start && strchr (SPACES, at[-1]) != NULL;
    if (may_end && strchr (ends, *at) != NULL)
      break;
  }
  for (end = at; end > start && strchr (SPACES, end[-1]) != NULL;)
    end--;
  if (end == start)
    return NULL;
  put_string (json, start, (gsize)(end - start));
  return at;
}

static const char *
put_scalar (GString *json, const char *at, const char *ends)
{
  at += (*at == 'u' || *at == 'b') && (at[1] == '\'' || at[1] == '"'); /* Python's */
  return *at == '\'' || *at == '"' ? put_quoted (json, at, ESCAPES) : put_plain (json, at, ends);
}

/* ---- between brackets ------------------------------------------------------------------------ */

static const char *
skip_space (GString *json, const char *at)
{
  for (; *at != '\0' && strchr (SPACES "\n#", *at) != NULL; at++) {
    if (*at == '#')
      at += strcspn (at, "\n") - 1;
    else if (*at == '\n')
      g_string_append_c (json, '\n');
  }
  return at;
}

/* From the bracket at @at. Returns what comes behind the one that closes it, or NULL. */
static const char *
put_flow (GString *json, const char *at, unsigned depth)
{
  char open = *at, close = open == '{' ? '}' : open == '[' ? ']' : ')';

  if (depth > DEPTH_MAX)
    return NULL;
  g_string_append_c (json, open == '{' ? '{' : '[');
  for (gboolean first = TRUE;; first = FALSE) {
    at = skip_space (json, first ? at + 1 : at);
    if (*at == close)
      break;
    if (!first)
      g_string_append_c (json, ',');
    at = *at != '\0' && strchr ("[({", *at) != NULL && open != '{'
             ? put_flow (json, at, depth + 1)
             : put_scalar (json, at, ",:]})#");
    at = at != NULL ? skip_space (json, at) : NULL;
    if (at == NULL || (open == '{' && *at != ':'))
      return NULL;
    if (open == '{') {
      g_string_append_c (json, ':');
      at = skip_space (json, at + 1);
      at = *at != '\0' && strchr ("[(", *at) != NULL ? put_flow (json, at, depth + 1)
                                                     : put_scalar (json, at, ",]})#");
      at = at != NULL ? skip_space (json, at) : NULL;
    }
    if (at == NULL || (*at != ',' && *at != close))
      return NULL;
    at += *at == ',';
  }
  g_string_append_c (json, close == ')' ? ']' : close);
  return at + 1;
}

char *
effnet_label_flow (const char *text)
{
  g_autoptr (GString) json = g_string_new (NULL);
  const char *at = skip_space (json, text);

  if (*at == '\0' || strchr ("[{(", *at) == NULL)
    return NULL;
  at = put_flow (json, at, 1);
  if (at == NULL || *skip_space (json, at) != '\0')
    return NULL;
  return g_string_free (g_steal_pointer (&json), FALSE);
}

/* ---- YAML ------------------------------------------------------------------------------------ */

static const char *
next_line (const char *at)
{
  at += strcspn (at, "\n");
  return at + (*at == '\n');
}

/* A line that says nothing. */
static gboolean
is_idle (const char *at)
{
  size_t spaces = strspn (at, SPACES);

  return at[spaces] == '\n' || at[spaces] == '\0' || at[spaces] == '#' ||
         strncmp (at, "---", 3) == 0;
}

static gboolean
is_item (const char *at)
{
  return *at == '-' && at[1] != '\0' && strchr (SPACES, at[1]) != NULL;
}

/* "- cat" lines, or "0: cat" lines, from @at up to the next key. FALSE: another form. */
static gboolean
put_block (GString *json, const char *at)
{
  gboolean is_list = FALSE, first = TRUE;
  gsize start = json->len;

  g_string_append_c (json, '[');
  for (; *at != '\0'; at = next_line (at), g_string_append_c (json, '\n')) {
    const char *text = at + strspn (at, " ");

    if (is_idle (at))
      continue;
    if (text == at && !is_item (at))
      break;
    is_list = first ? is_item (text) : is_list;
    if (is_list != is_item (text))
      return FALSE;
    if (!first)
      g_string_append_c (json, ',');
    first = FALSE;
    text += is_list ? 1 + strspn (text + 1, " ") : 0;
    text = put_scalar (json, text, ":#");
    if (text == NULL)
      return FALSE;
    text += strspn (text, " ");
    if (!is_list && *text == ':') {
      g_string_append_c (json, ':');
      text = put_scalar (json, text + 1 + strspn (text + 1, " "), ":#");
    } else if (!is_list) {
      return FALSE;
    }
    if (text == NULL || !is_idle (text))
      return FALSE;
  }
  json->str[start] = is_list ? '[' : '{';
  g_string_append_c (json, is_list ? ']' : '}');
  return !first;
}

gboolean
effnet_label_yaml (const char *text, char **json)
{
  g_autoptr (GString) out = g_string_new (NULL);
  const char *at = text;
  gboolean has_key = FALSE, ok;

  *json = NULL;
  for (; *at != '\0' && !has_key; at = has_key ? at : next_line (at))
    has_key = strncmp (at, "names:", 6) == 0 && strchr (" \t\r\n", at[6]) != NULL;
  if (!has_key) {
    gboolean any = FALSE;

    for (at = text; *at != '\0' && (is_item (at) || is_idle (at)); at = next_line (at))
      any = any || is_item (at);
    if (*at != '\0' || !any)
      return FALSE;
    ok = put_block (out, text);
  } else {
    for (const char *before = text; before != at; before = next_line (before))
      g_string_append_c (out, '\n');
    at += 6;
    ok = is_idle (at)
             ? put_block (out, at)
             : strchr ("[{", *(at += strspn (at, SPACES))) != NULL && put_flow (out, at, 1) != NULL;
  }
  if (ok)
    *json = g_string_free (g_steal_pointer (&out), FALSE);
  return TRUE;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The fields of a line, parted by @comma, as JSON strings. Returns how many; 0: too many, or quotes
 * that do not close. */
static guint
split (const char *line, char comma, GString *fields[COLUMNS])
{
  const char ends[] = {comma, '\0'};
  guint n = 0;

  for (const char *at = line;; at++) {
    if (n == COLUMNS)
      return 0;
    g_string_truncate (fields[n], 0);
    at += strspn (at, " ");
    const char *end = *at == '"' ? put_quoted (fields[n], at, "") : put_plain (fields[n], at, ends);
    if (end == NULL && *at == '"')
      return 0;
    if (end == NULL)
      g_string_assign (fields[n], "\"\"");
    n++;
    at = end != NULL ? end + strspn (end, " \r") : at;
    if (*at != comma)
      return *at == '\n' || *at == '\0' ? n : 0;
  }
}

/* The column that is called one of @names, the first of which counts most; COLUMNS: none is. */
static guint
find_column (GString *const *heads, guint n, const char *const *names)
{
  for (; *names != NULL; names++)
    for (guint c = 0; c < n; c++)
      if (g_ascii_strcasecmp (heads[c]->str, *names) == 0)
        return c;
  return COLUMNS;
}

static gboolean
read_table (const char *text, char comma, GString *fields[COLUMNS], char **json)
{
  static const char *const names[] = {
      "\"display_name\"", "\"name\"",  "\"label\"", "\"class_name\"",
      "\"label_name\"",   "\"class\"", NULL};
  static const char *const numbers[] = {
      "\"index\"", "\"id\"", "\"idx\"", "\"class_id\"", "\"label_id\"", "\"class_index\"", NULL};
  g_autoptr (GString) out = g_string_new (NULL);
  guint n = split (text, comma, fields), name = find_column (fields, n, names),
        number = find_column (fields, n, numbers);
  gboolean first = TRUE;

  if (n < 3 || (name == COLUMNS && number == COLUMNS))
    return FALSE;
  g_string_append_c (out, number < COLUMNS ? '{' : '[');
  for (const char *at = next_line (text); *at != '\0'; at = next_line (at), first = FALSE) {
    if (is_idle (at) && *next_line (at) == '\0')
      break;
    if (split (at, comma, fields) != n)
      return FALSE;
    g_string_append (out, first ? "\n" : ",\n");
    if (name < COLUMNS)
      g_string_append_printf (out, "%s%s%s", number < COLUMNS ? fields[number]->str : "",
                              number < COLUMNS ? ":" : "", fields[name]->str);
  }
  g_string_append_c (out, number < COLUMNS ? '}' : ']');
  if (name < COLUMNS)
    *json = g_string_free (g_steal_pointer (&out), FALSE);
  return TRUE;
}

gboolean
effnet_label_table (const char *text, char **json)
{
  GString *fields[COLUMNS];
  gboolean is_table = FALSE;

  *json = NULL;
  for (guint i = 0; i < COLUMNS; i++)
    fields[i] = g_string_new (NULL);
  for (const char *comma = ",;\t"; *comma != '\0' && !is_table; comma++)
    is_table = read_table (text, *comma, fields, json);
  for (guint i = 0; i < COLUMNS; i++)
    g_string_free (fields[i], TRUE);
  return is_table;
}
