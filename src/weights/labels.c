/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Label files: line n names class n, so a line too many, too few or empty is an error and never a
 * shift of all names behind it. */
#include "base/limits.h"
#include "base/text.h"
#include "weights/card.h"
#include "weights/file.h"

#include <string.h>

#define UTF8_BOM "\xef\xbb\xbf"

static const char what[] = "Label file";

/* Lines of @text without their ends; empty ones at the end of the file dropped. */
static GPtrArray *
split_lines (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GPtrArray *labels = g_ptr_array_new_with_free_func (g_free);
  size_t n = g_strv_length (lines);

  for (size_t i = 0; i < n; i++) {
    size_t length = strlen (lines[i]);
    if (length > 0 && lines[i][length - 1] == '\r')
      lines[i][length - 1] = '\0';
  }
  while (n > 0 && lines[n - 1][0] == '\0')
    n--;
  for (size_t i = 0; i < n; i++)
    g_ptr_array_add (labels, g_strdup (lines[i]));
  return labels;
}

char **
effnet_labels_load (const char *path, unsigned n_classes, GError **error)
{
  size_t length = 0;
  g_autofree char *shown = effnet_printable (path);
  g_autofree char *text = effnet_file_read (path, what, EFFNET_CARD_BYTES_MAX, &length, error);

  if (text == NULL)
    return NULL;
  if (!g_utf8_validate_len (text, length, NULL)) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT, "%s \"%s\" is not UTF-8 text", what,
                 shown);
    return NULL;
  }
  const char *start = g_str_has_prefix (text, UTF8_BOM) ? text + strlen (UTF8_BOM) : text;
  g_autoptr (GPtrArray) labels = split_lines (start);
  for (guint i = 0; i < labels->len; i++) {
    if (*(const char *)g_ptr_array_index (labels, i) != '\0')
      continue;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                 "%s \"%s\": line %u is empty; expected the name of class %u", what, shown, i + 1,
                 i);
    return NULL;
  }
  if (labels->len != n_classes) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s \"%s\" names %u classes, but the model has %u: expected one name a line", what,
                 shown, labels->len, n_classes);
    return NULL;
  }
  g_ptr_array_add (labels, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&labels), FALSE);
}
