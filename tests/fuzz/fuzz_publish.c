/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as a topic with names in braces, any names in it, any text as a broker's address: a
 * sentence, or a topic without wildcards that has the pattern's levels, and an address that shows
 * no password. */
#include "input.h"
#include "publish/address.h"
#include "publish/topic.h"

#include <string.h>

static char *
take_text (const uint8_t **data, size_t *size)
{
  const uint8_t *end = memchr (*data, '\n', *size);
  size_t n = end != NULL ? (size_t)(end - *data) : *size;
  char *text = g_strndup ((const char *)*data, n);

  n = MIN (n + 1, *size);
  *data += n;
  *size -= n;
  return text;
}

static guint
count (const char *text, char what)
{
  guint n = 0;

  for (; *text != '\0'; text++)
    n += *text == what;
  return n;
}

static void
check_sentence (const GError *error)
{
  FUZZ_CHECK (error != NULL && g_utf8_validate (error->message, -1, NULL));
  for (const char *c = error->message; *c != '\0'; c++)
    FUZZ_CHECK ((guchar)*c >= ' ' && *c != 0x7f);
}

static void
check_topic (const char *pattern, const char *name)
{
  const char *names[GST_EFFNET_TOPIC_N_NAMES];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < GST_EFFNET_TOPIC_N_NAMES; i++)
    names[i] = name;
  if (!gst_effnet_topic_check (pattern, (1u << GST_EFFNET_TOPIC_N_NAMES) - 1, "topic", &error)) {
    check_sentence (error);
    return;
  }
  g_autofree char *topic = gst_effnet_topic_expand (pattern, names);
  FUZZ_CHECK (*topic != '\0' && *topic != '$' && g_utf8_validate (topic, -1, NULL));
  FUZZ_CHECK (strpbrk (topic, "+#") == NULL && count (topic, '/') == count (pattern, '/'));
  g_autofree char *slug = gst_effnet_topic_slug (topic);
  for (const char *c = slug; *c != '\0'; c++)
    FUZZ_CHECK (g_ascii_isalnum (*c) || *c == '_');
}

static void
check_address (const char *text)
{
  g_autofree char *hidden = gst_effnet_address_hide_password (text);
  g_autoptr (GError) error = NULL;
  GstEffnetAddress address;

  FUZZ_CHECK (strlen (hidden) <= strlen (text));
  if (!gst_effnet_address_parse (&address, text, &error)) {
    check_sentence (error);
    return;
  }
  g_autofree char *shown = gst_effnet_address_show (&address);
  FUZZ_CHECK (*address.host != '\0' && address.port > 0 && address.port < 65536);
  FUZZ_CHECK (strstr (shown, address.host) != NULL && strchr (shown, '@') == NULL);
  gst_effnet_address_clear (&address);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *pattern = take_text (&data, &size), *name = take_text (&data, &size);
  g_autofree char *address = take_text (&data, &size);

  check_topic (pattern, name);
  check_address (address);
  return 0;
}
