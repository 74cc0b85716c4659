/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which model a file and what lies beside it are: cards of other models, names of classes, guesses
 * that are said, and files that change while a model of them is in use. */
#define _POSIX_C_SOURCE 200809L /* utimensat, symlink */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../weights/files.h"
#include "arch/net.h"
#include "bind/synthetic.h"
#include "open.h"
#include "weights/tensors.h"

/* A small checkpoint of lite0 under timm's names, 4 classes; the classifier's bias is last. */
static void
write_weights (TestFolder *folder, const char *name, guint64 seed)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("lite0", 32, 4, EFFNET_PADDING_SYMMETRIC, NULL);
  g_autoptr (EffnetTensorTable) table = effnet_synthetic_new (net, seed, NULL);
  g_autoptr (GString) header = g_string_new ("{");
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gsize at = 0;

  for (gsize i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    gsize end = at + tensor->n_elements * sizeof (float);

    g_string_append_printf (header,
                            "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                            i > 0 ? "," : "", tensor->name, shape, at, end);
    at = end;
  }
  g_string_append_c (header, '}');
  guint64 length = GUINT64_TO_LE (header->len);
  g_byte_array_append (bytes, (const guint8 *)&length, sizeof length);
  g_byte_array_append (bytes, (const guint8 *)header->str, (guint)header->len);
  for (gsize i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);
    g_byte_array_append (bytes, tensor->data, (guint)(tensor->n_elements * sizeof (float)));
  }
  g_free (test_put (folder, name, bytes->data, bytes->len));
}

static char *
in (const TestFolder *folder, const char *name)
{
  return g_build_filename (folder->path, name, NULL);
}

static void
put (TestFolder *folder, const char *name, const char *text)
{
  g_free (test_put_text (folder, name, text));
}

static void
set_up (TestFolder *folder, gconstpointer name)
{
  test_folder_set_up (folder, NULL);
  write_weights (folder, name, 1);
}

static EffnetModel *
open_model (const TestFolder *folder, const char *name, const EffnetModelOptions *options,
            EffnetModelInfo *info)
{
  g_autofree char *path = in (folder, name);
  EffnetModel *model = test_open (path, options);

  effnet_model_get_info (model, info);
  return model;
}

static void
assert_refused (const TestFolder *folder, const char *name, const EffnetModelOptions *options,
                EffnetError code, const char *words)
{
  g_autofree char *path = in (folder, name);
  GError *error = NULL;

  g_assert_null (effnet_model_open (path, options, &error));
  test_assert_error (&error, code, words);
}

static void
assert_notice (const EffnetModelInfo *info, const char *words)
{
  if (words == NULL)
    g_assert_null (info->notice);
  else if (info->notice == NULL || strstr (info->notice, words) == NULL)
    g_error ("the notice \"%s\" does not say \"%s\"", info->notice, words);
}

static void
test_guesses (TestFolder *folder, gconstpointer data)
{
  const struct {
    EffnetModelOptions options;
    const char *padding, *notice;
  } rows[] = {
      /* NULL: nothing but mean and std */
      {{.variant = NULL}, "symmetric", "padding symmetric is a guess"},
      {{.variant = "lite0"}, "symmetric", "padding symmetric is a guess"},
      {{.variant = "tf_efficientnet_lite0"}, "same", NULL},
      {{.variant = "efficientnet_lite0"}, "symmetric", NULL},
      {{.padding = EFFNET_PADDING_SAME}, "same", NULL},
      {{.padding = EFFNET_PADDING_SYMMETRIC}, "symmetric", NULL},
  };

  (void)data;
  for (gsize i = 0; i < 3 * G_N_ELEMENTS (rows); i++) {
    gsize row = i % G_N_ELEMENTS (rows);
    EffnetModelInfo info;
    if (i == G_N_ELEMENTS (rows)) /* a card that says no more */
      put (folder, "a.json", "{\"architecture\": \"lite0\"}");
    if (i == 2 * G_N_ELEMENTS (rows))
      put (folder, "a.json", "{\"architecture\": \"lite0\", \"mean\": [0.5], \"std\": [0.5]}");
    g_autoptr (EffnetModel) model = open_model (folder, "a.safetensors", &rows[row].options, &info);
    g_assert_nonnull (model);
    g_assert_cmpstr (info.variant, ==, "lite0");
    g_assert_cmpstr (info.padding, ==, rows[row].padding);
    if (rows[row].notice != NULL)
      assert_notice (&info, rows[row].notice);
    else
      g_assert_true (info.notice == NULL || strstr (info.notice, "padding") == NULL);
    if (i < 2 * G_N_ELEMENTS (rows))
      assert_notice (&info, "ImageNet's mean and std are a guess");
    else
      g_assert_true (info.notice == NULL || strstr (info.notice, "mean") == NULL);
  }
}

/* B0 without squeeze-excite has the tensors of Lite0: a file that does not say which is opened as
 * one of them with a notice, and the option or any card decides. */
static void
test_twins (TestFolder *folder, gconstpointer data)
{
  static const char card[] = "{\"architecture\": \"b0-nose-all\", \"mean\": [0.5], \"std\": [0.5], "
                             "\"effnet\": {\"padding\": \"same\"}}";
  const EffnetModelOptions chosen = {.variant = "b0-nose-all"}, other = {.variant = "lite0"};
  const struct {
    const char *card; /* its name, or NULL */
    const EffnetModelOptions *options;
    const char *variant, *notice;
  } rows[] = {
      {NULL, NULL, "lite0", "variant lite0 is a guess for|variant \"b0-nose-all\" is for that"},
      {NULL, &chosen, "b0-nose-all", NULL},
      {NULL, &other, "lite0", NULL},
      {"a.json", NULL, "b0-nose-all", NULL},
      {"config.json", NULL, "b0-nose-all", "is taken to be that of"},
      {"a.json", &other, "lite0", NULL},
  };

  (void)data;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *path = in (folder, rows[i].card != NULL ? rows[i].card : "none");
    g_auto (GStrv) words = g_strsplit (rows[i].notice != NULL ? rows[i].notice : "", "|", 0);
    EffnetModelInfo info;

    if (rows[i].card != NULL)
      put (folder, rows[i].card, card);
    g_autoptr (EffnetModel) model = open_model (folder, "a.safetensors", rows[i].options, &info);
    g_assert_nonnull (model);
    g_assert_cmpstr (info.variant, ==, rows[i].variant);
    for (char **word = words; *word != NULL; word++)
      assert_notice (&info, *word);
    if (rows[i].notice == NULL && info.notice != NULL)
      g_assert_null (strstr (info.notice, "variant lite0 is a guess"));
    g_remove (path);
  }
}

/* A file that is not called model.safetensors, and a card. */
static void
test_foreign_card (TestFolder *folder, gconstpointer data)
{
  static const struct {
    const char *card_name, *card, *notice;
    unsigned side; /* the card says 64, the variant 224 */
  } rows[] = {
      {"config.json", "\"architecture\": \"tf_efficientnet_lite0\"", "is taken to be that of", 64},
      {"a.json", "\"architecture\": \"tf_efficientnet_lite0\"", NULL, 64},
      {"config.json", "\"architecture\": \"tf_efficientnet_b0\"", "is not used", 224},
      {"config.json", "\"architecture\": \"resnet50\"", "is not used", 224},
      {"config.json", "\"architecture\": \"tf_efficientnet_lite0\", \"num_classes\": 5",
       "is not used", 224},
      {"config.json", "\"label_names\": [\"a\", \"b\"]", "is not used", 224},
  };

  (void)data;
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree char *text = g_strdup_printf (
        "{%s, \"input_size\": [3, 64, 64], \"mean\": [0.5], \"std\": [0.5]}", rows[i].card);
    g_autofree char *card = in (folder, rows[i].card_name);
    EffnetModelInfo info;
    put (folder, rows[i].card_name, text);
    g_autoptr (EffnetModel) model = open_model (folder, "a.safetensors", NULL, &info);
    g_assert_nonnull (model);
    g_assert_cmpuint (info.input_width, ==, rows[i].side);
    assert_notice (&info, rows[i].notice);
    g_unlink (card);
  }
}

static void
test_own_card (TestFolder *folder, gconstpointer data)
{
  g_autofree char *card = in (folder, "config.json");

  (void)data;
  put (folder, "config.json", "{\"architecture\": \"b0\"}");
  assert_refused (folder, "", NULL, EFFNET_ERROR_MISMATCH, "b0|looks like lite0");
  put (folder, "config.json", "{\"architecture\": \"tf_efficientnet_lite0\", \"num_classes\": 5}");
  assert_refused (folder, "", NULL, EFFNET_ERROR_MISMATCH, "4 classes|card says 5");
  g_unlink (card);
  g_assert_cmpint (symlink ("nowhere", card), ==, 0);
  assert_refused (folder, "", NULL, EFFNET_ERROR_NOT_FOUND, "config.json");
}

static void
test_input_size (TestFolder *folder, gconstpointer data)
{
  const EffnetModelOptions asked = {.input_size = 449};
  EffnetModelInfo info;

  (void)data;
  put (folder, "config.json",
       "{\"architecture\": \"tf_efficientnet_lite0\", \"input_size\": [3, 448, 448]}");
  g_autoptr (EffnetModel) most = open_model (folder, "", NULL, &info);
  g_assert_nonnull (most);
  g_assert_cmpuint (info.input_width, ==, 448);
  put (folder, "config.json",
       "{\"architecture\": \"tf_efficientnet_lite0\", \"input_size\": [3, 449, 449]}");
  assert_refused (folder, "", NULL, EFFNET_ERROR_UNSUPPORTED, "config.json|449|448|input-size 449");
  g_autoptr (EffnetModel) wanted = open_model (folder, "", &asked, &info);
  g_assert_nonnull (wanted);
  g_assert_cmpuint (info.input_width, ==, 449);
  put (folder, "config.json",
       "{\"architecture\": \"tf_efficientnet_lite0\", \"input_size\": [3, 8192, 8192]}");
  assert_refused (folder, "", NULL, EFFNET_ERROR_UNSUPPORTED, "8192");
  put (folder, "config.json",
       "{\"architecture\": \"tf_efficientnet_lite0\", \"input_size\": [3, 64, 65]}");
  g_autoptr (EffnetModel) oblong = open_model (folder, "", NULL, &info);
  g_assert_nonnull (oblong);
  g_assert_cmpuint (info.input_height, ==, 64);
  g_assert_cmpuint (info.input_width, ==, 65);
}

/* Weights of another name that are alone in a folder or one below; a folder's name that is searched
 * for; and what is said where it is not clear. */
static void
test_folders (TestFolder *folder, gconstpointer data)
{
  g_autofree char *run = in (folder, "run"), *best = in (folder, "run/best.safetensors");
  g_autofree char *last = in (folder, "run/last.safetensors");
  EffnetModelInfo info;

  (void)data;
  g_assert_cmpint (g_mkdir (run, 0700), ==, 0);
  assert_refused (folder, "run", NULL, EFFNET_ERROR_NOT_FOUND, "run holds no|empty|effnet fetch");
  put (folder, "run/model.onnx", "\x08\x07\x12\x07pytorch");
  assert_refused (folder, "run", NULL, EFFNET_ERROR_NOT_FOUND, "model.onnx is an ONNX model");
  write_weights (folder, "run/best.safetensors", 1);
  g_autoptr (EffnetModel) inner = open_model (folder, "run", NULL, &info);
  g_assert_cmpstr (info.path, ==, best);
  g_autoptr (EffnetModel) nested = open_model (folder, "", NULL, &info);
  g_assert_true (nested == inner);
  put (folder, "run/last.safetensors", "x");
  assert_refused (folder, "", NULL, EFFNET_ERROR_NOT_FOUND, "best.safetensors, last.safetensors");
  g_assert_cmpint (g_rename (best, last), ==, 0); /* replaces it */
  g_setenv ("EFFNET_MODEL_PATH", folder->path, TRUE);
  put (folder, "run/config.json", "{\"architecture\": \"lite0\"}");
  g_autofree char *usual = in (folder, "run/model.safetensors");
  g_assert_cmpint (g_rename (last, usual), ==, 0);
  g_autoptr (EffnetModel) named = test_open ("run", NULL);
  effnet_model_get_info (named, &info);
  g_assert_cmpstr (info.path, ==, usual);
  g_autoptr (EffnetModel) variant = test_open (NULL, &(EffnetModelOptions){.variant = "run"});
  g_assert_true (variant == named);
  g_setenv ("EFFNET_MODEL_PATH", run, TRUE);
  g_autoptr (EffnetModel) itself = test_open ("run", NULL);
  g_assert_true (itself == named);
  g_unsetenv ("EFFNET_MODEL_PATH");
  for (const char *const *name = (const char *const[]){"run/model.onnx", "run/config.json",
                                                       "run/model.safetensors", "run", NULL};
       *name != NULL; name++) {
    g_autofree char *path = in (folder, *name);
    g_assert_cmpint (g_remove (path), ==, 0);
  }
}

/* A label file stands in for names that are broken or do not fit. */
static void
test_label_file (TestFolder *folder, gconstpointer data)
{
  static const char *const cards[] = {
      "{\"id2label\": {\"0\": \"a\", \"2\": \"b\"}}",
      "{\"num_classes\": 4, \"label_names\": [\"a\", \"b\", \"c\"]}",
      "{\"label_names\": [\"a\", \"b\", \"c\"]}",
      "{\"label_names\": 7}",
      "{\"label_names\": [\"a\", \"b\", \"c\", \"d\"]}",
  };
  g_autofree char *labels = in (folder, "labels.txt");
  const EffnetModelOptions options = {.labels_file = labels};

  (void)data;
  put (folder, "labels.txt", "3: w\n2: x\n1: y\n0: z\n");
  for (gsize i = 0; i < G_N_ELEMENTS (cards); i++) {
    EffnetModelInfo info;
    put (folder, "config.json", cards[i]);
    g_autoptr (EffnetModel) model = open_model (folder, "", &options, &info);
    g_assert_nonnull (model);
    g_assert_cmpstr (effnet_model_get_label (model, 0), ==, "z");
    g_assert_cmpstr (effnet_model_get_label (model, 3), ==, "w");
    if (i < 2 || i == 3)
      assert_refused (folder, "", NULL, i == 1 ? EFFNET_ERROR_MISMATCH : EFFNET_ERROR_FORMAT,
                      "label file|config.json");
  }
  put (folder, "config.json", cards[2]);
  assert_refused (folder, "", NULL, EFFNET_ERROR_MISMATCH, "4 classes|card names 3");
}

/* A variant would not help. */
static void
test_other_network (TestFolder *folder, gconstpointer data)
{
  static const char header[] =
      "{\"conv1.weight\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";

  (void)data;
  g_free (test_put_tensors (folder, strlen (header), header, strlen (header), 4));
  assert_refused (folder, "x.safetensors", NULL, EFFNET_ERROR_MISMATCH,
                  "x.safetensors|conv_stem.weight|not an EfficientNet");
}

/* Whatever the file is called, the sentence is one line. */
static void
test_damaged (TestFolder *folder, gconstpointer name)
{
  static const float nan = NAN;
  g_autofree char *path = in (folder, name);
  FILE *file = fopen (path, "r+");

  g_assert_nonnull (file);
  g_assert_cmpint (fseek (file, -(long)sizeof nan, SEEK_END), ==, 0);
  g_assert_cmpuint (fwrite (&nan, sizeof nan, 1, file), ==, 1);
  g_assert_cmpint (fclose (file), ==, 0);
  assert_refused (folder, name, NULL, EFFNET_ERROR_FORMAT, "safetensors: |classifier.bias|nan");
}

/* The same name, size and time of modification, other bytes. */
static void
test_rewritten (TestFolder *folder, gconstpointer data)
{
  g_autofree char *path = in (folder, "model.safetensors");
  g_autofree char *other = in (folder, "other");
  g_autofree char *bytes = NULL;
  EffnetModelInfo info;
  struct stat before;
  gsize length;

  (void)data;
  g_autoptr (EffnetModel) first = open_model (folder, "", NULL, &info);
  g_autofree char *sha = g_strdup (effnet_model_get_sha256 (first));
  g_autoptr (EffnetModel) same = open_model (folder, "", NULL, &info);
  g_assert_true (first == same);
  g_assert_cmpint (stat (path, &before), ==, 0);
  const struct timespec times[2] = {before.st_atim, before.st_mtim};

  write_weights (folder, "other", 2);
  g_assert_true (g_file_get_contents (other, &bytes, &length, NULL));
  g_assert_cmpuint (length, ==, (gsize)before.st_size);
  g_usleep (20000); /* a tick of the file system's clock */
  FILE *file = fopen (path, "r+");
  g_assert_cmpuint (fwrite (bytes, 1, length, file), ==, length);
  fclose (file);
  g_assert_cmpint (utimensat (AT_FDCWD, path, times, 0), ==, 0);
  g_autoptr (EffnetModel) second = open_model (folder, "", NULL, &info);
  g_assert_true (second != first);
  g_assert_cmpstr (effnet_model_get_sha256 (second), !=, sha);
  g_assert_cmpstr (effnet_model_get_sha256 (first), ==, sha);
}

typedef struct {
  TestFolder *folder;
  EffnetModel *model;
} Opening;

static gpointer
open_main (gpointer data)
{
  Opening *opening = data;
  EffnetModelInfo info;

  opening->model = open_model (opening->folder, "", NULL, &info);
  return NULL;
}

#define TRIES 12

/* A card replaced while a model is opened: the next one has the new card, while the first is in
 * use, whichever of the two the first has. */
static void
test_card_replaced (TestFolder *folder, gconstpointer data)
{
  g_autofree char *card = in (folder, "config.json"), *other = in (folder, "other.json");
  gint64 takes = 0; /* us */

  (void)data;
  for (gint64 i = 0; i < TRIES; i++) {
    Opening opening = {.folder = folder};
    EffnetModelInfo info;
    gint64 start;

    put (folder, "config.json", "{\"label_names\": [\"a\", \"b\", \"c\", \"d\"]}");
    put (folder, "other.json", "{\"label_names\": [\"w\", \"x\", \"y\", \"z\"]}");
    start = g_get_monotonic_time ();
    GThread *thread = g_thread_new ("open", open_main, &opening);
    if (i > 0)
      g_usleep ((gulong)(takes * i / TRIES));
    g_assert_cmpint (g_rename (other, card), ==, 0);
    g_thread_join (thread);
    if (i == 0)
      takes = g_get_monotonic_time () - start;
    g_autoptr (EffnetModel) second = open_model (folder, "", NULL, &info);
    g_assert_cmpstr (effnet_model_get_label (second, 0), ==, "w");
    effnet_model_unref (opening.model);
  }
}

#define ADD(name, file, function)                                                                  \
  g_test_add ("/engine/files/" name, TestFolder, file, set_up, function, test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("guesses", "a.safetensors", test_guesses);
  ADD ("twins", "a.safetensors", test_twins);
  ADD ("foreign-card", "a.safetensors", test_foreign_card);
  ADD ("own-card", "model.safetensors", test_own_card);
  ADD ("input-size", "model.safetensors", test_input_size);
  ADD ("folders", "checkpoint.bin", test_folders);
  ADD ("label-file", "model.safetensors", test_label_file);
  ADD ("other-network", "model.safetensors", test_other_network);
  ADD ("damaged", "a\nb.safetensors", test_damaged);
  ADD ("rewritten", "model.safetensors", test_rewritten);
  ADD ("card-replaced", "model.safetensors", test_card_replaced);
  return g_test_run ();
}
