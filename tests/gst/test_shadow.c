/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A candidate beside the model in use: it is counted, it is promoted, and nobody waits for it. */
#include "common.h"

#include <glib/gstdio.h>

static double
stat_double (GstHarness *h, const char *name)
{
  GstStructure *stats = NULL;
  double value = -1.0;

  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_true (gst_structure_get_double (stats, name, &value));
  gst_structure_free (stats);
  return value;
}

/* A folder with the default weights and a card that takes the contrast away. */
static char *
dull_model (void)
{
  char *folder = g_dir_make_tmp (NULL, NULL), *text = NULL;
  char *weights = source_path ("models/lite0/model.safetensors");
  char *card = source_path ("models/lite0/config.json");
  char *to = g_build_filename (folder, "model.safetensors", NULL);
  char *to_card = g_build_filename (folder, "config.json", NULL);
  gsize size;
  GString *changed;

  g_assert_true (g_file_get_contents (weights, &text, &size, NULL));
  g_assert_true (g_file_set_contents (to, text, (gssize)size, NULL));
  g_free (text);
  g_assert_true (g_file_get_contents (card, &text, NULL, NULL));
  changed = g_string_new (text);
  g_assert_cmpuint (g_string_replace (changed, "\"std\"", "\"was\"", 1), ==, 1);
  g_string_replace (changed, "\"was\"", "\"std\": [9.0, 9.0, 9.0], \"was\"", 1);
  g_assert_true (g_file_set_contents (to_card, changed->str, -1, NULL));
  g_string_free (changed, TRUE);
  g_free (text);
  g_free (weights);
  g_free (card);
  g_free (to);
  g_free (to_card);
  return folder;
}

static void
remove_model (char *folder)
{
  static const char *const names[] = {"model.safetensors", "config.json"};

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    char *path = g_build_filename (folder, names[i], NULL);

    g_assert_cmpint (g_unlink (path), ==, 0);
    g_free (path);
  }
  g_assert_cmpint (g_rmdir (folder), ==, 0);
  g_free (folder);
}

/* Frames until the candidate has been compared @n times. */
static void
push_until_compared (GstHarness *h, guint64 n)
{
  for (int i = 0; i < 3000 && harness_stat (h, "shadow-compared") < n; i++) {
    GstBuffer *out = push_pull (h, photo_frame ("cat.jpg", 256, 256));

    g_assert_true (result_boolean (result_of (out), "fresh"));
    gst_buffer_unref (out);
    g_usleep (1000);
  }
  g_assert_cmpuint (harness_stat (h, "shadow-compared"), >=, n);
}

static void
test_agreement (void)
{
  char *same = source_path ("models/lite0"), *other = dull_model ();
  GstHarness *h = harness_new ("shadow-model", same, "shadow-interval", 2, NULL);

  set_i420_caps (h, 256, 256);
  push_until_compared (h, 5);
  g_assert_cmpuint (harness_stat (h, "shadow-agreed"), ==, harness_stat (h, "shadow-compared"));
  g_assert_cmpfloat (stat_double (h, "shadow-distance"), <, 1e-9);
  g_assert_cmpuint (harness_stat (h, "shadow-compared"), <=, harness_stat (h, "inferences") / 2);

  g_object_set (h->element, "shadow-model", other, NULL);
  push_until_compared (h, 5);
  g_assert_cmpfloat (stat_double (h, "shadow-distance"), >, 0.01);
  g_object_set (h->element, "shadow-model", NULL, NULL);
  gst_buffer_unref (push_pull (h, photo_frame ("cat.jpg", 256, 256)));
  g_assert_cmpuint (harness_stat (h, "shadow-compared"), ==, 0);
  harness_free (h);
  g_free (same);
  remove_model (other);
}

static char *
get_string (GstHarness *h, const char *property)
{
  char *text = NULL;

  g_object_get (h->element, property, &text, NULL);
  return text;
}

static void
count (GObject *object, GParamSpec *pspec, gpointer n)
{
  (void)object, (void)pspec;
  g_atomic_int_inc ((int *)n);
}

static void
test_promote (void)
{
  char *other = dull_model (), *text;
  GstHarness *h = harness_new ("top-k", 1, "variant", "lite0", NULL);
  int notified = 0;
  gboolean promoted = TRUE;
  double before, after;
  GstBuffer *out;

  set_i420_caps (h, 256, 256);
  g_signal_emit_by_name (h->element, "promote", &promoted); /* there is none */
  g_assert_false (promoted);
  harness_expect (h, GST_MESSAGE_WARNING, "shadow-model", NULL);
  g_object_set (h->element, "shadow-model", other, "shadow-interval", 1, NULL);
  push_until_compared (h, 2);
  out = push_pull (h, photo_frame ("cat.jpg", 256, 256));
  before = result_double (result_of (out), "confidence");
  gst_buffer_unref (out);
  g_signal_connect (h->element, "notify::variant", G_CALLBACK (count), &notified);
  g_signal_emit_by_name (h->element, "promote", &promoted);
  g_assert_true (promoted);
  g_assert_cmpint (notified, ==, 1);
  text = get_string (h, "variant");
  g_assert_cmpstr (text, ==, "auto");
  g_free (text);
  out = push_pull (h, photo_frame ("cat.jpg", 256, 256));
  after = result_double (result_of (out), "confidence");
  g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 1); /* settings stay */
  gst_buffer_unref (out);
  g_assert_cmpfloat (ABS (before - after), >, 0.01);
  text = get_string (h, "model-file");
  g_assert_cmpstr (text, ==, other);
  g_free (text);
  g_assert_null (get_string (h, "shadow-model"));
  harness_free (h);
  remove_model (other);
}

static void
test_missing (void)
{
  GstHarness *h = harness_new ("shadow-model", "/nonexistent", NULL);
  GstMessage *message = NULL;

  set_i420_caps (h, 64, 48);
  for (int i = 0; i < 3000 && message == NULL; i++) {
    gst_buffer_unref (push_pull (h, grey_frame (64, 48, 90, i)));
    message = harness_pop_message (h, GST_MESSAGE_WARNING);
  }
  g_assert_nonnull (message);
  gst_message_unref (message);
  harness_free (h);
}

/* The file is another one under the same name: only reload looks. */
static void
test_reload (void)
{
  char *model = dull_model (), *card = g_build_filename (model, "config.json", NULL);
  char *original = source_path ("models/lite0/config.json"), *text = NULL;
  GstHarness *h = harness_new ("model-file", model, NULL);
  double before, after;
  static int swapped; /* a worker may count in it when the test is over */
  GstBuffer *out;

  g_signal_connect (h->element, "notify::model-info", G_CALLBACK (count), &swapped);
  set_i420_caps (h, 256, 256);
  out = push_pull (h, photo_frame ("cat.jpg", 256, 256));
  before = result_double (result_of (out), "confidence");
  gst_buffer_unref (out);
  g_assert_true (g_file_get_contents (original, &text, NULL, NULL));
  g_assert_true (g_file_set_contents (card, text, -1, NULL));
  g_signal_emit_by_name (h->element, "reload");
  for (int i = 0; i < 3000 && g_atomic_int_get (&swapped) == 0; i++)
    g_usleep (10000);
  g_assert_cmpint (g_atomic_int_get (&swapped), ==, 1);
  out = push_pull (h, photo_frame ("cat.jpg", 256, 256));
  after = result_double (result_of (out), "confidence");
  gst_buffer_unref (out);
  g_assert_cmpfloat (ABS (before - after), >, 0.01);
  /* classes have names now, which is news; the same again is none */
  g_signal_emit_by_name (h->element, "reload");
  for (int i = 0; i < 3000 && g_atomic_int_get (&swapped) == 1; i++)
    g_usleep (10000);
  gst_buffer_unref (push_pull (h, photo_frame ("cat.jpg", 256, 256)));
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 2);
  harness_free (h);
  g_free (text);
  g_free (original);
  g_free (card);
  remove_model (model);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/shadow/agreement", test_agreement);
  g_test_add_func ("/gst/shadow/promote", test_promote);
  g_test_add_func ("/gst/shadow/missing", test_missing);
  g_test_add_func ("/gst/shadow/reload", test_reload);
  return g_test_run ();
}
