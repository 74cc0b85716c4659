/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "weights/card_transformers.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "weights/file.h"

#define FACTOR_MIN 1e-6 /* of pixels from 0 to 255 */
#define FACTOR_MAX 1e3

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

static gboolean
is_true (const EffnetCardReader *reader, const char *key, gboolean otherwise)
{
  JsonNode *node = effnet_card_get (reader->top, key);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) &&
                 json_node_get_value_type (node) == G_TYPE_BOOLEAN
             ? json_node_get_boolean (node)
             : otherwise;
}

/* Pillow's numbers of its filters. */
static gboolean
read_resample (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  static const EffnetInterpolation filters[] = {
      EFFNET_INTERPOLATION_NEAREST, EFFNET_INTERPOLATION_LANCZOS, EFFNET_INTERPOLATION_BILINEAR,
      EFFNET_INTERPOLATION_BICUBIC, EFFNET_INTERPOLATION_BOX,     EFFNET_INTERPOLATION_HAMMING};
  double number = 0; /* what the processor does where nothing is said */

  if (!effnet_card_read_number (reader, "resample", effnet_card_get (reader->top, "resample"), 0,
                                G_N_ELEMENTS (filters) - 1, &number, error))
    return FALSE;
  card->interpolation = filters[(int)number];
  return TRUE;
}

/* (p * rescale_factor - offset - image_mean) / image_std, and divided by image_std once more with
 * include_top; each step only where the processor does it. Here that is one mean and one std of
 * p / 255. */
static gboolean
read_range (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  gboolean does_normalize = is_true (reader, "do_normalize", TRUE);
  gboolean divides = is_true (reader, "include_top", TRUE);
  float mean[3] = {0.5f, 0.5f, 0.5f}, std[3] = {0.5f, 0.5f, 0.5f}; /* where nothing is said */
  double factor = 1.0 / 255, offset = is_true (reader, "rescale_offset", FALSE) ? 1 : 0;

  if (!effnet_card_read_number (reader, "rescale_factor",
                                effnet_card_get (reader->top, "rescale_factor"), FACTOR_MIN,
                                FACTOR_MAX, &factor, error) ||
      !effnet_card_read_triple (reader, "image_mean", effnet_card_get (reader->top, "image_mean"),
                                FALSE, mean, error) ||
      !effnet_card_read_triple (reader, "image_std", effnet_card_get (reader->top, "image_std"),
                                TRUE, std, error))
    return FALSE;
  if (!is_true (reader, "do_rescale", TRUE)) {
    factor = 1;
    offset = 0;
  }
  for (unsigned i = 0; i < 3; i++) {
    double from = offset + (does_normalize ? (double)mean[i] : 0);
    double by = (does_normalize ? (double)std[i] : 1) * (divides ? (double)std[i] : 1);

    card->mean[i] = (float)(from / (255 * factor));
    card->std[i] = (float)(by / (255 * factor));
    if (!isfinite (card->mean[i]) || !isfinite (card->std[i]) ||
        !(MAX (fabs (from), fabs (255 * factor - from)) / by <= EFFNET_CARD_INPUT_MAX))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "%s: rescale_factor, image_mean and image_std make inputs beyond %g",
                          reader->file->subject, EFFNET_CARD_INPUT_MAX);
  }
  card->says_range =
      (!does_normalize && !divides) || (effnet_card_get (reader->top, "image_mean") != NULL &&
                                        effnet_card_get (reader->top, "image_std") != NULL);
  return TRUE;
}

/* The picture is resized to a size whatever its own, and perhaps cut in the middle. */
static gboolean
read_processor (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  unsigned height = card->input_height, width = card->input_width, cut_height, cut_width;

  if (!read_size (reader, "size", &height, &width, error))
    return FALSE;
  cut_height = height;
  cut_width = width;
  if (is_true (reader, "do_center_crop", FALSE) &&
      !read_size (reader, "crop_size", &cut_height, &cut_width, error))
    return FALSE;
  card->input_height = MIN (cut_height, height);
  card->input_width = MIN (cut_width, width);
  card->crop_mode = EFFNET_CROP_SQUASH;
  card->crop_pct = height > 0 ? (double)card->input_height / height : 1;
  return read_resample (reader, card, error) && read_range (reader, card, error);
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
  if ((card->input_height == 0 &&
       !read_size (reader, "image_size", &card->input_height, &card->input_width, error)) ||
      (card->bn_epsilon == 0 &&
       !effnet_card_read_number (reader, "batch_norm_eps", epsilon, G_MINDOUBLE, 1.0,
                                 &card->bn_epsilon, error)))
    return FALSE;
  return card->says_range || load_processor (path, card, error);
}
