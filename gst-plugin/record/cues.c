/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "record/cues.h"

static void
append_time (GString *out, GstClockTime time)
{
  guint64 ms = time / GST_MSECOND;

  g_string_append_printf (out,
                          "%02" G_GUINT64_FORMAT ":%02" G_GUINT64_FORMAT ":%02" G_GUINT64_FORMAT
                          ".%03" G_GUINT64_FORMAT,
                          ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

static char *
cue_text (GstClockTime from, GstClockTime to, const char *text)
{
  GString *out = g_string_new (NULL);

  append_time (out, from);
  g_string_append (out, " --> ");
  append_time (out, MAX (to, from + GST_MSECOND));
  g_string_append_c (out, '\n');
  for (const char *at = text; *at != '\0'; at++) {
    const char *escaped = *at == '&' ? "&amp;" : *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : NULL;

    if (escaped != NULL)
      g_string_append (out, escaped);
    else
      g_string_append_c (out, *at);
  }
  g_string_append (out, "\n\n");
  return g_string_free (out, FALSE);
}

void
gst_effnet_cues_clear (GstEffnetCues *cues)
{
  g_free (cues->text);
  *cues = (GstEffnetCues){0};
}

char *
gst_effnet_cues_close (GstEffnetCues *cues)
{
  char *closed = cues->text != NULL ? cue_text (cues->from, cues->to, cues->text) : NULL;

  g_clear_pointer (&cues->text, g_free);
  return closed;
}

char *
gst_effnet_cues_next (GstEffnetCues *cues, const char *text, GstClockTime from,
                      GstClockTime duration)
{
  char *closed = NULL;

  if (g_strcmp0 (cues->text != NULL ? cues->text : "", text) != 0) {
    cues->to = MAX (from, cues->from); /* until this frame, whatever durations say */
    closed = gst_effnet_cues_close (cues);
    cues->text = *text != '\0' ? g_strdup (text) : NULL;
    cues->from = from;
  }
  cues->to = MAX (cues->from, from + (GST_CLOCK_TIME_IS_VALID (duration) ? duration : 0));
  return closed;
}
