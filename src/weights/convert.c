/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tensors of a file, which are little-endian, to float32: exactly, those of float64 to nearest,
 * those of int8 times the scale of their row. */
#include "base/text.h"
#include "weights/file.h"
#include "weights/tensors.h"

#include <string.h>

#define BLOCK 16384 /* bytes read at once, where they are not floats already */

static void
convert (const EffnetDtypeInfo *dtype, uint8_t *data, size_t n, float *out)
{
  if (G_BYTE_ORDER != G_LITTLE_ENDIAN) {
    for (size_t i = 0; i < n; i++) {
      for (size_t low = i * dtype->size, high = low + dtype->size - 1; low < high; low++, high--) {
        uint8_t byte = data[low];

        data[low] = data[high];
        data[high] = byte;
      }
    }
  }
  dtype->to_float (data, n, out);
}

/* Elements @first .. of @tensor, at @out. */
static void
scale_rows (const EffnetTensor *tensor, size_t first, size_t n, float *out)
{
  size_t per_row = tensor->n_elements / tensor->shape[0];

  for (size_t i = 0; i < n; i++)
    out[i] *= tensor->scale[(first + i) / per_row];
}

/* Elements of the tensor, as they are stored. */
static gboolean
load (const EffnetTensor *tensor, size_t first, size_t n, void *out, GError **error)
{
  size_t size = effnet_dtype_size (tensor->dtype);

  if (tensor->data != NULL) {
    memcpy (out, (const char *)tensor->data + first * size, n * size);
    return TRUE;
  }
  if (effnet_file_read_at (tensor->fd, tensor->offset + first * size, n * size, out, error))
    return TRUE;
  g_autofree char *shown = effnet_printable (tensor->name);
  g_prefix_error (error, "tensor %s: the file ", shown);
  return FALSE;
}

gboolean
effnet_tensor_read_part (const EffnetTensor *tensor, size_t first, size_t n, float *out,
                         GError **error)
{
  const EffnetDtypeInfo *dtype = &effnet_dtypes[tensor->dtype];
  uint8_t block[BLOCK];
  size_t at_once = BLOCK / dtype->size;

  g_return_val_if_fail (
      tensor->is_float && first <= tensor->n_elements && n <= tensor->n_elements - first, FALSE);
  if (tensor->dtype == EFFNET_DTYPE_F32 && G_BYTE_ORDER == G_LITTLE_ENDIAN)
    return load (tensor, first, n, out, error);
  for (size_t i = 0; i < n; i += at_once) {
    size_t count = MIN (at_once, n - i);

    if (!load (tensor, first + i, count, block, error))
      return FALSE;
    convert (dtype, block, count, out + i);
    if (tensor->scale != NULL)
      scale_rows (tensor, first + i, count, out + i);
  }
  return TRUE;
}

gboolean
effnet_tensor_read (const EffnetTensor *tensor, float *out, GError **error)
{
  return effnet_tensor_read_part (tensor, 0, tensor->n_elements, out, error);
}
