/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bind/checkpoint.h"

#include <string.h>

#include "base/text.h"

#define MAX_NAMED 4 /* matrices in a message */

/* Of a layer outside the blocks. Free with g_free(). */
static char *
tensor_name (EffnetDialect dialect, EffnetLayerKind kind, EffnetRole role)
{
  const EffnetLayer layer = {.kind = kind};

  return effnet_dialect_tensor (dialect, NULL, &layer, role);
}

static void say (GString *notice, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
say (GString *notice, const char *format, ...)
{
  va_list ap;

  if (notice == NULL)
    return;
  if (notice->len > 0)
    g_string_append (notice, "; ");
  va_start (ap, format);
  g_string_append_vprintf (notice, format, ap);
  va_end (ap);
}

/* What stands before the stem's name in @name, its dot included; 0 = @name is not that of a stem
 * with something before it. */
static size_t
prefix_length (const char *name)
{
  for (EffnetDialect dialect = 0; dialect < EFFNET_DIALECT_UNKNOWN; dialect++) {
    g_autofree char *stem = tensor_name (dialect, EFFNET_LAYER_STEM, EFFNET_ROLE_WEIGHT);
    size_t n = strlen (name), length = strlen (stem);

    if (n > length && g_str_has_suffix (name, stem) && name[n - length - 1] == '.')
      return n - length;
  }
  return 0;
}

/* DataParallel leaves "module.", torch.compile "_orig_mod.", Lightning "model.", and so on: the
 * stem tells what it is. */
static gboolean
leave_out_prefix (EffnetTensorTable *table, GError **error)
{
  g_autofree char *prefix = NULL;
  size_t n = effnet_tensor_table_size (table);

  if (effnet_dialect_detect (table) != EFFNET_DIALECT_UNKNOWN)
    return TRUE;
  for (size_t i = 0; i < n; i++) {
    const char *name = effnet_tensor_table_nth (table, i)->name;
    size_t length = prefix_length (name);

    if (length == 0)
      continue;
    if (prefix != NULL) {
      g_autofree char *file = effnet_printable (effnet_tensor_table_name (table));
      g_autofree char *first = effnet_printable (prefix);
      g_autofree char *shown = effnet_printable (name);
      return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                          "%s holds more than one network: names that begin with \"%s\", and "
                          "\"%s\"; expected one: save the one that is meant alone",
                          file, first, shown);
    }
    prefix = g_strndup (name, length);
  }
  for (size_t i = 0; prefix != NULL && i < n; i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);

    if (g_str_has_prefix (tensor->name, prefix))
      effnet_tensor_table_alias (table, tensor, tensor->name + strlen (prefix));
  }
  return TRUE;
}

/* The bias beside a matrix of fully connected weights; NULL when @tensor is none. */
static const EffnetTensor *
bias_of_matrix (const EffnetTensorTable *table, const EffnetTensor *tensor)
{
  static const char weight[] = ".weight";

  if (!tensor->is_float || tensor->n_dims != 2 || !g_str_has_suffix (tensor->name, weight))
    return NULL;
  g_autofree char *stem = g_strndup (tensor->name, strlen (tensor->name) - strlen (weight));
  g_autofree char *name = g_strconcat (stem, ".bias", NULL);
  const EffnetTensor *bias = effnet_tensor_table_find (table, name);
  return bias != NULL && bias->is_float && bias->n_dims == 1 && bias->shape[0] == tensor->shape[0]
             ? bias
             : NULL;
}

/* A network has one matrix, its classifier: every other weight is a convolution's. */
static void
name_classifier (EffnetTensorTable *table, EffnetDialect dialect, GString *notice)
{
  g_autofree char *weight = tensor_name (dialect, EFFNET_LAYER_CLASSIFIER, EFFNET_ROLE_WEIGHT);
  g_autofree char *bias = tensor_name (dialect, EFFNET_LAYER_CLASSIFIER, EFFNET_ROLE_BIAS);
  const EffnetTensor *matrix = NULL;
  unsigned n = 0;

  if (effnet_tensor_table_find (table, weight) != NULL)
    return;
  for (size_t i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);

    if (bias_of_matrix (table, tensor) != NULL) {
      matrix = tensor;
      n++;
    }
  }
  if (n != 1 ||
      !effnet_tensor_table_alias (table, bias_of_matrix (table, matrix), g_intern_string (bias)))
    return;
  effnet_tensor_table_alias (table, matrix, g_intern_string (weight));
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (table));
  g_autofree char *shown = effnet_printable (matrix->name);
  say (notice, "the classifier of %s is %s, its only matrix; %s names it %s", file, shown,
       effnet_dialect_name (dialect), weight);
}

gboolean
effnet_checkpoint_is_headless (const EffnetTensorTable *tensors)
{
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++)
    if (effnet_tensor_table_nth (tensors, i)->n_dims == 2)
      return FALSE;
  return TRUE;
}

gboolean
effnet_checkpoint_fail_head (const EffnetTensorTable *tensors, EffnetDialect dialect,
                             GError **error)
{
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
  g_autofree char *wanted = tensor_name (dialect, EFFNET_LAYER_CLASSIFIER, EFFNET_ROLE_WEIGHT);
  g_autoptr (GString) found = g_string_new (NULL);
  unsigned n = 0;

  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (tensors, i);

    if (tensor->n_dims != 2 || n++ >= MAX_NAMED)
      continue;
    g_autofree char *name = effnet_printable (tensor->name);
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    g_string_append_printf (found, "%s%s %s", found->len > 0 ? ", " : "", name, shape);
  }
  return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                      "%s holds no classifier under the name %s, which %s gives it, and none of "
                      "its %u matrices (%s%s) is it for certain: expected one, with its bias",
                      file, wanted, effnet_dialect_name (dialect), n, found->str,
                      n > MAX_NAMED ? ", ..." : "");
}

/* A network for grey pictures sees luma (ITU-R BT.601, as Pillow's mode L). Convolution is linear,
 * so that the same answer comes of RGB with the weights of the one channel times luma's factors,
 * where mean and std are the same of each channel. */
static gboolean
widen_stem (EffnetTensorTable *table, EffnetDialect dialect, GString *notice, GError **error)
{
  static const float luma[3] = {0.299f, 0.587f, 0.114f};
  g_autofree char *name = tensor_name (dialect, EFFNET_LAYER_STEM, EFFNET_ROLE_WEIGHT);
  EffnetTensor *stem = (EffnetTensor *)effnet_tensor_table_find (table, name);
  g_autofree char *file = effnet_printable (effnet_tensor_table_name (table));
  size_t window = stem->n_dims == 4 ? stem->shape[2] * stem->shape[3] : 0;

  if (stem->n_dims != 4 || stem->shape[1] == 3 || !stem->is_float || stem->n_elements == 0)
    return TRUE;
  if (stem->shape[1] != 1)
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "%s is for pictures of %" G_GSIZE_FORMAT " channels (tensor %s); expected "
                        "3 (RGB) or 1 (grey), as frames have them: what a further one holds "
                        "(alpha, infrared, depth) no frame brings, so train it without",
                        file, stem->shape[1], name);
  size_t rows = stem->shape[0], shape[] = {rows, 3, stem->shape[2], stem->shape[3]};
  g_autofree float *grey = g_try_new (float, rows *window);
  if (grey == NULL)
    return effnet_fail_memory (error, name, rows * window * sizeof *grey);
  if (!effnet_tensor_read (stem, grey, error))
    return FALSE;
  float *rgb = effnet_tensor_replace (stem, 4, shape);
  if (rgb == NULL)
    return effnet_fail_memory (error, name, 3 * rows * window * sizeof *rgb);
  for (size_t i = 0; i < 3 * rows * window; i++)
    rgb[i] = luma[i / window % 3] * grey[i / (3 * window) * window + i % window];
  say (notice, "%s is for grey pictures: it gets the luma of colours", file);
  return TRUE;
}

gboolean
effnet_checkpoint_is_grey (const EffnetTensorTable *tensors, EffnetDialect dialect)
{
  g_autofree char *name = tensor_name (dialect, EFFNET_LAYER_STEM, EFFNET_ROLE_WEIGHT);

  return effnet_tensor_table_find (tensors, name)->data != NULL; /* not what the file holds */
}

EffnetTensorTable *
effnet_checkpoint_open (const char *path, GString *notice, GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, error);
  EffnetDialect dialect;

  if (table == NULL || !leave_out_prefix (table, error))
    return NULL;
  dialect = effnet_dialect_detect (table);
  if (dialect == EFFNET_DIALECT_UNKNOWN)
    return g_steal_pointer (&table);
  if (!widen_stem (table, dialect, notice, error))
    return NULL;
  name_classifier (table, dialect, notice);
  return g_steal_pointer (&table);
}
