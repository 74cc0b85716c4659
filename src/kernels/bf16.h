/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bfloat16: the upper half of a float32. Scalar only; vectors have their own in simd/. */
#ifndef EFFNET_KERNELS_BF16_H
#define EFFNET_KERNELS_BF16_H

#include <stdint.h>
#include <string.h>

static inline float
effnet_float_from_bf16 (uint16_t value)
{
  uint32_t bits = (uint32_t)value << 16;
  float out;

  memcpy (&out, &bits, sizeof out);
  return out;
}

/* To nearest, ties to even; a NaN stays one. */
static inline uint16_t
effnet_bf16_from_float (float value)
{
  uint32_t bits;

  memcpy (&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

#endif
