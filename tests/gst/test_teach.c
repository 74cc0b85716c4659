/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Teaching from the stream: two photographs get names, and frames get these names from then on,
 * also after a restart; the file is distrusted, bounded, and survives a kill at any moment. */
#include "common.h"
#include "teach/store.h"

#include <effnet/train.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIDE 256

static char *folder;
static EffnetModel *model;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static GstHarness *
start (const char *file)
{
  char *path = path_of (file);
  GstHarness *h = harness_new ("teach-file", path, "post-messages", 0, NULL);

  set_i420_caps (h, SIDE, SIDE);
  g_free (path);
  return h;
}

/* Another part of the photograph each time, so that no two examples are the same. */
static GstBuffer *
photo (const char *name, guint n)
{
  GstBuffer *buffer = photo_frame (name, SIDE, SIDE);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READWRITE));
  for (gsize i = 0; i < SIDE * SIDE; i++) /* brightness */
    map.data[i] = (guint8)CLAMP (map.data[i] + 6 * (int)(n % 10), 16, 235);
  gst_buffer_unmap (buffer, &map);
  return stamped (buffer, (int)n);
}

static char *
label_of (GstHarness *h, const char *name)
{
  GstBuffer *out = push_pull (h, photo (name, 20));
  char *label = g_strdup (gst_structure_get_string (result_of (out), "label"));

  gst_buffer_unref (out);
  return label;
}

static void
expect_label (GstHarness *h, const char *name, const char *expected)
{
  char *label = label_of (h, name);

  g_assert_cmpstr (label, ==, expected);
  g_free (label);
}

static gboolean
act (GstHarness *h, const char *action, const char *label)
{
  gboolean ok = FALSE;

  if (label != NULL)
    g_signal_emit_by_name (h->element, action, label, &ok);
  else
    g_signal_emit_by_name (h->element, action, &ok);
  return ok;
}

static void
teach (GstHarness *h, const char *name, const char *label, guint n)
{
  for (guint i = 0; i < n; i++) {
    gst_buffer_unref (push_pull (h, photo (name, i)));
    g_assert_true (act (h, "teach", label));
  }
}

/* A number of the structure `teaching`. */
static double
taught (GstHarness *h, const char *field)
{
  GstStructure *stats = NULL;
  const GValue *value;
  double number;

  g_object_get (h->element, "stats", &stats, NULL);
  value = gst_structure_get_value (stats, "teaching");
  g_assert_nonnull (value);
  value = gst_structure_get_value (gst_value_get_structure (value), field);
  g_assert_nonnull (value);
  number = G_VALUE_HOLDS_DOUBLE (value)    ? g_value_get_double (value)
           : G_VALUE_HOLDS_BOOLEAN (value) ? (double)g_value_get_boolean (value)
                                           : (double)g_value_get_uint (value);
  gst_structure_free (stats);
  return number;
}

static GstStructure *
wait_for_training (GstHarness *h)
{
  for (int i = 0; i < 30000; i++) {
    GstMessage *message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
    GstStructure *s = NULL;

    if (message != NULL && gst_message_has_name (message, "effnetclassify-trained"))
      s = gst_structure_copy (gst_message_get_structure (message));
    g_clear_pointer (&message, gst_message_unref);
    if (s != NULL)
      return s;
    g_usleep (1000);
  }
  g_error ("no message about a training");
}

static void
train (GstHarness *h, guint version)
{
  GstStructure *s;

  g_assert_true (act (h, "train", NULL));
  s = wait_for_training (h);
  g_assert_cmpuint (result_uint (s, "version"), ==, version);
  g_assert_cmpfloat (result_double (s, "accuracy"), >=, 0.0);
  g_assert_cmpuint (result_list_length (s, "labels"), ==, result_list_length (s, "counts"));
  gst_structure_free (s);
}

/* ---- the stream ------------------------------------------------------------------------------ */

static void
test_from_zero (void)
{
  GstHarness *h = start ("zero");
  char *file = path_of ("zero"), *head_folder = path_of ("zero.heads/1"), *before;
  EffnetHeadInfo info;
  EffnetHead *head;
  GStatBuf st;

  before = label_of (h, "cat.jpg"); /* the model's own */
  teach (h, "cat.jpg", "a cat", 3);
  teach (h, "coffee.jpg", "coffee/cup", 3);
  g_assert_cmpfloat (taught (h, "version"), ==, 0.0);
  g_assert_cmpfloat (taught (h, "exemplars"), ==, 6.0);
  train (h, 1);
  expect_label (h, "cat.jpg", "a cat");
  expect_label (h, "coffee.jpg", "coffee/cup");
  g_assert_cmpfloat (taught (h, "version"), ==, 1.0);
  g_assert_cmpfloat (taught (h, "accuracy"), ==, 1.0);
  harness_free (h);

  g_assert_cmpint (g_stat (file, &st), ==, 0);
  head = effnet_head_open (head_folder, NULL); /* as any other, for `heads` and the tool */
  g_assert_nonnull (head);
  effnet_head_get_info (head, &info);
  g_assert_cmpuint (info.n_classes, ==, 2);
  g_assert_cmpstr (info.labels[1], ==, "coffee/cup");
  g_assert_cmpuint (info.n_pictures, ==, 6);
  effnet_head_unref (head);

  h = start ("zero");
  expect_label (h, "cat.jpg", "a cat");
  g_assert_cmpfloat (taught (h, "exemplars"), ==, 6.0);
  g_assert_true (act (h, "rollback", NULL)); /* to none */
  expect_label (h, "cat.jpg", before);
  harness_free (h);
  h = start ("zero");
  expect_label (h, "cat.jpg", before);
  harness_free (h);
  g_free (before);
  g_free (file);
  g_free (head_folder);
}

static void
test_versions (void)
{
  GstHarness *h = start ("versions");

  teach (h, "cat.jpg", "one", 3);
  teach (h, "coffee.jpg", "two", 3);
  train (h, 1);
  g_assert_true (act (h, "forget", "one"));
  teach (h, "cat.jpg", "three", 3);
  expect_label (h, "cat.jpg", "one"); /* until the training */
  train (h, 2);
  expect_label (h, "cat.jpg", "three");
  g_assert_true (act (h, "rollback", NULL));
  expect_label (h, "cat.jpg", "one");
  train (h, 3);
  expect_label (h, "cat.jpg", "three");
  g_assert_true (act (h, "rollback", NULL)); /* to the one that was in use before it */
  g_assert_cmpfloat (taught (h, "version"), ==, 1.0);
  g_assert_true (act (h, "rollback", NULL));
  g_assert_false (act (h, "rollback", NULL));
  harness_expect (h, GST_MESSAGE_WARNING, "no version", NULL);
  for (guint i = 4; i < 4 + GST_EFFNET_VERSIONS_MAX; i++)
    train (h, i);
  g_assert_cmpfloat (taught (h, "versions"), ==, GST_EFFNET_VERSIONS_MAX);
  harness_free (h);
}

static void
test_refused (void)
{
  GstHarness *h = harness_new (NULL, NULL);
  char *long_label = g_strnfill (300, 'x');

  set_i420_caps (h, SIDE, SIDE);
  g_assert_false (act (h, "teach", "x"));
  harness_expect (h, GST_MESSAGE_WARNING, "teach-file", NULL);
  harness_free (h);
  h = start ("refused");
  g_assert_false (act (h, "teach", "x"));
  harness_expect (h, GST_MESSAGE_WARNING, "No frame", NULL);
  g_assert_false (act (h, "train", NULL));
  harness_expect (h, GST_MESSAGE_WARNING, "0 label(s)", NULL);
  teach (h, "cat.jpg", "x", 3);
  g_assert_false (act (h, "train", NULL));
  harness_expect (h, GST_MESSAGE_WARNING, "1 label(s)", NULL);
  teach (h, "coffee.jpg", "y", 2);
  g_assert_false (act (h, "train", NULL));
  harness_expect (h, GST_MESSAGE_WARNING, "\"y\" has 2", NULL);
  g_assert_false (act (h, "teach", ""));
  harness_expect (h, GST_MESSAGE_WARNING, "empty", NULL);
  g_assert_false (act (h, "teach", long_label));
  harness_expect (h, GST_MESSAGE_WARNING, "too long", NULL);
  g_assert_false (act (h, "teach", "\xff"));
  harness_expect (h, GST_MESSAGE_WARNING, "UTF-8", NULL);
  g_assert_false (act (h, "forget", "z"));
  harness_expect (h, GST_MESSAGE_WARNING, "\"z\"", NULL);
  harness_flush (h);
  g_assert_false (act (h, "teach", "x")); /* what was seen is of the stream before */
  harness_expect (h, GST_MESSAGE_WARNING, "No frame", NULL);
  harness_free (h);
  g_free (long_label);
}

/* Another part than the first, by name; and labels go on being smoothed. */
static void
test_regions (void)
{
  GstHarness *h = start ("regions");
  gboolean ok = FALSE;
  GstBuffer *out;

  gst_util_set_object_arg (G_OBJECT (h->element), "inference-region", "regions");
  g_object_set (h->element, "regions", "left:0,0,0.5,1;right:0.5,0,0.5,1", NULL);
  set_i420_caps (h, 2 * SIDE, SIDE);
  for (int i = 0; i < 3; i++) {
    gst_buffer_unref (push_pull (h, pair_frame (SIDE, i)));
    g_assert_true (act (h, "teach", "cat"));
    g_signal_emit_by_name (h->element, "teach-region", "right", "coffee", &ok);
    g_assert_true (ok);
  }
  g_signal_emit_by_name (h->element, "teach-region", "middle", "coffee", &ok);
  g_assert_false (ok);
  harness_expect (h, GST_MESSAGE_WARNING, "\"middle\"", NULL);
  train (h, 1);
  out = push_pull (h, pair_frame (SIDE, 4));
  g_assert_cmpstr (gst_structure_get_string (result_part (result_of (out), 0), "label"), ==, "cat");
  g_assert_cmpstr (gst_structure_get_string (result_part (result_of (out), 1), "label"), ==,
                   "coffee");
  gst_buffer_unref (out);
  harness_free (h);
}

/* In whatever mode: frames until one of them could be taught. */
static void
teach_in_time (GstHarness *h, const char *name, const char *label, guint n)
{
  gboolean ok = FALSE;

  for (guint i = 0; i < 1000 && !ok; i++) {
    g_assert_cmpint (gst_harness_push (h, photo (name, i)), ==, GST_FLOW_OK);
    g_usleep (5000);
    ok = harness_stat (h, "inferences") > 0 && act (h, "teach", label);
  }
  g_assert_true (ok);
  for (guint i = 1; i < n; i++)
    g_assert_true (act (h, "teach", label));
}

/* An end in the middle of a training is no trouble in any mode, and what was taught stays. */
static void
test_end_while_training (void)
{
  static const int modes[] = {MODE_SYNC, MODE_ASYNC, MODE_DELAYED};

  for (guint m = 0; m < G_N_ELEMENTS (modes); m++) {
    char *name = g_strdup_printf ("end-%u", m), *path = path_of (name);
    GstHarness *h = harness_new ("teach-file", path, "inference-mode", modes[m], NULL);

    set_i420_caps (h, SIDE, SIDE);
    teach_in_time (h, "cat.jpg", "x", 30);
    teach_in_time (h, "coffee.jpg", "y", 30);
    g_assert_true (act (h, "train", NULL));
    g_assert_true (act (h, "teach", "y"));
    gst_element_set_state (h->element, GST_STATE_NULL);
    harness_free (h);
    h = start (name);
    g_assert_cmpfloat (taught (h, "exemplars"), ==, 61.0);
    harness_free (h);
    g_free (name);
    g_free (path);
  }
}

static void
test_in_use (void)
{
  GstHarness *h = start ("in-use");
  char *path = path_of ("in-use");
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  GError *error = NULL;

  gst_element_set_bus (element, bus);
  g_object_set (element, "teach-file", path, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "another element"));
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
  harness_free (h);
  g_free (path);
}

/* ---- the store ------------------------------------------------------------------------------- */

#define FLOATS 8

static GstEffnetStore *
open_store (const char *path, const char *digit, GError **error)
{
  char *hash = g_strnfill (64, *digit);
  const GstEffnetSource source = {model, hash, FLOATS};
  GstEffnetStore *store = gst_effnet_store_open (path, &source, error);

  g_free (hash);
  return store;
}

static GstEffnetExemplar *
exemplar (const char *label, float first)
{
  float floats[FLOATS] = {first, 1.0f};
  GBytes *embedding = g_bytes_new (floats, sizeof floats), *jpeg = g_bytes_new ("jpeg", 4);
  GstEffnetExemplar *made = gst_effnet_exemplar_new (label, embedding, jpeg);

  g_bytes_unref (embedding);
  g_bytes_unref (jpeg);
  return made;
}

static void
write_store (GstEffnetStore *store)
{
  GError *error = NULL;

  gst_effnet_store_copy_write (gst_effnet_store_copy (store), &error);
  g_assert_no_error (error);
}

static void
test_bounds (void)
{
  char *path = path_of ("bounds");
  GstEffnetStore *store = open_store (path, "a", NULL);
  GArray *counts = NULL;
  GPtrArray *labels;
  GError *error = NULL;

  for (guint i = 0; i < GST_EFFNET_EXEMPLARS_MAX + 100; i++)
    g_assert_true (
        gst_effnet_store_add (store, exemplar (i < 100 ? "few" : "many", (float)i), NULL));
  g_assert_true (gst_effnet_store_add (store, exemplar ("new", 0.0f), NULL));
  g_assert_cmpuint (store->exemplars->len, ==, GST_EFFNET_EXEMPLARS_MAX);
  labels = gst_effnet_store_get_labels (store, &counts);
  g_assert_cmpuint (labels->len, ==, 3);
  g_assert_cmpuint (g_array_index (counts, guint, 0), ==, 100); /* the others gave way */
  g_ptr_array_unref (labels);
  g_array_unref (counts);
  gst_effnet_store_forget (store, "many");
  for (guint i = 0; i < GST_EFFNET_TAUGHT_MAX - 2; i++) {
    char *label = g_strdup_printf ("label %u", i);

    g_assert_true (gst_effnet_store_add (store, exemplar (label, 1.0f), NULL));
    g_free (label);
  }
  g_assert_false (gst_effnet_store_add (store, exemplar ("one too many", 1.0f), &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_error_free (error);
  gst_effnet_store_free (store);
  g_free (path);
}

/* Every byte changed, every length cut: a sentence, and the file is as it was. */
static void
test_hostile (void)
{
  char *path = path_of ("hostile"), *bytes, *now;
  GstEffnetStore *store = open_store (path, "a", NULL);
  GError *error = NULL;
  gsize size, size_now;

  gst_effnet_store_add (store, exemplar ("x", 1.0f), NULL);
  gst_effnet_store_add (store, exemplar ("y", 2.0f), NULL);
  gst_effnet_store_add_version (store, 0.75);
  write_store (store);
  gst_effnet_store_free (store);
  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  for (gsize i = 0; i < 2 * size; i++) {
    char *changed = g_memdup2 (bytes, size);
    gsize n = i < size ? size : i - size;

    if (i < size)
      changed[i] ^= 0x55;
    g_unlink (path); /* or what was longer stays behind it */
    g_assert_true (
        g_file_set_contents_full (path, changed, (gssize)n, G_FILE_SET_CONTENTS_NONE, 0666, NULL));
    g_assert_null (open_store (path, "a", &error));
    g_assert_nonnull (strstr (error->message, path));
    g_clear_error (&error);
    g_assert_true (g_file_get_contents (path, &now, &size_now, NULL));
    g_assert_cmpmem (now, size_now, changed, n);
    g_free (now);
    g_free (changed);
  }
  g_assert_true (g_file_set_contents (path, bytes, (gssize)size, NULL));
  g_assert_null (open_store (path, "b", &error)); /* of another network */
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH);
  g_clear_error (&error);
  store = open_store (path, "a", &error);
  g_assert_no_error (error);
  g_assert_cmpuint (store->exemplars->len, ==, 2);
  g_assert_cmpfloat (gst_effnet_store_find (store, 1)->accuracy, ==, 0.75);
  g_assert_cmpuint (store->current, ==, 1);
  gst_effnet_store_free (store);
  g_free (bytes);
  g_free (path);
}

/* Killed at any moment, a file is that of some save, and nothing in between. */
static void
test_kill (void)
{
  char *path = path_of ("kill");
  GstEffnetStore *store;
  GError *error = NULL;

  for (guint i = 0; i < 20; i++) {
    pid_t child = fork ();

    if (child == 0) {
      store = open_store (path, "a", NULL);
      for (guint n = 0;; n++) {
        gst_effnet_store_add (store, exemplar ("x", (float)n), NULL);
        gst_effnet_store_copy_write (gst_effnet_store_copy (store), NULL);
      }
    }
    g_usleep (5000 + 3000 * i);
    kill (child, SIGKILL);
    waitpid (child, NULL, 0);
    store = open_store (path, "a", &error);
    g_assert_no_error (error);
    gst_effnet_store_free (store);
  }
  store = open_store (path, "a", NULL);
  g_assert_cmpuint (store->exemplars->len, >, 0);
  gst_effnet_store_free (store);
  g_free (path);
}

int
main (int argc, char **argv)
{
  char *command, *path;
  int status;

  test_init (&argc, &argv);
  folder = g_dir_make_tmp (NULL, NULL);
  path = source_path ("models/lite0");
  model = effnet_model_open (path, NULL, NULL);
  g_assert_nonnull (model);
  g_free (path);
  g_test_add_func ("/gst/teach/bounds", test_bounds);
  g_test_add_func ("/gst/teach/hostile", test_hostile);
  g_test_add_func ("/gst/teach/kill", test_kill);
  g_test_add_func ("/gst/teach/from-zero", test_from_zero);
  g_test_add_func ("/gst/teach/versions", test_versions);
  g_test_add_func ("/gst/teach/refused", test_refused);
  g_test_add_func ("/gst/teach/regions", test_regions);
  g_test_add_func ("/gst/teach/end-while-training", test_end_while_training);
  g_test_add_func ("/gst/teach/in-use", test_in_use);
  status = g_test_run ();
  effnet_model_unref (model);
  command = g_strdup_printf ("rm -rf '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (command);
  g_free (folder);
  return status;
}
