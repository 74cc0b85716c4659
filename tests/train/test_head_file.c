/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A head in a folder, with its backbone and alone: the same numbers come back, the opened model
 * gives what the head gives, and a folder that does not fit is refused with its reason. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <string.h>
#include <unistd.h>
#include <glib/gstdio.h>

#include "../weights/files.h"
#include "arch/net.h"
#include "bind/synthetic.h"
#include "effnet/train.h"
#include "weights/tensors.h"
#include "weights/writer.h"

#define SIDE     32
#define FEATURES 1280
#define CLASSES  3

static const char *const labels[] = {"Tor auf", "Tor zu", "größer \"\\ 門", NULL};

typedef struct {
  char *path; /* of the folder of all */
  EffnetModel *model;
  float weights[CLASSES * FEATURES], bias[CLASSES], means[2 * FEATURES], basis[FEATURES];
  EffnetHeadInfo info;
} Place;

static char *
in (const Place *place, const char *name)
{
  return g_build_filename (place->path, name, NULL);
}

static void
put (const Place *place, const char *name, const char *text)
{
  g_autofree char *path = in (place, name), *folder = g_path_get_dirname (path);

  g_assert_cmpint (g_mkdir_with_parents (folder, 0777), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* A backbone of five classes of its own. */
static void
write_backbone (const Place *place, const char *name, guint64 seed)
{
  g_autofree char *file = g_build_filename (place->path, name, "model.safetensors", NULL);
  g_autofree char *card = g_build_filename (name, "config.json", NULL);
  g_autoptr (EffnetNet) net = effnet_net_new ("lite0", SIDE, 5, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetTensorTable) table = effnet_synthetic_new (net, seed, NULL);
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();

  put (place, card,
       "{\"architecture\": \"tf_efficientnet_lite0\", \"pretrained_cfg\": {\"input_size\": "
       "[3, 32, 32], \"mean\": [0.5, 0.25, 0.485], \"std\": [0.5, 0.5, 0.229], \"crop_pct\": 0.9, "
       "\"interpolation\": \"bilinear\"}, \"effnet\": {\"padding\": \"same\"}}");
  for (size_t i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);
    effnet_tensor_writer_copy (writer, tensor->name, tensor);
  }
  g_assert_true (effnet_tensor_writer_save (writer, file, NULL));
}

static void
fill (float *values, size_t n, GRand *random)
{
  for (size_t i = 0; i < n; i++)
    values[i] = (float)g_rand_double_range (random, -1, 1);
}

/* The head is applied to features in float32 here. */
static const EffnetModelOptions exact = {.precision = EFFNET_PRECISION_FP32};

static void
set_up (Place *place, gconstpointer data)
{
  static const float thresholds[CLASSES] = {0.5f, 0.625f, 0.9f};
  g_autoptr (GRand) random = g_rand_new_with_seed (7);
  g_autofree char *backbone = NULL;

  (void)data;
  place->path = g_dir_make_tmp ("effnet-head-XXXXXX", NULL);
  write_backbone (place, "small", 1);
  backbone = in (place, "small");
  place->model = effnet_model_open (backbone, &exact, NULL);
  g_assert_nonnull (place->model);
  fill (place->weights, CLASSES * FEATURES, random);
  fill (place->bias, CLASSES, random);
  fill (place->means, 2 * FEATURES, random);
  place->basis[3] = 1;
  place->info = (EffnetHeadInfo){
      .kind = EFFNET_HEAD_SOFTMAX,
      .n_classes = CLASSES,
      .n_features = FEATURES,
      .weights = place->weights,
      .bias = place->bias,
      .labels = labels,
      .temperature = 1.7,
      .thresholds = thresholds,
      .unknown_method = EFFNET_UNKNOWN_COSINE,
      .n_means = 2,
      .n_basis = 1,
      .means = place->means,
      .basis = place->basis,
      .unknown_threshold = 0.75,
      .l2 = 0.003,
      .data_sha256 = "abc",
      .n_pictures = 40,
      .seed = 11,
      .accuracy = 0.875,
  };
}

static void
tear_down (Place *place, gconstpointer data)
{
  const char *const argv[] = {"rm", "-rf", place->path, NULL};

  (void)data;
  effnet_model_unref (place->model);
  g_spawn_sync (NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL, NULL);
  g_free (place->path);
}

static EffnetHead *
save (const Place *place, const char *name, const EffnetHeadSaveOptions *options)
{
  g_autofree char *path = in (place, name);
  GError *error = NULL;
  EffnetHead *head = effnet_head_new (&place->info, &error);

  g_assert_no_error (error);
  g_assert_true (effnet_head_save (head, place->model, path, options, &error));
  g_assert_no_error (error);
  return head;
}

/* Logits and features of one input. */
static void
run (EffnetModel *model, float *logits, unsigned n, float *features)
{
  static float input[SIDE * SIDE * 3];
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, NULL);
  EffnetResult result;

  for (size_t i = 0; i < G_N_ELEMENTS (input); i++)
    input[i] = (float)(i % 17) / 8.5f - 1;
  g_assert_true (effnet_session_run (session, input, &result, NULL));
  g_assert_cmpuint (result.n_classes, ==, n);
  memcpy (logits, result.logits, n * sizeof *logits);
  memcpy (features, result.features, FEATURES * sizeof *features);
}

/* The folder's model sees what the backbone sees, and its logits are the head's. */
static void
assert_model (const Place *place, const char *name, const EffnetHead *head)
{
  g_autofree char *path = in (place, name);
  GError *error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (path, &exact, &error);
  float before[5], logits[CLASSES], expected[CLASSES], features[FEATURES], same[FEATURES];
  EffnetModelInfo info;

  g_assert_no_error (error);
  run (place->model, before, 5, features);
  run (model, logits, CLASSES, same);
  g_assert_cmpmem (features, sizeof features, same, sizeof same);
  effnet_head_apply (head, features, expected, NULL, NULL);
  for (unsigned k = 0; k < CLASSES; k++) {
    g_assert_cmpfloat_with_epsilon (logits[k], expected[k], 1e-4 * (1 + fabsf (expected[k])));
    g_assert_cmpstr (effnet_model_get_label (model, k), ==, labels[k]);
  }
  effnet_model_get_info (model, &info);
  g_assert_null (info.notice);
  g_assert_cmpstr (info.name, ==, "tf_efficientnet_lite0");
  g_assert_cmpfloat (info.input_mean[2], ==, 0.485f);
  g_assert_cmpfloat (info.input_std[2], ==, 0.229f);
  g_assert_cmpuint (strlen (effnet_model_get_sha256 (model)), ==, 64);
}

/* Every number and text comes back. */
static void
assert_head (const Place *place, const char *name)
{
  g_autofree char *path = in (place, name);
  GError *error = NULL;
  g_autoptr (EffnetHead) head = effnet_head_open (path, &error);
  const EffnetHeadInfo *put_in = &place->info;
  EffnetHeadInfo info;

  g_assert_no_error (error);
  effnet_head_get_info (head, &info);
  g_assert_cmpint (info.kind, ==, put_in->kind);
  g_assert_cmpmem (info.weights, sizeof place->weights, place->weights, sizeof place->weights);
  g_assert_cmpmem (info.bias, sizeof place->bias, place->bias, sizeof place->bias);
  g_assert_cmpmem (info.means, sizeof place->means, place->means, sizeof place->means);
  g_assert_cmpmem (info.basis, sizeof place->basis, place->basis, sizeof place->basis);
  g_assert_cmpint (info.unknown_method, ==, EFFNET_UNKNOWN_COSINE);
  g_assert_cmpfloat (info.unknown_threshold, ==, 0.75);
  g_assert_cmpfloat (info.temperature, ==, 1.7);
  for (unsigned k = 0; k < CLASSES; k++) {
    g_assert_cmpstr (info.labels[k], ==, labels[k]);
    g_assert_cmpfloat (info.thresholds[k], ==, put_in->thresholds[k]);
  }
  g_assert_cmpstr (info.backbone, ==, "small");
  g_assert_cmpstr (info.backbone_sha256, ==, effnet_model_get_sha256 (place->model));
  g_assert_cmpstr (info.data_sha256, ==, "abc");
  g_assert_cmpstr (info.version, ==, effnet_version ());
  g_assert_cmpuint (info.n_pictures, ==, 40);
  g_assert_cmpuint (info.seed, ==, 11);
  g_assert_cmpfloat (info.l2, ==, 0.003);
  g_assert_cmpfloat (info.accuracy, ==, 0.875);
}

static void
test_whole (Place *place, gconstpointer data)
{
  g_autoptr (EffnetHead) head = save (place, "gate", NULL);

  (void)data;
  assert_model (place, "gate", head);
  assert_head (place, "gate");
}

/* The resize mode that features were taken with becomes the card's. */
static void
test_resize_mode (Place *place, gconstpointer data)
{
  const EffnetResizeMode modes[] = {EFFNET_RESIZE_MODE_AUTO, EFFNET_RESIZE_MODE_STRETCH,
                                    EFFNET_RESIZE_MODE_CENTER_CROP, EFFNET_RESIZE_MODE_LETTERBOX};
  g_autofree char *path = in (place, "gate");
  static guint8 pixels[60 * 90 * 3];
  static float expected[SIDE * SIDE * 3], found[SIDE * SIDE * 3];
  EffnetImage image = EFFNET_IMAGE_INIT;

  (void)data;
  for (size_t i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i * 7 + i / 270);
  image.format = EFFNET_PIXEL_FORMAT_RGB;
  image.width = 90;
  image.height = 60;
  image.data[0] = pixels;
  image.stride[0] = 270;
  for (unsigned i = 0; i < G_N_ELEMENTS (modes); i++) {
    const EffnetSessionOptions session_options = {.resize_mode = modes[i], .frontend_only = TRUE};
    const EffnetSessionOptions plain = {.frontend_only = TRUE};
    const EffnetHeadSaveOptions options = {.resize_mode = modes[i]};
    g_autoptr (EffnetHead) head = save (place, "gate", &options);
    g_autoptr (EffnetModel) model = effnet_model_open (path, NULL, NULL);
    g_autoptr (EffnetSession) asked = effnet_session_new (place->model, &session_options, NULL);
    g_autoptr (EffnetSession) as_card = effnet_session_new (model, &plain, NULL);

    g_assert_nonnull (head);
    g_assert_true (effnet_session_preprocess (asked, &image, expected, NULL));
    g_assert_true (effnet_session_preprocess (as_card, &image, found, NULL));
    for (size_t j = 0; j < G_N_ELEMENTS (found); j++) /* borders are a byte's mean in cards */
      g_assert_cmpfloat_with_epsilon (found[j], expected[j],
                                      modes[i] == EFFNET_RESIZE_MODE_LETTERBOX ? 0.01 : 1e-6);
  }
}

static void
rename_in (const Place *place, const char *from, const char *to)
{
  g_autofree char *old = in (place, from), *new = in (place, to);

  g_assert_cmpint (g_rename (old, new), ==, 0);
}

static void
assert_refused (const Place *place, const char *name, EffnetError code, const char *words)
{
  g_autofree char *path = in (place, name);
  GError *error = NULL;

  g_assert_null (effnet_model_open (path, &exact, &error));
  test_assert_error (&error, code, words);
}

/* Where it was, beside, where models are; and none but the right one. */
static void
test_alone (Place *place, gconstpointer data)
{
  const EffnetHeadSaveOptions options = {.head_only = TRUE};
  g_autofree char *models = in (place, "models");
  g_autofree char *elsewhere = in (place, "elsewhere");
  g_autoptr (EffnetHead) head = save (place, "gate", &options);

  (void)data;
  assert_model (place, "gate", head);
  assert_model (place, "gate/head.safetensors", head);
  assert_head (place, "gate");
  g_assert_cmpint (g_mkdir (elsewhere, 0777), ==, 0);
  rename_in (place, "gate", "elsewhere/gate");
  assert_refused (place, "elsewhere/gate", EFFNET_ERROR_NOT_FOUND,
                  "elsewhere/gate|backbone small|../small|EFFNET_MODEL_PATH");
  rename_in (place, "small", "elsewhere/small");
  assert_model (place, "elsewhere/gate", head);
  g_assert_cmpint (g_mkdir (models, 0777), ==, 0);
  rename_in (place, "elsewhere/small", "models/small");
  g_setenv ("EFFNET_MODEL_PATH", models, TRUE);
  assert_model (place, "elsewhere/gate", head);
  write_backbone (place, "elsewhere/small", 2); /* of the same name; the right one is found */
  assert_model (place, "elsewhere/gate", head);
  rename_in (place, "models", "away");
  assert_refused (place, "elsewhere/gate", EFFNET_ERROR_MISMATCH, "head.safetensors|sha256");
}

/* A head on the backbone of another head belongs to that backbone. */
static void
test_head_on_head (Place *place, gconstpointer data)
{
  const EffnetHeadSaveOptions options = {.head_only = TRUE};
  g_autofree char *path = in (place, "first");
  g_autoptr (EffnetHead) head = save (place, "first", &options), second = NULL, third = NULL;
  EffnetModel *backbone = place->model;

  (void)data;
  g_assert_nonnull (head);
  place->model = effnet_model_open (path, &exact, NULL);
  second = save (place, "second", &options);
  third = save (place, "third", NULL);
  effnet_model_unref (place->model);
  place->model = backbone;
  assert_model (place, "second", second);
  assert_model (place, "third", third);
  assert_head (place, "second");
}

/* One kind of folder becomes the other; no file of the old one is left to be opened. */
static void
test_replaced (Place *place, gconstpointer data)
{
  const EffnetHeadSaveOptions options = {.head_only = TRUE};
  g_autofree char *whole = in (place, "gate/model.safetensors");
  g_autofree char *alone = in (place, "gate/head.safetensors");
  g_autofree char *unknown = in (place, "gate/unknown.safetensors");
  g_autoptr (EffnetHead) first = save (place, "gate", NULL), second = NULL, third = NULL;

  (void)data;
  g_assert_nonnull (first);
  second = save (place, "gate", &options);
  g_assert_false (g_file_test (whole, G_FILE_TEST_EXISTS));
  assert_model (place, "gate", second);
  place->info.unknown_method = EFFNET_UNKNOWN_NONE;
  third = save (place, "gate", NULL);
  g_assert_false (g_file_test (alone, G_FILE_TEST_EXISTS));
  g_assert_false (g_file_test (unknown, G_FILE_TEST_EXISTS));
}

static void
assert_unsaved (const Place *place, EffnetModel *model, EffnetError code, const char *words)
{
  g_autofree char *path = in (place, "not");
  g_autoptr (EffnetHead) head = effnet_head_new (&place->info, NULL);
  GError *error = NULL;

  g_assert_false (effnet_head_save (head, model, path, NULL, &error));
  test_assert_error (&error, code, words);
}

static void
test_bad_saves (Place *place, gconstpointer data)
{
  static const char *const wrong[] = {"a", "b\nc", "d", NULL};
  const EffnetModelOptions synthetic = {.variant = "lite0", .synthetic_seed = 3, .input_size = 32};
  g_autoptr (EffnetModel) nowhere = effnet_model_open (NULL, &synthetic, NULL);

  (void)data;
  assert_unsaved (place, nowhere, EFFNET_ERROR_UNSUPPORTED, "synthetic");
  place->info.labels = wrong;
  assert_unsaved (place, place->model, EFFNET_ERROR_ARGUMENT, "class 1|control");
  place->info.labels = NULL;
  place->info.n_features = 640;
  place->info.n_classes = 2;
  assert_unsaved (place, place->model, EFFNET_ERROR_MISMATCH, "640 features|1280");
  place->info.n_features = FEATURES;
  write_backbone (place, "small", 2); /* while it is open */
  assert_unsaved (place, place->model, EFFNET_ERROR_MISMATCH, "small|train again");
}

/* What a card may say wrong of a head. */
static void
test_bad_cards (Place *place, gconstpointer data)
{
  static const struct {
    const char *own, *words;
  } cases[] = {
      {"{\"thresholds\": {\"yes\": 2}}", "effnet.thresholds|0 to 1"},
      {"{\"thresholds\": {\"maybe\": 0.5}}", "effnet.thresholds|names of classes"},
      {"{\"thresholds\": 3}", "effnet.thresholds is 3|an object"},
      {"{\"unknown\": {\"method\": \"cosine\", \"threshold\": 1}}", "effnet.unknown|a file's name"},
      {"{\"unknown\": {\"method\": \"cosine\", \"threshold\": -1, \"file\": \"x\"}}",
       "effnet.unknown.threshold is -1"},
      {"{\"unknown\": {\"method\": \"cosine\", \"threshold\": 1, \"file\": \"../x\"}}",
       "effnet.unknown"},
      {"{\"unknown\": {\"method\": \"smell\", \"threshold\": 1, \"file\": \"x\"}}", "smell|cosine"},
      {"{\"unknown\": {\"method\": \"cosine\", \"threshold\": 1, \"file\": \"x\"}}", "/x"},
      {"{\"unknown\": {\"method\": \"cosine\", \"threshold\": 1, \"file\": \"model.safetensors\"}}",
       "no tensor means"},
      {"{\"backbone\": {\"name\": \"a\"}}", "effnet.backbone|sha256"},
      {"{\"backbone\": {\"name\": 5}}", "effnet.backbone.name is 5"},
      {"{\"provenance\": []}", "effnet.provenance is []"},
  };
  static const float bias[2] = {1, 2}, weight[8] = {0};
  g_autofree char *path = in (place, "bad"), *file = in (place, "bad/model.safetensors");
  g_autofree char *card = in (place, "bad/config.json");
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();

  (void)data;
  put (place, "bad/config.json", "{}");
  effnet_tensor_writer_add (writer, "classifier.weight", 2, (const size_t[]){2, 4}, weight);
  effnet_tensor_writer_add (writer, "classifier.bias", 1, (const size_t[]){2}, bias);
  g_assert_true (effnet_tensor_writer_save (writer, file, NULL));
  for (size_t i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("{\"label_names\": [\"yes\", \"no\"], \"effnet\": %s}", cases[i].own);
    GError *error = NULL;

    put (place, "bad/config.json", text);
    g_assert_null (effnet_head_open (path, &error));
    test_assert_error (&error, error->code, cases[i].words);
  }
  put (place, "bad/config.json", "{\"label_names\": [\"yes\"]}");
  GError *error = NULL;
  g_assert_null (effnet_head_open (path, &error));
  test_assert_error (&error, EFFNET_ERROR_MISMATCH, "2 classes|says 1");
  g_assert_cmpint (g_unlink (card), ==, 0);
  g_assert_cmpint (symlink ("/nowhere/config.json", card), ==, 0);
  g_assert_null (effnet_head_open (path, &error));
  test_assert_error (&error, error->code, "config.json");
  g_assert_null (effnet_head_open ("/nowhere/at/all", &error));
  test_assert_error (&error, EFFNET_ERROR_NOT_FOUND, "nowhere");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, function) g_test_add (path, Place, NULL, set_up, function, tear_down)
  ADD ("/train/head-file/whole", test_whole);
  ADD ("/train/head-file/resize-mode", test_resize_mode);
  ADD ("/train/head-file/alone", test_alone);
  ADD ("/train/head-file/head-on-head", test_head_on_head);
  ADD ("/train/head-file/replaced", test_replaced);
  ADD ("/train/head-file/bad-saves", test_bad_saves);
  ADD ("/train/head-file/bad-cards", test_bad_cards);
  return g_test_run ();
}
