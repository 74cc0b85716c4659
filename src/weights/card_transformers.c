/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/card_transformers.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "weights/file.h"

#define FACTOR_MIN 1e-6 /* of pixels from 0 to 255 */
#define FACTOR_MAX 1e3

#define SHORTEST    "shortest_edge"
#define CROP_UNSAID 289 /* what EfficientNet's processor cuts out where nothing is said */

static gboolean
read_side (const EffnetCardReader *reader, JsonObject *object, const char *key, unsigned *side,
           GError **error)
{
  JsonNode *node = effnet_card_get (object, key);
  double value = 0;

  if (!effnet_card_read_number (reader, key, node, 1, EFFNET_INPUT_SIDE_MAX, &value, error))
    return FALSE;
  if (node != NULL)
    *side = (unsigned)value;
  return TRUE;
}

/* What changes the network, though its tensors are the same. */
static gboolean
check_network (const EffnetCardReader *reader, GError **error)
{
  static const int published[] = {1, 2, 2, 2, 1, 2, 1};
  static const struct {
    const char *key, *expected[2];
  } words[] = {{"hidden_act", {"swish", "silu"}}, {"pooling_type", {"mean", "mean"}}};
  JsonNode *strides = effnet_card_get (reader->top, "strides");
  JsonArray *list =
      strides != NULL && JSON_NODE_HOLDS_ARRAY (strides) ? json_node_get_array (strides) : NULL;
  gboolean same = list != NULL && json_array_get_length (list) == G_N_ELEMENTS (published);

  for (size_t i = 0; i < G_N_ELEMENTS (words); i++) {
    JsonNode *node = effnet_card_get (reader->top, words[i].key);
    const char *word =
        node != NULL && effnet_json_is_string (node) ? json_node_get_string (node) : "";
    if (node != NULL && strcmp (word, words[i].expected[0]) != 0 &&
        strcmp (word, words[i].expected[1]) != 0)
      return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, words[i].key, node,
                                     words[i].expected[0], error);
  }
  for (guint i = 0; same && i < G_N_ELEMENTS (published); i++) {
    JsonNode *node = json_array_get_element (list, i);
    same = effnet_json_is_int (node) && json_node_get_int (node) == published[i];
  }
  return strides == NULL || same ||
         effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, "strides", strides,
                                 "EfficientNet's, [1, 2, 2, 2, 1, 2, 1]", error);
}

/* 224, or {"height": 224, "width": 224} */
static gboolean
read_size (const EffnetCardReader *reader, const char *key, unsigned *height, unsigned *width,
           GError **error)
{
  JsonNode *node = effnet_card_get (reader->top, key);

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node)) {
    gboolean ok = read_side (reader, reader->top, key, height, error);

    if (ok && node != NULL)
      *width = *height;
    return ok;
  }
  return read_side (reader, json_node_get_object (node), "height", height, error) &&
         read_side (reader, json_node_get_object (node), "width", width, error);
}

/* @value keeps what it is where nothing is said. */
static gboolean
read_switch (const EffnetCardReader *reader, const char *key, gboolean *value, GError **error)
{
  JsonNode *node = effnet_card_get (reader->top, key);

  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_BOOLEAN)
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node, "true or false", error);
  *value = json_node_get_boolean (node);
  return TRUE;
}

/* Steps that no frame goes through here: @key may only be @expected. */
static gboolean
refuse_switch (const EffnetCardReader *reader, const char *key, gboolean expected, GError **error)
{
  gboolean value = expected;

  return read_switch (reader, key, &value, error) &&
         (value == expected || effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, key,
                                                       effnet_card_get (reader->top, key),
                                                       expected ? "true" : "false", error));
}

/* Pillow's numbers of its filters. */
static gboolean
read_resample (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  static const EffnetInterpolation filters[] = {
      EFFNET_INTERPOLATION_NEAREST, EFFNET_INTERPOLATION_LANCZOS, EFFNET_INTERPOLATION_BILINEAR,
      EFFNET_INTERPOLATION_BICUBIC, EFFNET_INTERPOLATION_BOX,     EFFNET_INTERPOLATION_HAMMING};
  JsonNode *node = effnet_card_get (reader->top, "resample");
  gint64 number = 0; /* what the processor does where nothing is said */

  if (node != NULL)
    number = effnet_json_is_int (node) ? json_node_get_int (node) : -1;
  if (number < 0 || number >= (gint64)G_N_ELEMENTS (filters))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "resample", node,
                                   "the number of one of Pillow's filters, 0 to 5", error);
  card->interpolation = filters[number];
  return TRUE;
}

/* (p * rescale_factor - offset - image_mean) / image_std, and divided by image_std once more with
 * include_top; each step only where the processor does it. Here that is one mean and one std of
 * p / 255. */
static gboolean
read_range (const EffnetCardReader *reader, gboolean is_own, EffnetCard *card, GError **error)
{
  gboolean normalizes = TRUE, divides = is_own, rescales = TRUE, shifts = FALSE;
  float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.5f, 0.5f, 0.5f}; /* where nothing is said */
  double factor = 1.0 / 255, offset;

  if (!read_switch (reader, "do_normalize", &normalizes, error) ||
      !read_switch (reader, "do_rescale", &rescales, error) ||
      (is_own && (!read_switch (reader, "include_top", &divides, error) ||
                  !read_switch (reader, "rescale_offset", &shifts, error))) ||
      !effnet_card_read_number (reader, "rescale_factor",
                                effnet_card_get (reader->top, "rescale_factor"), FACTOR_MIN,
                                FACTOR_MAX, &factor, error) ||
      !effnet_card_read_triple (reader, "image_mean", effnet_card_get (reader->top, "image_mean"),
                                FALSE, mean, error) ||
      !effnet_card_read_triple (reader, "image_std", effnet_card_get (reader->top, "image_std"),
                                TRUE, std, error))
    return FALSE;
  factor = rescales ? factor : 1;
  offset = rescales && shifts ? 1 : 0;
  for (unsigned i = 0; i < 3; i++) {
    double from = offset + (normalizes ? (double)mean[i] : 0);
    double by = (normalizes ? (double)std[i] : 1) * (divides ? (double)std[i] : 1);

    card->mean[i] = (float)(from / (255 * factor));
    card->std[i] = (float)(by / (255 * factor));
    if (!isfinite (card->mean[i]) || !isfinite (card->std[i]) ||
        !(MAX (fabs (from), fabs (255 * factor - from)) / by <= EFFNET_CARD_INPUT_MAX))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "%s: rescale_factor, image_mean and image_std make inputs beyond %g",
                          reader->file->subject, EFFNET_CARD_INPUT_MAX);
  }
  card->says_range =
      (!normalizes && !divides) || (effnet_card_get (reader->top, "image_mean") != NULL &&
                                    effnet_card_get (reader->top, "image_std") != NULL);
  return TRUE;
}

/* What becomes of a picture's size before the middle is cut out. */
typedef struct {
  unsigned height, width;
  gboolean keeps_shape; /* the shorter side becomes that, the other follows */
} Resized;

static gboolean
read_resized (const EffnetCardReader *reader, Resized *to, GError **error)
{
  static const char expected[] = "a number, {\"height\": ..., \"width\": ...} or "
                                 "{\"shortest_edge\": ...}";
  JsonNode *node = effnet_card_get (reader->top, "size");
  JsonObject *size =
      node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;

  if (size == NULL)
    return read_size (reader, "size", &to->height, &to->width, error);
  to->keeps_shape = json_object_get_size (size) == 1 && json_object_has_member (size, SHORTEST);
  if (to->keeps_shape) {
    gboolean ok = read_side (reader, size, SHORTEST, &to->height, error);

    to->width = to->height;
    return ok;
  }
  if (json_object_get_size (size) != 2 || effnet_card_get (size, "height") == NULL ||
      effnet_card_get (size, "width") == NULL)
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, "size", node, expected, error);
  return read_size (reader, "size", &to->height, &to->width, error);
}

/* The share of @whole that @part is, so that @part divided by it is @whole again, rounded down. */
static double
share (unsigned part, unsigned whole)
{
  double value = (double)part / whole;

  return floor (part / value) < whole ? nextafter (value, 0) : value;
}

/* The picture is resized, and perhaps cut in the middle. */
static gboolean
read_processor_sizes (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  Resized to = {.height = card->input_height, .width = card->input_width};
  unsigned height, width;
  gboolean crops = FALSE;

  if (!refuse_switch (reader, "do_resize", TRUE, error) ||
      !refuse_switch (reader, "do_pad", FALSE, error) ||
      !refuse_switch (reader, "do_flip_channel_order", FALSE, error) ||
      !read_switch (reader, "do_center_crop", &crops, error) || !read_resized (reader, &to, error))
    return FALSE;
  height = crops ? CROP_UNSAID : to.height;
  width = crops ? CROP_UNSAID : to.width;
  if (crops && !read_size (reader, "crop_size", &height, &width, error))
    return FALSE;
  if (to.keeps_shape && (!crops || height != width))
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, "size",
                                   effnet_card_get (reader->top, "size"),
                                   "do_center_crop with a square crop_size beside it, or a height "
                                   "and a width",
                                   error);
  if (height > to.height || width > to.width ||
      (uint64_t)height * to.width != (uint64_t)width * to.height)
    return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                        "%s: crop_size is %u x %u of %u x %u; expected a part of the same shape",
                        reader->file->subject, height, width, to.height, to.width);
  card->input_height = height;
  card->input_width = width;
  card->crop_mode = to.keeps_shape ? EFFNET_CROP_CENTER : EFFNET_CROP_SQUASH;
  card->crop_pct = height > 0 ? share (height, to.height) : 1;
  return TRUE;
}

/* EfficientNet's own processor, or one of those that resize, cut, rescale and normalise as well:
 * what such a one does where nothing is said differs, so that it has to be said. */
static gboolean
read_processor (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  static const char *const said[] = {"size", "resample", "image_mean", "image_std"};
  const char *key = "image_processor_type";
  JsonNode *type = effnet_card_get (reader->top, key);
  gboolean is_own;

  if (type == NULL)
    type = effnet_card_get (reader->top, key = "feature_extractor_type");
  is_own = type == NULL || (effnet_json_is_string (type) &&
                            g_str_has_prefix (json_node_get_string (type), "EfficientNet"));
  for (size_t i = 0; !is_own && i < G_N_ELEMENTS (said); i++) {
    if (effnet_card_get (reader->top, said[i]) != NULL)
      continue;
    g_autofree char *expected = g_strdup_printf ("its %s beside it", said[i]);
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, key, type, expected, error);
  }
  if (!is_own && effnet_card_get (reader->top, "crop_pct") != NULL)
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, "crop_pct",
                                   effnet_card_get (reader->top, "crop_pct"),
                                   "do_center_crop with crop_size", error);
  return read_processor_sizes (reader, card, error) && read_resample (reader, card, error) &&
         read_range (reader, is_own, card, error);
}

static gboolean
load_processor (const char *path, EffnetCard *card, GError **error)
{
  static const EffnetJsonRules rules = {.max_depth = EFFNET_CARD_DEPTH_MAX};
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *file = g_build_filename (folder, EFFNET_CARD_PREPROCESSOR, NULL);
  g_autofree char *shown = effnet_printable (file);
  g_autofree char *subject = g_strdup_printf ("Preprocessor's card %s", shown);
  EffnetJsonFile json = {subject, "", NULL, 0, NULL};

  if (!g_file_test (file, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree char *text =
      effnet_file_read (file, "Preprocessor's card", EFFNET_CARD_BYTES_MAX, &json.length, error);
  json.text = text;
  if (text == NULL || !effnet_json_parse (&json, &rules, error))
    return FALSE;
  g_autoptr (JsonNode) root = json.root;
  EffnetCardReader reader = {.file = &json, .top = json_node_get_object (root)};
  return read_processor (&reader, card, error);
}

gboolean
effnet_card_read_transformers (const EffnetCardReader *reader, const char *path, EffnetCard *card,
                               GError **error)
{
  JsonNode *type = effnet_card_get (reader->top, "model_type");
  JsonNode *epsilon = effnet_card_get (reader->top, "batch_norm_eps");

  if (type == NULL || !effnet_json_is_string (type) ||
      strcmp (json_node_get_string (type), "efficientnet") != 0)
    return TRUE;
  if (!check_network (reader, error))
    return FALSE;
  if ((card->input_height == 0 &&
       !read_size (reader, "image_size", &card->input_height, &card->input_width, error)) ||
      (card->bn_epsilon == 0 &&
       !effnet_card_read_number (reader, "batch_norm_eps", epsilon, G_MINDOUBLE, 1.0,
                                 &card->bn_epsilon, error)))
    return FALSE;
  return card->says_range || load_processor (path, card, error);
}
