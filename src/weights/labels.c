/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Label files: JSON, or a class a line. Numbers that count the classes are obeyed and are no part
 * of the names. Where it is not certain that they do, the file is refused: guessed wrong, names
 * would stand for other classes. */
#define _POSIX_C_SOURCE 200809L /* strnlen */
#include "base/limits.h"
#include "base/text.h"
#include "weights/card.h"
#include "weights/file.h"
#include "weights/label_line.h"
#include "weights/label_notation.h"
#include "weights/names.h"
#include "weights/sniff.h"

#include <stdlib.h>
#include <string.h>

#define UTF8_BOM       "\xef\xbb\xbf"
#define SYNSET_LENGTH  9
#define NOTATION_BYTES 8 /* of memory, at most, for each of another notation's */

typedef struct {
  const char *path; /* for messages */
  char **texts;     /* [n] */
  guint n;
  guint first; /* the line of the first of them, from 1 on */
  unsigned n_classes;
} Lines;

/* What one of the forms finds in the lines. */
typedef struct {
  EffnetLabelLine *lines; /* [as many as there are] */
  guint n, n_certain;     /* lines of this form, and those where more than a space parts two */
  guint odd;              /* the first that is not */
} Found;

static void
found_clear (Found *found)
{
  g_clear_pointer (&found->lines, g_free);
}

/* FALSE with IO. */
static gboolean
match_lines (EffnetLabelForm form, char **texts, guint n, Found *found, GError **error)
{
  *found = (Found){g_try_new (EffnetLabelLine, n), 0, 0, n};
  if (found->lines == NULL)
    return effnet_fail_memory (error, "The list of labels", n * sizeof *found->lines);
  for (guint i = 0; i < n; i++) {
    if (form (texts[i], &found->lines[i])) {
      found->n++;
      found->n_certain += found->lines[i].certain;
    } else {
      found->odd = MIN (found->odd, i);
    }
  }
  return TRUE;
}

/* The lines of @text, which is cut into them, without spaces at both ends; empty ones at the end of
 * the file dropped. Of too many only a heading's more is kept. @n: how many there are. FALSE with
 * FORMAT for an empty line before the end, or one too long for a name. */
static gboolean
cut_lines (char *text, Lines *lines, guint *n, GError **error)
{
  guint at = 0;

  *n = 0;
  for (char *line = text, *next; line != NULL; line = next) {
    next = strchr (line, '\n');
    if (next != NULL)
      *next++ = '\0';
    g_strstrip (line);
    at++;
    if (*line == '\0')
      continue;
    if (at != ++*n)
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "Label file %s:%u: the line is empty; expected the name of class %u",
                          lines->path, *n, *n - 1);
    if (strnlen (line, EFFNET_NAME_BYTES_MAX + 1) > EFFNET_NAME_BYTES_MAX)
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "Label file %s:%u: the line has more than %d bytes; expected the name "
                          "of a class",
                          lines->path, at, EFFNET_NAME_BYTES_MAX);
    if (*n <= lines->n_classes + 1)
      lines->texts[lines->n++] = line;
  }
  return TRUE;
}

/* "cat," ... "fox": what stands in a list without its brackets. */
static void
drop_commas (const Lines *lines)
{
  guint n = 0;

  for (guint i = 0; i < lines->n; i++)
    n += g_str_has_suffix (lines->texts[i], ",");
  for (guint i = 0; lines->n > 1 && n + 1 >= lines->n && i < lines->n; i++) {
    size_t length = strlen (lines->texts[i]);
    if (length > 1 && lines->texts[i][length - 1] == ',')
      lines->texts[i][length - 1] = '\0';
    g_strchomp (lines->texts[i]);
  }
}

/* "id,name" above numbered lines. FALSE with IO. */
static gboolean
drop_heading (Lines *lines, GError **error)
{
  static const EffnetLabelForm forms[] = {effnet_label_head, effnet_label_tail};

  for (size_t i = 0; i < 2 && lines->n == lines->n_classes + 1; i++) {
    Found found;

    if (!match_lines (forms[i], lines->texts, lines->n, &found, error))
      return FALSE;
    if (found.n == lines->n_classes && found.odd == 0 && 2 * found.n_certain > found.n) {
      lines->texts++;
      lines->n--;
      lines->first++;
    }
    found_clear (&found);
  }
  return TRUE;
}

/* From its first character to its last, and something is between them; two in it are one. */
static gboolean
is_quoted (const char *text, char quote)
{
  const char *at = text + 1;

  if (*text != quote)
    return FALSE;
  for (; *at != '\0' && (*at != quote || at[1] == quote); at++)
    at += *at == quote;
  return at > text + 1 && at[0] == quote && at[1] == '\0';
}

/* In place: "a ""b""" becomes a "b". FALSE with FORMAT when the quotes do not close; single ones
 * then belong to the name. */
static gboolean
unquote (char *text, const Lines *lines, guint i, GError **error)
{
  char *to = text, *from = text + 1, quote = *text;

  if ((quote != '"' && quote != '\'') || (quote == '\'' && !is_quoted (text, quote)))
    return TRUE;
  if (!is_quoted (text, quote))
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "Label file %s:%u: a quoted name is empty, or its quotes do not end it",
                        lines->path, lines->first + i);
  for (; *from != quote || from[1] == quote; *to++ = *from++)
    from += *from == quote;
  *to = '\0';
  return TRUE;
}

/* All names are in quotes, or as CSV has it those are that hold a comma or a quote. */
static gboolean
are_quoted (const Lines *lines)
{
  guint n_double = 0, n_single = 0, n_needed = 0, n_bare = 0;

  for (guint i = 0; i < lines->n; i++) {
    const char *text = lines->texts[i];
    gboolean odd = strchr (text, ',') != NULL || strchr (text + (*text == '"'), '"') != NULL;

    n_double += *text == '"';
    n_single += is_quoted (text, '\'');
    n_needed += odd && is_quoted (text, '"') && strpbrk (text + 1, ",\"") < strrchr (text, '"');
    n_bare += !odd;
  }
  return n_double == lines->n || n_single == lines->n ||
         (n_needed > 0 && n_needed + n_bare == lines->n);
}

/* @names, [lines->n], with synsets before all of them lose these. FALSE with IO, or with FORMAT
 * when @in_order and they are not: then neither the lines nor the synsets are sure to count the
 * classes. */
static gboolean
drop_synsets (char **names, const Lines *lines, gboolean in_order, GError **error)
{
  gboolean ok = TRUE;
  Found found;

  if (!match_lines (effnet_label_synset, names, lines->n, &found, error))
    return FALSE;
  for (guint i = 0; ok && found.n == lines->n && i < found.n; i++) {
    const char *last = found.lines[i > 0 ? i - 1 : 0].number, *synset = found.lines[i].number;
    if (in_order && i > 0 && strncmp (last, synset, SYNSET_LENGTH) >= 0)
      ok = effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "Label file %s:%u: synset %.*s comes after %.*s, though ImageNet's classes "
                        "are in the order of their synsets; put each class's number before its "
                        "line, as in \"0 n01440764 tench\"",
                        lines->path, lines->first + i, SYNSET_LENGTH, synset, SYNSET_LENGTH, last);
    names[i] = found.lines[i].name;
  }
  found_clear (&found);
  return ok;
}

/* @why, with the line and the way out for names that begin or end with numbers of their own. */
static gboolean
fail_count (guint line, const char *path, const GError *why, GError **error)
{
  return effnet_fail (error, (EffnetError)why->code,
                      "Label file %s:%u: %s: the numbers of the lines do not count the "
                      "classes; if they are part of the names, put each class's number before its "
                      "line",
                      path, line, why->message);
}

/* The name of line @i, [found->lines], as a text of its own. */
static char *
end_name (const Found *found, guint i)
{
  found->lines[i].name[found->lines[i].length] = '\0';
  return found->lines[i].name;
}

/* @found has a number on every line. */
static char **
take_numbered (const Lines *lines, const Found *found, GError **error)
{
  EffnetNames names;
  g_autofree char *where = g_strdup_printf ("Label file %s", lines->path);
  g_autofree char **texts = g_try_new (char *, found->n);
  gboolean ok = effnet_names_init (&names, where, found->n, error);

  if (ok && texts == NULL)
    ok = effnet_fail_memory (error, where, found->n * sizeof *texts);
  for (guint i = 0; ok && i < found->n; i++)
    texts[i] = end_name (found, i);
  ok = ok && drop_synsets (texts, lines, FALSE, error);
  names.where = "the line";
  for (guint i = 0; ok && i < found->n; i++) {
    guint64 number = g_ascii_strtoull (found->lines[i].number, NULL, 10);
    char *name = unquote (texts[i], lines, i, error) ? effnet_names_copy (texts[i], error) : NULL;
    g_autoptr (GError) why = NULL;

    if (name == NULL || effnet_names_put (&names, number, name, &why)) {
      ok = name != NULL;
      continue;
    }
    ok = fail_count (lines->first + i, lines->path, why, error);
  }
  if (ok)
    return names.names;
  effnet_names_clear (&names);
  return NULL;
}

/* "n02123045 0 tabby": TRUE when all lines have both; then @names, NULL with @error. */
static gboolean
take_behind_synsets (const Lines *lines, char ***names, GError **error)
{
  g_autofree char **texts = g_try_new (char *, lines->n + 1);
  Found synsets = {0}, heads = {0};
  gboolean both = FALSE;

  *names = NULL;
  if (texts == NULL)
    return !effnet_fail_memory (error, "The list of labels", lines->n * sizeof *texts);
  both = !match_lines (effnet_label_synset, lines->texts, lines->n, &synsets, error);
  if (!both && synsets.n == lines->n) {
    for (guint i = 0; i < lines->n; i++)
      texts[i] = synsets.lines[i].name;
    both = !match_lines (effnet_label_head, texts, lines->n, &heads, error);
    if (!both && heads.n == lines->n) {
      both = TRUE;
      *names = take_numbered (lines, &heads, error);
    }
  }
  found_clear (&synsets);
  found_clear (&heads);
  return both;
}

/* Lines without numbers before or behind all. */
static char **
take_plain (const Lines *lines, GError **error)
{
  char **numbered;
  g_auto (GStrv) taken = g_try_new0 (char *, lines->n + 1);

  if (taken == NULL) {
    effnet_fail_memory (error, "The list of labels", (lines->n + 1) * sizeof *taken);
    return NULL;
  }
  if (take_behind_synsets (lines, &numbered, error))
    return numbered;
  if (!drop_synsets (lines->texts, lines, TRUE, error))
    return NULL;
  gboolean quoted = are_quoted (lines);
  for (guint i = 0; i < lines->n; i++) {
    if ((quoted && !unquote (lines->texts[i], lines, i, error)) ||
        (taken[i] = effnet_names_copy (lines->texts[i], error)) == NULL)
      return NULL;
  }
  return g_steal_pointer (&taken);
}

static int
by_name (const void *a, const void *b)
{
  const EffnetLabelLine *x = a, *y = b;
  int order = memcmp (x->name, y->name, MIN (x->length, y->length));

  return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

/* "cat 0" and "dog 1" are numbered, "gate 0" and "gate 1" are names. FALSE as well without memory.
 */
static gboolean
tails_count (const Found *found)
{
  g_autofree EffnetLabelLine *sorted = g_try_new (EffnetLabelLine, found->n);
  g_autofree guint8 *seen = g_try_new0 (guint8, found->n);

  if (sorted == NULL || seen == NULL)
    return FALSE;
  for (guint i = 0; i < found->n; i++) {
    guint64 number = g_ascii_strtoull (found->lines[i].number, NULL, 10);
    if (number >= found->n || seen[number])
      return FALSE;
    seen[number] = TRUE;
    sorted[i] = found->lines[i];
  }
  qsort (sorted, found->n, sizeof *sorted, by_name);
  for (guint i = 1; i < found->n; i++) {
    if (by_name (&sorted[i - 1], &sorted[i]) == 0)
      return FALSE;
  }
  return found->n > 1;
}

/* Some lines have a number @where their names and others have none. */
static char **
fail_mixed (const Lines *lines, const Found *found, const char *where, GError **error)
{
  effnet_fail (error, EFFNET_ERROR_FORMAT,
               "Label file %s:%u: the line has no number %s the name, though others have; expected "
               "one on each line or on none",
               lines->path, lines->first + found->odd, where);
  return NULL;
}

static char **
read_lines (const Lines *lines, GError **error)
{
  Found heads = {0}, tails = {0};
  char **names = NULL;
  guint n = lines->n;

  if (!match_lines (effnet_label_head, lines->texts, n, &heads, error) ||
      !match_lines (effnet_label_tail, lines->texts, n, &tails, error))
    names = NULL;
  else if (heads.n == n)
    names = take_numbered (lines, &heads, error);
  else if (tails.n == n && (2 * tails.n_certain > n || tails_count (&tails)))
    names = take_numbered (lines, &tails, error);
  else if (heads.n_certain > 0 || 2 * heads.n > n)
    names = fail_mixed (lines, &heads, "before", error);
  else if (2 * tails.n_certain > n)
    names = fail_mixed (lines, &tails, "behind", error);
  else
    names = take_plain (lines, error);
  found_clear (&heads);
  found_clear (&tails);
  return names;
}

/* TensorFlow's class 0, which most models do not have. */
static gboolean
is_background (const char *name)
{
  return g_ascii_strcasecmp (name, "background") == 0 ||
         g_ascii_strcasecmp (name, "__background__") == 0 ||
         g_ascii_strcasecmp (name, "dummy") == 0;
}

static char **
read_text (char *text, const char *path, unsigned n_classes, GError **error)
{
  g_autofree char **texts = g_try_new (char *, (gsize)n_classes + 1);
  Lines lines = {path, texts, 0, 1, n_classes};
  guint n;

  if (texts == NULL) {
    effnet_fail_memory (error, "The list of labels", ((gsize)n_classes + 1) * sizeof *texts);
    return NULL;
  }
  if (!cut_lines (text, &lines, &n, error) || (n == n_classes + 1 && !drop_heading (&lines, error)))
    return NULL;
  if (lines.n == n_classes) {
    drop_commas (&lines);
    return read_lines (&lines, error);
  }
  if (n == n_classes + 1 && is_background (lines.texts[0])) {
    effnet_fail (error, EFFNET_ERROR_MISMATCH,
                 "Label file \"%s\" names %u classes, the first of them \"%s\", but the model has "
                 "%u: `tail -n +2 FILE` leaves the first out",
                 path, n, lines.texts[0], n_classes);
    return NULL;
  }
  effnet_fail (error, EFFNET_ERROR_MISMATCH,
               "Label file \"%s\" names %u classes, but the model has %u: expected one name a line",
               path, n, n_classes);
  return NULL;
}

/* @is_made: of another notation, so that messages do not speak of JSON. */
static char **
read_json (const char *text, size_t length, gboolean is_made, const char *path, GError **error)
{
  g_autofree char *subject = g_strdup_printf ("Label file %s", path);
  static const EffnetJsonRules rules = {.max_depth = EFFNET_CARD_DEPTH_MAX, .any_list = TRUE};
  EffnetJsonFile file = {subject, is_made ? "" : "begins like JSON, but ", text, length, NULL};
  g_autoptr (GError) why = NULL;
  g_autofree char *flow = NULL;
  g_auto (GStrv) names = NULL;

  if (!effnet_json_parse (&file, &rules, &why)) {
    flow = is_made ? NULL : effnet_label_flow (text);
    if (flow == NULL) {
      g_propagate_error (error, g_steal_pointer (&why));
      return NULL;
    }
    file.text = flow;
    file.length = strlen (flow);
    if (!effnet_json_parse (&file, &rules, error))
      return NULL;
  }
  g_autoptr (JsonNode) root = file.root;
  if (JSON_NODE_HOLDS_OBJECT (root) &&
      !effnet_names_find (&file, json_node_get_object (root), &names, error))
    return NULL;
  if (names != NULL)
    return g_steal_pointer (&names);
  return effnet_names_from_json (&file, root, NULL, EFFNET_NAMES_UNSAID, NULL, error);
}

/* NULL, or what is wrong with the bytes as text. */
static char *
text_problem (const char *text, size_t length)
{
  const char *advice = NULL, *what = effnet_sniff (text, length, &advice);

  if (what != NULL)
    return g_strdup_printf ("is %s; expected one name a line, or JSON", what);
  if (length >= 4 && memcmp (text, "\xff\xfe\0\0", 4) == 0)
    return g_strdup ("is UTF-32 text; expected UTF-8: `iconv -f UTF-32 -t UTF-8 FILE` converts it");
  if (length >= 2 && (memcmp (text, "\xff\xfe", 2) == 0 || memcmp (text, "\xfe\xff", 2) == 0))
    return g_strdup ("is UTF-16 text; expected UTF-8: `iconv -f UTF-16 -t UTF-8 FILE` converts it");
  if (memchr (text, '\0', length) != NULL)
    return g_strdup ("holds zero bytes, which UTF-8 text does not: if it is UTF-16, "
                     "`iconv -f UTF-16LE -t UTF-8 FILE` (or UTF-16BE) converts it");
  if (!g_utf8_validate_len (text, length, NULL))
    return g_strdup ("is not UTF-8 text; if it is Latin-1, `iconv -f LATIN1 -t UTF-8 FILE` "
                     "converts it");
  return NULL;
}

/* "[0] cat" is a line, ["cat"] is JSON. */
static gboolean
is_json (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  if (*text == '{')
    return TRUE;
  if (*text != '[')
    return FALSE;
  size_t digits = strspn (text + 1, "0123456789");
  if (digits == 0 || text[1 + digits] != ']')
    return TRUE;
  text += digits + 2;
  return strcspn (text, ",]") == strspn (text, " \t\n\v\f\r");
}

/* Text in any of the forms. */
static char **
read_any (char *text, size_t length, const char *path, unsigned n_classes, GError **error)
{
  g_autofree char *json = NULL;

  if (strchr (text, '\n') == NULL) /* of old Macs */
    g_strdelimit (text, "\r", '\n');
  if (is_json (text))
    return read_json (text, length, FALSE, path, error);
  if (!effnet_label_yaml (text, &json) && !effnet_label_table (text, &json))
    return read_text (text, path, n_classes, error);
  if (json != NULL)
    return read_json (json, strlen (json), TRUE, path, error);
  effnet_fail (error, EFFNET_ERROR_FORMAT,
               "Label file \"%s\" is YAML, or CSV with a heading, of a form that is not read; "
               "expected one name a line, in YAML names: with a list or with numbers, in CSV "
               "columns called index and name",
               path);
  return NULL;
}

char **
effnet_labels_load (const char *path, unsigned n_classes, GError **error)
{
  size_t length = 0;
  g_autofree char *shown = effnet_printable (path);
  g_autofree char *where = g_strdup_printf ("Label file \"%s\"", shown);
  g_autofree char *text =
      effnet_file_read (path, "Label file", EFFNET_CARD_BYTES_MAX, &length, error);

  if (text == NULL)
    return NULL;
  g_autofree char *problem = text_problem (text, length);
  if (problem != NULL) {
    effnet_fail (error, EFFNET_ERROR_FORMAT, "%s %s", where, problem);
    return NULL;
  }
  if (!effnet_check_memory (error, "Reading labels", NOTATION_BYTES * length))
    return NULL;
  size_t skip = g_str_has_prefix (text, UTF8_BOM) ? strlen (UTF8_BOM) : 0;
  g_auto (GStrv) names = read_any (text + skip, length - skip, shown, n_classes, error);
  if (names == NULL || g_strv_length (names) == n_classes)
    return g_steal_pointer (&names);
  effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s names %u classes, but the model has %u", where,
               g_strv_length (names), n_classes);
  return NULL;
}
