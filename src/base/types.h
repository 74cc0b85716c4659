/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The activations, which several rooms speak of. */
#ifndef EFFNET_BASE_TYPES_H
#define EFFNET_BASE_TYPES_H

typedef enum {
  EFFNET_ACTIVATION_NONE,
  EFFNET_ACTIVATION_SWISH,   /* x * sigmoid (x), also called SiLU */
  EFFNET_ACTIVATION_RELU,    /* max (x, 0) */
  EFFNET_ACTIVATION_RELU6,   /* min (max (x, 0), 6) */
  EFFNET_ACTIVATION_SIGMOID, /* 1 / (1 + exp (-x)) */
} EffnetActivation;

#endif
