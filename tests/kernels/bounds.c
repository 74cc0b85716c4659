/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * How far a BOUNDED kernel may be off, from the number of terms and the unit roundoff of what it
 * computes in. check.h states each derivation beside its prototype. */
#include "check.h"

#include <math.h>

double
check_sum_bound (EffnetDtype dtype, gsize terms, double magnitude, double tiny_scale)
{
  double n = (double)terms + 2.0;
  double gamma = n * UNIT_F32 / (1.0 - n * UNIT_F32);
  double tiny = dtype == EFFNET_DTYPE_BF16 ? TINY_BF16 : TINY_F32;

  return gamma * magnitude + n * tiny * (1.0 + tiny_scale);
}

double
check_activate (double x, EffnetActivation activation)
{
  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    return x * (1.0 / (1.0 + exp (-x)));
  case EFFNET_ACTIVATION_RELU:
    return fmax (x, 0.0);
  case EFFNET_ACTIVATION_RELU6:
    return fmin (fmax (x, 0.0), 6.0);
  case EFFNET_ACTIVATION_SIGMOID:
    return 1.0 / (1.0 + exp (-x));
  default:
    return x;
  }
}

double
check_activation_bound (EffnetDtype dtype, EffnetActivation activation, double x, double error)
{
  double own = dtype == EFFNET_DTYPE_BF16 ? EFFNET_SIGMOID_ERROR_BF16 : EFFNET_SIGMOID_ERROR_F32;

  if (activation == EFFNET_ACTIVATION_SWISH)
    return 1.1 * error + own * (fabs (x) + error) + TINY_F32;
  return (activation == EFFNET_ACTIVATION_SIGMOID ? 0.25 * error + own : error) + TINY_F32;
}

double
check_output_bound (EffnetDtype dtype, EffnetActivation activation, double x, double error,
                    double residual)
{
  gboolean half = dtype == EFFNET_DTYPE_BF16;
  double y = fabs (check_activate (x, activation));
  double bound = check_activation_bound (dtype, activation, x, error);

  bound += UNIT_F32 * (y + bound + fabs (residual));
  if (half)
    bound += UNIT_BF16 * (y + bound + fabs (residual));
  return bound + (half ? TINY_BF16 : TINY_F32);
}

const char *
check_activation_name (EffnetActivation activation)
{
  static const char *const names[] = {"none", "swish", "relu", "relu6", "sigmoid"};

  return names[activation];
}
