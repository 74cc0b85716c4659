/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A list of pictures and their classes: "file,class" a line, as spreadsheets write it (RFC 4180;
 * commas, semicolons or tabs). Every error names its line. */
#include "cli/train.h"

#include "cli/file.h"

#include <string.h>
#include <unistd.h>

#define MAX_BYTES ((gsize)256 << 20)
#define UTF8_BOM  "\xef\xbb\xbf"

typedef struct {
  const char *path;
  const char *at, *end;
  char separator;
  unsigned line, next_line; /* of the row read last, behind it */
} Csv;

static gboolean fail (const Csv *csv, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
fail (const Csv *csv, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT, "%s:%u: %s", csv->path, csv->line, text);
  return FALSE;
}

/* From behind the opening quote to behind the closing one; "" is a quote. */
static gboolean
read_quoted (Csv *csv, GString *cell, GError **error)
{
  while (csv->at < csv->end) {
    char c = *csv->at++;

    if (c == '"') {
      if (csv->at == csv->end || *csv->at != '"')
        return TRUE;
      csv->at++;
    }
    csv->next_line += c == '\n';
    g_string_append_c (cell, c);
  }
  return fail (csv, error, "a quote is not closed");
}

/* Of Unix, of Windows with the next byte, of old programs on a Mac. */
static gboolean
ends_row (char c)
{
  return c == '\n' || c == '\r';
}

/* The cells of the next row; none: the end, or an error. */
static GPtrArray *
read_row (Csv *csv, GError **error)
{
  GPtrArray *cells = g_ptr_array_new_with_free_func (g_free);
  gboolean more = csv->at < csv->end;

  csv->line = csv->next_line;
  while (more) {
    g_autoptr (GString) cell = g_string_new (NULL);

    if (csv->at < csv->end && *csv->at == '"') {
      csv->at++;
      if (!read_quoted (csv, cell, error)) {
        g_ptr_array_set_size (cells, 0);
        return cells;
      }
    }
    while (csv->at < csv->end && *csv->at != csv->separator && !ends_row (*csv->at))
      g_string_append_c (cell, *csv->at++);
    more = csv->at < csv->end && *csv->at == csv->separator;
    g_ptr_array_add (cells, g_strstrip (g_strdup (cell->str)));
    if (csv->at < csv->end) {
      csv->next_line += ends_row (*csv->at);
      csv->at += !more && csv->end - csv->at > 1 && memcmp (csv->at, "\r\n", 2) == 0 ? 2 : 1;
    }
  }
  return cells;
}

/* Whether the first row names its columns. */
static gboolean
is_header (const GPtrArray *cells)
{
  static const char *const files[] = {
      "file",       "filename", "file_name", "filepath", "file_path",  "path", "image",
      "image_path", "picture",  "img",       "img_path", "image_name", "name", NULL};
  static const char *const classes[] = {"class",      "classes",  "class_name", "label",   "labels",
                                        "label_name", "category", "target",     "species", NULL};
  g_autofree char *first = g_ascii_strdown (cells->pdata[0], -1);
  g_autofree char *second = cells->len > 1 ? g_ascii_strdown (cells->pdata[1], -1) : NULL;

  return second != NULL && g_strv_contains (files, first) && g_strv_contains (classes, second);
}

/* The classes of a row: its cells behind the first, each of which may hold several with | between.
 */
static char **
row_labels (const Csv *csv, const GPtrArray *cells, gboolean multi_label, GError **error)
{
  g_autoptr (GPtrArray) labels = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) cause = NULL;

  for (guint i = 1; i < cells->len; i++) {
    g_auto (GStrv) parts = g_strsplit (cells->pdata[i], multi_label ? "|" : "\n", -1);

    for (char **part = parts; *part != NULL; part++) {
      if (*g_strstrip (*part) == '\0')
        continue;
      if (!train_check_label (*part, &cause)) {
        fail (csv, error, "%s", cause->message);
        return NULL;
      }
      g_ptr_array_add (labels, g_strdup (*part));
    }
  }
  if (!multi_label && labels->len != 1) {
    fail (csv, error,
          labels->len == 0 ? "%s has no class; expected FILE,CLASS"
                           : "%s has several classes; that needs --multi-label",
          (char *)cells->pdata[0]);
    return NULL;
  }
  g_ptr_array_add (labels, NULL);
  return (char **)g_ptr_array_steal (labels, NULL);
}

static gboolean
names_file (const char *folder, const char *text)
{
  g_autofree char *path = g_build_filename (folder, text, NULL);

  return *text != '\0' &&
         (g_file_test (path, G_FILE_TEST_IS_REGULAR) || g_file_test (text, G_FILE_TEST_IS_REGULAR));
}

static gboolean
add_row (const Csv *csv, const GPtrArray *cells, gboolean multi_label, TrainList *list,
         GError **error)
{
  g_autofree char *folder = g_path_get_dirname (csv->path);
  const char *file = cells->pdata[0];
  gboolean is_there;
  char **labels;

  if (cells->len == 1 && *file == '\0')
    return TRUE; /* an empty line */
  if (cells->len < 2)
    return fail (csv, error, "'%s' has no class; expected FILE,CLASS", file);
  if (*file == '\0')
    return fail (csv, error, "no file is named; expected FILE,CLASS");
  is_there = strchr (file, '/') != NULL || names_file (folder, file);
  if (!is_there && names_file (folder, cells->pdata[1]))
    return fail (csv, error, "the second column names a file; expected FILE,CLASS in this order");
  labels = row_labels (csv, cells, multi_label, error);
  if (labels == NULL)
    return FALSE;
  if (!is_there)
    g_strdelimit (cells->pdata[0], "\\", '/'); /* as Windows writes it */
  if (g_path_is_absolute (file) || strcmp (folder, ".") == 0)
    train_list_add (list, g_strdup (file), labels);
  else
    train_list_add (list, g_build_filename (folder, file, NULL), labels);
  return TRUE;
}

static GBytes *
read_all (const char *path, GError **error)
{
  int fd = file_open (path, error);
  GBytes *bytes = fd >= 0 ? file_read (fd, MAX_BYTES, error) : NULL;

  if (fd >= 0)
    close (fd);
  if (bytes == NULL)
    g_prefix_error (error, "%s: ", path);
  return bytes;
}

/* A tab where the first line with text in it has any, else what it has most of. */
static char
find_separator (const char *text, const char *end)
{
  while (text < end && g_ascii_isspace (*text))
    text++;
  const char *line_end = memchr (text, '\n', (gsize)(end - text));
  unsigned n[3] = {0};

  for (const char *c = text; c < (line_end != NULL ? line_end : end); c++)
    for (unsigned i = 0; i < 3; i++)
      n[i] += *c == ",;\t"[i];
  if (n[2] > 0)
    return '\t';
  return n[0] >= n[1] ? ',' : ';';
}

gboolean
train_csv_read (const char *path, gboolean multi_label, TrainList *list, GError **error)
{
  g_autoptr (GBytes) bytes = read_all (path, error);
  g_autoptr (GError) cause = NULL;
  gboolean ok = TRUE;
  const char *invalid;
  gsize size;

  if (bytes == NULL)
    return FALSE;
  const char *text = g_bytes_get_data (bytes, &size);
  Csv csv = {.path = path, .at = text, .end = text + size, .next_line = 1};
  if (!g_utf8_validate_len (text, size, &invalid)) {
    csv.line = 1;
    if (size >= 2 && (memcmp (text, "\xff\xfe", 2) == 0 || memcmp (text, "\xfe\xff", 2) == 0))
      return fail (&csv, error,
                   "is UTF-16; save it as UTF-8 ('CSV UTF-8', or iconv -f UTF-16 -t UTF-8)");
    if (memchr (text, '\0', size) != NULL)
      return fail (&csv, error,
                   "is no text; expected a folder that holds one for each class, or a list with "
                   "lines of FILE,CLASS");
    for (const char *c = text; c < invalid; c++)
      csv.line += *c == '\n';
    return fail (&csv, error, "is not valid UTF-8; expected lines of FILE,CLASS or a folder");
  }
  if (size >= strlen (UTF8_BOM) && memcmp (text, UTF8_BOM, strlen (UTF8_BOM)) == 0)
    csv.at += strlen (UTF8_BOM);
  csv.separator = find_separator (csv.at, csv.end);
  for (gboolean first = TRUE; ok && csv.at < csv.end; first = FALSE) {
    g_autoptr (GPtrArray) cells = read_row (&csv, &cause);

    ok = cause == NULL &&
         ((first && is_header (cells)) || add_row (&csv, cells, multi_label, list, &cause));
  }
  if (cause != NULL)
    g_propagate_error (error, g_steal_pointer (&cause));
  else if (list->items->len == 0)
    ok = fail (&csv, error, "lists no picture; expected lines of FILE,CLASS");
  return ok;
}
