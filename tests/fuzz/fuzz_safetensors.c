/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any bytes as a weights file: an error with a sentence, or a table whose tensors all lie inside.
 */
#include "input.h"
#include "weights/tensors.h"

static void
check_tensor (const EffnetTensorTable *table, const EffnetTensor *tensor, size_t size)
{
  size_t elements = 1;

  FUZZ_CHECK (effnet_tensor_table_find (table, tensor->name) == tensor);
  FUZZ_CHECK (g_utf8_validate (tensor->name, -1, NULL));
  FUZZ_CHECK (tensor->n_dims <= EFFNET_TENSOR_MAX_DIMS);
  for (unsigned i = 0; i < tensor->n_dims; i++)
    elements *= tensor->shape[i];
  FUZZ_CHECK (elements == tensor->n_elements);
  FUZZ_CHECK (elements <= size);
  FUZZ_CHECK (tensor->offset <= size);
  if (tensor->is_float) {
    g_autofree float *out = g_new (float, elements + 1);
    FUZZ_CHECK (effnet_tensor_read (tensor, out, NULL));
  }
  g_free (effnet_tensor_shape_string (tensor));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetTensorTable) table =
      effnet_tensor_table_open (fuzz_input_path (data, size), &error);

  FUZZ_CHECK ((table == NULL) == (error != NULL));
  if (table == NULL) {
    FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL));
    return 0;
  }
  for (size_t i = 0; i < effnet_tensor_table_size (table); i++)
    check_tensor (table, effnet_tensor_table_nth (table, i), size);
  return 0;
}
