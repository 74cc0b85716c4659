/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Model cards in the shapes they are met in, and one broken card for every rule. */
#include "files.h"
#include "weights/card.h"

#include <math.h>
#include <string.h>

static EffnetCard *
load (TestFolder *folder, const char *text)
{
  GError *error = NULL;
  g_autofree char *path = test_put_text (folder, "config.json", text);
  EffnetCard *card = effnet_card_load (path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (card);
  return card;
}

static void
assert_defaults (const EffnetCard *card)
{
  g_assert_null (card->architecture);
  g_assert_cmpuint (card->n_classes, ==, 0);
  g_assert_cmpuint (card->input_height, ==, 0);
  g_assert_cmpuint (card->input_width, ==, 0);
  g_assert_cmpfloat (card->mean[0], ==, 0.485f);
  g_assert_cmpfloat (card->mean[1], ==, 0.456f);
  g_assert_cmpfloat (card->mean[2], ==, 0.406f);
  g_assert_cmpfloat (card->std[0], ==, 0.229f);
  g_assert_cmpfloat (card->std[1], ==, 0.224f);
  g_assert_cmpfloat (card->std[2], ==, 0.225f);
  g_assert_cmpint (card->interpolation, ==, EFFNET_INTERPOLATION_BICUBIC);
  g_assert_cmpfloat (card->crop_pct, ==, 0.875);
  g_assert_cmpint (card->crop_mode, ==, EFFNET_CROP_CENTER);
  g_assert_cmpint (card->padding, ==, EFFNET_PADDING_AUTO);
  g_assert_cmpfloat (card->bn_epsilon, ==, 0.0);
  g_assert_cmpfloat (card->temperature, ==, 0.0);
  g_assert_null (card->labels);
  g_assert_no_error (card->labels_error);
}

static void
test_defaults (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) made = effnet_card_new ();
  g_autoptr (EffnetCard) empty = load (folder, "{}");
  g_autoptr (EffnetCard) nulls =
      load (folder, "{\"architecture\": null, \"num_classes\": null, \"input_size\": null,"
                    "\"mean\": null, \"std\": null, \"interpolation\": null, \"crop_pct\": null,"
                    "\"crop_mode\": null, \"pretrained_cfg\": null, \"effnet\": null,"
                    "\"label_names\": null, \"label_descriptions\": null}");
  g_autoptr (EffnetCard) unknown =
      load (folder, "{\"first_conv\": 1, \"license\": {\"a\": [true, false, null, -1.5e-3]},"
                    "\"pretrained_cfg\": {\"classifier\": \"fc\"}, \"effnet\": {\"x\": 1}}");

  (void)data;
  assert_defaults (made);
  assert_defaults (empty);
  assert_defaults (nulls);
  assert_defaults (unknown);
}

/* As timm writes them today: the description inside, label names as synsets with descriptions. */
static void
test_inner (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) card = load (
      folder,
      "{\"architecture\": \"tf_efficientnet_b1\", \"num_classes\": 3, \"num_features\": 1280,\n"
      " \"global_pool\": \"avg\", \"pretrained_cfg\": {\"tag\": \"ns_jft_in1k\",\n"
      "  \"custom_load\": false, \"input_size\": [3, 240, 250], \"fixed_input_size\": false,\n"
      "  \"interpolation\": \"bilinear\", \"crop_pct\": 0.882, \"crop_mode\": \"squash\",\n"
      "  \"mean\": [0.5, 0.25, 0], \"std\": [0.5, 1, 2.5e-1], \"num_classes\": 1000,\n"
      "  \"pool_size\": [8, 8]},\n"
      " \"label_names\": [\"n01440764\", \"n01443537\", \"dog\"],\n"
      " \"label_descriptions\": {\"n01443537\": \"goldfish, Carassius auratus\",\n"
      "  \"n01440764\": \"tench, Tinca tinca\"}}");

  (void)data;
  g_assert_cmpstr (card->architecture, ==, "tf_efficientnet_b1");
  g_assert_cmpuint (card->n_classes, ==, 3);
  g_assert_cmpuint (card->input_height, ==, 240);
  g_assert_cmpuint (card->input_width, ==, 250);
  g_assert_cmpint (card->interpolation, ==, EFFNET_INTERPOLATION_BILINEAR);
  g_assert_cmpfloat (card->crop_pct, ==, 0.882);
  g_assert_cmpint (card->crop_mode, ==, EFFNET_CROP_SQUASH);
  g_assert_cmpfloat (card->mean[1], ==, 0.25f);
  g_assert_cmpfloat (card->mean[2], ==, 0.0f);
  g_assert_cmpfloat (card->std[1], ==, 1.0f);
  g_assert_cmpfloat (card->std[2], ==, 0.25f);
  g_assert_cmpuint (g_strv_length (card->labels), ==, 3);
  g_assert_cmpstr (card->labels[0], ==, "tench, Tinca tinca");
  g_assert_cmpstr (card->labels[1], ==, "goldfish, Carassius auratus");
  g_assert_cmpstr (card->labels[2], ==, "dog");
}

/* As it wrote them before, and as small cards for other collections are written by hand. */
static void
test_outer (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) card = load (
      folder, "{\"architecture\": \"efficientnet-b0\", \"input_size\": [3, 224, 224],"
              "\"interpolation\": \"bicubic\", \"crop_pct\": 1, \"crop_mode\": \"border\","
              "\"effnet\": {\"padding\": \"same\", \"bn_epsilon\": 1e-3, \"temperature\": 1.5},"
              "\"label_names\": {\"1\": \"b\", \"0\": \"a\"}}");
  g_autoptr (EffnetCard) other =
      load (folder, "{\"effnet\": {\"padding\": \"symmetric\"}, \"crop_pct\": 0.5,"
                    "\"pretrained_cfg\": {\"crop_pct\": 0.75, \"label_names\": [\"x\", \"y\"],"
                    "\"architecture\": \"b2\"}}");

  (void)data;
  g_assert_cmpstr (card->architecture, ==, "efficientnet-b0");
  g_assert_cmpuint (card->n_classes, ==, 0); /* only num_classes says how many */
  g_assert_cmpfloat (card->crop_pct, ==, 1.0);
  g_assert_cmpint (card->crop_mode, ==, EFFNET_CROP_BORDER);
  g_assert_cmpint (card->padding, ==, EFFNET_PADDING_SAME);
  g_assert_cmpfloat (card->bn_epsilon, ==, 1e-3);
  g_assert_cmpfloat (card->temperature, ==, 1.5);
  g_assert_cmpstr (card->labels[0], ==, "a");
  g_assert_cmpstr (card->labels[1], ==, "b");
  g_assert_cmpint (other->padding, ==, EFFNET_PADDING_SYMMETRIC);
  g_assert_cmpfloat (other->crop_pct, ==, 0.75);
  g_assert_cmpstr (other->architecture, ==, "b2");
  g_assert_cmpuint (g_strv_length (other->labels), ==, 2);
}

static void
test_byte_order_mark (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) card = load (folder, "\xef\xbb\xbf{\"architecture\": \"b0\"}");

  (void)data;
  g_assert_cmpstr (card->architecture, ==, "b0");
}

/* What an outer num_classes says counts; an inner one does where nothing else does. */
static void
test_classes (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) both =
      load (folder, "{\"num_classes\": 2, \"pretrained_cfg\": {\"num_classes\": 1000}}");
  g_autoptr (EffnetCard) inner = load (folder, "{\"pretrained_cfg\": {\"num_classes\": 1000}}");
  g_autoptr (EffnetCard) names = load (folder, "{\"pretrained_cfg\": {\"num_classes\": 1000},"
                                               "\"id2label\": {\"0\": \"a\", \"1\": \"b\"}}");

  (void)data;
  g_assert_cmpuint (both->n_classes, ==, 2);
  g_assert_cmpuint (inner->n_classes, ==, 1000);
  g_assert_cmpuint (names->n_classes, ==, 0);
  g_assert_cmpstr (names->labels[1], ==, "b");
}

/* Cards of all these forms name class 0 "ant", 1 "bee", 2 "cow". */
static void
test_name_forms (TestFolder *folder, gconstpointer data)
{
  static const char *const by_number[] = {
      "label_names", "id2label",       "class_names",   "idx_to_class", "idx2class",
      "id_to_label", "index_to_class", "index_to_name", "idx_to_label", "id2name",
      "names",       "classes",        "labels",        "categories",   "label_map",
  };
  static const char *const to_number[] = {
      "label2id",    "class_to_idx", "class_indices", "class2idx", "class_to_index",
      "label_to_id", "label2idx",    "name2id",       "classes",   "labels",
  };
  static const char *const by_number_values[] = {
      "{\"0\": \"ant\", \"1\": \"bee\", \"2\": \"cow\"}",
      "{\"2\": \"cow\", \"0\": \"ant\", \"1\": \"bee\"}",
      "{\"00\": \"ant\", \"01\": \"bee\", \"02\": \"cow\"}",
      "[\"ant\", \"bee\", \"cow\"]",
      "[[\"n1\", \"ant\"], [\"n2\", \"bee\"], [\"n3\", \"cow\"]]",
      "{\"1\": [\"n2\", \"bee\"], \"0\": [\"n1\", \"ant\"], \"2\": [\"n3\", \"cow\"]}",
      ("[{\"id\": 2, \"name\": \"cow\"}, {\"id\": 0, \"name\": \"ant\"}, "
       "{\"id\": 1, \"name\": \"bee\"}]"),
      "{\"cow\": 2, \"ant\": 0, \"bee\": 1}", /* the other way round, and not to be mistaken */
  };
  static const char *const to_number_values[] = {
      "{\"cow\": 2, \"ant\": 0, \"bee\": 1}",
      "{\"cow\": \"2\", \"ant\": \"0\", \"bee\": \"1\"}",
      "{\"2\": \"cow\", \"0\": \"ant\", \"1\": \"bee\"}",
  };
  static const char *const frames[] = {"{\"%s\": %s}", "{\"pretrained_cfg\": {\"%s\": %s}}"};
  const struct {
    const char *const *keys, *const *values;
    size_t n_keys, n_values;
  } forms[] = {
      {by_number, by_number_values, G_N_ELEMENTS (by_number), G_N_ELEMENTS (by_number_values)},
      {to_number, to_number_values, G_N_ELEMENTS (to_number), G_N_ELEMENTS (to_number_values)},
  };

  (void)data;
  for (size_t at = 0; at < 2 * 2 * 15 * 8; at++) {
    size_t f = at & 1, frame = at >> 1 & 1, key = (at >> 2) % 15, value = (at >> 2) / 15;
    if (key >= forms[f].n_keys || value >= forms[f].n_values)
      continue;
    g_autofree char *text =
        g_strdup_printf (frames[frame], forms[f].keys[key], forms[f].values[value]);
    g_test_message ("%s", text);
    g_autoptr (EffnetCard) card = load (folder, text);
    g_assert_no_error (card->labels_error);
    g_assert_nonnull (card->labels);
    g_assert_cmpuint (g_strv_length (card->labels), ==, 3);
    g_assert_cmpstr (card->labels[0], ==, "ant");
    g_assert_cmpstr (card->labels[1], ==, "bee");
    g_assert_cmpstr (card->labels[2], ==, "cow");
  }
}

static void
test_name_choice (TestFolder *folder, gconstpointer data)
{
  g_autoptr (EffnetCard) both =
      load (folder, "{\"id2label\": {\"0\": \"LABEL_0\", \"1\": \"LABEL_1\"},"
                    "\"label2id\": {\"LABEL_0\": 0, \"LABEL_1\": 1},"
                    "\"class_names\": [\"a\", \"b\"]}");
  g_autoptr (EffnetCard) outer = load (folder, "{\"id2label\": {\"0\": \"a\"},"
                                               "\"pretrained_cfg\": {\"label_names\": [\"b\"]}}");
  g_autoptr (EffnetCard) twins =
      load (folder, "{\"id2label\": {\"0\": \"crane\", \"1\": \"crane\"},"
                    "\"label2id\": {\"crane\": 1}}");
  g_autoptr (EffnetCard) described = load (folder, "{\"id2label\": {\"0\": \"n1\", \"1\": \"n2\"},"
                                                   "\"label2id\": {\"n1\": 0, \"n2\": 1},"
                                                   "\"label_descriptions\": {\"n1\": \"ant\"}}");
  g_autoptr (EffnetCard) number = load (folder, "{\"classes\": 5, \"labels\": \"x\"}");

  (void)data;
  g_assert_cmpstr (both->labels[1], ==, "b");
  g_assert_cmpstr (outer->labels[0], ==, "a");
  g_assert_no_error (twins->labels_error);
  g_assert_cmpstr (twins->labels[0], ==, "crane");
  g_assert_no_error (described->labels_error);
  g_assert_cmpstr (described->labels[0], ==, "ant");
  g_assert_cmpstr (described->labels[1], ==, "n2");
  g_assert_no_error (number->labels_error);
  g_assert_null (number->labels);
}

static void
test_default_model (void)
{
  const char *root = g_getenv ("EFFNET_SOURCE_ROOT");
  g_autofree char *path =
      g_build_filename (root != NULL ? root : "", "models", "lite0", "config.json", NULL);
  GError *error = NULL;

  if (!g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_test_skip ("no default model");
    return;
  }
  g_autoptr (EffnetCard) card = effnet_card_load (path, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (card->n_classes, ==, 1000);
  g_assert_cmpuint (g_strv_length (card->labels), ==, 1000);
  g_assert_cmpstr (card->labels[1], ==, "goldfish");
}

typedef struct {
  const char *text;
  EffnetError code;
  const char *fragments;
} Rule;

#define FORMAT      EFFNET_ERROR_FORMAT
#define UNSUPPORTED EFFNET_ERROR_UNSUPPORTED
#define MISMATCH    EFFNET_ERROR_MISMATCH

static const Rule rules[] = {
    /* the text */
    {"", FORMAT, "config.json|ends before"},
    {"[]", FORMAT, "begin"},
    {"{\"a\": 1", FORMAT, "ends before"},
    {"{\"a\" 1}", FORMAT, "not JSON"},
    {"{} x", FORMAT, "goes on"},
    {"{\"a\": \"\xff\"}", FORMAT, "UTF-8"},
    {"{\"a\": 1,\n \"a\": 2}", FORMAT, "\"a\" twice|config.json:2:"},
    {"{\"a\": 1,\n\"b\": 1,}", FORMAT, "config.json:2:|not JSON"},
    {"{\"a\": 1,\n\"b\": 'x'}", FORMAT, "config.json:2:6: |0x27"},
    {"{\n\n\"\xc3\xa9\": ;}", FORMAT, "config.json:3:6: |0x3b"},
    {"<!DOCTYPE html>\n<html>", FORMAT, "an HTML or XML page|expected JSON"},
    {"version https://git-lfs.github.com/spec/v1\n", FORMAT, "Git LFS pointer|git lfs pull"},
    {"{// comment\n}", FORMAT, "0x2f"},
    {"{\"architecture\": \"b0\\u0000\"}", FORMAT, "NUL"},
    {"{\"num_classes\": 1234567890123456789}", FORMAT, "19 digits"},
    /* what it is */
    {"{\"architecture\": 5}", FORMAT, "architecture is 5|efficientnet_b0"},
    {"{\"num_classes\": -1}", FORMAT, "num_classes is -1"},
    {"{\"num_classes\": 1000001}", FORMAT, "num_classes is 1000001"},
    {"{\"num_classes\": 10.5}", FORMAT, "num_classes is 10.5"},
    {"{\"num_classes\": \"10\"}", FORMAT, "num_classes is \"10\""},
    {"{\"pretrained_cfg\": 1}", FORMAT, "pretrained_cfg is 1"},
    {"{\"global_pool\": \"max\"}", UNSUPPORTED, "global_pool is \"max\"|avg"},
    {"{\"model_args\": {\"act_layer\": \"relu\"}}", UNSUPPORTED,
     "model_args.act_layer is \"relu\""},
    {"{\"model_args\": {\"in_chans\": 4}}", UNSUPPORTED, "model_args.in_chans is 4"},
    {"{\"model_args\": 1}", FORMAT, "model_args is 1"},
    /* what it wants */
    {"{\"input_size\": 224}", FORMAT, "input_size is 224|[3, height, width]"},
    {"{\"input_size\": [224, 224]}", FORMAT, "input_size is [224,224]"},
    {"{\"input_size\": [4, 224, 224]}", FORMAT, "input_size is [4,224,224]|grey"},
    {"{\"input_size\": [3, 0, 224]}", FORMAT, "input_size is [3,0,224]"},
    {"{\"input_size\": [3, 224, 8193]}", FORMAT, "input_size is [3,224,8193]"},
    {"{\"input_size\": [3, 224, -1]}", FORMAT, "input_size is [3,224,-1]"},
    {"{\"input_size\": [3, 224, \"224\"]}", FORMAT, "input_size is"},
    {"{\"input_size\": [3, 224.0, 224]}", FORMAT, "input_size is"},
    {"{\"pretrained_cfg\": {\"input_size\": []}}", FORMAT, "input_size is []"},
    {"{\"mean\": 0.5}", FORMAT, "mean is 0.5|three numbers"},
    {"{\"mean\": [0.5, 0.5]}", FORMAT, "mean is [0.5,0.5]"},
    {"{\"mean\": [0.5, 0.5, \"0.5\"]}", FORMAT, "mean is"},
    {"{\"mean\": [0.5, 0.5, null]}", FORMAT, "mean is"},
    {"{\"mean\": [0.5, 0.5, 1e39]}", FORMAT, "mean is"},
    {"{\"mean\": [0.5, 0.5, 1e999]}", FORMAT, "mean is"},
    {"{\"mean\": [3e38, 3e38, 3e38], \"std\": [1.2e-38, 1, 1]}", FORMAT, "channel 0|beyond"},
    {"{\"mean\": [0, 0, -3e38]}", FORMAT, "channel 2|beyond"},
    {"{\"std\": [0.5, 0.5, 0.5, 0.5]}", FORMAT, "std is"},
    {"{\"std\": [0.5, 0.5, 0]}", FORMAT, "std is [0.5,0.5,0]|above 0"},
    {"{\"std\": [0.5, -0.5, 0.5]}", FORMAT, "std is|above 0"},
    {"{\"std\": [0.5, 0.5, 1e-60]}", FORMAT, "std is|above 0"},
    {"{\"interpolation\": \"random\"}", UNSUPPORTED, "interpolation is \"random\"|lanczos"},
    {"{\"interpolation\": \"Bicubic\"}", UNSUPPORTED, "interpolation is \"Bicubic\""},
    {"{\"interpolation\": 3}", FORMAT, "interpolation is 3|bicubic"},
    {"{\"crop_mode\": \"corner\"}", UNSUPPORTED, "crop_mode is \"corner\"|squash"},
    {"{\"crop_mode\": []}", FORMAT, "crop_mode is []"},
    {"{\"crop_pct\": 0}", FORMAT, "crop_pct is 0|0.01 to 100"},
    {"{\"crop_pct\": 101}", FORMAT, "crop_pct is 101|0.01 to 100"},
    {"{\"crop_pct\": 1e-9}", FORMAT, "crop_pct is|0.01 to 100"},
    {"{\"crop_pct\": -0.5}", FORMAT, "crop_pct is -0.5"},
    {"{\"crop_pct\": \"0.9\"}", FORMAT, "crop_pct is \"0.9\""},
    /* our own object */
    {"{\"effnet\": \"same\"}", FORMAT, "effnet is \"same\"|object"},
    {"{\"effnet\": {\"padding\": \"valid\"}}", UNSUPPORTED, "effnet.padding is \"valid\"|same"},
    {"{\"effnet\": {\"padding\": 1}}", FORMAT, "effnet.padding is 1"},
    {"{\"effnet\": {\"temperature\": 0}}", FORMAT, "effnet.temperature is 0"},
    {"{\"effnet\": {\"temperature\": 101}}", FORMAT, "effnet.temperature is 101"},
    {"{\"effnet\": {\"bn_epsilon\": 0}}", FORMAT, "effnet.bn_epsilon is 0"},
    {"{\"effnet\": {\"bn_epsilon\": -1e-3}}", FORMAT, "effnet.bn_epsilon is -0.001"},
    {"{\"effnet\": {\"bn_epsilon\": 2}}", FORMAT, "effnet.bn_epsilon is 2"},
};

static void
assert_refused (const char *path, EffnetError code, const char *fragments)
{
  GError *error = NULL;

  g_assert_null (effnet_card_load (path, NULL));
  g_assert_null (effnet_card_load (path, &error));
  test_assert_error (&error, code, fragments);
}

static void
test_rules (TestFolder *folder, gconstpointer data)
{
  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (rules); i++) {
    g_autofree char *shown = g_strescape (rules[i].text, NULL);
    g_test_message ("%s", shown);
    g_autofree char *path = test_put_text (folder, "config.json", rules[i].text);
    assert_refused (path, rules[i].code, rules[i].fragments);
  }
}

/* The line and the column where the value begins, whatever stands before it. */
static void
test_places (TestFolder *folder, gconstpointer data)
{
  static const Rule places[] = {
      {"{\"mean\":5}", FORMAT, "config.json:1:9: mean is 5"},
      {"\xef\xbb\xbf{\"mean\": 5}", FORMAT, "config.json:1:10: mean is 5"},
      {"{\r\n\t\"mean\" : [\r\n0.5]\r\n, \"std\" :{}}", FORMAT, "config.json:4:10: std is {}"},
      {"{\n \"a\": [{}, \"x\\\"],\", -1, [], null],\n \"pretrained_cfg\": {\"b\": true,\n"
       "\"\xc3\xa9\": 1e3, \"\xe2\x82\xac\": \"\\\\\", \"crop_pct\"\n: 0}}",
       FORMAT, "config.json:5:3: crop_pct is 0"},
      {"{\"effnet\": {\"padding\": \"same\",\n\n\"temperature\": 0}}", FORMAT,
       "config.json:3:16: effnet.temperature"},
      {"{\"model_args\": {\"drop_rate\": 0.2, \"act_layer\": \"relu\"}}", UNSUPPORTED,
       "config.json:1:48: model_args.act_layer"},
      {"{\"mean\": [0, 0, 0],\n\"std\": [1, 1, 1e-35]}", FORMAT, "config.json:1:10: mean 0"},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (places); i++) {
    g_test_message ("%s", places[i].text);
    g_autofree char *path = test_put_text (folder, "config.json", places[i].text);
    assert_refused (path, places[i].code, places[i].fragments);
  }
}

/* Names that cannot be used: the card is still one, and says why there are none. */
static void
test_broken_names (TestFolder *folder, gconstpointer data)
{
  static const Rule broken[] = {
      {"{\"label_names\": \"a\"}", FORMAT, "label_names is \"a\"|list"},
      {"{\"label_names\": 5}", FORMAT, "label_names is 5|list"},
      {"{\"label_names\": []}", FORMAT, "label_names is empty"},
      {"{\"label_names\": [\"a\", 1]}", FORMAT, "config.json:1:23: label_names|class 1"},
      {"{\"label_names\": [\"a\", null]}", FORMAT, "label_names|class 1"},
      {"{\"label_names\": [[\"1\", \"a\"], [\"0\", \"b\"]]}", FORMAT, "label_names|class 0"},
      {"{\"label_names\": {\"0\": \"a\", \"2\": \"b\"}}", FORMAT,
       "label_names|\"b\"|number 2|0 to 1"},
      {"{\"id2label\": {\"1\": \"a\", \"2\": \"b\"}}", FORMAT, "id2label|\"b\"|number 2|0 to 1"},
      {"{\"id2label\": {\"0\": \"a\", \"00\": \"b\"}}", FORMAT, "number 0|\"a\"|\"b\""},
      {"{\"id2label\": {\"0\": \"a\", \"-1\": \"b\"}}", FORMAT, "id2label|\"-1\""},
      {"{\"id2label\": {\"0\": \"a\", \"x\": \"b\"}}", FORMAT, "id2label|\"x\""},
      {"{\"id2label\": {\"0\": 1.5}}", FORMAT, "id2label|\"0\""},
      {"{\"id2label\": {\"0\": \"a\", \"99999999999\": \"b\"}}", FORMAT, "99999999999"},
      {"{\"label2id\": {\"a\": 0, \"b\": 0}}", FORMAT, "label2id|number 0|\"a\"|\"b\""},
      {"{\"label2id\": {\"a\": 0, \"b\": 2}}", FORMAT, "label2id|number 2"},
      {"{\"label2id\": {\"a\": 0, \"b\": -1}}", FORMAT, "label2id|\"b\""},
      {"{\"label2id\": {\"a\": 0, \"b\": 0.5}}", FORMAT, "label2id|\"b\""},
      {"{\"classes\": {\"0\": \"1\", \"1\": \"0\"}}", FORMAT,
       "config.json:1:13: classes|which side"},
      {"{\"classes\": {\"x\": \"y\"}}", FORMAT, "classes|\"x\""},
      {"{\"categories\": [{\"id\": 0}]}", FORMAT, "categories|id and name"},
      {"{\"id2label\": {\"0\": \"a\", \"1\": \"b\"}, \"label2id\": {\"a\": 1, \"b\": 0}}", MISMATCH,
       "config.json:1:62: label2id gives|id2label does not"},
      {"{\"num_classes\": 3, \"label_names\": [\"a\", \"b\"]}", MISMATCH,
       "names for 2|num_classes is 3"},
      {"{\"num_classes\": 1, \"id2label\": [\"a\", \"b\"]}", MISMATCH,
       "names for 2|num_classes is 1"},
      {"{\"label_names\": [\"a\"], \"label_descriptions\": [\"b\"]}", FORMAT, "label_descriptions"},
      {"{\"label_names\": [\"a\"], \"label_descriptions\": {\"a\": 1}}", FORMAT,
       "label_descriptions|\"a\""},
  };

  (void)data;
  for (size_t i = 0; i < G_N_ELEMENTS (broken); i++) {
    g_test_message ("%s", broken[i].text);
    g_autoptr (EffnetCard) card = load (folder, broken[i].text);
    GError *why = g_steal_pointer (&card->labels_error);
    g_assert_null (card->labels);
    test_assert_error (&why, broken[i].code, broken[i].fragments);
  }
}

static void
test_bombs (TestFolder *folder, gconstpointer data)
{
  GString *deep = g_string_new ("{\"a\":");
  GString *wide = g_string_new ("{\"mean\":[0");

  (void)data;
  for (int i = 0; i < 1000000; i++)
    g_string_append_c (deep, '[');
  for (int i = 0; i < 300000; i++)
    g_string_append (wide, ",0");
  g_string_append (wide, "]}");
  g_autofree char *deep_path = test_put_text (folder, "deep.json", deep->str);
  g_autofree char *wide_path = test_put_text (folder, "wide.json", wide->str);
  assert_refused (deep_path, EFFNET_ERROR_FORMAT, "deep.json|deeper than 32");
  assert_refused (wide_path, EFFNET_ERROR_FORMAT, "wide.json|262144");
  g_string_free (deep, TRUE);
  g_string_free (wide, TRUE);
}

static void
test_not_a_file (TestFolder *folder, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (folder->path, "config.json", NULL);
  size_t n = (16u << 20) + 1;
  g_autofree char *bytes = g_malloc (n);

  (void)data;
  assert_refused (missing, EFFNET_ERROR_NOT_FOUND, "Model card|config.json");
  assert_refused (folder->path, EFFNET_ERROR_IO, "a folder");
  assert_refused ("/dev/null", EFFNET_ERROR_IO, "device");
  if (g_file_test ("/proc/self/mem", G_FILE_TEST_IS_REGULAR)) /* opens, but byte 0 is not there */
    assert_refused ("/proc/self/mem", EFFNET_ERROR_IO, "could not be read|error");
  effnet_card_free (NULL);
  memset (bytes, ' ', n);
  g_autofree char *path = test_put (folder, "long.json", bytes, n);
  assert_refused (path, EFFNET_ERROR_FORMAT, "long.json|16777216 bytes");
}

/* What Transformers' processor makes of the pixel @p, step by step. */
static double
process (double p, gboolean rescale, gboolean offset, gboolean normalize, gboolean top)
{
  double v = rescale ? p * 0.01 : p;

  v = rescale && offset ? v - 1 : v;
  v = normalize ? (v - 0.4) / 0.25 : v;
  return top ? v / 0.25 : v;
}

static void
test_processor (TestFolder *folder, gconstpointer data)
{
  static const char *const words[] = {"false", "true"};

  (void)data;
  for (unsigned i = 0; i < 16; i++) {
    unsigned rescale = i & 1, offset = i >> 1 & 1, normalize = i >> 2 & 1, top = i >> 3 & 1;
    g_autofree char *text = g_strdup_printf (
        "{\"do_rescale\": %s, \"rescale_factor\": 0.01, \"rescale_offset\": %s, \"do_normalize\": "
        "%s, "
        "\"include_top\": %s, \"image_mean\": [0.4, 0.4, 0.4], \"image_std\": [0.25, 0.25, 0.25]}",
        words[rescale], words[offset], words[normalize], words[top]);
    g_free (test_put_text (folder, "preprocessor_config.json", text));
    g_autoptr (EffnetCard) card =
        load (folder, "{\"model_type\": \"efficientnet\", \"image_size\": 224}");

    g_assert_true (card->says_range);
    for (double p = 0; p <= 255; p += 51) {
      double expected = process (p, rescale, offset, normalize, top);

      g_assert_cmpfloat_with_epsilon ((p / 255 - (double)card->mean[1]) / (double)card->std[1],
                                      expected, 1e-5 * (1 + fabs (expected)));
    }
  }
  g_free (test_put_text (folder, "preprocessor_config.json",
                         "{\"rescale_factor\": 1000, \"image_std\": [1e-20, 1e-20, 1e-20]}"));
  g_autofree char *path = g_build_filename (folder->path, "config.json", NULL);
  assert_refused (path, EFFNET_ERROR_FORMAT, "preprocessor_config.json|rescale_factor");
}

#define ADD(name, function)                                                                        \
  g_test_add ("/weights/card/" name, TestFolder, NULL, test_folder_set_up, function,               \
              test_folder_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("defaults", test_defaults);
  ADD ("inner", test_inner);
  ADD ("outer", test_outer);
  ADD ("byte-order-mark", test_byte_order_mark);
  ADD ("classes", test_classes);
  ADD ("name-forms", test_name_forms);
  ADD ("name-choice", test_name_choice);
  ADD ("broken-names", test_broken_names);
  ADD ("rules", test_rules);
  ADD ("places", test_places);
  ADD ("processor", test_processor);
  ADD ("bombs", test_bombs);
  ADD ("not-a-file", test_not_a_file);
  g_test_add_func ("/weights/card/default-model", test_default_model);
  return g_test_run ();
}
