/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/text.h"
#include "gst-plugin/json.h"

#include <string.h>

char *
cli_printable (const char *text, gsize max)
{
  gsize bytes = text != NULL ? strlen (text) : 0, kept = 4 * max;
  /* What is cut anyway need not be copied: at most 4 bytes are a character. */
  g_autofree char *start = g_strndup (text != NULL ? text : "", MIN (bytes, 2 * kept));
  g_autofree char *end = bytes > 2 * kept ? g_strdup (text + bytes - kept) : NULL;
  g_autofree char *joined = g_strconcat (start, end, NULL);
  g_autofree char *valid = g_utf8_make_valid (joined, -1);
  gsize n = (gsize)g_utf8_strlen (valid, -1), i = 0;
  GString *out = g_string_new (NULL);

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at), i++) {
    gunichar c = g_utf8_get_char (at);

    if (n > max && i >= max / 2 && i < n - max / 2) {
      if (i == max / 2)
        g_string_append (out, "...");
    } else if (g_unichar_isprint (c)) {
      g_string_append_unichar (out, c);
    } else {
      gst_effnet_json_append_escaped (out, c);
    }
  }
  return g_string_free (out, FALSE);
}

void
cli_append_csv (GString *line, const char *text)
{
  if (strpbrk (text, ",\"\r\n") == NULL) {
    g_string_append (line, text);
    return;
  }
  g_string_append_c (line, '"');
  for (; *text != '\0'; text++)
    g_string_append_len (line, text[0] == '"' ? "\"\"" : text, text[0] == '"' ? 2 : 1);
  g_string_append_c (line, '"');
}

void
cli_append_csv_frame (GString *line, const char *source, guint64 index, gint64 pts_ns)
{
  cli_append_csv (line, source);
  g_string_append_printf (line, ",%" G_GUINT64_FORMAT ",", index);
  if (pts_ns >= 0)
    g_string_append_printf (line, "%" G_GINT64_FORMAT, pts_ns);
}
