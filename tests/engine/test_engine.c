/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Models and sessions through the public header alone: sharing, errors in words, the same bits for
 * any number of threads, and a run that allocates nothing. Agreement with PyTorch is checked in
 * tests/golden. */
#include <effnet/effnet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../weights/files.h"
#include "open.h"

static char *
default_model_path (void)
{
  return g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), "models", "lite0", NULL);
}

static EffnetModel *
open_default (void)
{
  g_autofree char *path = default_model_path ();

  return test_open (path, NULL);
}

static EffnetModel *
open_synthetic (const char *variant, EffnetPrecision precision, unsigned size)
{
  EffnetModelOptions options = {
      .variant = variant, .precision = precision, .synthetic_seed = 5, .input_size = size};

  return test_open (NULL, &options);
}

static float *
random_input (const EffnetModel *model, guint32 seed)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  EffnetModelInfo info;
  float *input;
  size_t n;

  effnet_model_get_info (model, &info);
  n = (size_t)info.input_height * info.input_width * 3;
  input = g_new (float, n);
  for (size_t i = 0; i < n; i++)
    input[i] = (float)g_rand_double_range (rand, -2, 2);
  return input;
}

/* ---- results ---- */

static void
check_thread_invariance (EffnetModel *model)
{
  static const unsigned threads[] = {1, 2, 3, 8};
  g_autofree float *input = random_input (model, 3), *first = NULL;

  for (size_t i = 0; i < G_N_ELEMENTS (threads); i++) {
    g_autoptr (EffnetSession) session = test_new_session (model, threads[i]);

    for (unsigned round = 0; round < 3; round++) {
      EffnetResult result;
      size_t bytes;

      g_assert_true (effnet_session_run (session, input, &result, NULL));
      bytes = result.n_classes * sizeof (float);
      if (first == NULL)
        first = g_memdup2 (result.logits, bytes);
      for (unsigned c = 0; c < result.n_classes; c++)
        g_assert_true (isfinite (result.logits[c]));
      g_assert_cmpmem (first, bytes, result.logits, bytes);
    }
  }
}

static void
test_thread_invariance (gconstpointer variant)
{
  g_autoptr (EffnetModel) model = open_synthetic (variant, EFFNET_PRECISION_FP32, 0);

  check_thread_invariance (model);
}

static void
test_thread_invariance_bf16 (void)
{
  EffnetModelOptions options = {
      .variant = "b0", .precision = EFFNET_PRECISION_BF16, .synthetic_seed = 5};
  g_autoptr (EffnetModel) model = test_open_in_precision (&options);

  if (model != NULL)
    check_thread_invariance (model);
}

static void
test_thread_invariance_int8 (void)
{
  g_autoptr (EffnetModel) model = open_synthetic ("b0", EFFNET_PRECISION_INT8, 0);

  check_thread_invariance (model);
}

typedef struct {
  EffnetModel *model;
  const float *input, *want;
  unsigned bad;
} Stream;

static gpointer
stream_main (gpointer data)
{
  Stream *stream = data;
  g_autoptr (EffnetSession) session = test_new_session (stream->model, 2);

  for (unsigned i = 0; i < 10; i++) {
    EffnetResult result;

    g_assert_true (effnet_session_run (session, stream->input, &result, NULL));
    stream->bad += memcmp (result.logits, stream->want, result.n_classes * sizeof (float)) != 0;
  }
  return NULL;
}

static void
test_streams (void)
{
  g_autoptr (EffnetModel) model = open_synthetic ("lite0", EFFNET_PRECISION_FP32, 128);
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autofree float *input = random_input (model, 4);
  EffnetResult result;
  Stream streams[4];
  GThread *threads[4];

  g_assert_true (effnet_session_run (session, input, &result, NULL));
  for (unsigned i = 0; i < 4; i++) {
    streams[i] = (Stream){model, input, result.logits, 0};
    threads[i] = g_thread_new ("stream", stream_main, &streams[i]);
  }
  for (unsigned i = 0; i < 4; i++) {
    g_thread_join (threads[i]);
    g_assert_cmpuint (streams[i].bad, ==, 0);
  }
}

static void
test_run_allocates_nothing (void)
{
  g_autoptr (EffnetModel) model = open_default ();
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autofree float *input = random_input (model, 5);
  EffnetResult result;
  struct mallinfo2 before, after;

#ifdef __SANITIZE_ADDRESS__
  g_test_skip ("mallinfo2 does not see the sanitizer's heap");
  return;
#endif
  g_assert_true (effnet_session_run (session, input, &result, NULL));
  before = mallinfo2 ();
  for (unsigned i = 0; i < 20; i++)
    g_assert_true (effnet_session_run (session, input, &result, NULL));
  after = mallinfo2 ();
  g_assert_cmpuint (before.uordblks, ==, after.uordblks);
  g_assert_cmpuint (before.hblkhd, ==, after.hblkhd);
}

static void
test_probabilities (void)
{
  g_autoptr (EffnetModel) model = open_default ();
  g_autoptr (EffnetSession) session = test_new_session (model, 0);
  g_autofree float *input = random_input (model, 6);
  EffnetResult result;
  double sum = 0, exps = 0;

  g_assert_true (effnet_session_run (session, input, &result, NULL));
  g_assert_cmpuint (result.n_classes, ==, 1000);
  g_assert_cmpuint (result.n_features, ==, 1280);
  for (unsigned i = 0; i < 1000; i++)
    exps += exp (result.logits[i]);
  for (unsigned i = 0; i < 1000; i++) {
    sum += result.probabilities[i];
    g_assert_cmpfloat (fabs (result.probabilities[i] - exp (result.logits[i]) / exps), <, 1e-6);
  }
  g_assert_cmpfloat (fabs (sum - 1), <, 1e-5);
}

static void
test_top_k (void)
{
  static const float p[] = {0.1f, 0.3f, NAN, 0.3f, 0.05f, 0.25f};
  static const unsigned want[] = {1, 3, 5, 0, 4, 2};
  EffnetResult result = {.probabilities = p, .n_classes = G_N_ELEMENTS (p)};
  EffnetScore top[8];

  for (unsigned k = 0; k <= 8; k++) {
    unsigned n = effnet_result_top_k (&result, k, top);

    g_assert_cmpuint (n, ==, MIN (k, 6));
    for (unsigned i = 0; i < n; i++)
      g_assert_cmpuint (top[i].id, ==, want[i]);
  }
}

/* ---- models ---- */

static void
test_sharing (void)
{
  g_autoptr (EffnetModel) a = open_default ();
  g_autoptr (EffnetModel) b = open_default ();
  g_autofree char *path = default_model_path ();
  EffnetModelOptions options = {.padding = EFFNET_PADDING_SYMMETRIC};
  g_autoptr (EffnetModel) other = effnet_model_open (path, &options, NULL);

  g_assert_true (a == b);
  g_assert_true (a != other);
}

static void
test_info (void)
{
  g_autoptr (EffnetModel) model = open_default ();
  g_autofree char *file = g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), "models", "lite0",
                                            "model.safetensors", NULL);
  g_autofree char *contents = NULL, *sha = NULL;
  EffnetModelInfo info;
  gsize length;

  effnet_model_get_info (model, &info);
  g_assert_cmpstr (info.variant, ==, "lite0");
  g_assert_cmpuint (info.n_classes, ==, 1000);
  g_assert_cmpuint (info.input_width, ==, 224);
  g_assert_cmpuint (info.weight_bytes, >, 4u << 20);
  g_assert_cmpstr (effnet_model_get_label (model, 0), ==, "tench");
  g_assert_null (effnet_model_get_label (model, 1000));
  g_assert_true (g_file_get_contents (file, &contents, &length, NULL));
  sha = g_compute_checksum_for_data (G_CHECKSUM_SHA256, (const guchar *)contents, length);
  g_assert_cmpstr (effnet_model_get_sha256 (model), ==, sha);
}

/* ---- errors ---- */

static void
expect_open_error (const char *path, const EffnetModelOptions *options, EffnetError code,
                   const char *words)
{
  GError *error = NULL;

  g_assert_null (effnet_model_open (path, options, &error));
  test_assert_error (&error, code, words);
}

static void
test_not_found (void)
{
  g_autofree char *empty = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  EffnetModelOptions b5 = {.variant = "b5"}, up = {.variant = "../lite0"},
                     unknown = {.variant = "b99", .synthetic_seed = 1}, odd = {.variant = "b\n5"};

  expect_open_error (NULL, &b5, EFFNET_ERROR_NOT_FOUND, "b5|/effnet/models/b5|effnet fetch b5");
  expect_open_error (NULL, &up, EFFNET_ERROR_NOT_FOUND, "../lite0");
  expect_open_error (NULL, &odd, EFFNET_ERROR_NOT_FOUND,
                     "variant b\\u000a5|/effnet/models/b\\u000a5");
  expect_open_error (NULL, &unknown, EFFNET_ERROR_NOT_FOUND, "b99|lite0");
  expect_open_error (empty, NULL, EFFNET_ERROR_NOT_FOUND, "no model.safetensors|config.json");
  expect_open_error ("/nowhere/model.safetensors", NULL, EFFNET_ERROR_NOT_FOUND,
                     "/nowhere/model.safetensors");
  g_rmdir (empty);
}

static void
test_wrong_words (void)
{
  g_autofree char *path = default_model_path ();
  g_autofree char *labels = g_build_filename (g_get_tmp_dir (), "effnet-two-labels.txt", NULL);
  EffnetModelOptions b0 = {.variant = "b0"}, eps = {.bn_epsilon = -1},
                     precision = {.precision = EFFNET_PRECISION_INT8 + 1};
  EffnetModelOptions two = {.labels_file = labels}, huge = {.input_size = 1000000};

  g_assert_true (g_file_set_contents (labels, "cat\ndog\n", -1, NULL));
  expect_open_error (path, &b0, EFFNET_ERROR_MISMATCH, "b0|looks like lite0");
  expect_open_error (path, &eps, EFFNET_ERROR_ARGUMENT, "epsilon|-1");
  expect_open_error (path, &precision, EFFNET_ERROR_ARGUMENT, "precision|4");
  expect_open_error (path, &two, EFFNET_ERROR_MISMATCH, "two-labels|2|1000");
  expect_open_error (path, &huge, EFFNET_ERROR_ARGUMENT, "1000000");
  g_unlink (labels);
}

/* At once, not when somebody writes to it. */
static void
test_pipe (void)
{
  g_autofree char *folder = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "model.safetensors", NULL);

  g_assert_cmpint (mkfifo (file, 0600), ==, 0);
  expect_open_error (file, NULL, EFFNET_ERROR_IO, "pipe|model.safetensors");
  expect_open_error (folder, NULL, EFFNET_ERROR_IO, "pipe|model.safetensors");
  expect_open_error ("/dev/zero", NULL, EFFNET_ERROR_IO, "device|/dev/zero");
  g_unlink (file);
  g_rmdir (folder);
}

static void
test_bare_file (void)
{
  g_autofree char *source = g_build_filename (g_getenv ("EFFNET_SOURCE_ROOT"), "models", "lite0",
                                              "model.safetensors", NULL);
  g_autofree char *folder = g_dir_make_tmp ("effnet-XXXXXX", NULL);
  g_autofree char *file = g_build_filename (folder, "weights.safetensors", NULL);
  g_autofree char *contents = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (source, &contents, &length, NULL));
  g_assert_true (g_file_set_contents (file, contents, (gssize)length, NULL));
  {
    g_autoptr (GError) error = NULL;
    g_autoptr (EffnetModel) model = effnet_model_open (file, NULL, &error);
    EffnetModelInfo info;

    g_assert_no_error (error);
    effnet_model_get_info (model, &info);
    g_assert_cmpstr (info.variant, ==, "lite0");       /* as its shapes are */
    g_assert_null (effnet_model_get_label (model, 0)); /* no card, no names */
  }
  g_unlink (file);
  g_rmdir (folder);
}

static void
test_session_options (void)
{
  g_autoptr (EffnetModel) model = open_default ();
  EffnetSessionOptions options = {.threads = 1000000};
  g_autoptr (GError) error = NULL;

  g_assert_null (effnet_session_new (model, &options, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_assert_nonnull (strstr (error->message, "1000000"));
}

typedef struct {
  EffnetSession *session; /* another one */
  const EffnetImage *frame;
  const EffnetRegion *regions;
  unsigned n;
} Regions;

/* Each is what the frame gives when the region is its crop. */
static void
compare_region (unsigned region, const EffnetResult *result, void *user_data)
{
  Regions *r = user_data;
  EffnetImage part = *r->frame;
  EffnetResult alone;

  g_assert_cmpuint (region, ==, r->n++);
  part.crop_x += r->regions[region].x;
  part.crop_y += r->regions[region].y;
  part.crop_width = r->regions[region].width;
  part.crop_height = r->regions[region].height;
  g_assert_true (effnet_session_classify (r->session, &part, &alone, NULL));
  g_assert_cmpmem (result->logits, result->n_classes * sizeof (float), alone.logits,
                   alone.n_classes * sizeof (float));
}

static void
test_regions (void)
{
  static const EffnetRegion regions[] = {{0, 0, 60, 40}, {7, 3, 21, 30}, {59, 39, 1, 1}};
  g_autoptr (EffnetModel) model = open_synthetic ("lite0", EFFNET_PRECISION_FP32, 64);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, NULL);
  g_autoptr (EffnetSession) other = effnet_session_new (model, NULL, NULL);
  g_autofree guint8 *pixels = g_malloc (64 * 48);
  g_autoptr (GError) error = NULL;
  EffnetImage frame = EFFNET_IMAGE_INIT;
  Regions r = {other, &frame, regions, 0};
  unsigned width = 0, height = 0;

  for (unsigned i = 0; i < 64 * 48; i++)
    pixels[i] = (guint8)(i * 37 % 251);
  frame.format = EFFNET_PIXEL_FORMAT_GRAY8;
  frame.width = 64;
  frame.stride[0] = 64;
  frame.height = 48;
  frame.data[0] = pixels;
  frame.crop_x = 2;
  frame.crop_width = 60;
  frame.crop_height = 40;
  g_assert_true (effnet_session_get_frame_size (session, &frame, &width, &height, &error));
  g_assert_cmpuint (width, ==, 60);
  g_assert_cmpuint (height, ==, 40);
  g_assert_true (
      effnet_session_classify_regions (session, &frame, regions, 3, compare_region, &r, &error));
  g_assert_cmpuint (r.n, ==, 3);
  g_assert_true (
      effnet_session_classify_regions (session, &frame, regions, 0, compare_region, &r, &error));
  g_assert_no_error (error);
  frame.crop_width = 59;
  g_assert_false (
      effnet_session_classify_regions (session, &frame, regions, 3, compare_region, &r, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FRAME);
  g_assert_nonnull (strstr (error->message, "region 0"));
  g_assert_cmpuint (r.n, ==, 3);
}

typedef struct {
  EffnetSession *session; /* another one */
  EffnetResult result;    /* of the input seen last, by that session */
  unsigned seen, results;
} Watch;

static gboolean
see_input (unsigned region, const float *nhwc, void *user_data)
{
  Watch *watch = user_data;

  g_assert_cmpuint (region, ==, watch->seen++);
  g_assert_true (effnet_session_run (watch->session, nhwc, &watch->result, NULL));
  return region != 1;
}

static void
compare_seen (unsigned region, const EffnetResult *result, void *user_data)
{
  Watch *watch = user_data;

  g_assert_cmpuint (region, !=, 1);
  watch->results++;
  g_assert_cmpmem (result->logits, result->n_classes * sizeof (float), watch->result.logits,
                   watch->result.n_classes * sizeof (float));
}

static void
ignore_result (unsigned region, const EffnetResult *result, void *user_data)
{
  (void)region, (void)result, (void)user_data;
}

/* What is seen is what the network gets, and a region that is left out has no result. */
static void
test_input_func (void)
{
  static const EffnetRegion regions[] = {{0, 0, 60, 40}, {7, 3, 21, 30}, {59, 39, 1, 1}};
  static guint8 pixels[64 * 48];
  g_autoptr (EffnetModel) model = open_synthetic ("lite0", EFFNET_PRECISION_FP32, 64);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, NULL);
  g_autoptr (EffnetSession) other = effnet_session_new (model, NULL, NULL);
  g_autoptr (GError) error = NULL;
  EffnetImage frame = EFFNET_IMAGE_INIT;
  Watch watch = {.session = other};
  EffnetResult result;

  for (unsigned i = 0; i < sizeof pixels; i++)
    pixels[i] = (guint8)(i * 37 % 251);
  frame.format = EFFNET_PIXEL_FORMAT_GRAY8;
  frame.width = 64;
  frame.stride[0] = 64;
  frame.height = 48;
  frame.data[0] = pixels;
  effnet_session_set_input_func (session, see_input, &watch);
  g_assert_true (
      effnet_session_classify_regions (session, &frame, regions, 3, compare_seen, &watch, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (watch.seen, ==, 3);
  g_assert_cmpuint (watch.results, ==, 2);
  g_assert_true (effnet_session_classify (session, &frame, &result, NULL)); /* asks nobody */
  effnet_session_set_input_func (session, NULL, NULL);
  g_assert_true (
      effnet_session_classify_regions (session, &frame, regions, 1, ignore_result, NULL, NULL));
  g_assert_cmpuint (watch.seen, ==, 3);
}

int
main (int argc, char **argv)
{
  static const char *const variants[] = {"b0", "lite0", "es", "b3", "lite4"};
  /* the last two take an emulated CPU minutes and have the others' layers */
  const size_t n_variants = g_getenv ("EFFNET_TEST_EMULATED") != NULL ? 3 : 5;

  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < n_variants; i++) {
    g_autofree char *name = g_strdup_printf ("/engine/thread-invariance/%s", variants[i]);

    g_test_add_data_func (name, variants[i], test_thread_invariance);
  }
  g_test_add_func ("/engine/thread-invariance-bf16", test_thread_invariance_bf16);
  g_test_add_func ("/engine/thread-invariance-int8", test_thread_invariance_int8);
  g_test_add_func ("/engine/streams", test_streams);
  g_test_add_func ("/engine/run-allocates-nothing", test_run_allocates_nothing);
  g_test_add_func ("/engine/probabilities", test_probabilities);
  g_test_add_func ("/engine/top-k", test_top_k);
  g_test_add_func ("/engine/sharing", test_sharing);
  g_test_add_func ("/engine/info", test_info);
  g_test_add_func ("/engine/not-found", test_not_found);
  g_test_add_func ("/engine/wrong-words", test_wrong_words);
  g_test_add_func ("/engine/bare-file", test_bare_file);
  g_test_add_func ("/engine/pipe", test_pipe);
  g_test_add_func ("/engine/session-options", test_session_options);
  g_test_add_func ("/engine/regions", test_regions);
  g_test_add_func ("/engine/input-func", test_input_func);
  return g_test_run ();
}
