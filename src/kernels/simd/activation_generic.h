/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations for any CPU, EFFNET_GENERIC_BLOCK values at a time: loops of a fixed length, so that
 * the compiler vectorises them for the baseline CPU. Vectors of known bundles have
 * tmpl/activation.h. */
#ifndef EFFNET_KERNELS_SIMD_ACTIVATION_GENERIC_H
#define EFFNET_KERNELS_SIMD_ACTIVATION_GENERIC_H

#include <assert.h>
#include <string.h>

#include "kernels/kernels.h"

#define EFFNET_GENERIC_BLOCK 32

static inline float
effnet_generic_max (float x, float low)
{
  return x > low ? x : low;
}

static inline float
effnet_generic_min (float x, float high)
{
  return x < high ? x : high;
}

/* 1 / (1 + exp (t)), |t| <= 87. exp (t) = 2^n * e^r with n = round (t / ln 2), |r| <= ln 2 / 2: the
 * Taylor polynomial of degree 6 leaves r^7 / 7! < 1.3e-7; ln 2 is taken off in two parts so that n
 * * LN2_HI is exact. */
static inline float
effnet_generic_sigmoid_negated (float t)
{
  const float LOG2E = 1.44269504f, LN2_HI = 0.693359375f, LN2_LO = -2.12194440e-4f;
  const float ROUND = 12582912.0f; /* 1.5 * 2^23: adding it leaves no bits below one */
  float n = (t * LOG2E + ROUND) - ROUND;
  float r = (t - n * LN2_HI) - n * LN2_LO;
  float p = 1.0f / 720.0f;
  int32_t bits = ((int32_t)n + 127) * (1 << 23);
  float scale;

  p = p * r + 1.0f / 120.0f;
  p = p * r + 1.0f / 24.0f;
  p = p * r + 1.0f / 6.0f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  memcpy (&scale, &bits, sizeof scale);
  return 1.0f / (1.0f + p * scale);
}

/* The clamp is a loop of its own: in one loop with the product GCC takes the product on all three
 * branches, and x * sigmoid (-87) is a denormal, which costs a hundred cycles. */
static inline void
effnet_generic_clamp_negated (const float *v, float *t)
{
  for (size_t i = 0; i < EFFNET_GENERIC_BLOCK; i++)
    t[i] = effnet_generic_min (effnet_generic_max (-v[i], -87.0f), 87.0f);
}

static inline void
effnet_generic_activate (float v[EFFNET_GENERIC_BLOCK], EffnetActivation activation)
{
  float t[EFFNET_GENERIC_BLOCK];

  switch (activation) {
  case EFFNET_ACTIVATION_NONE:
    return;
  case EFFNET_ACTIVATION_SWISH:
    effnet_generic_clamp_negated (v, t);
    for (size_t i = 0; i < EFFNET_GENERIC_BLOCK; i++)
      v[i] *= effnet_generic_sigmoid_negated (t[i]);
    return;
  case EFFNET_ACTIVATION_RELU:
    for (size_t i = 0; i < EFFNET_GENERIC_BLOCK; i++)
      v[i] = effnet_generic_max (v[i], 0.0f);
    return;
  case EFFNET_ACTIVATION_RELU6:
    for (size_t i = 0; i < EFFNET_GENERIC_BLOCK; i++)
      v[i] = effnet_generic_min (effnet_generic_max (v[i], 0.0f), 6.0f);
    return;
  case EFFNET_ACTIVATION_SIGMOID:
    effnet_generic_clamp_negated (v, t);
    for (size_t i = 0; i < EFFNET_GENERIC_BLOCK; i++)
      v[i] = effnet_generic_sigmoid_negated (t[i]);
    return;
  }
  assert (!"known activation");
}

#endif
