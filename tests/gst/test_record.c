/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnetrecord on buffers whose metadata is written by hand: which results are written, what each
 * form says, and what flushes, gaps and new caps do. test_record.py has it in pipelines. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "common.h"
#include "handmade.h"

#define FRAME (GST_SECOND / 10)
#define NTP   (G_GUINT64_CONSTANT (2208988800) * GST_SECOND) /* of 1970 */

static GstEffnetRecord
record_of (const char *label, int id, GstClockTime running_time)
{
  GstEffnetRecord record = handmade_record (label, id, 0.75);

  record.result_running_time = running_time;
  return record;
}

/* Of the @n-th frame. */
static GstBuffer *
buffer_of (guint n, const GstEffnetRecord *records, guint n_records)
{
  GstBuffer *buffer = gst_buffer_new ();

  GST_BUFFER_PTS (buffer) = n * FRAME;
  if (n_records > 0)
    g_assert_true (gst_effnet_schema_attach (buffer, records, n_records));
  return buffer;
}

static GstHarness *
recorder_new (const char *form, const char *properties)
{
  g_autofree char *line = g_strdup_printf ("effnetrecord %s", properties);
  GstHarness *h = gst_harness_new_parse (line);

  if (form != NULL)
    gst_harness_set_sink_caps_str (h, form);
  gst_harness_set_src_caps_str (h, "video/x-raw,format=I420,width=320,height=240,framerate=10/1");
  return h;
}

static void
push (GstHarness *h, GstBuffer *buffer)
{
  g_assert_cmpint (gst_harness_push (h, buffer), ==, GST_FLOW_OK);
}

/* All that has come out since, as one text. */
static char *
pull_all (GstHarness *h)
{
  GString *text = g_string_new (NULL);
  GstBuffer *buffer;

  while ((buffer = gst_harness_try_pull (h)) != NULL) {
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_string_append_len (text, (const char *)map.data, (gssize)map.size);
    gst_buffer_unmap (buffer, &map);
    gst_buffer_unref (buffer);
  }
  return g_string_free (text, FALSE);
}

static void
assert_pulled (GstHarness *h, const char *expected)
{
  g_autofree char *text = pull_all (h);
  g_assert_cmpstr (text, ==, expected);
}

static guint
count_lines (GstHarness *h)
{
  g_autofree char *text = pull_all (h);
  guint n = 0;

  for (const char *at = text; (at = strchr (at, '\n')) != NULL; at++)
    n++;
  return n;
}

static guint
count_gaps (GstHarness *h)
{
  GstEvent *event;
  guint n = 0;

  while ((event = gst_harness_try_pull_event (h)) != NULL) {
    n += GST_EVENT_TYPE (event) == GST_EVENT_GAP;
    gst_event_unref (event);
  }
  return n;
}

static guint64
stat_of (GstHarness *h, const char *name)
{
  g_autoptr (GstElement) element = gst_harness_find_element (h, "effnetrecord");
  return element_stat (element, name);
}

/* Every field of the metadata, and what the buffer adds. */
static void
test_fields (void)
{
  GstHarness *h = recorder_new (NULL, "source=yard");
  GstEffnetRecord record = record_of ("a \"cat\"\n\001", 3, 5);
  GstBuffer *buffer;

  record.stable = (GstEffnetEntry){"lamp", 846, 0};
  record.stable_since = 7;
  record.margin = 0.1;
  record.entropy = 1.7176891126505485; /* of scores, which are 32 bits wide */
  record.age = GST_CLOCK_TIME_NONE;
  gst_effnet_record_set_part (&record, 32, 24, 160, 120);
  buffer = buffer_of (3, &record, 1);
  gst_buffer_add_reference_timestamp_meta (buffer, gst_caps_new_empty_simple ("timestamp/x-ntp"),
                                           NTP + 1700000000 * GST_SECOND + 250 * GST_MSECOND,
                                           GST_CLOCK_TIME_NONE);
  push (h, buffer);
  g_autofree char *text = pull_all (h);
  g_assert_cmpstr (strchr (text, '\n'), ==, "\n");
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  JsonObject *o = json_node_get_object (node), *top;
  g_assert_cmpstr (json_object_get_string_member (o, "source"), ==, "yard");
  g_assert_cmpstr (json_object_get_string_member (o, "time"), ==, "2023-11-14T22:13:20.250000Z");
  g_assert_cmpint (json_object_get_int_member (o, "pts_ns"), ==, 3 * FRAME);
  g_assert_cmpint (json_object_get_int_member (o, "duration_ns"), ==, FRAME); /* of the caps */
  g_assert_cmpint (json_object_get_int_member (o, "running_time_ns"), ==, 3 * FRAME);
  g_assert_cmpstr (json_object_get_string_member (o, "label"), ==, "a \"cat\"\n\001");
  g_assert_cmpstr (json_object_get_string_member (o, "stable_label"), ==, "lamp");
  g_assert_cmpint (json_object_get_int_member (o, "stable_since_ns"), ==, 7);
  g_assert_true (json_object_get_null_member (o, "age_ns"));
  g_assert_cmpfloat (json_object_get_double_member (o, "margin"), ==, 0.1);
  g_assert_nonnull (strstr (text, "\"entropy\":1.7176892,"));
  g_assert_cmpint (json_object_get_int_member (o, "x"), ==, 32);
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (o, "box")), ==, 4);
  top = json_array_get_object_element (json_object_get_array_member (o, "top"), 0);
  g_assert_cmpint (json_object_get_int_member (top, "id"), ==, 3);
  g_assert_cmpfloat (json_object_get_double_member (top, "score"), ==, 0.75);
  g_assert_false (json_object_has_member (o, "results"));
  gst_harness_teardown (h);
}

/* Without a reference, a record has the pipeline's clock; both are read off at one moment. */
static void
test_clock (void)
{
  GstHarness *h = recorder_new (NULL, "");
  GstEffnetRecord record = record_of ("cat", 3, 0);
  GstClock *clock = gst_system_clock_obtain ();
  g_autoptr (GstElement) element = gst_harness_find_element (h, "effnetrecord");
  GstClockTime base = gst_clock_get_time (clock) - 3600 * GST_SECOND; /* it runs for an hour */
  gint64 began = g_get_real_time (), expected = began - (gint64)3599 * G_USEC_PER_SEC;

  gst_element_set_clock (element, clock);
  gst_element_set_base_time (element, base);
  push (h, buffer_of (10, &record, 1)); /* and this is a second old then */
  g_autofree char *text = pull_all (h);
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (
      json_object_get_string_member (json_node_get_object (node), "time"), NULL);
  gint64 got = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
  g_assert_cmpint (ABS (got - expected), <, 5 * G_USEC_PER_SEC);
  gst_object_unref (clock);
  gst_harness_teardown (h);
}

/* A result that is repeated, one of the same label, another label, the part that stays. */
static void
test_choice (void)
{
  static const struct {
    const char *properties;
    guint expected[4];
  } cases[] = {{"records=all", {2, 2, 2, 2}}, {"", {2, 0, 2, 2}}, {"records=change", {2, 0, 0, 1}}};

  for (guint c = 0; c < G_N_ELEMENTS (cases); c++) {
    GstHarness *h = recorder_new (NULL, cases[c].properties);

    for (guint n = 0; n < 4; n++) {
      GstEffnetRecord records[2] = {
          record_of (n < 3 ? "open" : "shut", n < 3 ? 1 : 2, n < 2 ? 0 : n),
          record_of ("cat", 3, n < 2 ? 0 : n)};

      gst_effnet_record_set_part (&records[0], 0, 0, 32, 32);
      records[0].region = "gate";
      gst_effnet_record_set_part (&records[1], 32, 0, 32, 32);
      records[1].region = "gate";
      push (h, buffer_of (n, records, 2));
      g_assert_cmpuint (count_lines (h), ==, cases[c].expected[n]);
      g_assert_cmpuint (count_gaps (h), ==, cases[c].expected[n] == 0);
    }
    g_assert_cmpuint (stat_of (h, "buffers"), ==, 4);
    g_assert_cmpuint (stat_of (h, "results"), ==, 8);
    gst_harness_teardown (h);
  }
}

/* Thousands of objects that come and go leave nothing behind that matters. */
static void
test_many_objects (void)
{
  GstHarness *h = recorder_new (NULL, "records=change");

  for (guint n = 0; n < 5000; n++) {
    GstEffnetRecord record = record_of ("car", 1, n);

    gst_effnet_record_set_part (&record, 0, 0, 32, 32);
    record.region = "vehicle";
    record.roi_id = (int)n;
    push (h, buffer_of (n, &record, 1));
    g_assert_cmpuint (count_lines (h), ==, 1);
  }
  gst_harness_teardown (h);
}

static void
test_text (void)
{
  GstHarness *h = recorder_new ("text/x-raw,format=utf8", "");
  GstEffnetRecord records[2] = {record_of ("op\nen", 1, 0), record_of ("rain", 2, 0)};
  GstBuffer *out;

  records[0].head = "gate";
  records[1].head = "weather";
  push (h, buffer_of (0, records, 2));
  out = gst_harness_pull (h);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 0);
  g_assert_cmpuint (GST_BUFFER_DURATION (out), ==, FRAME);
  g_assert_cmpint (gst_buffer_memcmp (out, 0, "gate: op en  75 %\nweather: rain  75 %", 35), ==, 0);
  gst_buffer_unref (out);
  push (h, buffer_of (1, NULL, 0));
  g_assert_cmpuint (count_gaps (h), ==, 1);
  gst_effnet_record_set_unknown (&records[0], 0.1);
  push (h, buffer_of (2, records, 1));
  assert_pulled (h, "gate: unknown  10 %");
  gst_harness_set (h, "effnetrecord", "show-score", FALSE, NULL);
  push (h, buffer_of (3, records, 1));
  assert_pulled (h, "gate: unknown");
  gst_harness_teardown (h);
}

/* Cues last as long as a label does, go on behind a flush, and the last one ends with the stream.
 */
static void
test_cues (void)
{
  GstHarness *h = recorder_new ("application/x-subtitle-vtt", "");
  GstEffnetRecord cat = record_of ("<cat> & co", 3, 0), dog = record_of ("dog", 4, 0);

  push (h, buffer_of (0, NULL, 0));
  assert_pulled (h, "WEBVTT\n\n");
  push (h, buffer_of (1, &cat, 1));
  push (h, buffer_of (2, &cat, 1));
  assert_pulled (h, "");
  push (h, buffer_of (3, &dog, 1));
  assert_pulled (h, "00:00:00.100 --> 00:00:00.300\n&lt;cat&gt; &amp; co\n\n");
  push (h, buffer_of (36000 * 2, NULL, 0)); /* two hours on, and there is nothing */
  assert_pulled (h, "00:00:00.300 --> 02:00:00.000\ndog\n\n");
  push (h, buffer_of (72001, &cat, 1));
  harness_flush (h); /* a filesink begins again, too */
  push (h, buffer_of (0, &dog, 1));
  assert_pulled (h, "WEBVTT\n\n");
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_pulled (h, "00:00:00.000 --> 00:00:00.100\ndog\n\n");
  gst_harness_teardown (h);

  h = recorder_new ("application/x-subtitle-vtt", ""); /* a file of nothing is a file */
  g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
  assert_pulled (h, "WEBVTT\n\n");
  gst_harness_teardown (h);
}

static JsonObject *
member (JsonObject *object, const char *name)
{
  g_assert_true (json_object_has_member (object, name));
  return json_object_get_object_member (object, name);
}

/* The keys that the documentation of DL Streamer shows. */
static void
test_dlstreamer (void)
{
  GstHarness *h = recorder_new (NULL, "format=dlstreamer source=yard");
  GstEffnetRecord records[3] = {record_of ("red", 1, 0), record_of ("bus", 2, 0),
                                record_of ("blue", 5, 0)};

  for (guint i = 0; i < 3; i++) {
    gst_effnet_record_set_part (&records[i], i < 2 ? 32 : 64, 24, 160, 120);
    records[i].region = "vehicle";
    records[i].roi_id = i < 2 ? 8 : 9;
    records[i].head = i == 1 ? "type" : "colour";
  }
  push (h, buffer_of (1, records, 3));
  g_autofree char *text = pull_all (h);
  g_autoptr (JsonNode) node = json_from_string (text, NULL);
  JsonObject *frame = json_node_get_object (node), *object, *box;
  JsonArray *objects = json_object_get_array_member (frame, "objects");
  g_assert_cmpint (json_object_get_int_member (frame, "timestamp"), ==, FRAME);
  g_assert_cmpstr (json_object_get_string_member (frame, "source"), ==, "yard");
  g_assert_cmpint (json_object_get_int_member (member (frame, "resolution"), "width"), ==, 320);
  g_assert_cmpint (json_object_get_int_member (member (frame, "resolution"), "height"), ==, 240);
  g_assert_cmpuint (json_array_get_length (objects), ==, 2); /* of two heads each, or one */
  object = json_array_get_object_element (objects, 0);
  box = member (member (object, "detection"), "bounding_box");
  g_assert_cmpfloat (json_object_get_double_member (box, "x_min"), ==, 0.1);
  g_assert_cmpfloat_with_epsilon (json_object_get_double_member (box, "y_max"), 0.6, 1e-9);
  g_assert_cmpstr (json_object_get_string_member (object, "roi_type"), ==, "vehicle");
  g_assert_cmpint (json_object_get_int_member (object, "id"), ==, 8);
  g_assert_cmpint (json_object_get_int_member (object, "w"), ==, 160);
  g_assert_cmpint (json_object_get_int_member (object, "y"), ==, 24);
  g_assert_cmpstr (json_object_get_string_member (member (object, "colour"), "label"), ==, "red");
  g_assert_cmpint (json_object_get_int_member (member (object, "type"), "label_id"), ==, 2);
  g_assert_cmpstr (
      json_object_get_string_member (member (member (object, "type"), "model"), "name"), ==, "m");
  gst_harness_teardown (h);
}

/* What cannot be read is counted and said once; the stream goes on, and new caps change nothing. */
static void
test_refused (void)
{
  GstHarness *h = recorder_new (NULL, "");
  GstEffnetRecord newer = record_of ("cat", 3, 0), good = record_of ("cat", 3, 1);

  newer.schema_version++;
  for (guint n = 0; n < 2; n++)
    push (h, buffer_of (n, &newer, 1));
  g_assert_cmpuint (stat_of (h, "refused"), ==, 2);
  g_assert_cmpuint (stat_of (h, "gaps"), ==, 2);
  gst_harness_set_src_caps_str (h, "image/jpeg");
  push (h, buffer_of (2, &good, 1));
  g_assert_cmpuint (count_lines (h), ==, 1);
  g_assert_cmpuint (stat_of (h, "records"), ==, 1);
  gst_harness_teardown (h);
}

/* Strings that are not there, and one that would be several lines, in metadata of others. */
static void
test_hostile_strings (void)
{
  static const char *const forms[] = {"application/x-json", "application/x-json",
                                      "text/x-raw,format=utf8", "application/x-subtitle-vtt"};

  for (guint i = 0; i < G_N_ELEMENTS (forms); i++) {
    GstHarness *h = recorder_new (forms[i], i == 1 ? "format=dlstreamer" : "");
    GstEffnetRecord record = record_of ("\n\n00:00 --> 00:01", 3, 0);
    GstBuffer *buffer = buffer_of (0, &record, 1);
    gpointer state = NULL;
    GstStructure *s = (GstStructure *)gst_effnet_schema_iterate (buffer, &state);

    gst_structure_set (s, "element", G_TYPE_STRING, NULL, "region", G_TYPE_STRING, NULL, "head",
                       G_TYPE_STRING, NULL, "stable-label", G_TYPE_STRING, NULL, "model",
                       G_TYPE_STRING, NULL, NULL);
    push (h, buffer);
    g_assert_true (gst_harness_push_event (h, gst_event_new_eos ()));
    g_autofree char *text = pull_all (h);
    g_assert_true (g_utf8_validate (text, -1, NULL));
    if (i < 2) {
      g_autoptr (JsonNode) node = json_from_string (text, NULL);
      g_assert_nonnull (node);
    } else { /* a line of text, and a cue of one line */
      g_assert_cmpuint (g_strrstr (text, "--> 00:01") != NULL, ==, i == 2);
      g_assert_nonnull (strstr (text, i == 2 ? "  00:00 --> 00:01" : "  00:00 --&gt; 00:01\n\n"));
    }
    gst_harness_teardown (h);
  }
}

/* Up and down a hundred times, with a stream of its own each time. */
static void
test_cycles (void)
{
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "videotestsrc num-buffers=2 ! video/x-raw,width=16,height=16 ! effnetrecord name=r ! "
      "application/x-subtitle-vtt ! fakesink",
      NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  g_autoptr (GstElement) recorder = gst_bin_get_by_name (GST_BIN (pipeline), "r");

  for (guint i = 0; i < 100; i++) {
    GstMessage *message;

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    message =
        gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
    gst_message_unref (message);
    g_assert_cmpuint (element_stat (recorder, "records"), ==, 1); /* the head of the file */
    g_assert_cmpuint (element_stat (recorder, "buffers"), ==, 2);
    gst_element_set_state (pipeline, i % 2 == 0 ? GST_STATE_READY : GST_STATE_NULL);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  gst_effnet_schema_register ();
  g_test_add_func ("/gst/record/fields", test_fields);
  g_test_add_func ("/gst/record/clock", test_clock);
  g_test_add_func ("/gst/record/choice", test_choice);
  g_test_add_func ("/gst/record/many-objects", test_many_objects);
  g_test_add_func ("/gst/record/text", test_text);
  g_test_add_func ("/gst/record/cues", test_cues);
  g_test_add_func ("/gst/record/dlstreamer", test_dlstreamer);
  g_test_add_func ("/gst/record/hostile-strings", test_hostile_strings);
  g_test_add_func ("/gst/record/cycles", test_cycles);
  g_test_add_func ("/gst/record/refused", test_refused);
  return g_test_run ();
}
