/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tensors of a file, which are little-endian, to float32, exactly. */
#include "weights/tensors.h"

#define BLOCK 256 /* elements swapped at once */

static void
read_swapped (const EffnetDtypeInfo *dtype, const uint8_t *data, size_t n, float *out)
{
  uint8_t block[BLOCK * sizeof (float)];

  for (size_t i = 0; i < n; i += BLOCK, data += BLOCK * dtype->size) {
    size_t count = MIN (BLOCK, n - i);

    for (size_t at = 0; at < count * dtype->size; at++)
      block[at] = data[at / dtype->size * dtype->size + dtype->size - 1 - at % dtype->size];
    dtype->to_float (block, count, out + i);
  }
}

void
effnet_tensor_read_part (const EffnetTensor *tensor, size_t first, size_t n, float *out)
{
  const EffnetDtypeInfo *dtype = &effnet_dtypes[tensor->dtype];
  const uint8_t *data = (const uint8_t *)tensor->data + first * dtype->size;

  g_return_if_fail (tensor->is_float && first <= tensor->n_elements &&
                    n <= tensor->n_elements - first);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    dtype->to_float (data, n, out);
  else
    read_swapped (dtype, data, n, out);
}

void
effnet_tensor_read (const EffnetTensor *tensor, float *out)
{
  effnet_tensor_read_part (tensor, 0, tensor->n_elements, out);
}
