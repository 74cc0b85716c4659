/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The card that is written: a fresh one, from what the backbone was opened as. */
#include <json-glib/json-glib.h>
#include <string.h>

#include "train/head_file.h"

const char *const effnet_unknown_names[] = {"none", "euclidean", "cosine", "mahalanobis", NULL};

/* A list of @n numbers under @member. */
static void
set_numbers (JsonObject *object, const char *member, const double *values, unsigned n)
{
  JsonArray *list = json_array_new ();

  for (unsigned i = 0; i < n; i++)
    json_array_add_double_element (list, values[i]);
  json_object_set_array_member (object, member, list);
}

static void
set_text (JsonObject *object, const char *member, const char *text)
{
  if (text != NULL)
    json_object_set_string_member (object, member, text);
}

/* The fewest digits that give the same float: 0.485 and not 0.48500001430511475. */
static double
short_double (float value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 6; digits < 9; digits++) {
    char format[8];
    double shorter;

    g_snprintf (format, sizeof format, "%%.%dg", digits);
    g_ascii_formatd (text, sizeof text, format, (double)value);
    shorter = g_ascii_strtod (text, NULL);
    if ((float)shorter == value)
      return shorter;
  }
  return (double)value;
}

/* How a frame becomes the input, in timm's words. */
static void
set_resize (JsonObject *cfg, const EffnetCard *card, EffnetResizeMode mode)
{
  static const char *const interpolations[] = {"bilinear", "bicubic", "nearest",
                                               "box",      "hamming", "lanczos"};
  static const char *const crops[] = {"center", "squash", "border"};
  const char *crop = crops[card->crop_mode];
  double crop_pct = card->crop_pct;

  if (mode == EFFNET_RESIZE_MODE_CENTER_CROP) {
    crop = "center";
  } else if (mode == EFFNET_RESIZE_MODE_STRETCH || mode == EFFNET_RESIZE_MODE_LETTERBOX) {
    crop = mode == EFFNET_RESIZE_MODE_STRETCH ? "squash" : "border";
    crop_pct = 1;
  }
  json_object_set_string_member (cfg, "interpolation", interpolations[card->interpolation]);
  json_object_set_double_member (cfg, "crop_pct", crop_pct);
  json_object_set_string_member (cfg, "crop_mode", crop);
}

static JsonObject *
input_description (const EffnetModel *backbone, unsigned n_classes, EffnetResizeMode mode)
{
  JsonObject *cfg = json_object_new ();
  JsonArray *size = json_array_new ();
  double mean[3], std[3];

  json_array_add_int_element (size, 3);
  json_array_add_int_element (size, backbone->net->in_height);
  json_array_add_int_element (size, backbone->net->in_width);
  json_object_set_array_member (cfg, "input_size", size);
  set_resize (cfg, backbone->card, mode);
  for (unsigned i = 0; i < 3; i++) {
    mean[i] = short_double (backbone->card->mean[i]);
    std[i] = short_double (backbone->card->std[i]);
  }
  set_numbers (cfg, "mean", mean, 3);
  set_numbers (cfg, "std", std, 3);
  json_object_set_int_member (cfg, "num_classes", n_classes);
  json_object_set_string_member (cfg, "first_conv", "conv_stem");
  json_object_set_string_member (cfg, "classifier", "classifier");
  return cfg;
}

/* NULL for phi:X, which has no name of its own. */
static char *
architecture (const EffnetModel *backbone)
{
  const EffnetNet *net = backbone->net;
  const char *prefix;

  if (backbone->card->architecture != NULL)
    return g_strdup (backbone->card->architecture);
  if (effnet_arch_from_name (net->variant) == NULL)
    return NULL;
  prefix = effnet_arch_timm_prefix (net->variant);
  return g_strdelimit (
      g_strconcat (*prefix != '\0' && net->padding == EFFNET_PADDING_SAME ? "tf_" : "", prefix,
                   net->variant, NULL),
      "-", '_');
}

static JsonObject *
unknown_description (const EffnetHeadInfo *head)
{
  JsonObject *unknown = json_object_new ();

  json_object_set_string_member (unknown, "method", effnet_unknown_names[head->unknown_method]);
  json_object_set_double_member (unknown, "threshold", head->unknown_threshold);
  json_object_set_string_member (unknown, "file", EFFNET_HEAD_UNKNOWN);
  return unknown;
}

static JsonObject *
provenance (const EffnetHeadInfo *head)
{
  JsonObject *object = json_object_new ();

  set_text (object, "backbone", head->backbone);
  set_text (object, "backbone_sha256", head->backbone_sha256);
  set_text (object, "data_sha256", head->data_sha256);
  json_object_set_int_member (object, "n_pictures", (gint64)head->n_pictures);
  json_object_set_int_member (object, "seed", (gint64)head->seed);
  json_object_set_double_member (object, "l2", head->l2);
  set_text (object, "version", head->version);
  if (head->accuracy >= 0)
    json_object_set_double_member (object, "accuracy", head->accuracy);
  return object;
}

/* What no other card has a key for. */
static JsonObject *
own_description (const EffnetHeadInfo *head, const EffnetModel *backbone, double epsilon,
                 gboolean head_only)
{
  JsonObject *own = json_object_new ();

  json_object_set_string_member (
      own, "padding", backbone->net->padding == EFFNET_PADDING_SAME ? "same" : "symmetric");
  json_object_set_double_member (own, "bn_epsilon", epsilon);
  json_object_set_string_member (own, "activation",
                                 head->kind == EFFNET_HEAD_SOFTMAX ? "softmax" : "sigmoid");
  json_object_set_double_member (own, "temperature", head->temperature);
  if (head->thresholds != NULL && head->labels != NULL) {
    JsonObject *thresholds = json_object_new ();

    for (unsigned k = 0; k < head->n_classes; k++)
      json_object_set_double_member (thresholds, head->labels[k],
                                     short_double (head->thresholds[k]));
    json_object_set_object_member (own, "thresholds", thresholds);
  }
  if (head->unknown_method != EFFNET_UNKNOWN_NONE)
    json_object_set_object_member (own, "unknown", unknown_description (head));
  if (head_only) {
    JsonObject *object = json_object_new ();

    set_text (object, "name", head->backbone);
    set_text (object, "path", head->backbone_path);
    set_text (object, "sha256", head->backbone_sha256);
    json_object_set_object_member (own, "backbone", object);
  }
  json_object_set_object_member (own, "provenance", provenance (head));
  return own;
}

char *
effnet_head_card (const EffnetHeadInfo *head, const EffnetModel *backbone, double epsilon,
                  const EffnetHeadSaveOptions *options)
{
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *card = json_object_new ();
  g_autofree char *name = architecture (backbone), *text = NULL;

  json_node_take_object (root, card);
  set_text (card, "architecture", name);
  json_object_set_int_member (card, "num_classes", head->n_classes);
  json_object_set_int_member (card, "num_features", head->n_features);
  json_object_set_string_member (card, "global_pool", "avg");
  json_object_set_object_member (
      card, "pretrained_cfg", input_description (backbone, head->n_classes, options->resize_mode));
  if (head->labels != NULL) {
    JsonArray *labels = json_array_new ();

    for (unsigned k = 0; k < head->n_classes; k++)
      json_array_add_string_element (labels, head->labels[k]);
    json_object_set_array_member (card, "label_names", labels);
  }
  json_object_set_object_member (card, "effnet",
                                 own_description (head, backbone, epsilon, options->head_only));
  text = json_to_string (root, TRUE);
  return g_strconcat (text, "\n", NULL);
}
