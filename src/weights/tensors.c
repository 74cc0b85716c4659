/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table: tensors by number and by name. Files are read in safetensors.c, numbers converted in
 * convert.c. */
#include "weights/tensors.h"
#include "base/checked.h"
#include "base/text.h"
#include "weights/table.h"

#include <string.h>

static void
free_tensor (EffnetTensor *tensor)
{
  effnet_arena_clear (&tensor->own);
  g_free ((char *)tensor->name);
  g_free (tensor->scale);
  g_free (tensor);
}

EffnetTensorTable *
effnet_tensor_table_new (const char *name)
{
  EffnetTensorTable *table = g_new0 (EffnetTensorTable, 1);
  table->name = g_strdup (name);
  table->fd = -1;
  table->tensors = g_ptr_array_new ();
  table->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  table->notes = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  return table;
}

void
effnet_tensor_table_free (EffnetTensorTable *table)
{
  if (table == NULL)
    return;
  g_hash_table_unref (table->by_name);
  g_hash_table_unref (table->notes);
  for (guint i = 0; i < table->tensors->len; i++)
    free_tensor (g_ptr_array_index (table->tensors, i));
  g_ptr_array_unref (table->tensors);
  effnet_hash_free (table->hash);
  g_free (table->name);
  g_free (table);
}

void
effnet_tensor_table_take (EffnetTensorTable *table, EffnetTensor *tensor)
{
  g_ptr_array_add (table->tensors, tensor);
  g_hash_table_insert (table->by_name, (char *)tensor->name, tensor);
}

float *
effnet_tensor_table_add (EffnetTensorTable *table, const char *name, unsigned n_dims,
                         const size_t *shape)
{
  size_t n = 1, bytes = 0;

  g_return_val_if_fail (table->fd < 0, NULL);
  if (n_dims > EFFNET_TENSOR_MAX_DIMS || effnet_tensor_table_find (table, name) != NULL)
    return NULL;
  for (unsigned i = 0; i < n_dims; i++) {
    if (!effnet_checked_mul (n, shape[i], &n))
      return NULL;
  }
  if (!effnet_checked_mul (n, sizeof (float), &bytes))
    return NULL;
  EffnetTensor *tensor = g_new0 (EffnetTensor, 1);
  float *data = effnet_tensor_replace (tensor, n_dims, shape);

  if (data == NULL) {
    g_free (tensor);
    return NULL;
  }
  tensor->name = g_strdup (name);
  effnet_tensor_table_take (table, tensor);
  return data;
}

const char *
effnet_tensor_table_name (const EffnetTensorTable *table)
{
  return table->name;
}

EffnetHash *
effnet_tensor_table_steal_hash (EffnetTensorTable *table)
{
  return g_steal_pointer (&table->hash);
}

EffnetHash *
effnet_tensor_table_hash (const EffnetTensorTable *table)
{
  return table->hash;
}

size_t
effnet_tensor_table_size (const EffnetTensorTable *table)
{
  return table->tensors->len;
}

const EffnetTensor *
effnet_tensor_table_nth (const EffnetTensorTable *table, size_t index)
{
  g_return_val_if_fail (index < table->tensors->len, NULL);
  return g_ptr_array_index (table->tensors, index);
}

const char *
effnet_tensor_table_note (const EffnetTensorTable *table, const char *key)
{
  return g_hash_table_lookup (table->notes, key);
}

/* Reads the scales of @tensor from @from. */
static gboolean
take_scale (EffnetTensor *tensor, EffnetTensor *from, GError **error)
{
  g_autofree char *shown = effnet_printable (from->name);
  g_autofree char *shape = effnet_tensor_shape_string (from);

  if (!from->is_float || from->n_dims != 1 || tensor->n_dims < 1 ||
      from->shape[0] != tensor->shape[0] || tensor->n_elements == 0)
    return effnet_fail (error, EFFNET_ERROR_FORMAT,
                        "tensor %s is %s %s; expected F32 numbers, one for each row of the int8 "
                        "weights it scales",
                        shown, from->dtype_name, shape);
  tensor->scale = g_try_new (float, from->n_elements);
  if (tensor->scale == NULL)
    return effnet_fail_memory (error, shown, from->n_elements * sizeof (float));
  if (!effnet_tensor_read (from, tensor->scale, error))
    return FALSE;
  for (size_t i = 0; i < from->n_elements; i++)
    if (!(tensor->scale[i] >= 0 && tensor->scale[i] <= G_MAXFLOAT))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "tensor %s holds %g at element %" G_GSIZE_FORMAT
                          "; expected finite numbers from 0 on: the file is damaged",
                          shown, (double)tensor->scale[i], i);
  tensor->dtype = EFFNET_DTYPE_S8;
  tensor->is_float = from->is_scale = TRUE;
  return TRUE;
}

gboolean
effnet_tensor_table_scale (EffnetTensorTable *table, GError **error)
{
  for (guint i = 0; i < table->tensors->len; i++) {
    EffnetTensor *tensor = table->tensors->pdata[i], *from;

    if (strcmp (tensor->dtype_name, "I8") != 0)
      continue;
    g_autofree char *name = g_strconcat (tensor->name, EFFNET_SCALE_ENDING, NULL);
    from = g_hash_table_lookup (table->by_name, name);
    if (from != NULL && !take_scale (tensor, from, error))
      return FALSE;
  }
  return TRUE;
}

const EffnetTensor *
effnet_tensor_table_find (const EffnetTensorTable *table, const char *name)
{
  return g_hash_table_lookup (table->by_name, name);
}

gboolean
effnet_tensor_table_alias (EffnetTensorTable *table, const EffnetTensor *tensor, const char *name)
{
  const EffnetTensor *other = effnet_tensor_table_find (table, name);

  if (other == NULL)
    g_hash_table_insert (table->by_name, (char *)name, (EffnetTensor *)tensor);
  return other == NULL || other == tensor;
}

float *
effnet_tensor_replace (EffnetTensor *tensor, unsigned n_dims, const size_t *shape)
{
  size_t n = 1;

  g_return_val_if_fail (n_dims <= EFFNET_TENSOR_MAX_DIMS, NULL);
  for (unsigned i = 0; i < n_dims; i++)
    n *= shape[i];
  EffnetArena own;
  if (effnet_arena_init (&own, n * sizeof (float)) != 0)
    return NULL;
  effnet_arena_clear (&tensor->own);
  tensor->dtype = EFFNET_DTYPE_F32;
  tensor->dtype_name = "F32";
  tensor->is_float = TRUE;
  tensor->n_dims = n_dims;
  if (n_dims > 0)
    memcpy (tensor->shape, shape, n_dims * sizeof shape[0]);
  tensor->n_elements = n;
  tensor->n_bytes = n * sizeof (float);
  tensor->own = own;
  tensor->data = own.base;
  return own.base;
}

char *
effnet_tensor_shape_string (const EffnetTensor *tensor)
{
  GString *text = g_string_new ("[");

  for (unsigned i = 0; i < tensor->n_dims; i++)
    g_string_append_printf (text, "%s%zu", i > 0 ? ", " : "", tensor->shape[i]);
  g_string_append_c (text, ']');
  return g_string_free (text, FALSE);
}
