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

static inline uint32_t
to_bits (float value)
{
  uint32_t bits;
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction; float32 has bias 127 and 13 more fraction
 * bits. Both forms of a number are worked out and one is taken, so that the compiler can do several
 * at a time. */
static inline float
from_f16 (uint16_t half)
{
  const uint32_t rebias = (uint32_t)(127 - 15) << 23;
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t magnitude = half & 0x7fff;
  /* zero and subnormal: fraction 2^-24, normal in float32 */
  uint32_t small = to_bits ((float)(int32_t)magnitude * 0x1p-24f);
  /* exponent 31 becomes 255: infinity, or NaN with its payload */
  uint32_t large = (magnitude << 13) + rebias + (magnitude >= 0x7c00 ? rebias : 0);

  uint32_t is_small = 0u - (magnitude < 0x400); /* a mask: ?: would be a jump */

  return from_bits (sign | (small & is_small) | (large & ~is_small));
}

/* bfloat16 is the upper half of a float32. */
static inline float
from_bf16 (uint16_t half)
{
  return from_bits ((uint32_t)half << 16);
}

/* @index-th 16-bit number at @data, which may lie anywhere. */
static inline uint16_t
load_16 (const uint8_t *data, size_t index)
{
  uint16_t value;
  memcpy (&value, data + 2 * index, sizeof value);
  return GUINT16_FROM_LE (value);
}

static inline uint32_t
load_32 (const uint8_t *data, size_t index)
{
  uint32_t value;
  memcpy (&value, data + 4 * index, sizeof value);
  return GUINT32_FROM_LE (value);
}

void
effnet_tensor_read (const EffnetTensor *tensor, float *out)
{
  const uint8_t *data = tensor->data;
  size_t n = tensor->n_elements;

  g_return_if_fail (tensor->is_float);
  switch (tensor->dtype) {
  case EFFNET_DTYPE_F32:
    for (size_t i = 0; i < n; i++)
      out[i] = from_bits (load_32 (data, i));
    break;
  case EFFNET_DTYPE_F16:
    for (size_t i = 0; i < n; i++)
      out[i] = from_f16 (load_16 (data, i));
    break;
  case EFFNET_DTYPE_BF16:
    for (size_t i = 0; i < n; i++)
      out[i] = from_bf16 (load_16 (data, i));
    break;
  }
}
