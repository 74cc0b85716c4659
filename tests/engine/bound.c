/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bound.h"

#include <math.h>

#define UNIT_F32  0x1p-24
#define UNIT_BF16 0x1p-9

/* Power of the errors of one layer whose dots have @terms. */
static double
layer_error (size_t terms, EffnetActivation activation, unsigned weight_roundings)
{
  double s = activation == EFFNET_ACTIVATION_SWISH || activation == EFFNET_ACTIVATION_SIGMOID
                 ? EFFNET_SIGMOID_ERROR_F32
                 : 0.0;

  return UNIT_F32 * UNIT_F32 * ((double)terms / 6.0 + 1.0 + weight_roundings / 3.0) + s * s / 3.0;
}

double
effnet_test_bound_f32 (const EffnetPlan *plan, unsigned weight_roundings)
{
  double power = 0;

  for (size_t i = 0; i < plan->n_steps; i++) {
    const EffnetStep *s = &plan->steps[i];
    size_t window = (size_t)s->kernel_size * s->kernel_size;

    switch (s->kind) {
    case EFFNET_STEP_STEM:
      power += layer_error (3 * window, s->activation, weight_roundings);
      break;
    case EFFNET_STEP_EXPAND_DEPTHWISE:
      power += layer_error (s->in_channels, s->activation, weight_roundings);
      power += layer_error (window, s->activation, weight_roundings);
      break;
    case EFFNET_STEP_DEPTHWISE:
      power += layer_error (window, s->activation, weight_roundings);
      break;
    case EFFNET_STEP_SQUEEZE:
      power += layer_error (s->in_h * s->in_w, EFFNET_ACTIVATION_NONE, 0);
      power += layer_error (s->in_channels, s->activation, weight_roundings);
      break;
    case EFFNET_STEP_POOL:
      power += layer_error (s->in_h * s->in_w, EFFNET_ACTIVATION_NONE, 0);
      break;
    default:
      power += layer_error (s->in_channels, s->activation, weight_roundings);
    }
  }
  return sqrt (power);
}

double
effnet_test_bound_bf16 (const EffnetPlan *plan)
{
  unsigned roundings = 0;

  for (size_t i = 0; i < plan->n_steps; i++)
    switch (plan->steps[i].kind) {
    case EFFNET_STEP_STEM:
    case EFFNET_STEP_POINTWISE:
    case EFFNET_STEP_DEPTHWISE:
      roundings += 2;
      break;
    case EFFNET_STEP_EXPAND_DEPTHWISE:
      roundings += 4;
      break;
    case EFFNET_STEP_EXCITE:
      roundings += 1;
      break;
    default:
      break;
    }
  return UNIT_BF16 * sqrt (roundings / 3.0);
}
