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
#include "weights/names.h"
#include "weights/sniff.h"

#include <string.h>

#define UTF8_BOM "\xef\xbb\xbf"

/* "0 cat", "0: cat", "0,cat", "\"0\";\"cat\"", "[0] cat", "0) cat", "0. cat", "0 - cat" */
#define HEAD                                                                                       \
  "^[\\[(#\"]?(?<number>\\d{1,20})[\\])\"]?"                                                       \
  "(?<gap>\\s*[:,;|=)]\\s*|\\s*[.-]\\s+|\\s+|(?<=[\\])])\\s*)(?<name>.+)$"
/* "cat,0", "\"cat\";\"0\"", "cat: 0", "cat 0" */
#define TAIL "^(?<name>.*\\S)(?<gap>\\s*[:,;|=]\\s*|\\s+)\"?(?<number>\\d{1,20})\"?$"
/* "n02123045 tabby": ImageNet's synsets, which number the classes in the order of the alphabet */
#define SYNSET "^(?<number>n\\d{8})(?<gap>[\\s,:;]+)(?<name>.+)$"

typedef struct {
  const char *path; /* for messages */
  GPtrArray *texts;
  guint first; /* the line of the first of them, from 1 on */
  unsigned n_classes;
} Lines;

/* What one of the patterns finds in the lines. */
typedef struct {
  GPtrArray *numbers, *names; /* NULL for a line that does not match */
  guint n, n_certain;         /* lines that match, and those where more than a space parts two */
  guint odd;                  /* the first that does not match */
} Found;

static void
found_clear (Found *found)
{
  g_ptr_array_unref (found->numbers);
  g_ptr_array_unref (found->names);
}

static void
match_line (const GRegex *regex, const char *text, Found *found)
{
  g_autoptr (GMatchInfo) match = NULL;

  if (!g_regex_match (regex, text, 0, &match)) {
    if (found->n == found->names->len)
      found->odd = found->n;
    g_ptr_array_add (found->numbers, NULL);
    g_ptr_array_add (found->names, NULL);
    return;
  }
  g_autofree char *gap = g_match_info_fetch_named (match, "gap");
  g_ptr_array_add (found->numbers, g_match_info_fetch_named (match, "number"));
  g_ptr_array_add (found->names, g_match_info_fetch_named (match, "name"));
  found->n++;
  const char *name = g_ptr_array_index (found->names, found->names->len - 1);
  /* "12,5 mm" is no 12 */
  found->n_certain += strspn (gap, " ") < strlen (gap) && !g_ascii_isdigit (*name);
}

static Found
match_lines (const char *pattern, const GPtrArray *texts)
{
  Found found = {g_ptr_array_new_with_free_func (g_free), g_ptr_array_new_with_free_func (g_free),
                 0, 0, texts->len};
  g_autoptr (GRegex) regex = g_regex_new (pattern, G_REGEX_OPTIMIZE | G_REGEX_DOTALL, 0, NULL);

  for (guint i = 0; i < texts->len; i++)
    match_line (regex, g_ptr_array_index (texts, i), &found);
  return found;
}

/* The lines of @text, which is cut into them, without spaces at both ends; empty ones at the end of
 * the file dropped. Of too many only a heading's more is kept. @n: how many there are. FALSE with
 * FORMAT for an empty line before the end, or one too long for a name. */
static gboolean
cut_lines (char *text, const Lines *lines, guint *n, GError **error)
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
      g_ptr_array_add (lines->texts, line);
  }
  return TRUE;
}

/* "id,name" above numbered lines. */
static void
drop_heading (Lines *lines)
{
  static const char *const patterns[] = {HEAD, TAIL};

  for (size_t i = 0; i < 2 && lines->texts->len == lines->n_classes + 1; i++) {
    Found found = match_lines (patterns[i], lines->texts);
    if (found.n == lines->n_classes && found.odd == 0 && 2 * found.n_certain > found.n) {
      g_ptr_array_remove_index (lines->texts, 0);
      lines->first++;
    }
    found_clear (&found);
  }
}

/* In place: "a ""b""" becomes a "b". FALSE with FORMAT when the quotes do not close. */
static gboolean
unquote (char *text, const Lines *lines, guint i, GError **error)
{
  char *to = text, *from = text + 1;

  if (*text != '"')
    return TRUE;
  for (; *from != '\0' && (*from != '"' || from[1] == '"'); *to++ = *from++)
    from += *from == '"';
  if (from[0] != '"' || from[1] != '\0' || to == text)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "Label file %s:%u: a quoted name is empty, or its quotes do not end it",
                        lines->path, lines->first + i);
  *to = '\0';
  return TRUE;
}

/* @names with synsets before all of them loses these. FALSE with FORMAT when @in_order and they
 * are not: then neither the lines nor the synsets are sure to count the classes. */
static gboolean
drop_synsets (GPtrArray **names, const Lines *lines, gboolean in_order, GError **error)
{
  Found found = match_lines (SYNSET, *names);
  gboolean ok = TRUE;

  if (found.n == (*names)->len) {
    for (guint i = 1; ok && in_order && i < found.n; i++) {
      const char *last = g_ptr_array_index (found.numbers, i - 1);
      const char *synset = g_ptr_array_index (found.numbers, i);
      if (strcmp (last, synset) >= 0)
        ok = effnet_fail (
            error, EFFNET_ERROR_FORMAT,
            "Label file %s:%u: synset %s comes after %s, though ImageNet's classes are in "
            "the order of their synsets; put each class's number before its line, as "
            "in \"0 n01440764 tench\"",
            lines->path, lines->first + i, synset, last);
    }
    g_ptr_array_unref (*names);
    *names = g_ptr_array_ref (found.names);
  }
  found_clear (&found);
  return ok;
}

/* Adds the way out for names that begin or end with numbers of their own. */
static gboolean
fail_count (GError **error)
{
  if (error == NULL || *error == NULL)
    return FALSE;
  g_autoptr (GError) why = g_steal_pointer (error);
  return effnet_fail (error, (EffnetError)why->code,
                      "%s: the numbers of the lines do not count the classes; if they are part of "
                      "the names, put each class's number before its line",
                      why->message);
}

/* @found has a number on every line. */
static char **
take_numbered (const Lines *lines, Found *found, GError **error)
{
  EffnetNames names;
  char *where = g_strdup_printf ("Label file %s", lines->path);
  gboolean ok = effnet_names_init (&names, where, found->n, error) &&
                drop_synsets (&found->names, lines, FALSE, error);

  for (guint i = 0; ok && i < found->n; i++) {
    char *name = g_ptr_array_index (found->names, i);
    guint64 number = g_ascii_strtoull (g_ptr_array_index (found->numbers, i), NULL, 10);
    g_free (where);
    names.where = where =
        g_strdup_printf ("Label file %s:%u: the line", lines->path, lines->first + i);
    if (!unquote (name, lines, i, error))
      ok = FALSE;
    else if (!effnet_names_put (&names, number, g_strdup (name), error))
      ok = fail_count (error);
  }
  g_free (where);
  if (ok)
    return names.names;
  effnet_names_clear (&names);
  return NULL;
}

/* Lines without numbers. */
static char **
take_plain (const Lines *lines, GError **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_ref (lines->texts);
  guint quoted = 0;

  if (!drop_synsets (&names, lines, TRUE, error))
    return NULL;
  for (guint i = 0; i < names->len; i++)
    quoted += *(const char *)g_ptr_array_index (names, i) == '"';
  for (guint i = 0; quoted == names->len && i < names->len; i++) {
    if (!unquote (g_ptr_array_index (names, i), lines, i, error))
      return NULL;
  }
  char **taken = g_new0 (char *, names->len + 1);
  for (guint i = 0; i < names->len; i++)
    taken[i] = g_strdup (g_ptr_array_index (names, i));
  return taken;
}

/* "cat 0" and "dog 1" are numbered, "gate 0" and "gate 1" are names. */
static gboolean
tails_count (const Found *found)
{
  g_autoptr (GHashTable) names = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GHashTable) numbers = g_hash_table_new (g_direct_hash, g_direct_equal);

  for (guint i = 0; i < found->n; i++) {
    guint64 number = g_ascii_strtoull (g_ptr_array_index (found->numbers, i), NULL, 10);
    if (number >= found->n || !g_hash_table_add (numbers, GUINT_TO_POINTER (number)) ||
        !g_hash_table_add (names, g_ptr_array_index (found->names, i)))
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
  char **names = NULL;
  Found heads = match_lines (HEAD, lines->texts), tails = match_lines (TAIL, lines->texts);
  guint n = lines->texts->len;

  if (heads.n == n)
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

static char **
read_text (char *text, const char *path, unsigned n_classes, GError **error)
{
  g_autoptr (GPtrArray) texts = g_ptr_array_new ();
  Lines lines = {path, texts, 1, n_classes};
  guint n;

  if (!cut_lines (text, &lines, &n, error))
    return NULL;
  if (n == n_classes + 1)
    drop_heading (&lines);
  if (texts->len == n_classes)
    return read_lines (&lines, error);
  effnet_fail (error, EFFNET_ERROR_MISMATCH,
               "Label file \"%s\" names %u classes, but the model has %u: expected one name a line",
               path, n, n_classes);
  return NULL;
}

static char **
read_json (const char *text, size_t length, const char *path, GError **error)
{
  g_autofree char *subject = g_strdup_printf ("Label file %s", path);
  static const EffnetJsonRules rules = {.max_depth = EFFNET_CARD_DEPTH_MAX, .any_list = TRUE};
  EffnetJsonFile file = {subject, "begins like JSON, but ", text, length, NULL};
  g_auto (GStrv) names = NULL;

  if (!effnet_json_parse (&file, &rules, error))
    return NULL;
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
  return *text == '[' && !g_regex_match_simple ("^\\[\\d+\\][^,\\]]*[^\\s,\\]]", text, 0, 0);
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
  size_t skip = g_str_has_prefix (text, UTF8_BOM) ? strlen (UTF8_BOM) : 0;
  g_auto (GStrv) names = is_json (text + skip)
                             ? read_json (text + skip, length - skip, shown, error)
                             : read_text (text + skip, shown, n_classes, error);
  if (names == NULL || g_strv_length (names) == n_classes)
    return g_steal_pointer (&names);
  effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s names %u classes, but the model has %u", where,
               g_strv_length (names), n_classes);
  return NULL;
}
