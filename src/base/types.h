/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Small enums that several rooms speak. */
#ifndef EFFNET_BASE_TYPES_H
#define EFFNET_BASE_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* How a number lies in memory. */
typedef enum {
  EFFNET_DTYPE_F32,
  EFFNET_DTYPE_F16,
  EFFNET_DTYPE_BF16,
} EffnetDtype;

typedef enum {
  EFFNET_ACTIVATION_NONE,
  EFFNET_ACTIVATION_SWISH,   /* x * sigmoid (x), also called SiLU */
  EFFNET_ACTIVATION_RELU,    /* max (x, 0) */
  EFFNET_ACTIVATION_RELU6,   /* min (max (x, 0), 6) */
  EFFNET_ACTIVATION_SIGMOID, /* 1 / (1 + exp (-x)) */
} EffnetActivation;

static inline size_t
effnet_dtype_size (EffnetDtype dtype)
{
  return dtype == EFFNET_DTYPE_F32 ? 4 : 2;
}

#endif
