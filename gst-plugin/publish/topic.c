/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * MQTT 5.0, section 4.7: + and # are wildcards, / parts the levels, and a topic that begins with $
 * is the broker's own. In names these, and what cannot be printed, become %XX; so do spaces, which
 * many tools cut at. */
#include "publish/topic.h"

#include <effnet/effnet.h>
#include <string.h>

#include "text.h"

#define NAME_BYTES 200 /* of a name, at most; the rest is cut */

static const char *const words[GST_EFFNET_TOPIC_N_NAMES] = {
    [GST_EFFNET_TOPIC_ELEMENT] = "element", [GST_EFFNET_TOPIC_REGION] = "region",
    [GST_EFFNET_TOPIC_HEAD] = "head",       [GST_EFFNET_TOPIC_MODEL] = "model",
    [GST_EFFNET_TOPIC_HOST] = "host",       [GST_EFFNET_TOPIC_PUBLISHER] = "publisher",
};

/* Returns: which word stands at @at, of @length bytes; -1: none */
static int
find_word (const char *at, gsize length)
{
  for (int i = 0; i < GST_EFFNET_TOPIC_N_NAMES; i++) {
    if (strlen (words[i]) == length && memcmp (words[i], at, length) == 0)
      return i;
  }
  return -1;
}

static gboolean
refuse (const char *pattern, const char *property, const char *what, guint allowed, GError **error)
{
  g_autofree char *shown = gst_effnet_printable (pattern);
  g_autoptr (GString) list = g_string_new (NULL);

  for (guint i = 0; i < GST_EFFNET_TOPIC_N_NAMES; i++) {
    if (allowed & (1u << i))
      g_string_append_printf (list, " {%s}", words[i]);
  }
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT,
               "The %s \"%s\" %s; expected a topic without + and #%s%s", property, shown, what,
               allowed != 0 ? ", in which may stand" : "", list->str);
  return FALSE;
}

gboolean
gst_effnet_topic_check (const char *pattern, guint allowed, const char *property, GError **error)
{
  const char *at = pattern;

  if (*pattern == '\0' || *pattern == '$')
    return refuse (pattern, property, *pattern == '$' ? "begins with $" : "is empty", allowed,
                   error);
  if (!g_utf8_validate (pattern, -1, NULL))
    return refuse (pattern, property, "is not UTF-8", allowed, error);
  for (; *at != '\0'; at++) {
    if (*at == '+' || *at == '#' || (guchar)*at < ' ' || *at == 0x7f)
      return refuse (pattern, property, "has a wildcard or a control character", allowed, error);
    if (*at == '}')
      return refuse (pattern, property, "closes a brace that is not open", allowed, error);
    if (*at == '{') {
      gsize length = strcspn (at + 1, "{}");
      int word = find_word (at + 1, length);

      if (at[1 + length] != '}')
        return refuse (pattern, property, "does not close a brace", allowed, error);
      if (word < 0 || !(allowed & (1u << word)))
        return refuse (pattern, property, "has a name in braces that is unknown", allowed, error);
      at += 1 + length;
    }
  }
  return TRUE;
}

static void
append_name (GString *topic, const char *name)
{
  g_autofree char *cut = g_strndup (name != NULL ? name : "", NAME_BYTES);
  g_autofree char *valid = g_utf8_make_valid (cut, -1);

  if (*valid == '\0')
    g_string_append_c (topic, '-');
  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at)) {
    gunichar c = g_utf8_get_char (at);

    if (c > 0x7f ? !g_unichar_isprint (c) : (c <= ' ' || c == 0x7f || strchr ("+#/%$", (int)c)))
      for (const char *byte = at; byte < g_utf8_next_char (at); byte++)
        g_string_append_printf (topic, "%%%02X", (guchar)*byte);
    else
      g_string_append_unichar (topic, c);
  }
}

char *
gst_effnet_topic_expand (const char *pattern, const char *const *names)
{
  GString *topic = g_string_new (NULL);

  for (const char *at = pattern; *at != '\0'; at++) {
    gsize length = strcspn (at + 1, "}");

    if (*at != '{') {
      g_string_append_c (topic, *at);
      continue;
    }
    append_name (topic, names[find_word (at + 1, length)]);
    at += 1 + length;
  }
  return g_string_free (topic, FALSE);
}

char *
gst_effnet_topic_slug (const char *text)
{
  char *slug = g_strdup (text);

  for (char *at = slug; *at != '\0'; at++) {
    if (!g_ascii_isalnum (*at))
      *at = '_';
  }
  return slug;
}
