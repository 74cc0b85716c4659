/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Model cards. What a card says must be usable, or it is an error that names the key: a wrong mean
 * or interpolation gives wrong classes and no other sign. What a card does not say keeps its
 * default. */
#include "weights/card.h"
#include "base/limits.h"
#include "base/text.h"
#include "weights/card_training.h"
#include "weights/card_transformers.h"
#include "weights/file.h"
#include "weights/names.h"
#include "weights/sniff.h"

#include <math.h>
#include <string.h>

#define UTF8_BOM "\xef\xbb\xbf"

typedef struct {
  const char *name;
  int value;
} Choice;

static const Choice interpolations[] = {{"nearest", EFFNET_INTERPOLATION_NEAREST},
                                        {"bilinear", EFFNET_INTERPOLATION_BILINEAR},
                                        {"bicubic", EFFNET_INTERPOLATION_BICUBIC},
                                        {"box", EFFNET_INTERPOLATION_BOX},
                                        {"hamming", EFFNET_INTERPOLATION_HAMMING},
                                        {"lanczos", EFFNET_INTERPOLATION_LANCZOS},
                                        {NULL, 0}};
static const Choice crop_modes[] = {{"center", EFFNET_CROP_CENTER},
                                    {"squash", EFFNET_CROP_SQUASH},
                                    {"border", EFFNET_CROP_BORDER},
                                    {NULL, 0}};
static const Choice paddings[] = {
    {"same", EFFNET_PADDING_SAME}, {"symmetric", EFFNET_PADDING_SYMMETRIC}, {NULL, 0}};
static const Choice activations[] = {{"auto", EFFNET_OUTPUT_ACTIVATION_AUTO},
                                     {"softmax", EFFNET_OUTPUT_ACTIVATION_SOFTMAX},
                                     {"sigmoid", EFFNET_OUTPUT_ACTIVATION_SIGMOID},
                                     {"none", EFFNET_OUTPUT_ACTIVATION_NONE},
                                     {NULL, 0}};
/* "single_label..." also stands beside one logit, so it decides nothing. */
static const Choice problems[] = {{"single_label_classification", EFFNET_OUTPUT_ACTIVATION_AUTO},
                                  {"multi_label_classification", EFFNET_OUTPUT_ACTIVATION_SIGMOID},
                                  {"regression", EFFNET_OUTPUT_ACTIVATION_NONE},
                                  {NULL, 0}};

/* What the checkpoint is: the outer key wins; the inner may describe the model it was tuned from.
 */
static JsonNode *
get_identity (const EffnetCardReader *reader, const char *key)
{
  JsonNode *node = effnet_card_get (reader->top, key);
  return node != NULL ? node : effnet_card_get (reader->inner, key);
}

/* What its input must be: the inner key wins. */
static JsonNode *
get_input (const EffnetCardReader *reader, const char *key)
{
  JsonNode *node = effnet_card_get (reader->inner, key);
  return node != NULL ? node : effnet_card_get (reader->top, key);
}

static gboolean
read_choice (const EffnetCardReader *reader, const char *key, JsonNode *node, const Choice *choices,
             const char *expected, int *value, GError **error)
{
  if (node == NULL)
    return TRUE;
  if (!effnet_json_is_string (node))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node, expected, error);
  for (; choices->name != NULL; choices++) {
    if (strcmp (choices->name, json_node_get_string (node)) != 0)
      continue;
    *value = choices->value;
    return TRUE;
  }
  return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, key, node, expected, error);
}

static gboolean
is_int_within (JsonNode *node, gint64 low, gint64 high)
{
  return effnet_json_is_int (node) && json_node_get_int (node) >= low &&
         json_node_get_int (node) <= high;
}

/* [3, height, width], of grey pictures [1, height, width] */
static gboolean
read_input_size (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  JsonNode *node = get_input (reader, "input_size");

  if (node == NULL)
    return TRUE;
  JsonArray *list = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
  if (list == NULL || json_array_get_length (list) != 3 ||
      !(is_int_within (json_array_get_element (list, 0), 3, 3) ||
        is_int_within (json_array_get_element (list, 0), 1, 1)) ||
      !is_int_within (json_array_get_element (list, 1), 1, EFFNET_INPUT_SIDE_MAX) ||
      !is_int_within (json_array_get_element (list, 2), 1, EFFNET_INPUT_SIDE_MAX))
    return effnet_card_fail_value (
        reader, EFFNET_ERROR_FORMAT, "input_size", node,
        "[3, height, width], or [1, ...] of grey pictures, with sides of 1 to " G_STRINGIFY (
            EFFNET_INPUT_SIDE_MAX) " pixels",
        error);
  card->input_height = (unsigned)json_array_get_int_element (list, 1);
  card->input_width = (unsigned)json_array_get_int_element (list, 2);
  return TRUE;
}

static gboolean
read_architecture (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  JsonNode *node = get_identity (reader, "architecture");

  if (node == NULL)
    return TRUE;
  if (!effnet_json_is_string (node))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "architecture", node,
                                   "a name such as \"efficientnet_b0\"", error);
  card->architecture = g_strdup (json_node_get_string (node));
  return TRUE;
}

/* The number of classes of the card itself, which Transformers calls num_labels; that of the model
 * it was tuned from counts only where nothing else does. */
static gboolean
read_classes (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  const char *key =
      effnet_card_get (reader->top, "num_classes") != NULL ? "num_classes" : "num_labels";
  JsonNode *outer = effnet_card_get (reader->top, key), *node = outer;

  if (node == NULL)
    node = effnet_card_get (reader->inner, key = "num_classes");
  if (node == NULL)
    return TRUE;
  if (!is_int_within (node, 0, EFFNET_CLASSES_MAX))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, key, node,
                                   "a whole number from 0 to " G_STRINGIFY (EFFNET_CLASSES_MAX),
                                   error);
  if (outer != NULL || card->labels == NULL)
    card->n_classes = (unsigned)json_node_get_int (node);
  return TRUE;
}

/* What changes the network beside its name: timm's options for building it. */
static gboolean
check_network (const EffnetCardReader *reader, GError **error)
{
  static const char *const harmless[] = {"num_classes", "drop_rate",       "drop_path_rate",
                                         "pretrained",  "checkpoint_path", NULL};
  JsonNode *node = effnet_card_get (reader->top, "model_args"),
           *pool = get_identity (reader, "global_pool");
  JsonObjectIter iter;
  const char *key;

  if (pool != NULL && !(effnet_json_is_string (pool) &&
                        g_strv_contains ((const char *const[]){"avg", "", "fast", NULL},
                                         json_node_get_string (pool))))
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, "global_pool", pool, "\"avg\"",
                                   error);
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "model_args", node, "an object",
                                   error);
  json_object_iter_init (&iter, json_node_get_object (node));
  while (json_object_iter_next (&iter, &key, &node)) {
    if (g_strv_contains (harmless, key) || JSON_NODE_HOLDS_NULL (node) ||
        (strcmp (key, "in_chans") == 0 &&
         (is_int_within (node, 1, 1) || is_int_within (node, 3, 3))) ||
        (strcmp (key, "global_pool") == 0 && effnet_json_is_string (node) &&
         strcmp (json_node_get_string (node), "avg") == 0))
      continue;
    g_autofree char *shown = effnet_printable (key);
    g_autofree char *place = g_strdup_printf ("model_args.%s", shown);
    return effnet_card_fail_value (reader, EFFNET_ERROR_UNSUPPORTED, place, node,
                                   "the published network without it", error);
  }
  return TRUE;
}

/* Black and white as the network sees them must be numbers, and leave room for sums of them: what
 * overflows inside may be clamped to an answer. */
static gboolean
check_range (const EffnetCardReader *reader, const EffnetCard *card, GError **error)
{
  for (unsigned i = 0; i < 3; i++) {
    double mean = (double)card->mean[i], std = (double)card->std[i];
    if (MAX (fabs (mean), fabs (1 - mean)) / std <= EFFNET_CARD_INPUT_MAX)
      continue;
    JsonNode *node = get_input (reader, get_input (reader, "mean") != NULL ? "mean" : "std");
    g_autofree char *where = effnet_json_place (reader->file, node);
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "%s: mean %g and std %g of channel %u make inputs beyond %g", where, mean,
                        std, i, EFFNET_CARD_INPUT_MAX);
  }
  return TRUE;
}

static gboolean
is_grey (const EffnetCardReader *reader)
{
  JsonNode *node = get_input (reader, "input_size");

  return node != NULL && json_array_get_int_element (json_node_get_array (node), 0) == 1;
}

static gboolean
read_preprocessing (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  int interpolation = (int)card->interpolation, crop_mode = (int)card->crop_mode;

  if (!read_input_size (reader, card, error) ||
      !effnet_card_read_triple (reader, "mean", get_input (reader, "mean"), FALSE, card->mean,
                                error) ||
      !effnet_card_read_triple (reader, "std", get_input (reader, "std"), TRUE, card->std, error) ||
      !read_choice (reader, "interpolation", get_input (reader, "interpolation"), interpolations,
                    "\"nearest\", \"bilinear\", \"bicubic\", \"box\", \"hamming\" or \"lanczos\"",
                    &interpolation, error) ||
      !read_choice (reader, "crop_mode", get_input (reader, "crop_mode"), crop_modes,
                    "\"center\", \"squash\" or \"border\"", &crop_mode, error) ||
      !effnet_card_read_number (reader, "crop_pct", get_input (reader, "crop_pct"),
                                EFFNET_CROP_PCT_MIN, EFFNET_CROP_PCT_MAX, &card->crop_pct, error))
    return FALSE;
  card->says_range = get_input (reader, "mean") != NULL && get_input (reader, "std") != NULL;
  card->is_grey = is_grey (reader);
  for (unsigned i = 0; i < 3 && card->is_grey; i++) { /* luma has one of each */
    card->mean[i] = i > 0 ? card->mean[0] : (card->mean[0] + card->mean[1] + card->mean[2]) / 3;
    card->std[i] = i > 0 ? card->std[0] : (card->std[0] + card->std[1] + card->std[2]) / 3;
  }
  card->interpolation = (EffnetInterpolation)interpolation;
  card->crop_mode = (EffnetCropMode)crop_mode;
  return check_range (reader, card, error);
}

/* What makes scores of the logits: our own key wins, unless it says "auto". @own: "effnet", or
 * NULL. */
static gboolean
read_activation (const EffnetCardReader *reader, JsonObject *own, EffnetCard *card, GError **error)
{
  int activation = (int)card->activation, own_activation = EFFNET_OUTPUT_ACTIVATION_AUTO;

  if (!read_choice (reader, "problem_type", get_identity (reader, "problem_type"), problems,
                    "\"single_label_classification\", \"multi_label_classification\" or "
                    "\"regression\"",
                    &activation, error) ||
      !read_choice (reader, "effnet.activation", effnet_card_get (own, "activation"), activations,
                    "\"auto\", \"softmax\", \"sigmoid\" or \"none\"", &own_activation, error))
    return FALSE;
  card->activation =
      (EffnetOutputActivation)(own_activation != EFFNET_OUTPUT_ACTIVATION_AUTO ? own_activation
                                                                               : activation);
  return TRUE;
}

/* "effnet": {"padding": ..., "bn_epsilon": ..., "activation": ..., "temperature": ...}: what no
 * other card has a key for. */
static gboolean
read_own (const EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  JsonNode *node = effnet_card_get (reader->top, "effnet");
  int padding = (int)card->padding;

  if (node == NULL)
    return read_activation (reader, NULL, card, error);
  if (!JSON_NODE_HOLDS_OBJECT (node))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "effnet", node, "an object", error);
  JsonObject *own = json_node_get_object (node);
  if (!read_choice (reader, "effnet.padding", effnet_card_get (own, "padding"), paddings,
                    "\"same\" or \"symmetric\"", &padding, error) ||
      !effnet_card_read_number (reader, "effnet.bn_epsilon", effnet_card_get (own, "bn_epsilon"),
                                G_MINDOUBLE, 1.0, &card->bn_epsilon, error) ||
      !effnet_card_read_number (reader, "effnet.temperature", effnet_card_get (own, "temperature"),
                                G_MINDOUBLE, EFFNET_TEMPERATURE_MAX, &card->temperature, error) ||
      !read_activation (reader, own, card, error) ||
      !effnet_card_read_training (reader, own, card, error))
    return FALSE;
  card->padding = (EffnetPadding)padding;
  return TRUE;
}

/* Those of the card itself, else of what it was tuned from. */
static void
read_labels (const EffnetCardReader *reader, EffnetCard *card)
{
  if (!effnet_names_find (reader->file, reader->top, &card->labels, &card->labels_error) ||
      card->labels != NULL || reader->inner == NULL)
    return;
  effnet_names_find (reader->file, reader->inner, &card->labels, &card->labels_error);
}

/* Names that do not fit num_classes are none. */
static void
check_labels (const EffnetCardReader *reader, EffnetCard *card)
{
  guint n = card->labels != NULL ? g_strv_length (card->labels) : 0;

  if (card->labels == NULL || card->n_classes == 0 || n == card->n_classes)
    return;
  effnet_fail (&card->labels_error, EFFNET_ERROR_MISMATCH,
               "%s has names for %u classes, but num_classes is %u", reader->file->subject, n,
               card->n_classes);
  g_clear_pointer (&card->labels, g_strfreev);
  g_clear_pointer (&card->thresholds, g_free);
}

static gboolean
read_card (EffnetCardReader *reader, EffnetCard *card, GError **error)
{
  JsonNode *inner = effnet_card_get (reader->top, "pretrained_cfg");

  if (inner != NULL && !JSON_NODE_HOLDS_OBJECT (inner))
    return effnet_card_fail_value (reader, EFFNET_ERROR_FORMAT, "pretrained_cfg", inner,
                                   "an object", error);
  reader->inner = inner != NULL ? json_node_get_object (inner) : NULL;
  read_labels (reader, card);
  if (!read_architecture (reader, card, error) || !read_classes (reader, card, error) ||
      !check_network (reader, error) || !read_preprocessing (reader, card, error) ||
      !read_own (reader, card, error))
    return FALSE;
  check_labels (reader, card);
  return TRUE;
}

EffnetCard *
effnet_card_new (void)
{
  EffnetCard *card = g_new0 (EffnetCard, 1);

  *card = (EffnetCard){
      .mean = {0.485f, 0.456f, 0.406f},
      .std = {0.229f, 0.224f, 0.225f},
      .interpolation = EFFNET_INTERPOLATION_BICUBIC,
      .crop_pct = 0.875,
      .crop_mode = EFFNET_CROP_CENTER,
      .padding = EFFNET_PADDING_AUTO,
  };
  return card;
}

/* Parses @file, which loses its byte order mark. */
static gboolean
parse_card (EffnetJsonFile *file, GError **error)
{
  static const EffnetJsonRules rules = {.max_depth = EFFNET_CARD_DEPTH_MAX};
  const char *advice = NULL, *what = effnet_sniff (file->text, file->length, &advice);

  if (what != NULL)
    return effnet_fail (error, EFFNET_ERROR_FORMAT, "%s is %s; expected JSON%s%s", file->subject,
                        what, advice != NULL ? ": " : "", advice != NULL ? advice : "");
  if (g_str_has_prefix (file->text, UTF8_BOM)) {
    file->text += strlen (UTF8_BOM);
    file->length -= strlen (UTF8_BOM);
  }
  return effnet_json_parse (file, &rules, error);
}

EffnetCard *
effnet_card_load (const char *path, GError **error)
{
  g_autofree char *shown = effnet_printable (path);
  g_autofree char *subject = g_strdup_printf ("Model card %s", shown);
  EffnetJsonFile file = {subject, "", NULL, 0, NULL};
  g_autofree char *text =
      effnet_file_read (path, "Model card", EFFNET_CARD_BYTES_MAX, &file.length, error);

  file.text = text;
  if (text == NULL || !parse_card (&file, error))
    return NULL;
  g_autoptr (JsonNode) root = file.root;
  EffnetCardReader reader = {.file = &file, .top = json_node_get_object (root)};
  g_autoptr (EffnetCard) card = effnet_card_new ();
  if (!read_card (&reader, card, error) ||
      !effnet_card_read_transformers (&reader, path, card, error))
    return NULL;
  return g_steal_pointer (&card);
}

void
effnet_card_free (EffnetCard *card)
{
  if (card == NULL)
    return;
  g_free (card->architecture);
  g_strfreev (card->labels);
  g_clear_error (&card->labels_error);
  g_free (card->backbone_name);
  g_free (card->backbone_path);
  g_free (card->backbone_sha256);
  g_free (card->thresholds);
  g_free (card->unknown_method);
  g_free (card->unknown_file);
  g_free (card->provenance);
  g_free (card);
}
