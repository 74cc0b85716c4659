/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A model's weights as a file of int8: the form in which they are kept and sent, not the one in
 * which they run, that plan/pack.h makes. */
#include <string.h>

#include "base/text.h"
#include "bind/checkpoint.h"
#include "engine/engine.h"
#include "quant/correct.h"
#include "quant/int8.h"
#include "weights/writer.h"

#define NOTE_SOURCE     "effnet.source_sha256"
#define NOTE_CORRECTION "effnet.bias_correction"

/* What is made of the source, which it outlives not. */
typedef struct {
  EffnetTensorWriter *writer;
  GHashTable *replaced; /* EffnetTensor of the source -> itself */
  GPtrArray *memory;    /* of what the writer writes */
} Made;

static gpointer
keep (Made *made, gpointer memory)
{
  g_ptr_array_add (made->memory, memory);
  return memory;
}

/* The bias of @bound's layer, or its batch norm's, moved by what rounding does to the mean of each
 * output of the convolution: @moved, which batch norm scales. */
static gboolean
replace_bias (Made *made, const EffnetBound *bound, const float *moved, GError **error)
{
  EffnetRole role = bound->tensors[EFFNET_ROLE_GAMMA] != NULL ? EFFNET_ROLE_BETA : EFFNET_ROLE_BIAS;
  const EffnetTensor *tensor = bound->tensors[role];
  size_t n = bound->layer.out;
  g_autofree double *scale = g_new (double, n);
  float *bias = keep (made, g_new (float, n));

  if (!effnet_fold_scale (bound, scale, bias, error) ||
      !effnet_bound_read (bound, role, bias, error))
    return FALSE;
  for (size_t o = 0; o < n; o++)
    bias[o] = (float)(bias[o] + moved[o] * scale[o]);
  effnet_tensor_writer_add (made->writer, tensor->name, tensor->n_dims, tensor->shape, bias);
  g_hash_table_add (made->replaced, (gpointer)tensor);
  return TRUE;
}

static gboolean
replace_layer (Made *made, const EffnetBound *bound, const float *means, GError **error)
{
  const EffnetTensor *tensor = bound->tensors[EFFNET_ROLE_WEIGHT];
  size_t rows = bound->layer.out, n = bound->layer.in;
  g_autofree float *w = g_try_new (float, 2 * rows * n);
  float *rounded, *scale = keep (made, g_new (float, rows));
  int8_t *digits = keep (made, g_try_malloc (rows * n));
  g_autofree float *moved = g_new0 (float, rows);

  if (w == NULL || digits == NULL)
    return effnet_fail_memory (error, tensor->name, rows * n * sizeof *w);
  rounded = w + rows * n;
  if (!effnet_bound_read (bound, EFFNET_ROLE_WEIGHT, w, error))
    return FALSE;
  effnet_int8_weights (w, rows, n, digits, scale, NULL);
  for (size_t i = 0; i < rows * n; i++)
    rounded[i] = (float)digits[i] * scale[i / n];
  effnet_tensor_writer_add_s8 (made->writer, tensor->name, tensor->n_dims, tensor->shape, digits,
                               scale);
  g_hash_table_add (made->replaced, (gpointer)tensor);
  if (means == NULL)
    return TRUE;
  effnet_correct_bias (w, rounded, rows, n, means, moved);
  return replace_bias (made, bound, moved, error);
}

static gboolean
make (Made *made, const EffnetModel *model, const EffnetTensorTable *tensors, GError **error)
{
  size_t n_layers;
  g_autofree EffnetBound *bound =
      effnet_bind (model->net, tensors, NULL, model->bn_epsilon, &n_layers, error);
  g_autoptr (EffnetMeans) means = NULL;
  const char *correction = NULL;

  if (bound == NULL ||
      !effnet_find_means (model->net, tensors, bound, &means, &correction, NULL, error))
    return FALSE;
  effnet_tensor_writer_note (made->writer, NOTE_CORRECTION, correction);
  for (size_t i = 0; i < n_layers; i++)
    if (effnet_int8_rounds (&bound[i].layer) &&
        !replace_layer (made, &bound[i], means != NULL ? means->of[i] : NULL, error))
      return FALSE;
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (tensors, i);

    if (tensor->is_float && !g_hash_table_contains (made->replaced, tensor))
      effnet_tensor_writer_copy (made->writer, tensor->name, tensor);
  }
  return TRUE;
}

/* The file that @model was opened from, as it was. */
static EffnetTensorTable *
open_source (EffnetModel *model, GError **error)
{
  g_autofree char *shown = effnet_printable (model->path != NULL ? model->path : model->name);
  g_autoptr (EffnetTensorTable) tensors = NULL;

  if (model->path == NULL || model->backbone != NULL) {
    effnet_fail (error, EFFNET_ERROR_ARGUMENT, "%s has no weights file of its own%s%s", shown,
                 model->backbone != NULL ? "; convert the backbone and train the head on that: "
                                         : ": it is synthetic",
                 model->backbone != NULL ? model->backbone : "");
    return NULL;
  }
  tensors = effnet_checkpoint_open (model->path, NULL, error);
  if (tensors == NULL)
    return NULL;
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++)
    if (effnet_tensor_table_nth (tensors, i)->scale != NULL) {
      effnet_fail (error, EFFNET_ERROR_ARGUMENT, "the weights in %s are int8 already", shown);
      return NULL;
    }
  const char *digest = effnet_hash_get (effnet_tensor_table_hash (tensors));
  if (*digest != '\0' && strcmp (digest, effnet_hash_get (model->hash)) == 0)
    return g_steal_pointer (&tensors);
  effnet_fail (error, EFFNET_ERROR_MISMATCH,
               "%s is no longer the file that was opened; open it again", shown);
  return NULL;
}

gboolean
effnet_model_save_int8 (EffnetModel *model, const char *path, GError **error)
{
  g_autoptr (EffnetTensorTable) tensors = open_source (model, error);
  g_autoptr (EffnetTensorWriter) writer = NULL;
  g_autoptr (GHashTable) replaced = g_hash_table_new (NULL, NULL);
  g_autoptr (GPtrArray) memory = g_ptr_array_new_with_free_func (g_free);
  Made made = {.replaced = replaced, .memory = memory};

  if (tensors == NULL)
    return FALSE;
  made.writer = writer = effnet_tensor_writer_new ();
  effnet_tensor_writer_note (writer, EFFNET_NOTE_STORED, "int8");
  effnet_tensor_writer_note (writer, NOTE_SOURCE, effnet_hash_get (model->hash));
  return make (&made, model, tensors, error) && effnet_tensor_writer_save (writer, path, error);
}
