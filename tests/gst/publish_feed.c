/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Not a test: a stream whose state changes with every frame, for test_publish.py to kill.
 *
 *   publish-feed FIRST COUNT RATE WAIT [PROPERTY=VALUE]...
 *
 * feeds effnetpublish with COUNT states "sFIRST", ..., RATE of them a second (0: at once), then
 * waits up to WAIT seconds until none is spooled. A state of which the number is a multiple of ten
 * is told a second time, by a frame that repeats it. Prints the element's counters, a line each;
 * what the bus says goes to stderr. */
#include <gst/app/gstappsrc.h>
#include <stdio.h>
#include <stdlib.h>

#include "handmade.h"

static guint64
stat_of (GstElement *element, const char *name)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 value = 0;

  g_object_get (element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  return value;
}

static gboolean
print_field (GQuark field, const GValue *value, gpointer data)
{
  g_autofree char *text = gst_value_serialize (value);

  (void)data;
  printf ("%s %s\n", g_quark_to_string (field), text);
  return TRUE;
}

static void
feed (GstElement *source, guint64 number, GstClockTime pts)
{
  g_autofree char *label = g_strdup_printf ("s%" G_GUINT64_FORMAT, number);
  GstEffnetRecord record = handmade_record (label, (int)number, 0.5);
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 320 * 240 * 3, NULL);

  record.fresh = TRUE;
  gst_buffer_memset (buffer, 0, 0x80, 320 * 240 * 3);
  GST_BUFFER_PTS (buffer) = pts;
  g_assert_true (gst_effnet_schema_attach (buffer, &record, 1));
  g_assert_cmpint (gst_app_src_push_buffer (GST_APP_SRC (source), buffer), ==, GST_FLOW_OK);
}

/* Prints what comes until there is nothing, or, with @wait, the end of the stream. Returns: whether
 * an error was among it */
static gboolean
print_bus (GstElement *pipeline, GstClockTime wait)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  gboolean failed = FALSE, ended = FALSE;

  while (!ended && (message = gst_bus_timed_pop_filtered (
                        bus, wait, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR | GST_MESSAGE_EOS))) {
    g_autoptr (GError) error = NULL;

    failed |= GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR;
    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
      gst_message_parse_error (message, &error, NULL);
    else if (!ended)
      gst_message_parse_warning (message, &error, NULL);
    if (error != NULL)
      fprintf (stderr, "%s\n", error->message);
    gst_message_unref (message);
  }
  return failed;
}

int
main (int argc, char **argv)
{
  g_autoptr (GstElement) pipeline = NULL, source = NULL, publisher = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) line = g_string_new (
      "appsrc name=source format=time is-live=true max-bytes=0 "
      "caps=video/x-raw,format=RGB,width=320,height=240,framerate=30/1 ! effnetpublish name=p ");
  guint64 first, n;
  double rate, wait;
  gint64 begun;

  gst_init (&argc, &argv);
  if (argc < 5)
    return 2;
  first = g_ascii_strtoull (argv[1], NULL, 10);
  n = g_ascii_strtoull (argv[2], NULL, 10);
  rate = g_ascii_strtod (argv[3], NULL);
  wait = g_ascii_strtod (argv[4], NULL);
  for (int i = 5; i < argc; i++)
    g_string_append_printf (line, "%s ", argv[i]);
  gst_effnet_schema_register ();
  pipeline = gst_parse_launch (line->str, &error);
  g_assert_no_error (error);
  g_object_set (pipeline, "auto-flush-bus", FALSE, NULL);
  source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  publisher = gst_bin_get_by_name (GST_BIN (pipeline), "p");
  if (gst_element_set_state (pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
    return print_bus (pipeline, 0) ? 1 : 3;
  begun = g_get_monotonic_time ();
  for (guint64 i = 0; i < n; i++) {
    gint64 due = rate > 0 ? begun + (gint64)((double)i / rate * 1e6) : 0;

    while (g_get_monotonic_time () < due)
      g_usleep (1000);
    feed (source, first + i, i * 2 * GST_MSECOND);
    if ((first + i) % 10 == 0)
      feed (source, first + i, (i * 2 + 1) * GST_MSECOND);
  }
  gst_app_src_end_of_stream (GST_APP_SRC (source));
  print_bus (pipeline, 60 * GST_SECOND);
  begun = g_get_monotonic_time ();
  while (g_get_monotonic_time () < begun + (gint64)(wait * 1e6) &&
         stat_of (publisher, "published") + stat_of (publisher, "lost") < n)
    g_usleep (10000);
  begun = g_get_monotonic_time ();
  gst_element_set_state (pipeline, GST_STATE_NULL);
  printf ("stop-ms %" G_GINT64_FORMAT "\n", (g_get_monotonic_time () - begun) / 1000);
  {
    g_autoptr (GstStructure) stats = NULL;

    g_object_get (publisher, "stats", &stats, NULL);
    gst_structure_foreach (stats, print_field, NULL);
  }
  return print_bus (pipeline, 0);
}
