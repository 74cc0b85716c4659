/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table: tensors by number and by name. Files are read in safetensors.c, numbers converted in
 * convert.c. */
#include "weights/tensors.h"
#include "base/checked.h"
#include "weights/table.h"

#include <string.h>

static void
free_tensor (EffnetTensor *tensor)
{
  effnet_arena_clear (&tensor->own);
  g_free ((char *)tensor->name);
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
  return table;
}

void
effnet_tensor_table_free (EffnetTensorTable *table)
{
  if (table == NULL)
    return;
  g_hash_table_unref (table->by_name);
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
