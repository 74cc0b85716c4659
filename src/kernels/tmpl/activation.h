/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Activations on a vector of float32, the last step of every template. Included by a file of isa/
 * after its vector header.
 *
 * sigma (x) = 1 / (1 + 2^t), t = -x log2 (e), |x| clamped to 80 so that 2^t stays a normal number.
 * t = n + r with n whole: adding 1.5 * 2^23 leaves exactly the bits of n. 2^r, |r| <= 1/2, is a
 * polynomial of degree 5, relative error 7.5e-8 (minimax), at most 1.2e-7 with its coefficients
 * rounded. 2^n goes to the exponent by integer addition.
 *
 * The bound, eps = 2^-24 being half an ulp. Relative error of u = 2^t, by series, roundings and
 * log2 (e) in float32: du <= 1.2e-7 + 4 eps + |x| eps. Of sigma: (1 - sigma) du + 4 eps, by sum and
 * quotient. Since sigma (1 - sigma) <= 1/4 and sigma (1 - sigma) |x| <= 0.23, absolutely
 *
 *   |error of sigma| <= 0.25 * 3.6e-7 + 0.23 * 6e-8 + 4 eps = 3.5e-7 < 2^-21,
 *
 * and swish (x) = x sigma (x) adds one rounding: |error| <= 4.2e-7 |x|. Measured on every 13th
 * float32 with AVX2: sigma 1.0e-7, swish 1.5e-7 |x|. Below -80 swish is x * 1.8e-35, so -inf stays.
 *
 * Where vectors look up tables of 32, swish is max (x, 0) + r (a), a = |x|, r (a) = -a / (1 + exp
 * (a)), without a division: r is a cubic in each of 32 segments, which the low two bits of the
 * exponent and the upper three of the fraction of a + 17/16 number: 1/8 wide at 0, 1 wide from a =
 * 7 on. The first begins with c0 = 0. Minimax, weighted by 1 / a: off by at most 3.7e-7 a; the
 * roundings of Horner's rule add at most 6.0e-8 a. a is clamped below 16 - 17/16, where swish ends
 * at -4.9e-6 instead of 0, off by 3.3e-7 a. So |error| <= 4.3e-7 |x| and one rounding. Measured:
 * 4.1e-7 |x|.
 *
 * A NaN stays one. +inf gives +inf (swish) or 1. */
#ifndef EFFNET_KERNELS_TMPL_ACTIVATION_H
#define EFFNET_KERNELS_TMPL_ACTIVATION_H

#include <assert.h>
#include <math.h>

#include "base/types.h"

#define VF_SIGMOID_CLAMP 80.0f
#define VF_LOG2_E        1.44269504f

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

#ifdef VF_TABLE

/* r (a) = c0 + a (c1 + a (c2 + a c3)): c0 .. c3 by the five bits */
static const float vf_swish_table[4][32] __attribute__ ((aligned (64))) = {
    {5.7845153e-03f,  2.7300726e-04f,  -1.9658025e-02f, -5.9276957e-02f,  -1.1964903e-01f,
     -1.9737336e-01f, -2.8587773e-01f, -3.7732378e-01f, -5.007859e-01f,   -6.2614334e-01f,
     -6.866736e-01f,  -6.877053e-01f,  -6.449846e-01f,  -5.758338e-01f,   -4.9480417e-01f,
     -4.1237116e-01f, -3.023451e-01f,  -1.8508968e-01f, -1.06812924e-01f, -5.8858167e-02f,
     -3.1243933e-02f, -1.6080368e-02f, -8.06311e-03f,   -3.9539165e-03f,  0.0f,
     3.2667454e-06f,  6.9335765e-05f,  3.419198e-04f,   9.79894e-04f,     2.0618925e-03f,
     3.4945996e-03f,  4.9511106e-03f},
    {-5.28348e-01f,   -5.1478004e-01f, -4.7346908e-01f, -4.031923e-01f, -3.097366e-01f,
     -2.0306064e-01f, -9.398313e-02f,  8.274157e-03f,   1.3275956e-01f, 2.4325038e-01f,
     2.9002863e-01f,  2.9105553e-01f,  2.6522264e-01f,  2.2708493e-01f, 1.861083e-01f,
     1.4764091e-01f,  1.0059333e-01f,  5.5979785e-02f,  2.9532632e-02f, 1.4965136e-02f,
     7.3461756e-03f,  3.514214e-03f,   1.6453805e-03f,  7.5650786e-04f, -5.000002e-01f,
     -5.001256e-01f,  -5.011626e-01f,  -5.0376815e-01f, -5.08143e-01f,  -5.139264e-01f,
     -5.2020305e-01f, -5.256157e-01f},
    {3.0484805e-01f,  2.9370293e-01f,  2.6512742e-01f,  2.2353724e-01f,  1.7528088e-01f,
     1.2645037e-01f,  8.161974e-02f,   4.349045e-02f,   1.6272808e-03f,  -3.0862192e-02f,
     -4.291885e-02f,  -4.322498e-02f,  -3.8016e-02f,    -3.1002391e-02f, -2.4093073e-02f,
     -1.8107966e-02f, -1.1399258e-02f, -5.7373955e-03f, -2.7573514e-03f, -1.2816698e-03f,
     -5.8072904e-04f, -2.5784975e-04f, -1.1260643e-04f, -4.850185e-05f,  2.5004575e-01f,
     2.5172114e-01f,  2.5725406e-01f,  2.6561284e-01f,  2.756476e-01f,   2.8597337e-01f,
     2.95152e-01f,    3.0186325e-01f},
    {-5.1225934e-02f, -4.8170947e-02f, -4.1574292e-02f, -3.336243e-02f,  -2.5050879e-02f,
     -1.7596174e-02f, -1.1451725e-02f, -6.710861e-03f,  -2.0153644e-03f, 1.1716962e-03f,
     2.2080608e-03f,  2.236707e-03f,   1.8864563e-03f,  1.4563674e-03f,  1.0679127e-03f,
     7.574293e-04f,   4.3841914e-04f,  1.9875345e-04f,  8.676829e-05f,   3.6919788e-05f,
     1.5417347e-05f,  6.3463135e-06f,  2.5827323e-06f,  1.0413728e-06f,  -1.952093e-03f,
     -9.985765e-03f,  -2.0026043e-02f, -2.9025927e-02f, -3.6724806e-02f, -4.288282e-02f,
     -4.7363024e-02f, -5.013947e-02f},
};

static EFFNET_INLINE vf
vf_swish (vf x)
{
  vf a = vf_magnitude (x, 14.9374f);
  vf segment = vf_bits_down (vf_add (a, vf_set1 (1.0625f)), 20);
  vf r = vf_lookup32 (vf_swish_table[3], segment);

  EFFNET_UNROLL
  for (int degree = 2; degree >= 0; degree--)
    r = vf_fma (r, a, vf_lookup32 (vf_swish_table[degree], segment));
  return vf_add (r, vf_max (vf_zero (), x));
}

#else

static EFFNET_INLINE vf
vf_swish (vf x)
{
  return vf_divide (x, vf_one_plus_exp_negated (x));
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
    return vf_swish (x);
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
