/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "publish/recall.h"

#include <string.h>

static char *
prefix_of (const GstEffnetSpool *spool)
{
  return g_strdup_printf ("{\"publisher\":\"%s\",\"sequence\":", gst_effnet_spool_get_id (spool));
}

char *
gst_effnet_recall_sign (const GstEffnetSpool *spool, const char *body, gint64 number)
{
  g_autofree char *prefix = prefix_of (spool);

  return g_strdup_printf ("%s%" G_GINT64_FORMAT ",%s", prefix, number, body + 1);
}

char **
gst_effnet_recall_topics (GstEffnetSpool *spool, guint n)
{
  g_autoptr (GPtrArray) topics = g_ptr_array_new ();
  GstEffnetSpooled row;
  gint64 at = 0;

  for (guint i = 0; i < n && gst_effnet_spool_next (spool, at, &row); i++) {
    at = row.number;
    if (!g_ptr_array_find_with_equal_func (topics, row.topic, g_str_equal, NULL))
      g_ptr_array_add (topics, g_steal_pointer (&row.topic));
    gst_effnet_spooled_clear (&row);
  }
  g_ptr_array_add (topics, NULL);
  return (char **)g_ptr_array_steal (topics, NULL);
}

gint64
gst_effnet_recall_number (const GstEffnetSpool *spool, GBytes *record)
{
  g_autofree char *prefix = prefix_of (spool);
  gsize size, length = strlen (prefix);
  const char *text = g_bytes_get_data (record, &size);
  char digits[24] = "";
  gint64 number;

  if (size <= length || memcmp (text, prefix, length) != 0)
    return 0;
  memcpy (digits, text + length, MIN (sizeof digits - 1, size - length));
  number = g_ascii_strtoll (digits, NULL, 10);
  return number > 0 && number <= gst_effnet_spool_get_last (spool) ? number : 0;
}
