/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations on a vector of float32, the last step of every template. Included by a file of isa/
 * after its vector header.
 *
 * sigma (x) = 1 / (1 + 2^t), t = -x log2 (e), |x| clamped to 80 so that 2^t stays a normal number.
 *
 * t = n + r, n on a grid of 1/32 where the vectors can look up a table of 32, else of 1. Adding
 * 1.5 * 2^23 times the grid leaves exactly the bits of n, the low ones of which index the table.
 *
 * 2^r, with the table, |r| <= 1/64: 1 + c1 r + c2 r^2, relative error 5.3e-8 (minimax).
 *
 * 2^r, without, |r| <= 1/2: degree 5, relative error 7.5e-8 (minimax), at most 1.2e-7 with its
 * coefficients rounded. 2^n goes to the exponent by integer addition.
 *
 * The bound, eps = 2^-24 being half an ulp. Relative error of u = 2^t, by series, roundings and
 * log2 (e) in float32: du <= 1.2e-7 + 4 eps + |x| eps. Of sigma: (1 - sigma) du + 4 eps, by sum and
 * quotient. Since sigma (1 - sigma) <= 1/4 and sigma (1 - sigma) |x| <= 0.23, absolutely
 *
 *   |error of sigma| <= 0.25 * 3.6e-7 + 0.23 * 6e-8 + 4 eps = 3.5e-7 < 2^-21,
 *
 * and swish (x) = x sigma (x) adds one rounding: |error| <= 4.2e-7 |x|. Measured on every 13th
 * float32 with AVX-512 and AVX2: sigma 1.0e-7, swish 1.5e-7 |x|.
 *
 * A NaN stays one. +inf gives +inf (swish) or 1. Below -80 swish is x * 1.8e-35, so -inf stays. */
#ifndef EFFNET_KERNELS_TMPL_ACTIVATION_H
#define EFFNET_KERNELS_TMPL_ACTIVATION_H

#include <assert.h>
#include <math.h>

#include "base/types.h"

#define VF_SIGMOID_CLAMP 80.0f
#define VF_LOG2_E        1.44269504f

#ifdef VF_TABLE

/* Bits of 2^(j/32) less j << 18: with n's low bits shifted up by 18 added, the j cancels and the
 * whole part of n lands in the exponent. */
static const union {
  uint32_t bits[32];
  float f[32];
} vf_exp2_table __attribute__ ((aligned (64))) = {
    {0x3f800000, 0x3f7ecd87, 0x3f7daac3, 0x3f7c980f, 0x3f7b95c2, 0x3f7aa43a, 0x3f79c3d3,
     0x3f78f4f0, 0x3f7837f0, 0x3f778d3a, 0x3f76f532, 0x3f767043, 0x3f75fed7, 0x3f75a15b,
     0x3f75583f, 0x3f7523f6, 0x3f7504f3, 0x3f74fbaf, 0x3f7508a4, 0x3f752c4d, 0x3f75672a,
     0x3f75b9be, 0x3f76248c, 0x3f76a81e, 0x3f7744fd, 0x3f77fbb8, 0x3f78ccdf, 0x3f79b907,
     0x3f7ac0c7, 0x3f7be4ba, 0x3f7d257d, 0x3f7e83b3}};

/* 1 + exp (-x) */
static EFFNET_INLINE vf
vf_one_plus_exp_negated (vf x)
{
  const vf grid = vf_set1 (1.5f * (1 << 18)), factor = vf_set1 (-VF_LOG2_E), one = vf_set1 (1.0f);
  vf clamped = vf_clamp_magnitude (x, VF_SIGMOID_CLAMP);
  vf index = vf_fma (clamped, factor, grid);
  vf r = vf_fms (clamped, factor, vf_sub (index, grid));
  vf p = vf_fma (r, vf_set1 (0x1.ebfaf4p-3f), vf_set1 (0x1.62e584p-1f));
  vf scale = vf_add_shifted_bits (vf_lookup32 (vf_exp2_table.f, index), index, 18);

  return vf_fma (scale, vf_fma (p, r, one), one);
}

#else

/* 1 + exp (-x) */
static EFFNET_INLINE vf
vf_one_plus_exp_negated (vf x)
{
  const vf grid = vf_set1 (1.5f * (1 << 23)), factor = vf_set1 (-VF_LOG2_E);
  vf clamped = vf_clamp_magnitude (x, VF_SIGMOID_CLAMP);
  vf integer = vf_fma (clamped, factor, grid);
  vf r = vf_fms (clamped, factor, vf_sub (integer, grid));
  vf p = vf_fma (r, vf_set1 (0x1.5c08e6p-10f), vf_set1 (0x1.3d0c52p-7f));

  p = vf_fma (p, r, vf_set1 (0x1.c6b6e4p-5f));
  p = vf_fma (p, r, vf_set1 (0x1.ebf918p-3f));
  p = vf_fma (p, r, vf_set1 (0x1.62e428p-1f));
  p = vf_fma (p, r, vf_set1 (0x1.000002p+0f));
  return vf_add (vf_add_shifted_bits (p, integer, 23), vf_set1 (1.0f));
}

#endif

/* The way through the exponent's bits loses a NaN: it comes back as the difference of x, clamped,
 * from itself. Swish has it from its factor x. */
static EFFNET_INLINE vf
vf_sigmoid (vf x)
{
  vf bounded = vf_min (vf_set1 (VF_SIGMOID_CLAMP), vf_max (vf_set1 (-VF_SIGMOID_CLAMP), x));

  return vf_add (vf_divide (vf_set1 (1.0f), vf_one_plus_exp_negated (x)),
                 vf_sub (bounded, bounded));
}

/* @activation is a constant wherever speed counts. */
static EFFNET_INLINE vf
vf_activate (vf x, const EffnetActivation activation)
{
  switch (activation) {
  case EFFNET_ACTIVATION_NONE:
    return x;
  case EFFNET_ACTIVATION_SWISH:
    return vf_divide (x, vf_one_plus_exp_negated (x));
  case EFFNET_ACTIVATION_RELU:
    return vf_max (vf_zero (), x);
  case EFFNET_ACTIVATION_RELU6:
    return vf_min (vf_set1 (6.0f), vf_max (vf_zero (), x));
  case EFFNET_ACTIVATION_SIGMOID:
    return vf_sigmoid (x);
  }
  assert (!"known activation");
  return x;
}

/* TRUE for those that only bound x, by *low and *high: cheap enough to do where x was computed. */
static EFFNET_INLINE int
vf_activation_is_clamp (EffnetActivation activation, float *low, float *high)
{
  *low = activation == EFFNET_ACTIVATION_NONE ? -INFINITY : 0.0f;
  *high = activation == EFFNET_ACTIVATION_RELU6 ? 6.0f : INFINITY;
  return activation == EFFNET_ACTIVATION_NONE || activation == EFFNET_ACTIVATION_RELU ||
         activation == EFFNET_ACTIVATION_RELU6;
}

/* NaN stays one. */
static EFFNET_INLINE vf
vf_clamp (vf x, float low, float high)
{
  return vf_min (vf_set1 (high), vf_max (vf_set1 (low), x));
}

/* BODY (activation) with a constant in place of a variable. */
#define EFFNET_FOR_ACTIVATION(activation, BODY)                                                    \
  do {                                                                                             \
    switch (activation) {                                                                          \
    case EFFNET_ACTIVATION_NONE:                                                                   \
      BODY (EFFNET_ACTIVATION_NONE);                                                               \
      break;                                                                                       \
    case EFFNET_ACTIVATION_SWISH:                                                                  \
      BODY (EFFNET_ACTIVATION_SWISH);                                                              \
      break;                                                                                       \
    case EFFNET_ACTIVATION_RELU:                                                                   \
      BODY (EFFNET_ACTIVATION_RELU);                                                               \
      break;                                                                                       \
    case EFFNET_ACTIVATION_RELU6:                                                                  \
      BODY (EFFNET_ACTIVATION_RELU6);                                                              \
      break;                                                                                       \
    case EFFNET_ACTIVATION_SIGMOID:                                                                \
      BODY (EFFNET_ACTIVATION_SIGMOID);                                                            \
      break;                                                                                       \
    }                                                                                              \
  } while (0)

#endif
