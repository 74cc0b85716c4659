/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Several heads on one run of the network: what each says is computed here once more, from the
 * features on the buffer; each has labels, thresholds and a stable label of its own. */
#include "common.h"

#include <effnet/train.h>
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

#define FEATURES 1280 /* of lite0 */
#define CLASSES  3    /* of a head here, at most */

static const char *const scene[] = {"day", "night", "dusk", NULL};
static const char *const weather[] = {"sun", "rain", NULL};

static char *folder;
static EffnetModel *model;

typedef struct {
  float weights[CLASSES * FEATURES], bias[CLASSES];
  EffnetHeadInfo info;
} Head;

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
fill (Head *head, const char *const *labels, guint32 seed)
{
  GRand *rand = g_rand_new_with_seed (seed);

  *head = (Head){.info = {.kind = EFFNET_HEAD_SOFTMAX, .n_features = FEATURES, .labels = labels}};
  head->info.n_classes = g_strv_length ((char **)labels);
  head->info.weights = head->weights;
  head->info.bias = head->bias;
  for (guint i = 0; i < G_N_ELEMENTS (head->weights); i++)
    head->weights[i] = (float)g_rand_double_range (rand, -0.05, 0.05);
  g_rand_free (rand);
}

static void
save (const Head *head, EffnetModel *backbone, const char *name)
{
  const EffnetHeadSaveOptions options = {.head_only = TRUE};
  GError *error = NULL;
  EffnetHead *made = effnet_head_new (&head->info, &error);
  char *path = path_of (name);

  g_assert_no_error (error);
  effnet_head_save (made, backbone, path, &options, &error);
  g_assert_no_error (error);
  effnet_head_unref (made);
  g_free (path);
}

/* NAME=FOLDER of each of @names, which are the folders' as well. */
static char *
heads_of (const char *names)
{
  char **each = g_strsplit (names, ",", -1);
  GString *text = g_string_new (NULL);

  for (char **name = each; *name != NULL; name++)
    g_string_append_printf (text, "%s=%s/%s;", *name, folder, *name);
  g_strfreev (each);
  return g_string_free (text, FALSE);
}

static GstHarness *
start (const char *names, const char *property, const char *value)
{
  char *heads = heads_of (names);
  GstHarness *h = harness_new ("heads", heads, "attach-embedding", TRUE, property, value, NULL);

  set_i420_caps (h, 256, 256);
  g_free (heads);
  return h;
}

static GstBuffer *
classify (GstHarness *h)
{
  return push_pull (h, photo_frame ("cat.jpg", 256, 256));
}

/* What head @i of the first part says on @buffer. */
static const GstStructure *
said (GstBuffer *buffer, guint i)
{
  return result_part (result_of (buffer), i);
}

static const char *
text_of (const GstStructure *s, const char *field)
{
  const char *text = gst_structure_get_string (s, field);

  g_assert_nonnull (text);
  return text;
}

static double
score_of (const GstStructure *s, const char *label)
{
  const GValue *labels = gst_structure_get_value (s, "labels");
  const GValue *scores = gst_structure_get_value (s, "scores");

  for (guint i = 0; i < gst_value_list_get_size (labels); i++) {
    if (strcmp (g_value_get_string (gst_value_list_get_value (labels, i)), label) == 0)
      return g_value_get_double (gst_value_list_get_value (scores, i));
  }
  g_error ("no class %s", label);
}

/* Softmax of the logits over @temperature, in double precision, from the features of @s. */
static void
assert_scores (const GstStructure *s, const Head *head, double temperature)
{
  GstBuffer *embedding = g_value_get_boxed (gst_structure_get_value (s, "embedding"));
  double logits[CLASSES] = {0}, sum = 0.0;
  float features[FEATURES];

  g_assert_cmpuint (gst_buffer_extract (embedding, 0, features, sizeof features), ==,
                    sizeof features);
  for (guint k = 0; k < head->info.n_classes; k++) {
    logits[k] = (double)head->bias[k];
    for (guint j = 0; j < FEATURES; j++)
      logits[k] += (double)head->weights[k * FEATURES + j] * (double)features[j];
    sum += exp (logits[k] / temperature);
  }
  for (guint k = 0; k < head->info.n_classes; k++)
    g_assert_cmpfloat_with_epsilon (score_of (s, head->info.labels[k]),
                                    exp (logits[k] / temperature) / sum, 1e-5);
}

/* ---- results --------------------------------------------------------------------------------- */

static void
test_one_run (void)
{
  Head heads[2];
  GstHarness *h;
  GstBuffer *out;

  fill (&heads[0], scene, 1);
  fill (&heads[1], weather, 2);
  heads[1].info.temperature = 3.0;
  save (&heads[0], model, "scene");
  save (&heads[1], model, "weather");
  h = start ("scene,weather", "top-k", GUINT_TO_POINTER (CLASSES));
  out = classify (h);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 2);
  g_assert_cmpstr (text_of (result_of (out), "head"), ==, "scene");
  g_assert_cmpstr (text_of (result_of (out), "label"), ==, text_of (said (out, 0), "label"));
  g_assert_cmpstr (text_of (said (out, 0), "head"), ==, "scene");
  g_assert_cmpstr (text_of (said (out, 1), "head"), ==, "weather");
  assert_scores (said (out, 0), &heads[0], 1.0);
  assert_scores (said (out, 1), &heads[1], 3.0);
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 1);
  gst_buffer_unref (out);
  g_object_set (h->element, "temperature", 2.0, NULL); /* counts more than the card */
  out = classify (h);
  assert_scores (said (out, 0), &heads[0], 2.0);
  assert_scores (said (out, 1), &heads[1], 2.0);
  gst_buffer_unref (out);
  harness_free (h);
}

/* The model's own classes are a head without a folder. */
static void
test_own_classes (void)
{
  char *text = g_strdup_printf ("imagenet=;scene=%s/scene", folder);
  GstHarness *h = harness_new ("heads", text, NULL), *plain = harness_new (NULL, NULL);
  GstBuffer *out, *without;

  set_i420_caps (h, 256, 256);
  set_i420_caps (plain, 256, 256);
  out = classify (h);
  without = classify (plain);
  g_assert_cmpstr (text_of (said (out, 0), "head"), ==, "imagenet");
  g_assert_cmpstr (text_of (said (out, 1), "head"), ==, "scene");
  g_assert_cmpstr (text_of (said (out, 0), "label"), ==, text_of (result_of (without), "label"));
  g_assert_cmpfloat (result_double (said (out, 0), "confidence"), ==,
                     result_double (result_of (without), "confidence"));
  g_assert_cmpstr (text_of (result_of (without), "head"), ==, "");
  g_assert_false (gst_structure_has_field (result_of (without), "results"));
  gst_buffer_unref (out);
  gst_buffer_unref (without);
  harness_free (h);
  harness_free (plain);
  g_free (text);
}

/* Each part by each head, the heads of a part in a row. */
static void
test_parts (void)
{
  GstHarness *h = start ("scene,weather", "regions", "left:0,0,0.5,1;right:0.5,0,0.5,1");
  static const char *const expected[][2] = {
      {"left", "scene"}, {"left", "weather"}, {"right", "scene"}, {"right", "weather"}};
  GstBuffer *out;

  gst_util_set_object_arg (G_OBJECT (h->element), "inference-region", "regions");
  out = classify (h);
  g_assert_cmpuint (result_list_length (result_of (out), "results"), ==, 4);
  for (guint i = 0; i < 4; i++) {
    g_assert_cmpstr (text_of (said (out, i), "region"), ==, expected[i][0]);
    g_assert_cmpstr (text_of (said (out, i), "head"), ==, expected[i][1]);
  }
  g_assert_cmpuint (harness_stat (h, "inferences"), ==, 2);
  gst_buffer_unref (out);
  harness_free (h);
}

/* ---- labels ---------------------------------------------------------------------------------- */

static void
on_state_changed (GstElement *element, const char *region, const char *before, const char *now,
                  guint64 since, int roi_id, const char *head, GString *heard)
{
  (void)element, (void)region, (void)since, (void)roi_id;
  g_string_append_printf (heard, "%s:%s>%s ", head, before, now);
}

/* Another weather, the same scene: one message, one signal, of that head. */
static void
test_states (void)
{
  Head dry, wet;
  GstHarness *h;
  GString *heard = g_string_new (NULL);
  GstMessage *message;
  char *text;

  fill (&dry, weather, 2);
  wet = dry;
  wet.info.weights = wet.weights;
  wet.info.bias = wet.bias;
  dry.bias[0] = wet.bias[1] = 100.0f;
  save (&dry, model, "weather");
  save (&wet, model, "wet");
  h = start ("scene,weather", NULL, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "smoothing", "vote");
  g_object_set (h->element, "smoothing-window", 1, "switch-after", 2, NULL);
  g_signal_connect (h->element, "state-changed", G_CALLBACK (on_state_changed), heard);
  for (int i = 0; i < 3; i++)
    gst_buffer_unref (push_pull (h, stamped (photo_frame ("cat.jpg", 256, 256), i)));
  g_assert_nonnull (strstr (heard->str, "weather:>sun "));
  g_assert_nonnull (strstr (heard->str, "scene:>"));
  g_assert_cmpuint (harness_count_messages (h, GST_MESSAGE_ELEMENT), ==, 1); /* has both */
  g_string_truncate (heard, 0);
  text = g_strdup_printf ("scene=%s/scene;weather=%s/wet", folder, folder);
  g_object_set (h->element, "heads", text, NULL);
  for (int i = 3; i < 1000 && heard->len == 0; i++) {
    gst_buffer_unref (push_pull (h, stamped (photo_frame ("cat.jpg", 256, 256), i)));
    g_usleep (1000);
  }
  g_assert_cmpstr (heard->str, ==, "weather:sun>rain ");
  message = harness_pop_message (h, GST_MESSAGE_ELEMENT);
  g_assert_cmpstr (text_of (gst_message_get_structure (message), "head"), ==, "weather");
  g_assert_cmpuint (result_list_length (gst_message_get_structure (message), "results"), ==, 1);
  gst_message_unref (message);
  harness_free (h);
  g_string_free (heard, TRUE);
  g_free (text);
}

/* A class of any head may be named in rules; what none has is an error before the start. */
static void
test_rules (void)
{
  char *heads = heads_of ("scene,weather");
  GstHarness *h = start ("scene,weather", "class-allow", "night,rain");
  GstElement *element;
  GstBuffer *out = classify (h);
  GstMessage *message;
  GstBus *bus = gst_bus_new ();
  GError *error = NULL;

  g_assert_cmpstr (text_of (said (out, 0), "label"), ==, "night");
  g_assert_cmpstr (text_of (said (out, 1), "label"), ==, "rain");
  gst_buffer_unref (out);
  harness_free (h);
  element = gst_element_factory_make ("effnetclassify", NULL);
  gst_element_set_bus (element, bus);
  g_object_set (element, "heads", heads, "class-allow", "tench", NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_nonnull (strstr (error->message, "\"tench\""));
  g_error_free (error);
  gst_message_unref (message);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (bus);
  g_free (heads);
}

/* Thresholds and distance of the card hold, unless a property says something else. */
static void
test_card (void)
{
  static const float high[CLASSES] = {0.999999f, 0.999999f, 0.999999f}, nowhere[FEATURES];
  Head sure, near;
  GstHarness *h;
  GstBuffer *out;

  fill (&sure, scene, 1);
  sure.info.thresholds = high;
  sure.info.temperature = 10.0;
  save (&sure, model, "sure");
  fill (&near, weather, 2);
  near.info.unknown_method = EFFNET_UNKNOWN_EUCLIDEAN;
  near.info.n_means = 1;
  near.info.means = nowhere;
  near.info.unknown_threshold = 0.001;
  save (&near, model, "near");
  h = start ("sure,near", NULL, NULL);
  out = classify (h);
  g_assert_cmpstr (text_of (said (out, 0), "label"), ==, "");
  g_assert_false (result_boolean (said (out, 0), "unknown"));
  g_assert_cmpstr (text_of (said (out, 1), "label"), ==, "unknown");
  g_assert_true (result_boolean (said (out, 1), "unknown"));
  gst_buffer_unref (out);
  g_object_set (h->element, "threshold", 0.01, NULL);
  out = classify (h);
  g_assert_cmpstr (text_of (said (out, 0), "label"), !=, "");
  gst_buffer_unref (out);
  harness_free (h);
}

/* The folder of a head is a model, too: its card says the same of the model's own classes. */
static void
test_as_model (void)
{
  char *path = path_of ("near"), *heads = heads_of ("scene");
  GstHarness *h = harness_new ("model-file", path, NULL);
  GstBuffer *out;

  set_i420_caps (h, 256, 256);
  out = classify (h);
  g_assert_cmpstr (text_of (result_of (out), "label"), ==, "unknown");
  gst_buffer_unref (out);
  harness_free (h);
  h = harness_new ("model-file", path, "heads", heads, NULL); /* on the same backbone */
  set_i420_caps (h, 256, 256);
  out = classify (h);
  g_assert_cmpstr (text_of (result_of (out), "head"), ==, "scene");
  gst_buffer_unref (out);
  harness_free (h);
  g_free (path);
  g_free (heads);
}

/* ---- changes and errors ---------------------------------------------------------------------- */

static GstBuffer *
classify_until (GstHarness *h, const char *head)
{
  GstBuffer *out = classify (h);

  for (int i = 0; i < 3000 && strcmp (text_of (result_of (out), "head"), head) != 0; i++) {
    gst_buffer_unref (out);
    g_usleep (1000);
    out = classify (h);
  }
  g_assert_cmpstr (text_of (result_of (out), "head"), ==, head);
  return out;
}

static void
test_swap (void)
{
  GstHarness *h = start ("scene", NULL, NULL);
  GstMessage *message = NULL;
  char *heads = heads_of ("weather"), *now = NULL;

  gst_buffer_unref (classify (h));
  g_object_set (h->element, "heads", heads, NULL);
  gst_buffer_unref (classify_until (h, "weather"));
  g_object_set (h->element, "heads", "scene=/nonexistent", NULL);
  for (int i = 0; i < 3000 && message == NULL; i++) {
    g_usleep (1000);
    message = harness_pop_message (h, GST_MESSAGE_WARNING);
  }
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_object_get (h->element, "heads", &now, NULL);
  g_assert_cmpstr (now, ==, heads); /* those in use */
  gst_buffer_unref (classify_until (h, "weather"));
  g_object_set (h->element, "heads", "no equals sign", NULL);
  harness_expect (h, GST_MESSAGE_WARNING, "NAME=FOLDER", NULL);
  g_object_set (h->element, "heads", NULL, NULL);
  gst_buffer_unref (classify_until (h, ""));
  harness_free (h);
  g_free (heads);
  g_free (now);
}

static void
test_refused (void)
{
  static const struct {
    const char *heads, *words;
  } rows[] = {{"scene", "NAME=FOLDER"},
              {"=x", "NAME=FOLDER"},
              {"a=;a=", "\"a\""},
              {"taught=", "\"taught\""},
              {"scene=/nonexistent", "/nonexistent"},
              {"other=OTHER", "trained"}};
  EffnetModelOptions options = {.variant = "lite0"};
  char *other = path_of ("other"), *weights = path_of ("changed.safetensors");
  char *original = source_path ("models/lite0/model.safetensors"), *bytes;
  gsize size;
  EffnetModel *changed;
  Head head;

  g_assert_true (g_file_get_contents (original, &bytes, &size, NULL));
  bytes[size - 1] ^= 1; /* a bit of a weight */
  g_assert_true (g_file_set_contents (weights, bytes, (gssize)size, NULL));
  changed = effnet_model_open (weights, &options, NULL);
  g_assert_nonnull (changed);
  fill (&head, scene, 1);
  save (&head, changed, "other");
  effnet_model_unref (changed);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
    GString *heads = g_string_new (rows[i].heads);
    GstBus *bus = gst_bus_new ();
    GstMessage *message;
    GError *error = NULL;

    g_string_replace (heads, "OTHER", other, 0);
    gst_element_set_bus (element, bus);
    g_object_set (element, "heads", heads->str, NULL);
    g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
                     GST_STATE_CHANGE_FAILURE);
    message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_parse_error (message, &error, NULL);
    if (strstr (error->message, rows[i].words) == NULL)
      g_error ("%s: %s", heads->str, error->message);
    g_error_free (error);
    gst_message_unref (message);
    gst_element_set_state (element, GST_STATE_NULL);
    gst_object_unref (element);
    gst_object_unref (bus);
    g_string_free (heads, TRUE);
  }
  g_free (other);
  g_free (original);
  g_free (weights);
  g_free (bytes);
}

/* Set in READY, they are there before the first frame: a rule may name their classes. */
static void
test_ready (void)
{
  GstElement *element = gst_element_factory_make ("effnetclassify", NULL);
  char *heads = heads_of ("scene");

  g_object_set (element, "class-allow", "night", NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_READY), ==, GST_STATE_CHANGE_SUCCESS);
  g_object_set (element, "heads", heads, NULL);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==, GST_STATE_CHANGE_SUCCESS);
  gst_element_set_state (element, GST_STATE_NULL);
  gst_object_unref (element);
  g_free (heads);
}

int
main (int argc, char **argv)
{
  char *path, *command;
  int status;

  test_init (&argc, &argv);
  folder = g_dir_make_tmp (NULL, NULL);
  path = source_path ("models/lite0");
  model = effnet_model_open (path, NULL, NULL);
  g_assert_nonnull (model);
  g_test_add_func ("/gst/heads/one-run", test_one_run);
  g_test_add_func ("/gst/heads/own-classes", test_own_classes);
  g_test_add_func ("/gst/heads/parts", test_parts);
  g_test_add_func ("/gst/heads/states", test_states);
  g_test_add_func ("/gst/heads/rules", test_rules);
  g_test_add_func ("/gst/heads/card", test_card);
  g_test_add_func ("/gst/heads/as-model", test_as_model);
  g_test_add_func ("/gst/heads/swap", test_swap);
  g_test_add_func ("/gst/heads/refused", test_refused);
  g_test_add_func ("/gst/heads/ready", test_ready);
  status = g_test_run ();
  effnet_model_unref (model);
  command = g_strdup_printf ("rm -rf '%s'", folder);
  g_assert_true (g_spawn_command_line_sync (command, NULL, NULL, NULL, NULL));
  g_free (command);
  g_free (path);
  g_free (folder);
  return status;
}
