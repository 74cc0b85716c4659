/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Settings at the wrong time, and those that come to nothing: what is for READY takes effect at the
 * next start and is refused while playing; nothing is silently ignored. And what the log says. */
#include "common.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

static char *
info_string (GstElement *element, const char *field)
{
  GstStructure *info = NULL;
  char *value;

  g_object_get (element, "model-info", &info, NULL);
  g_assert_nonnull (info);
  value = g_strdup (gst_structure_get_string (info, field));
  gst_structure_free (info);
  return value;
}

static void
assert_info (GstElement *element, const char *field, const char *expected)
{
  char *value = info_string (element, field);

  g_assert_cmpstr (value, ==, expected);
  g_free (value);
}

static void
count (GObject *object, GParamSpec *pspec, gpointer n)
{
  (void)object, (void)pspec;
  g_atomic_int_inc ((int *)n);
}

/* Waits for what a worker does. */
static void
wait_for (const int *n, int value)
{
  for (int i = 0; i < 3000 && g_atomic_int_get (n) < value; i++)
    g_usleep (10000);
  g_assert_cmpint (g_atomic_int_get (n), ==, value);
}

/* ---- READY ----------------------------------------------------------------------------------- */

static void
test_set_in_ready (void)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  char *lite0 = source_path ("models/lite0");
  static int loaded; /* a worker may count in it when the test is over */

  g_signal_connect (element, "notify::model-info", G_CALLBACK (count), &loaded);
  g_object_set (element, "precision", EFFNET_PRECISION_FP32, NULL);
  gst_element_set_state (element, GST_STATE_READY);
  assert_info (element, "precision", "fp32");
  g_object_set (element, "precision", EFFNET_PRECISION_INT8, NULL);
  wait_for (&loaded, 1);
  assert_info (element, "precision", "int8"); /* still in READY */

  /* whether a worker was quick or not, the stream begins with what was set last */
  g_object_set (element, "model-file", lite0, "precision", EFFNET_PRECISION_FP32, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
  assert_info (element, "precision", "fp32");
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  g_free (lite0);
}

/* A model that is not there: a warning, and the one before stays, with what it was set by. */
static void
test_wrong_in_ready (void)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  static int notified; /* a worker may count in it when the test is over */
  GstMessage *message;
  char *variant;
  guint threads;

  gst_element_set_bus (element, bus);
  g_object_set (element, "threads", 1, NULL);
  gst_element_set_state (element, GST_STATE_READY);
  g_signal_connect (element, "notify::variant", G_CALLBACK (count), &notified);
  g_object_set (element, "variant", "b6", "threads", 2, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_timed_pop_filtered (bus, 10 * GST_SECOND, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR));
  wait_for (&notified, 2); /* set, and set back */
  g_object_get (element, "variant", &variant, "threads", &threads, NULL);
  g_assert_cmpstr (variant, ==, "auto");
  g_assert_cmpuint (threads, ==, 1);
  assert_info (element, "variant", "lite0");
  g_free (variant);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* ---- PLAYING --------------------------------------------------------------------------------- */

static void
test_refused_while_playing (void)
{
  GstHarness *h = harness_new ("precision", EFFNET_PRECISION_FP32, "threads", 1, NULL);
  char *lite0 = source_path ("models/lite0"), *variant;
  static int swapped; /* a worker may count in it when the test is over */
  guint threads, precision, attach;

  g_signal_connect (h->element, "notify::model-info", G_CALLBACK (count), &swapped);
  g_object_set (h->element, "variant", "b0", NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "variant", "READY", "auto", "b0", NULL);
  g_object_set (h->element, "precision", EFFNET_PRECISION_BF16, NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "precision", "READY", "fp32 stays", "bf16", NULL);
  g_object_set (h->element, "threads", 3, NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "threads", "READY", "1", "3", NULL);
  g_object_set (h->element, "attach-meta", 0, NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "attach-meta", "READY", NULL);
  g_object_set (h->element, "threads", 1, "variant", "auto", NULL); /* as they are */
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  g_object_get (h->element, "variant", &variant, "precision", &precision, "threads", &threads,
                "attach-meta", &attach, NULL);
  g_assert_cmpstr (variant, ==, "auto");
  g_assert_cmpuint (precision, ==, EFFNET_PRECISION_FP32);
  g_assert_cmpuint (threads, ==, 1);
  g_assert_cmpuint (attach & 1, ==, 1);
  g_free (variant);

  /* the next swap is by what runs */
  g_object_set (h->element, "model-file", lite0, NULL);
  wait_for (&swapped, 1);
  assert_info (h->element, "precision", "fp32");
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  harness_free (h);
  g_free (lite0);
}

static void
test_reverted_is_notified (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  static int notified; /* a worker may count in it when the test is over */
  char *now;

  g_signal_connect (h->element, "notify::labels-file", G_CALLBACK (count), &notified);
  g_object_set (h->element, "labels-file", "/nonexistent/labels.txt", NULL);
  wait_for (&notified, 2); /* set, and set back */
  g_object_get (h->element, "labels-file", &now, NULL);
  g_assert_null (now);
  for (int i = 0; i < 1000 && harness_count_messages (h, GST_MESSAGE_WARNING) == 0; i++)
    g_usleep (10000);
  harness_free (h);
}

/* ---- a model without results ----------------------------------------------------------------- */

/* The default model with a classifier of the largest numbers that bfloat16 has: each is finite, no
 * sum is. A folder for remove_model(). */
static char *
make_overflowing_model (void)
{
  char *from = source_path ("models/lite0/model.safetensors"), *data, *at;
  char *dir = g_dir_make_tmp (NULL, NULL),
       *file = g_build_filename (dir, "model.safetensors", NULL);
  GString *text;
  gsize size;
  guint64 header, begin, end;

  g_assert_true (g_file_get_contents (from, &data, &size, NULL));
  memcpy (&header, data, sizeof header);
  header = GUINT64_FROM_LE (header);
  text = g_string_new_len (data + 8, (gssize)header);
  at = strstr (text->str, "\"_fc.weight\"");
  g_assert_nonnull (at);
  at = strstr (at, "\"F16\"");
  g_assert_nonnull (at);
  g_string_insert_c (text, at + 1 - text->str, 'B'); /* of the same size */
  at = strchr (strstr (strstr (text->str, "\"_fc.weight\""), "\"data_offsets\""), '[') + 1;
  begin = g_ascii_strtoull (at, &at, 10);
  end = g_ascii_strtoull (at + 1, NULL, 10);
  g_assert_cmpuint (begin, <, end);
  memset (data + 8 + header + begin, 0x7f, end - begin);
  g_string_append_len (text, data + 8 + header, (gssize)(size - 8 - header));
  header = GUINT64_TO_LE (header + 1);
  g_string_prepend_len (text, (const char *)&header, sizeof header);
  g_assert_true (g_file_set_contents (file, text->str, (gssize)text->len, NULL));
  g_string_free (text, TRUE);
  g_free (data);
  g_free (file);
  g_free (from);
  return dir;
}

static void
remove_model (char *dir)
{
  char *file = g_build_filename (dir, "model.safetensors", NULL);

  g_unlink (file);
  g_rmdir (dir);
  g_free (file);
  g_free (dir);
}

/* An error at each start, of each element, and not a warning about each frame. */
static void
test_no_results_at_start (void)
{
  GstElement *elements[2];
  GstBus *bus = gst_bus_new ();
  char *dir = make_overflowing_model (), *lite0 = source_path ("models/lite0");

  for (guint i = 0; i < 4; i++) {
    GstMessage *message;
    GError *error = NULL;

    if (i < 2) {
      elements[i] = gst_element_factory_make ("effnetclassify", NULL);
      gst_element_set_bus (elements[i], bus);
      g_object_set (elements[i], "model-file", dir, NULL);
      g_assert_cmpint (gst_element_set_state (elements[i], GST_STATE_READY), ==,
                       GST_STATE_CHANGE_SUCCESS);
    }
    g_assert_cmpint (gst_element_set_state (elements[i % 2], GST_STATE_PAUSED), ==,
                     GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    g_test_message ("%s", error->message);
    g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ);
    g_assert_nonnull (strstr (error->message, dir));
    g_assert_nonnull (strstr (error->message, "no number"));
    g_error_free (error);
    gst_message_unref (message);
  }
  g_object_set (elements[0], "model-file", lite0, NULL);
  g_assert_cmpint (gst_element_set_state (elements[0], GST_STATE_PAUSED), !=,
                   GST_STATE_CHANGE_FAILURE);
  for (guint i = 0; i < 2; i++) {
    gst_element_set_state (elements[i], GST_STATE_NULL);
    gst_element_set_bus (elements[i], NULL);
    gst_object_unref (elements[i]);
  }
  gst_object_unref (bus);
  remove_model (dir);
  g_free (lite0);
}

/* It does not take over. */
static void
test_no_results_while_playing (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  char *dir = make_overflowing_model (), *now;
  GstMessage *warning = NULL;
  GError *error = NULL;
  GstBuffer *out;

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  g_object_set (h->element, "model-file", dir, NULL);
  for (int i = 0; i < 3000 && warning == NULL; i++) {
    warning = harness_pop_message (h, GST_MESSAGE_WARNING);
    g_usleep (10000);
  }
  g_assert_nonnull (warning);
  gst_message_parse_warning (warning, &error, NULL);
  g_assert_nonnull (strstr (error->message, "no number"));
  g_error_free (error);
  gst_message_unref (warning);
  g_object_get (h->element, "model-file", &now, NULL);
  g_assert_null (now);
  out = push_pull (h, grey_frame (64, 48, 90, 1));
  g_assert_true (result_boolean (result_of (out), "fresh"));
  gst_buffer_unref (out);
  harness_free (h);
  remove_model (dir);
}

/* ---- settings that come to nothing ----------------------------------------------------------- */

static void
assert_warns (int mode, const char *regions, const char *object_class, const char *word)
{
  GstHarness *h = harness_new ("inference-region", mode, "regions", regions, "object-class",
                               object_class, NULL);

  set_i420_caps (h, 64, 48);
  gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
  if (word != NULL)
    harness_expect (h, GST_MESSAGE_WARNING, word, "inference-region", NULL);
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  harness_free (h);
}

static void
test_without_effect (void)
{
  assert_warns (FULL_FRAME, NULL, "car", "object-class");
  assert_warns (REGIONS, "a:0,0,1,1", "car", "object-class");
  assert_warns (FULL_FRAME, "a:0,0,1,1", NULL, "regions");
  assert_warns (ROI_LIST, "a:0,0,1,1", NULL, "regions");
  assert_warns (REGIONS, NULL, NULL, "regions");
  assert_warns (ROI_LIST, NULL, "car", NULL);
  assert_warns (REGIONS, "a:0,0,1,1", NULL, NULL);
  assert_warns (FULL_FRAME, "", "", NULL);
}

/* Regions that cannot be read, or lie wholly outside, keep the element from starting, until they
 * are set right. */
static void
test_wrong_regions_at_start (gconstpointer regions)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_bus (element, bus);
  g_object_set (element, "regions", regions, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
  for (int i = 0; i < 2; i++) {
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
                     GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS);
    g_assert_nonnull (strstr (error->message, strrchr (regions, ';') + 1));
    g_assert_nonnull (strstr (error->message, "regions:15: "));
    g_clear_error (&error);
    gst_message_unref (message);
  }
  g_object_set (element, "regions", "gate:0,0,1,1", NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
  g_assert_null (gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR));
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* Whatever a text property holds, what the element says of it is one short line that a terminal
 * shows as it is. */
static void
test_hostile_texts (gconstpointer data)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  guint n = 0, n_texts = 0;
  GParamSpec **specs = g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  GstMessage *message;

  gst_element_set_bus (element, bus);
  for (guint i = 0; i < n; i++) {
    if (!G_IS_PARAM_SPEC_STRING (specs[i]) || specs[i]->owner_type == GST_TYPE_OBJECT ||
        !(specs[i]->flags & G_PARAM_WRITABLE))
      continue;
    n_texts++;
    g_autofree char *text = g_strconcat ("/nowhere/", data, NULL);
    g_object_set (element, specs[i]->name, text, NULL);
    gst_element_set_state (element, GST_STATE_PAUSED);
    gst_element_set_state (element, GST_STATE_NULL);
    g_object_set (element, specs[i]->name, NULL, NULL);
    while ((message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING))) {
      g_autoptr (GError) error = NULL;

      if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
        gst_message_parse_error (message, &error, NULL);
      else
        gst_message_parse_warning (message, &error, NULL);
      g_test_message ("%s: %.300s", specs[i]->name, error->message);
      g_assert_cmpuint (strlen (error->message), <, 2000);
      for (const char *c = error->message; *c != '\0'; c = g_utf8_next_char (c))
        g_assert_true (g_unichar_isprint (g_utf8_get_char (c)));
      gst_message_unref (message);
    }
  }
  g_assert_cmpuint (n_texts, >, 8);
  g_free (specs);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* ---- the log --------------------------------------------------------------------------------- */

static GMutex lock;
static GString *logged; /* lines "OBJECT: MESSAGE" */

static void
log_line (GstDebugCategory *category, GstDebugLevel level, const gchar *file, const gchar *function,
          gint line, GObject *object, GstDebugMessage *message, gpointer user_data)
{
  (void)level, (void)file, (void)function, (void)line, (void)user_data;
  if (!g_str_has_prefix (gst_debug_category_get_name (category), "effnet"))
    return;
  g_mutex_lock (&lock);
  g_string_append_printf (logged, "%s: %s\n",
                          object != NULL ? GST_OBJECT_NAME (GST_OBJECT (object)) : "nobody",
                          gst_debug_message_get (message));
  g_mutex_unlock (&lock);
}

static void
start_log (void)
{
  logged = g_string_new (NULL);
  (gst_debug_add_log_function) (log_line, NULL, NULL);
  gst_debug_set_threshold_from_string ("effnet*:LOG", FALSE);
}

/* Lines that have both words; ends the log. */
static guint
stop_log (const char *first, const char *second)
{
  char **lines;
  guint n = 0;

  gst_debug_set_threshold_from_string ("effnet*:NONE", FALSE);
  (gst_debug_remove_log_function) (log_line);
  lines = g_strsplit (logged->str, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    n += strstr (*line, first) != NULL && strstr (*line, second) != NULL;
  g_strfreev (lines);
  g_string_free (logged, TRUE);
  return n;
}

/* Frames of an element with a name; what its log says of them. */
static guint
log_of_frames (int interval, GstBufferFlags flags, const char *first, const char *second)
{
  GstHarness *h = harness_new ("name", "gatekeeper", "inference-interval", interval, NULL);

  set_i420_caps (h, 64, 48);
  start_log ();
  for (int n = 0; n < 4; n++) {
    GstBuffer *buffer = grey_frame (64, 48, 90, n);

    GST_BUFFER_FLAG_SET (buffer, flags);
    gst_buffer_unref (push_pull (h, buffer));
  }
  harness_free (h);
  return stop_log (first, second);
}

static void
test_log (void)
{
  g_assert_cmpuint (log_of_frames (1, 0, "gatekeeper:", "infer"), >=, 4);
  g_assert_cmpuint (log_of_frames (1, 0, "not classified", ""), ==, 0);
  g_assert_cmpuint (log_of_frames (2, 0, "gatekeeper:", "not classified: inference-interval"), ==,
                    2);
  g_assert_cmpuint (
      log_of_frames (1, GST_BUFFER_FLAG_GAP, "gatekeeper:", "not classified: it is a gap"), ==, 4);
}

/* However many elements a model has. */
static void
test_warm_up_once (void)
{
  GstElement *elements[8];

  start_log ();
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    elements[i] = gst_element_factory_make ("effnetclassify", NULL);
    gst_element_set_state (elements[i], GST_STATE_PAUSED);
  }
  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    gst_element_set_state (elements[i], GST_STATE_NULL);
    gst_object_unref (elements[i]);
  }
  g_assert_cmpuint (stop_log ("warm after", ""), ==, 1);
}

/* What was guessed on opening is a warning for the application: at each opening, and once; not when
 * latency-budget makes the input smaller. */
static void
test_guesses (void)
{
  char *dir = g_dir_make_tmp (NULL, NULL), *from = source_path ("models/lite0/model.safetensors");
  char *file = g_build_filename (dir, "model.safetensors", NULL);
  GstHarness *h;

  g_assert_cmpint (symlink (from, file), ==, 0);
  h = harness_new ("model-file", dir, NULL);
  for (guint openings = 0; openings < 2; openings++) {
    harness_expect (h, GST_MESSAGE_WARNING, "ImageNet's mean and std are a guess", file, NULL);
    set_i420_caps (h, 64, 48);
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, 0)));
    g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
    gst_element_set_state (h->element, GST_STATE_NULL);
    gst_element_set_state (h->element, GST_STATE_PLAYING);
    gst_harness_push_event (h, gst_event_new_stream_start ("test"));
  }
  gst_message_unref (harness_pop_message (h, GST_MESSAGE_WARNING));
  set_i420_caps (h, 64, 48);
  g_object_set (h->element, "latency-budget", G_GUINT64_CONSTANT (1), NULL);
  for (int n = 0; n < 5000 && harness_info (h, "input-width") == 224; n++)
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, n)));
  g_assert_cmpuint (harness_info (h, "input-width"), ==, 128);
  g_usleep (100000); /* a warning would come after the swap */
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_WARNING), ==, 0);
  harness_free (h);
  remove_model (dir);
  g_free (file);
  g_free (from);
}

int
main (int argc, char **argv)
{
  static char wide[20000];

  test_init (&argc, &argv);
  g_test_add_func ("/gst/settings/set-in-ready", test_set_in_ready);
  g_test_add_func ("/gst/settings/wrong-in-ready", test_wrong_in_ready);
  g_test_add_func ("/gst/settings/refused-while-playing", test_refused_while_playing);
  g_test_add_func ("/gst/settings/reverted-is-notified", test_reverted_is_notified);
  g_test_add_func ("/gst/settings/no-results-at-start", test_no_results_at_start);
  g_test_add_func ("/gst/settings/no-results-while-playing", test_no_results_while_playing);
  g_test_add_func ("/gst/settings/without-effect", test_without_effect);
  g_test_add_data_func ("/gst/settings/wrong-regions-at-start/nonsense",
                        "caf\xc3\xa9:0,0,.5,1;gate 0,0,1,1", test_wrong_regions_at_start);
  g_test_add_data_func ("/gst/settings/wrong-regions-at-start/outside",
                        "caf\xc3\xa9:0,0,.5,1;gate:1,0.5,0.5,0.5", test_wrong_regions_at_start);
  g_test_add_data_func ("/gst/settings/hostile-texts/control", "a\x01\x1b[31m\n\x7f\xc2\x9b",
                        test_hostile_texts);
  g_test_add_data_func ("/gst/settings/hostile-texts/direction",
                        "\xe2\x80\xae\xe2\x81\xa6=x;\xef\xbb\xbf", test_hostile_texts);
  g_test_add_data_func ("/gst/settings/hostile-texts/long", memset (wide, 'x', sizeof wide - 1),
                        test_hostile_texts);
  g_test_add_func ("/gst/settings/guesses", test_guesses);
  g_test_add_func ("/gst/settings/log", test_log);
  g_test_add_func ("/gst/settings/warm-up-once", test_warm_up_once);
  return g_test_run ();
}
