/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The table of dtypes and its conversions. Half precision is converted on bits and on integers, so
 * the result does not depend on whether the host process flushes subnormals to zero. */
#include "base/dtype.h"

#define BLOCK 256 /* elements copied to where they are aligned and nothing aliases them */

static size_t
block_size (size_t left)
{
  return left < BLOCK ? left : BLOCK;
}

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction. float32 has bias 127, and 13 more fraction
 * bits. All three cases are computed and one is selected, so that the compiler can vectorise. */
static inline float
float_from_f16 (uint16_t half)
{
  uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  uint32_t exponent = (half >> 10) & 0x1f;
  uint32_t fraction = half & 0x3ff;
  uint32_t normal = (exponent + 127 - 15) << 23 | fraction << 13;
  uint32_t not_finite = 0x7f800000u | fraction << 13; /* infinity, or NaN with its payload */
  float small = (float)(int32_t)fraction * 0x1p-24f;  /* subnormal or zero; normal in float32 */
  uint32_t bits;
  float value;

  memcpy (&bits, &small, sizeof bits);
  bits = exponent == 0 ? bits : normal;
  bits = exponent == 31 ? not_finite : bits;
  bits |= sign;
  memcpy (&value, &bits, sizeof value);
  return value;
}

static void
f16_to_float (const void *from, size_t n, float *to)
{
  uint16_t block[BLOCK];

  for (size_t i = 0; i < n; i += BLOCK) {
    size_t count = block_size (n - i);

    memcpy (block, (const char *)from + 2 * i, 2 * count);
    for (size_t j = 0; j < count; j++)
      to[i + j] = float_from_f16 (block[j]);
  }
}

static void
bf16_to_float (const void *from, size_t n, float *to)
{
  uint16_t block[BLOCK];

  for (size_t i = 0; i < n; i += BLOCK) {
    size_t count = block_size (n - i);

    memcpy (block, (const char *)from + 2 * i, 2 * count);
    for (size_t j = 0; j < count; j++)
      to[i + j] = effnet_float_from_bf16 (block[j]);
  }
}

static void
bf16_from_float (const float *from, size_t n, void *to)
{
  uint16_t block[BLOCK];

  for (size_t i = 0; i < n; i += BLOCK) {
    size_t count = block_size (n - i);

    for (size_t j = 0; j < count; j++)
      block[j] = effnet_bf16_from_float (from[i + j]);
    memcpy ((char *)to + 2 * i, block, 2 * count);
  }
}

static void
s8_to_float (const void *from, size_t n, float *to)
{
  const int8_t *values = from;

  for (size_t i = 0; i < n; i++)
    to[i] = values[i];
}

static void
f64_to_float (const void *from, size_t n, float *to)
{
  double value;

  for (size_t i = 0; i < n; i++) {
    memcpy (&value, (const char *)from + i * sizeof value, sizeof value);
    to[i] = (float)value;
  }
}

static void
f32_to_float (const void *from, size_t n, float *to)
{
  memcpy (to, from, n * sizeof *to);
}

static void
f32_from_float (const float *from, size_t n, void *to)
{
  memcpy (to, from, n * sizeof *from);
}

const EffnetDtypeInfo effnet_dtypes[EFFNET_DTYPE_COUNT] = {
    [EFFNET_DTYPE_F32] = {"f32", "fp32", 4, f32_to_float, f32_from_float},
    [EFFNET_DTYPE_F16] = {"f16", NULL, 2, f16_to_float, NULL},
    [EFFNET_DTYPE_BF16] = {"bf16", "bf16", 2, bf16_to_float, bf16_from_float},
    [EFFNET_DTYPE_S8] = {"s8", "int8", 1, s8_to_float, NULL},
    [EFFNET_DTYPE_F64] = {"f64", NULL, 8, f64_to_float, NULL},
};
