/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Half precision to float32, exactly. Done on bits and on integers, so the result does not depend
 * on whether the host process flushes subnormals to zero. */
#include "weights/tensors.h"

#include <string.h>

static inline float
from_bits (uint32_t bits)
{
  float value;
  memcpy (&value, &bits, sizeof value);
  return value;
}

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction. float32 has bias 127, and 13 more fraction
 * bits. All three cases are computed and one is kept, so that the compiler can do several numbers
 * at once. */
static inline float
from_f16 (uint16_t half)
{
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t fraction = half & 0x3ff;
  uint32_t normal = (exponent + 127 - 15) << 23 | fraction << 13;
  uint32_t not_finite = 0x7f800000u | fraction << 13; /* infinity, or NaN with its payload */
  float small = (float)(int32_t)fraction * 0x1p-24f;  /* subnormal or zero; normal in float32 */
  uint32_t magnitude;

  memcpy (&magnitude, &small, sizeof magnitude);
  magnitude = exponent == 0 ? magnitude : normal;
  magnitude = exponent == 31 ? not_finite : magnitude;
  return from_bits (sign | magnitude);
}

/* bfloat16 is the upper half of a float32. */
static inline float
from_bf16 (uint16_t half)
{
  return from_bits ((uint32_t)half << 16);
}

#define BLOCK 256 /* elements copied to where they are aligned and nothing aliases them */

static void
read_f16 (const uint8_t *data, size_t n, float *out)
{
  uint16_t block[BLOCK];

  for (size_t i = 0; i < n; i += BLOCK) {
    size_t count = MIN (BLOCK, n - i);

    memcpy (block, data + 2 * i, 2 * count);
    for (size_t j = 0; j < count; j++)
      out[i + j] = from_f16 (GUINT16_FROM_LE (block[j]));
  }
}

static void
read_bf16 (const uint8_t *data, size_t n, float *out)
{
  uint16_t block[BLOCK];

  for (size_t i = 0; i < n; i += BLOCK) {
    size_t count = MIN (BLOCK, n - i);

    memcpy (block, data + 2 * i, 2 * count);
    for (size_t j = 0; j < count; j++)
      out[i + j] = from_bf16 (GUINT16_FROM_LE (block[j]));
  }
}

static void
read_f32 (const uint8_t *data, size_t n, float *out)
{
  memcpy (out, data, 4 * n);
  if (G_BYTE_ORDER == G_LITTLE_ENDIAN)
    return;
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;

    memcpy (&bits, &out[i], sizeof bits);
    out[i] = from_bits (GUINT32_FROM_LE (bits));
  }
}

void
effnet_tensor_read_part (const EffnetTensor *tensor, size_t first, size_t n, float *out)
{
  const uint8_t *data = tensor->data;

  g_return_if_fail (tensor->is_float && first <= tensor->n_elements &&
                    n <= tensor->n_elements - first);
  switch (tensor->dtype) {
  case EFFNET_DTYPE_F32:
    read_f32 (data + 4 * first, n, out);
    break;
  case EFFNET_DTYPE_F16:
    read_f16 (data + 2 * first, n, out);
    break;
  case EFFNET_DTYPE_BF16:
    read_bf16 (data + 2 * first, n, out);
    break;
  }
}

void
effnet_tensor_read (const EffnetTensor *tensor, float *out)
{
  effnet_tensor_read_part (tensor, 0, tensor->n_elements, out);
}
