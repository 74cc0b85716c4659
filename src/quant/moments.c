/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant/moments.h"

#include <glib.h>
#include <math.h>

#define SIGMAS   7.0 /* the normal distribution beyond weighs 3e-12 */
#define STEPS    40  /* of the trapezoidal rule, for deviations up to 2 */
#define DEEPEST  900
#define SQRT_2PI 2.5066282746310005

/* E[max (x, 0)] */
static double
mean_of_positive (double mean, double deviation)
{
  double z;

  if (deviation == 0)
    return MAX (mean, 0.0);
  z = mean / deviation;
  return mean * 0.5 * erfc (-z * G_SQRT2 / 2) + deviation * exp (-0.5 * z * z) / SQRT_2PI;
}

static double
activated (EffnetActivation activation, double x)
{
  double sigmoid = 1.0 / (1.0 + exp (-x));

  return activation == EFFNET_ACTIVATION_SWISH ? x * sigmoid : sigmoid;
}

/* The trapezoidal rule converges geometrically for a function that is analytic in a strip around
 * the real axis (Trefethen and Weideman, 2014, "The exponentially convergent trapezoidal rule").
 * The poles of a sigmoid stand at pi / deviation, so the step shrinks with the deviation. */
static double
integrated (EffnetActivation activation, double mean, double deviation)
{
  unsigned steps = (unsigned)CLAMP (ceil (STEPS / 2.0 * deviation), STEPS, DEEPEST);
  double weights = 0.0, sum = 0.0;

  for (unsigned i = 0; i <= steps; i++) {
    double z = SIGMAS * (2.0 * i / steps - 1.0), weight = exp (-0.5 * z * z);

    weights += weight;
    sum += weight * activated (activation, mean + deviation * z);
  }
  return sum / weights;
}

double
effnet_mean_activated (EffnetActivation activation, double mean, double deviation)
{
  deviation = fabs (deviation);
  switch (activation) {
  case EFFNET_ACTIVATION_NONE:
    break;
  case EFFNET_ACTIVATION_RELU:
    return mean_of_positive (mean, deviation);
  case EFFNET_ACTIVATION_RELU6:
    return mean_of_positive (mean, deviation) - mean_of_positive (mean - 6.0, deviation);
  case EFFNET_ACTIVATION_SWISH:
  case EFFNET_ACTIVATION_SIGMOID:
    return deviation == 0 ? activated (activation, mean) : integrated (activation, mean, deviation);
  }
  return mean;
}
