/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/text.h"

#include <math.h>
#include <string.h>

static void
append_escaped (GString *out, gunichar c)
{
  if (c < 0x10000) {
    g_string_append_printf (out, "\\u%04x", c);
  } else { /* a surrogate pair, as JSON has it */
    c -= 0x10000;
    g_string_append_printf (out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
  }
}

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
      append_escaped (out, c);
    }
  }
  return g_string_free (out, FALSE);
}

void
cli_append_json_string (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  g_string_append_c (out, '"');
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (!g_unichar_isprint (c)) {
      append_escaped (out, c);
    } else {
      if (c == '"' || c == '\\')
        g_string_append_c (out, '\\');
      g_string_append_unichar (out, c);
    }
  }
  g_string_append_c (out, '"');
}

void
cli_append_json_double (GString *out, double value)
{
  gboolean is_float = (double)(float)value == value;
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value)) {
    g_string_append (out, "null");
    return;
  }
  for (int digits = 1; digits <= 17; digits++) {
    char format[8];
    double back;

    g_snprintf (format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd (text, sizeof text, format, value);
    back = g_ascii_strtod (text, NULL);
    if (is_float ? (float)back == (float)value : back == value)
      break;
  }
  g_string_append (out, text);
  if (strpbrk (text, ".e") == NULL)
    g_string_append (out, ".0");
}
