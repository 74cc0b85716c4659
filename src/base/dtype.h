/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Types of numbers in files and tensors: one table of what there is to know of each, and bfloat16
 * one number at a time. Arrays may have any alignment and hold numbers in the byte order of the
 * host. */
#ifndef EFFNET_BASE_DTYPE_H
#define EFFNET_BASE_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum {
  EFFNET_DTYPE_F32,
  EFFNET_DTYPE_F16,
  EFFNET_DTYPE_BF16,
  EFFNET_DTYPE_S8, /* of weights, each row of which has a scale */
  EFFNET_DTYPE_F64,
  EFFNET_DTYPE_COUNT,
} EffnetDtype;

typedef struct {
  const char *name;      /* in names of kernels */
  const char *precision; /* of a network that runs in it; NULL when none does */
  size_t size;           /* bytes */
  void (*to_float) (const void *from, size_t n, float *to);
  /* To nearest, ties to even; a NaN stays one. NULL for a type that is only read, or scaled. */
  void (*from_float) (const float *from, size_t n, void *to);
} EffnetDtypeInfo;

extern const EffnetDtypeInfo effnet_dtypes[EFFNET_DTYPE_COUNT];

static inline size_t
effnet_dtype_size (EffnetDtype dtype)
{
  return effnet_dtypes[dtype].size;
}

/* bfloat16 is the upper half of a float32. */
static inline float
effnet_float_from_bf16 (uint16_t value)
{
  uint32_t bits = (uint32_t)value << 16;
  float out;

  memcpy (&out, &bits, sizeof out);
  return out;
}

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
