/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Labels that people act on, in the element: which classes count, what is unknown, the stable label
 * beside the one of each frame, and who is told of it. What smoothing does is test_state.c's. */
#include "photos.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

static const char *
text_of (const GstStructure *s, const char *field)
{
  return gst_structure_get_string (s, field);
}

static int
id_at (const GstStructure *s, guint i)
{
  return g_value_get_int (gst_value_list_get_value (gst_structure_get_value (s, "label-ids"), i));
}

static double
score_at (const GstStructure *s, guint i)
{
  return g_value_get_double (gst_value_list_get_value (gst_structure_get_value (s, "scores"), i));
}

/* ---- which classes count --------------------------------------------------------------------- */

/* Frame by frame, since the properties may be set at any time. @all: a result of all classes. */
static void
test_allow_and_deny (void)
{
  Photos f;
  GstBuffer *all, *out;
  const GstStructure *s;
  char *text;

  photos_set_up (&f);
  g_object_set (f.h->element, "top-k", 1000, NULL);
  all = push_pull (f.h, photos_frame (f.cat, 0));
  g_object_set (f.h->element, "top-k", 3, NULL);

  /* one far down, by number and by name, with its own score */
  text = g_strdup_printf ("%d, %s", id_at (result_of (all), 400),
                          g_value_get_string (gst_value_list_get_value (
                              gst_structure_get_value (result_of (all), "labels"), 700)));
  g_object_set (f.h->element, "class-allow", text, NULL);
  out = push_pull (f.h, photos_frame (f.cat, 1));
  s = result_of (out);
  g_assert_cmpint (result_int (s, "label-id"), ==, id_at (result_of (all), 400));
  g_assert_cmpfloat (result_double (s, "confidence"), ==, score_at (result_of (all), 400));
  g_assert_cmpint (id_at (s, 1), ==, id_at (result_of (all), 700));
  g_assert_cmpuint (result_list_length (s, "labels"), ==, 2);
  g_assert_cmpfloat (result_double (s, "margin"), ==, result_double (result_of (all), "margin"));
  gst_buffer_unref (out);
  g_free (text);

  /* without the best two */
  text = g_strdup_printf ("%d,%d", id_at (result_of (all), 0), id_at (result_of (all), 1));
  g_object_set (f.h->element, "class-allow", NULL, "class-deny", text, NULL);
  out = push_pull (f.h, photos_frame (f.cat, 2));
  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (id_at (result_of (out), i), ==, id_at (result_of (all), i + 2));
  gst_buffer_unref (out);
  g_free (text);

  /* none reaches the common threshold, the third its own */
  text = g_strdup_printf ("%d=%.17g", id_at (result_of (all), 2), score_at (result_of (all), 2));
  g_object_set (f.h->element, "class-deny", NULL, "class-thresholds", text, "threshold", 1.0, NULL);
  out = push_pull (f.h, photos_frame (f.cat, 3));
  g_assert_cmpint (result_int (result_of (out), "label-id"), ==, id_at (result_of (all), 2));
  g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 1);
  gst_buffer_unref (out);
  g_free (text);
  gst_buffer_unref (all);
  photos_tear_down (&f);
}

static void
test_unknown (void)
{
  Photos f;
  GstBuffer *out;
  GstMessage *message;
  double best;

  photos_set_up (&f);
  out = push_pull (f.h, photos_frame (f.cat, 0));
  g_assert_false (result_boolean (result_of (out), "unknown"));
  best = result_double (result_of (out), "confidence");
  gst_buffer_unref (out);
  gst_message_unref (harness_pop_message (f.h, GST_MESSAGE_ELEMENT));

  g_object_set (f.h->element, "unknown-threshold", best + 1e-6, NULL);
  out = push_pull (f.h, photos_frame (f.cat, 1));
  g_assert_true (result_boolean (result_of (out), "unknown"));
  g_assert_cmpstr (text_of (result_of (out), "label"), ==, "unknown");
  g_assert_cmpint (result_int (result_of (out), "label-id"), ==, -1);
  g_assert_cmpfloat (result_double (result_of (out), "confidence"), ==, best);
  g_assert_cmpuint (result_list_length (result_of (out), "labels"), ==, 1);
  gst_buffer_unref (out);
  message = harness_pop_message (f.h, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_true (result_boolean (gst_message_get_structure (message), "unknown"));
  gst_message_unref (message);

  g_object_set (f.h->element, "unknown-threshold", 0.0, "threshold", 1.0, NULL); /* other news */
  gst_buffer_unref (push_pull (f.h, photos_frame (f.cat, 2)));
  message = harness_pop_message (f.h, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_cmpstr (text_of (gst_message_get_structure (message), "label"), ==, "");
  gst_message_unref (message);
  photos_tear_down (&f);
}

/* p becomes p^(1/T), normalised, so that ratios of scores become their T-th roots. */
static void
test_temperature (void)
{
  Photos f;
  GstBuffer *plain, *hot;
  double before, after;

  photos_set_up (&f);
  plain = push_pull (f.h, photos_frame (f.cat, 0));
  g_object_set (f.h->element, "temperature", 2.0, NULL);
  hot = push_pull (f.h, photos_frame (f.cat, 1));
  before = score_at (result_of (plain), 0) / score_at (result_of (plain), 4);
  after = score_at (result_of (hot), 0) / score_at (result_of (hot), 4);
  g_assert_cmpfloat (before, >, 1.1);
  g_assert_cmpfloat_with_epsilon (after, sqrt (before), 1e-3);
  gst_buffer_unref (plain);
  gst_buffer_unref (hot);
  photos_tear_down (&f);
}

/* Before the start an error, while playing a warning; both say what is meant. */
static void
test_unknown_names (void)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;
  Photos f;
  char *allowed;

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_object_set (element, "class-deny", "goldfisch", NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "class-deny \"goldfisch\" (near: \"goldfish\""));
  g_clear_error (&error);
  gst_message_unref (message);
  gst_element_set_state (element, GST_STATE_NULL);
  g_object_set (element, "class-deny", "goldfish", NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), !=, GST_STATE_CHANGE_FAILURE);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (bus);

  photos_set_up (&f);
  g_object_set (f.h->element, "class-allow", "goldfish", NULL);
  g_object_set (f.h->element, "class-allow", "golfish", "class-thresholds", "goldfish", NULL);
  harness_expect (f.h, GST_MESSAGE_WARNING, "class-allow", "golfish", "\"goldfish\"", NULL);
  harness_expect (f.h, GST_MESSAGE_WARNING, "class-thresholds", "CLASS=SCORE", NULL);
  g_object_get (f.h->element, "class-allow", &allowed, NULL);
  g_assert_cmpstr (allowed, ==, "goldfish");
  g_free (allowed);
  photos_tear_down (&f);
}

/* ---- stable labels --------------------------------------------------------------------------- */

/* Pushes @photo as frame @n. Returns: whether the buffer says that the stable label is another. */
static gboolean
push_photo (Photos *f, const GstBuffer *photo, int n, const char *stable)
{
  GstBuffer *out = push_pull (f->h, photos_frame (photo, n));
  const GstStructure *s = result_of (out);
  gboolean changed = result_boolean (s, "state-changed");

  g_assert_cmpstr (text_of (s, "stable-label"), ==, stable);
  g_assert_cmpint (result_int (s, "stable-label-id") < 0, ==, *stable == '\0');
  if (changed) /* only smoothed results change state, at the frame that makes them */
    g_assert_cmpuint (result_uint64 (s, "stable-since"), ==, GST_BUFFER_PTS (out));
  gst_buffer_unref (out);
  return changed;
}

/* The labels of the two photographs. */
static void
get_labels (Photos *f, char **cat, char **coffee)
{
  GstBuffer *out = push_pull (f->h, photos_frame (f->cat, 0));

  *cat = g_strdup (text_of (result_of (out), "label"));
  gst_buffer_unref (out);
  out = push_pull (f->h, photos_frame (f->coffee, 1));
  *coffee = g_strdup (text_of (result_of (out), "label"));
  gst_buffer_unref (out);
  g_assert_cmpstr (*cat, !=, *coffee);
  harness_count_messages (f->h, GST_MESSAGE_ELEMENT); /* removes them */
}

static void
test_stable_label (gconstpointer smoothing)
{
  char *cat, *coffee;
  GstMessage *message;
  Heard heard;
  Photos f;

  photos_set_up (&f);
  get_labels (&f, &cat, &coffee);
  heard_listen (f.h, &heard);
  gst_util_set_object_arg (G_OBJECT (f.h->element), "smoothing", smoothing);
  g_object_set (f.h->element, "switch-after", 3, "smoothing-window", 1, NULL);
  g_assert_false (push_photo (&f, f.cat, 10, ""));
  g_assert_false (push_photo (&f, f.cat, 11, ""));
  g_assert_true (push_photo (&f, f.cat, 12, cat));
  g_assert_cmpuint (heard.n_changes, ==, 1);
  g_assert_cmpstr (heard.region, ==, "full-frame");
  g_assert_cmpstr (heard.before, ==, "");
  g_assert_cmpstr (heard.now, ==, cat);
  g_assert_cmpuint (heard.since, ==, gst_util_uint64_scale_int (GST_SECOND, 12, 30));
  g_assert_cmpint (heard.roi_id, ==, -1);
  g_assert_false (push_photo (&f, f.coffee, 13, cat)); /* a flip */
  g_assert_false (push_photo (&f, f.cat, 14, cat));
  for (int n = 15; n < 18; n++)
    g_assert_true (push_photo (&f, f.coffee, n, n < 17 ? cat : coffee) == (n == 17));
  g_assert_cmpuint (heard.n_changes, ==, 2);
  g_assert_cmpstr (heard.before, ==, cat);
  g_assert_cmpuint (heard.n_classified, ==, 8);

  /* messages are about the stable label alone */
  message = harness_pop_message (f.h, GST_MESSAGE_ELEMENT);
  g_assert_cmpstr (text_of (gst_message_get_structure (message), "stable-label"), ==, cat);
  g_assert_true (result_boolean (gst_message_get_structure (message), "state-changed"));
  gst_message_unref (message);
  g_assert_cmpuint (harness_count_messages (f.h, GST_MESSAGE_ELEMENT), ==, 1);

  g_object_set (f.h->element, "smoothing", 0, NULL); /* off: as if there never was one */
  g_assert_false (push_photo (&f, f.coffee, 18, ""));
  heard_clear (&heard);
  g_free (cat);
  g_free (coffee);
  photos_tear_down (&f);
}

/* A result counts once, not each buffer that repeats it; a change is told once. */
static void
test_repeated_results (void)
{
  Photos f;
  Heard heard;
  char *cat, *coffee;

  photos_set_up (&f);
  get_labels (&f, &cat, &coffee);
  heard_listen (f.h, &heard);
  g_object_set (f.h->element, "smoothing", 2, "switch-after", 2, "smoothing-window", 1,
                "inference-interval", 3, NULL);
  for (int n = 2; n < 12; n++) { /* inferred: 4, 7, 10 */
    gboolean changed = push_photo (&f, f.cat, n, n < 7 ? "" : cat);

    g_assert_cmpint (changed, ==, n == 7);
  }
  g_assert_cmpuint (heard.n_classified, ==, 3);
  g_assert_cmpuint (heard.n_changes, ==, 1);
  heard_clear (&heard);
  g_free (cat);
  g_free (coffee);
  photos_tear_down (&f);
}

/* What makes smoothing start over, and what does not. */
static void
test_resets (void)
{
  char *cat, *coffee;
  GstSegment segment;
  GstCaps *caps;
  int n = 10;
  Photos f;

  photos_set_up (&f);
  get_labels (&f, &cat, &coffee);
  g_object_set (f.h->element, "smoothing", 2, "switch-after", 2, NULL);
  push_photo (&f, f.cat, n++, "");
  push_photo (&f, f.cat, n++, cat);

  g_signal_emit_by_name (f.h->element, "reset-state");
  push_photo (&f, f.cat, n++, "");
  push_photo (&f, f.cat, n++, cat);

  gst_harness_push_event (f.h, gst_event_new_flush_start ());
  gst_harness_push_event (f.h, gst_event_new_flush_stop (FALSE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (f.h, gst_event_new_segment (&segment));
  push_photo (&f, f.cat, n++, "");
  push_photo (&f, f.cat, n++, cat);

  /* another size of the same scene */
  caps = gst_caps_from_string ("video/x-raw,format=I420,width=112,height=112,framerate=30/1");
  gst_harness_push_event (f.h, gst_event_new_caps (caps));
  gst_caps_unref (caps);
  gst_buffer_unref (f.cat);
  f.cat = photo_frame ("cat.jpg", PHOTO_SIDE / 2, PHOTO_SIDE / 2);
  push_photo (&f, f.cat, n++, cat);
  g_free (cat);
  g_free (coffee);
  photos_tear_down (&f);
}

/* With other names the numbers mean something else, and a rule may name what is no more. */
static void
test_other_names (void)
{
  char *cat, *coffee, *names, *folder = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  GString *text = g_string_new (NULL);
  int n = 10;
  Photos f;

  photos_set_up (&f);
  get_labels (&f, &cat, &coffee);
  g_object_set (f.h->element, "smoothing", 2, "switch-after", 2, NULL);
  push_photo (&f, f.cat, n++, "");
  push_photo (&f, f.cat, n++, cat);
  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (text, "thing %u\n", i);
  names = g_build_filename (folder, "names.txt", NULL);
  g_assert_true (g_file_set_contents (names, text->str, -1, NULL));
  g_object_set (f.h->element, "class-deny", "goldfish,3", NULL); /* of the names until now */
  g_object_set (f.h->element, "labels-file", names, NULL);
  for (guint tries = 0; tries < 500; tries++) { /* until it has been read */
    GstBuffer *out = push_pull (f.h, photos_frame (f.cat, n++));
    gboolean swapped = g_str_has_prefix (text_of (result_of (out), "label"), "thing ");
    const char *stable = text_of (result_of (out), "stable-label");

    g_assert_cmpstr (stable, ==, swapped ? "" : cat);
    gst_buffer_unref (out);
    if (swapped)
      break;
    g_usleep (10000);
    g_assert_cmpuint (tries, <, 499);
  }
  harness_expect (f.h, GST_MESSAGE_WARNING, "class-deny", "goldfish", "1000 classes", NULL);
  g_unlink (names);
  g_rmdir (folder);
  g_free (names);
  g_free (folder);
  g_string_free (text, TRUE);
  g_free (cat);
  g_free (coffee);
  photos_tear_down (&f);
}

/* Until @counter, which another thread raises, is at least @n. */
static void
wait_for (const guint *counter, guint n)
{
  for (guint tries = 0; tries < 5000 && (guint)g_atomic_int_get (counter) < n; tries++)
    g_usleep (1000);
  g_assert_cmpuint ((guint)g_atomic_int_get (counter), >=, n);
}

/* The running times of the results that were told of: each once, in their order. */
typedef struct {
  GMutex lock;
  GArray *times;
} Told;

static void
on_told (GstElement *element, const GstStructure *s, Told *told)
{
  guint64 time = result_uint64 (s, "result-running-time");

  (void)element;
  g_mutex_lock (&told->lock);
  if (told->times->len > 0)
    g_assert_cmpuint (time, >, g_array_index (told->times, guint64, told->times->len - 1));
  g_array_append_val (told->times, time);
  g_mutex_unlock (&told->lock);
}

static gboolean
was_told (Told *told, guint64 time)
{
  gboolean found = FALSE;

  g_mutex_lock (&told->lock);
  for (guint i = 0; i < told->times->len; i++)
    found |= g_array_index (told->times, guint64, i) == time;
  g_mutex_unlock (&told->lock);
  return found;
}

/* Results up to that of @time. Buffers carry fewer: a newer one may come before the next buffer. */
static guint
count_told (Told *told, GstClockTime time)
{
  guint n = 0;

  g_mutex_lock (&told->lock);
  for (guint i = 0; i < told->times->len; i++)
    n += g_array_index (told->times, guint64, i) <= time;
  g_mutex_unlock (&told->lock);
  return n;
}

/* Results come later than their frames, and buffers repeat them: each counts once, in its order,
 * and each change is on one buffer. They are told of when they are there, by another thread: so
 * what a buffer says may be told of a little later, and never not at all. */
static void
test_late_results (void)
{
  GstClockTime since = GST_CLOCK_TIME_NONE, result = 0;
  guint n_told = 0, n_results = 0;
  Told told = {.times = g_array_new (FALSE, FALSE, sizeof (guint64))};
  Heard heard;
  Photos f;
  int n;

  g_mutex_init (&told.lock);
  photos_set_up (&f);
  heard_listen (f.h, &heard);
  g_signal_connect (f.h->element, "classified", G_CALLBACK (on_told), &told);
  gst_element_set_state (f.h->element, GST_STATE_READY);
  gst_util_set_object_arg (G_OBJECT (f.h->element), "inference-mode", "async");
  gst_util_set_object_arg (G_OBJECT (f.h->element), "post-messages", "all");
  g_object_set (f.h->element, "smoothing", 2, "switch-after", 3, "smoothing-window", 1, NULL);
  gst_element_set_state (f.h->element, GST_STATE_PLAYING);
  set_i420_caps (f.h, PHOTO_SIDE, PHOTO_SIDE);
  for (n = 0; n < 1000 && heard.n_changes < 2; n++) {
    const GstBuffer *photo = heard.n_changes == 0 ? f.cat : f.coffee;
    GstBuffer *out = push_pull (f.h, photos_frame (photo, n));
    const GstStructure *s = result_of (out);

    if (s != NULL) {
      n_results += n_results == 0 || result_uint64 (s, "result-running-time") != result;
      g_assert_cmpuint (result_uint64 (s, "result-running-time"), >=, result);
      result = result_uint64 (s, "result-running-time");
      wait_for (&heard.n_classified, n_results);
      for (guint tries = 0; tries < 5000 && !was_told (&told, result); tries++)
        g_usleep (1000);
      g_assert_true (was_told (&told, result));
      n_told += (guint)result_boolean (s, "state-changed");
      if (result_boolean (s, "state-changed")) {
        g_assert_cmpuint (result_uint64 (s, "stable-since"), ==, result);
        g_assert_true (since == GST_CLOCK_TIME_NONE || result > since);
        since = result;
      }
    }
    wait_for (&heard.n_changes, n_told);
    g_assert_true (n_told == 0 || count_told (&told, since) >= 3); /* switch-after */
    gst_buffer_unref (out);
    g_usleep (3000);
  }
  g_assert_cmpuint (heard.n_changes, ==, 2);
  g_assert_cmpuint (n_results, <, (guint)n);
  heard_clear (&heard);
  photos_tear_down (&f);
  g_array_unref (told.times);
  g_mutex_clear (&told.lock);
}

int
main (int argc, char **argv)
{
  test_init (&argc, &argv);
  g_test_add_func ("/gst/labels/allow-and-deny", test_allow_and_deny);
  g_test_add_func ("/gst/labels/unknown", test_unknown);
  g_test_add_func ("/gst/labels/temperature", test_temperature);
  g_test_add_func ("/gst/labels/unknown-names", test_unknown_names);
  g_test_add_data_func ("/gst/labels/stable-by-vote", "vote", test_stable_label);
  g_test_add_data_func ("/gst/labels/stable-by-average", "ema", test_stable_label);
  g_test_add_func ("/gst/labels/repeated-results", test_repeated_results);
  g_test_add_func ("/gst/labels/late-results", test_late_results);
  g_test_add_func ("/gst/labels/resets", test_resets);
  g_test_add_func ("/gst/labels/other-names", test_other_names);
  return g_test_run ();
}
