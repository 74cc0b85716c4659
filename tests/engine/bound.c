/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bound.h"

#include <math.h>

#include "../kernels/squares.h"

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

static double
fc_error (const EffnetFcStep *s, unsigned weight_roundings)
{
  return layer_error (s->layer->in, s->activation, weight_roundings);
}

static double
depthwise_error (const EffnetDepthwiseStep *s, unsigned weight_roundings)
{
  return layer_error ((size_t)s->window.kernel * s->window.kernel, s->activation, weight_roundings);
}

/* Power at the points of a square, beside that of its outputs. */
static double
points_power (void)
{
  const Squares s = squares_new ();
  double axis = 0;

  for (int p = 0; p < SIDE; p++) {
    double in = 0, weight = 0, out = 0;

    for (int i = 0; i < SIDE; i++)
      in += s.b[p][i] * s.b[p][i];
    for (int i = 0; i < WINDOW; i++)
      weight += s.g[p][i] * s.g[p][i] / WINDOW;
    for (int i = 0; i < SQUARE; i++)
      out += s.a[p][i] * s.a[p][i] / SQUARE;
    axis += in * weight * out;
  }
  return axis * axis;
}

static double
conv_error (const EffnetConvStep *s, unsigned weight_roundings)
{
  size_t in = s->layer->in, taps = (size_t)s->layer->kernel * s->layer->kernel;

  if (s->layer->gemm->square == 0)
    return layer_error (in * taps, s->activation, weight_roundings);
  return layer_error (0, s->activation, weight_roundings) +
         points_power () * UNIT_F32 * UNIT_F32 * ((double)in / 6.0 + 11.0 / 3.0);
}

static double
step_error (const EffnetStep *step, unsigned weight_roundings)
{
  const EffnetWindow *stem = &step->stem.window;

  switch (step->kind) {
  case EFFNET_STEP_STEM:
    return layer_error (3 * (size_t)stem->kernel * stem->kernel, step->stem.activation,
                        weight_roundings);
  case EFFNET_STEP_POINTWISE:
    return layer_error (step->pointwise.layer->in, step->pointwise.activation, weight_roundings);
  case EFFNET_STEP_DEPTHWISE:
    return depthwise_error (&step->depthwise, weight_roundings);
  case EFFNET_STEP_EXPAND_DEPTHWISE:
    return layer_error (step->fused.expand->in, step->fused.depthwise.activation,
                        weight_roundings) +
           depthwise_error (&step->fused.depthwise, weight_roundings);
  case EFFNET_STEP_SQUEEZE:
    return layer_error (step->squeeze.pixels, EFFNET_ACTIVATION_NONE, 0) +
           fc_error (&step->squeeze.fc, weight_roundings);
  case EFFNET_STEP_EXCITE:
    return fc_error (&step->excite.fc, weight_roundings);
  case EFFNET_STEP_AVERAGE_POOL:
    return layer_error (step->average_pool.pixels, EFFNET_ACTIVATION_NONE, 0);
  case EFFNET_STEP_CLASSIFIER:
    return fc_error (&step->classifier, weight_roundings);
  case EFFNET_STEP_CONV:
    return conv_error (&step->conv, weight_roundings);
  case EFFNET_STEP_QUANTISE: /* of int8, which no bound is for */
    break;
  }
  return 0;
}

double
effnet_test_bound_f32 (const EffnetPlan *plan, unsigned weight_roundings)
{
  double power = 0;

  for (size_t i = 0; i < plan->n_steps; i++)
    power += step_error (&plan->steps[i], weight_roundings);
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
    case EFFNET_STEP_CONV:
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
