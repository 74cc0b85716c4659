/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/text.h"

#include <glib.h>
#include <string.h>

#define MAX_CHARACTERS 100

char *
effnet_printable (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  GString *printable = g_string_new (NULL);
  int n = 0;

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);
    if (n++ == MAX_CHARACTERS) {
      g_string_append (printable, "...");
      break;
    }
    if (g_unichar_isprint (c))
      g_string_append_unichar (printable, c);
    else
      g_string_append_printf (printable, "\\u%04x", (unsigned)c);
  }
  return g_string_free (printable, FALSE);
}

char *
effnet_try_strdup (const char *text)
{
  size_t bytes = strlen (text) + 1;
  char *copy = g_try_malloc (bytes);

  return copy != NULL ? memcpy (copy, text, bytes) : NULL;
}
