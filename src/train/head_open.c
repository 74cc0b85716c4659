/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The head of a folder: the classifier's tensors under whatever names, and what the card says. */
#include <string.h>

#include "base/text.h"
#include "engine/choose.h"
#include "train/head_file.h"
#include "weights/json.h"

/* Everything that an EffnetHeadInfo points to while it is put together. */
typedef struct {
  EffnetCard *card;
  EffnetTensorTable *weights, *unknown;
  JsonNode *provenance;
  float *numbers[4]; /* weights, bias, means, basis */
  float *thresholds;
} Parts;

static void
clear_parts (Parts *parts)
{
  effnet_card_free (parts->card);
  effnet_tensor_table_free (parts->weights);
  effnet_tensor_table_free (parts->unknown);
  g_clear_pointer (&parts->provenance, json_node_unref);
  for (unsigned i = 0; i < G_N_ELEMENTS (parts->numbers); i++)
    g_free (parts->numbers[i]);
  g_free (parts->thresholds);
}

/* The numbers of @tensor, which has @rows rows (0 = any), and of a matrix @columns columns. */
static float *
read_matrix (const EffnetTensor *tensor, const char *name, const char *file, unsigned n_dims,
             size_t rows, size_t columns, GError **error)
{
  g_autofree float *values = NULL;
  g_autofree char *shown = effnet_printable (file);

  if (tensor == NULL) {
    effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s has no tensor %s", shown, name);
    return NULL;
  }
  if (!tensor->is_float || tensor->n_dims != n_dims || tensor->shape[0] == 0 ||
      (rows != 0 && tensor->shape[0] != rows) ||
      (n_dims == 2 && columns != 0 && tensor->shape[1] != columns) || tensor->n_elements == 0) {
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    effnet_fail (error, EFFNET_ERROR_MISMATCH,
                 "%s: tensor %s is %s of shape %s; expected numbers in %u dimension%s that fit the "
                 "head",
                 shown, name, tensor->dtype_name, shape, n_dims, n_dims == 1 ? "" : "s");
    return NULL;
  }
  values = g_try_new (float, tensor->n_elements);
  if (values == NULL)
    effnet_fail_memory (error, name, tensor->n_elements * sizeof (float));
  else if (effnet_tensor_read (tensor, values, error))
    return g_steal_pointer (&values);
  return NULL;
}

static gboolean
read_classifier (Parts *parts, EffnetHeadInfo *info, GError **error)
{
  static const EffnetLayer layer = {.kind = EFFNET_LAYER_CLASSIFIER};
  EffnetTensorTable *table = parts->weights;
  const char *file = effnet_tensor_table_name (table);
  EffnetDialect dialect = effnet_dialect_detect (table);

  if (dialect == EFFNET_DIALECT_UNKNOWN) /* a head alone */
    dialect = EFFNET_DIALECT_TIMM;
  g_autofree char *weight = effnet_dialect_tensor (dialect, NULL, &layer, EFFNET_ROLE_WEIGHT);
  g_autofree char *bias = effnet_dialect_tensor (dialect, NULL, &layer, EFFNET_ROLE_BIAS);
  const EffnetTensor *matrix = effnet_tensor_table_find (table, weight);
  parts->numbers[0] = read_matrix (matrix, weight, file, 2, 0, 0, error);
  if (parts->numbers[0] == NULL)
    return FALSE;
  if (matrix->shape[0] > EFFNET_CLASSES_MAX || matrix->shape[1] > EFFNET_TRAIN_FEATURES_MAX)
    return effnet_fail (
        error, EFFNET_ERROR_MISMATCH, "tensor %s has %zu rows of %zu; expected at most %d of %d",
        weight, matrix->shape[0], matrix->shape[1], EFFNET_CLASSES_MAX, EFFNET_TRAIN_FEATURES_MAX);
  info->n_classes = (unsigned)matrix->shape[0];
  info->n_features = (unsigned)matrix->shape[1];
  parts->numbers[1] = read_matrix (effnet_tensor_table_find (table, bias), bias, file, 1,
                                   info->n_classes, 0, error);
  info->weights = parts->numbers[0];
  info->bias = parts->numbers[1];
  return info->bias != NULL;
}

static gboolean
read_unknown (Parts *parts, const char *folder, EffnetHeadInfo *info, GError **error)
{
  const EffnetCard *card = parts->card;
  g_autofree char *shown = NULL, *path = NULL;
  int method = -1;

  if (card->unknown_method == NULL)
    return TRUE;
  for (int i = 0; effnet_unknown_names[i] != NULL; i++)
    if (strcmp (effnet_unknown_names[i], card->unknown_method) == 0)
      method = i;
  shown = effnet_printable (card->unknown_method);
  if (method < 0)
    return effnet_fail (error, EFFNET_ERROR_UNSUPPORTED,
                        "the card of \"%s\" tells unknown by \"%s\"; expected none, euclidean, "
                        "cosine or mahalanobis",
                        folder, shown);
  info->unknown_method = (EffnetUnknownMethod)method;
  if (info->unknown_method == EFFNET_UNKNOWN_NONE)
    return TRUE;
  path = g_build_filename (folder, card->unknown_file, NULL);
  parts->unknown = effnet_tensor_table_open (path, error);
  if (parts->unknown == NULL)
    return FALSE;
  const EffnetTensor *means = effnet_tensor_table_find (parts->unknown, "means");
  const EffnetTensor *basis = effnet_tensor_table_find (parts->unknown, "basis");
  parts->numbers[2] = read_matrix (means, "means", path, 2, 0, info->n_features, error);
  if (parts->numbers[2] == NULL)
    return FALSE;
  if (basis != NULL) {
    parts->numbers[3] = read_matrix (basis, "basis", path, 2, 0, info->n_features, error);
    if (parts->numbers[3] == NULL)
      return FALSE;
  }
  info->means = parts->numbers[2];
  info->basis = parts->numbers[3];
  info->n_means = (unsigned)MIN (means->shape[0], G_MAXUINT);
  info->n_basis = basis != NULL ? (unsigned)MIN (basis->shape[0], G_MAXUINT) : 0;
  info->unknown_threshold = card->unknown_threshold;
  return TRUE;
}

static const char *
text_member (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && effnet_json_is_string (node) ? json_node_get_string (node) : NULL;
}

static double
number_member (JsonObject *object, const char *key, double otherwise)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && effnet_json_is_number (node) ? json_node_get_double (node) : otherwise;
}

static uint64_t
count_member (JsonObject *object, const char *key)
{
  JsonNode *node = json_object_get_member (object, key);

  return node != NULL && effnet_json_is_int (node) ? (uint64_t)json_node_get_int (node) : 0;
}

static void
read_provenance (Parts *parts, EffnetHeadInfo *info)
{
  JsonObject *object;

  info->accuracy = -1;
  if (parts->card->provenance == NULL)
    return;
  parts->provenance = json_from_string (parts->card->provenance, NULL);
  object = json_node_get_object (parts->provenance);
  info->backbone = text_member (object, "backbone");
  info->backbone_sha256 = text_member (object, "backbone_sha256");
  info->data_sha256 = text_member (object, "data_sha256");
  info->version = text_member (object, "version");
  info->n_pictures = count_member (object, "n_pictures");
  info->seed = count_member (object, "seed");
  info->l2 = number_member (object, "l2", 0);
  info->accuracy = number_member (object, "accuracy", -1);
}

static EffnetHeadKind
kind_of (const EffnetCard *card, unsigned n_classes)
{
  if (n_classes == 1)
    return EFFNET_HEAD_ONE_LOGIT;
  return card->activation == EFFNET_OUTPUT_ACTIVATION_SIGMOID ? EFFNET_HEAD_MULTI_LABEL
                                                              : EFFNET_HEAD_SOFTMAX;
}

static gboolean
read_labels (Parts *parts, EffnetHeadInfo *info, GError **error)
{
  EffnetCard *card = parts->card;

  if (card->labels_error != NULL) /* a label file may stand in: these are not the classes' names */
    return effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s", card->labels_error->message);
  if ((card->labels != NULL && g_strv_length (card->labels) != info->n_classes) ||
      (card->n_classes != 0 && card->n_classes != info->n_classes)) {
    g_autofree char *shown = effnet_printable (effnet_tensor_table_name (parts->weights));
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "%s has a classifier for %u classes, but its card says %u", shown,
                        info->n_classes,
                        card->labels != NULL ? g_strv_length (card->labels) : card->n_classes);
  }
  info->labels = (const char *const *)card->labels;
  if (card->thresholds == NULL)
    return TRUE;
  parts->thresholds = g_new (float, info->n_classes);
  for (unsigned k = 0; k < info->n_classes; k++)
    parts->thresholds[k] = (float)card->thresholds[k];
  info->thresholds = parts->thresholds;
  return TRUE;
}

/* The weights and the card that @path means; @folder: where they are. */
static gboolean
open_parts (Parts *parts, const char *path, char **folder, GError **error)
{
  g_autofree char *file = NULL, *card = NULL;

  if (g_file_test (path, G_FILE_TEST_IS_DIR)) {
    *folder = g_strdup (path);
    file = g_build_filename (path, EFFNET_HEAD_WEIGHTS, NULL);
    if (!g_file_test (file, G_FILE_TEST_EXISTS)) {
      g_autofree char *alone = g_build_filename (path, EFFNET_HEAD_ALONE, NULL);
      if (g_file_test (alone, G_FILE_TEST_EXISTS)) {
        g_free (file);
        file = g_steal_pointer (&alone);
      }
    }
  } else {
    *folder = g_path_get_dirname (path);
    file = g_strdup (path);
  }
  card = effnet_find_card (file);
  if (card == NULL)
    card = g_build_filename (*folder, EFFNET_HEAD_CARD, NULL);
  /* a link to nowhere is an error, not a card that is not there */
  parts->card = g_file_test (card, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK)
                    ? effnet_card_load (card, error)
                    : effnet_card_new ();
  if (parts->card == NULL)
    return FALSE;
  parts->weights = effnet_checkpoint_open (file, NULL, error);
  return parts->weights != NULL;
}

EffnetHead *
effnet_head_open (const char *path, GError **error)
{
  EffnetHeadInfo info = {0};
  g_autofree char *folder = NULL;
  EffnetHead *head = NULL;
  Parts parts = {0};

  if (open_parts (&parts, path, &folder, error) && read_classifier (&parts, &info, error) &&
      read_labels (&parts, &info, error) && read_unknown (&parts, folder, &info, error)) {
    read_provenance (&parts, &info);
    info.kind = kind_of (parts.card, info.n_classes);
    info.temperature = parts.card->temperature;
    if (parts.card->backbone_name != NULL)
      info.backbone = parts.card->backbone_name;
    info.backbone_path = parts.card->backbone_path;
    if (parts.card->backbone_sha256 != NULL)
      info.backbone_sha256 = parts.card->backbone_sha256;
    head = effnet_head_new (&info, error);
  }
  clear_parts (&parts);
  return head;
}
