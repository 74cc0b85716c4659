/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text.h"

#include <string.h>

#define LENGTH_MAX 100

char *
gst_effnet_printable (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize)MIN (strlen (text), 8 * LENGTH_MAX));
  GString *shown = g_string_new (NULL);
  guint n = 0;
  const char *at;

  for (at = valid; *at != '\0' && n < LENGTH_MAX; at = g_utf8_next_char (at), n++) {
    if (g_unichar_isprint (g_utf8_get_char (at)))
      g_string_append_unichar (shown, g_utf8_get_char (at));
    else
      g_string_append_printf (shown, "\\u%04x", g_utf8_get_char (at));
  }
  if (*at != '\0')
    g_string_append (shown, "...");
  return g_string_free (shown, FALSE);
}

guint
gst_effnet_part_position (const char *text, char separator, guint index)
{
  const char *at = text;

  for (; index > 0 && strchr (at, separator) != NULL; index--)
    at = strchr (at, separator) + 1;
  while (g_ascii_isspace (*at))
    at++;
  return (guint)g_utf8_strlen (text, at - text) + 1;
}
