/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/plan.h"

#include "plan/steps.h"
#include "quant/int8.h"

static gboolean
find_kernels (EffnetDtype dtype, EffnetKernelSet *set, GError **error)
{
  const EffnetKernelShape any = {0}, window = {.kernel = 3, .stride = 2};

  set->stem = effnet_kernel_find (EFFNET_OP_STEM, dtype, window);
  set->average_pool = effnet_kernel_find (EFFNET_OP_POOL, dtype, any);
  set->fc = effnet_kernel_find (EFFNET_OP_FC, dtype, any);
  set->scale_rows = effnet_kernel_find (EFFNET_OP_SCALE_ROWS, dtype, any);
  if (set->stem != NULL && set->average_pool != NULL && set->fc != NULL &&
      set->scale_rows != NULL && effnet_kernel_find (EFFNET_OP_SCALE_PANELS, dtype, any) != NULL &&
      effnet_kernel_find (EFFNET_OP_DEPTHWISE, dtype, window) != NULL &&
      effnet_kernel_find (EFFNET_OP_CONV, dtype, window) != NULL &&
      effnet_kernel_find (EFFNET_OP_GEMM, dtype, any) != NULL)
    return TRUE;
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                       "this build has no kernels for the precision asked for; fp32 always works");
  return FALSE;
}

/* TRUE when some step or layer has the plain loops of the reference alone. */
static gboolean
uses_reference (const EffnetPlan *plan)
{
  for (size_t i = 0; i < plan->n_steps; i++)
    if (plan->steps[i].kernel->isa == EFFNET_ISA_REF)
      return TRUE;
  for (size_t i = 0; i < plan->n_layers; i++)
    if (plan->layers[i].gemm != NULL && plan->layers[i].gemm->isa == EFFNET_ISA_REF)
      return TRUE;
  return FALSE;
}

#define NARROW 40 /* channels */

/* Whether the weights of @layer are int8. Beside bf16, narrow 1x1 stay bf16, as those of the first
 * blocks do: making digits takes about as long as they save, and what is rounded there reaches all
 * that follows (docs/EXPERIMENTS.md). Where ReLU6 makes digits in passing, they save more. */
static gboolean
is_int8 (const EffnetPlan *plan, const EffnetNet *net, const EffnetLayer *layer)
{
  gboolean stays = plan->dtype == EFFNET_DTYPE_BF16 && MIN (layer->in, layer->out) <= NARROW &&
                   net->activation != EFFNET_ACTIVATION_RELU6 &&
                   layer->kind != EFFNET_LAYER_CLASSIFIER;

  return plan->precision == EFFNET_DTYPE_S8 && effnet_int8_rounds (layer) && !stays;
}

static const EffnetPackedLayer *
lay_out_weights (const EffnetNet *net, const EffnetPlan *plan, size_t *bytes)
{
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  EffnetPackedLayer *packed = g_try_new (EffnetPackedLayer, n_layers);

  if (packed == NULL)
    return NULL;
  *bytes = 0;
  for (size_t i = 0; i < n_layers; i++)
    packed[i] =
        effnet_packed_layer (net, &layers[i], plan->dtype, is_int8 (plan, net, &layers[i]), bytes);
  effnet_packed_digits (net, packed, n_layers);
  return packed;
}

static EffnetPlan *
new_plan (const EffnetNet *net, EffnetDtype precision, EffnetDtype dtype,
          const EffnetTuning *tuning, GError **error)
{
  g_autoptr (EffnetPlan) plan = NULL;
  EffnetKernelSet kernels;
  const EffnetLayer *layers;

  if (!find_kernels (dtype, &kernels, error))
    return NULL;
  plan = g_new0 (EffnetPlan, 1);
  plan->precision = precision;
  plan->dtype = dtype;
  plan->in_h = net->in_height;
  plan->in_w = net->in_width;
  plan->n_classes = net->n_classes;
  plan->n_features = net->head_channels;
  layers = effnet_net_layers (net, &plan->n_layers);
  plan->layers = lay_out_weights (net, plan, &plan->weight_bytes);
  if (plan->layers != NULL &&
      effnet_steps_build (plan, net, layers, &kernels, tuning != NULL ? tuning : &effnet_tuning))
    return g_steal_pointer (&plan);
  effnet_fail_memory (error, "a plan", plan->n_layers * sizeof (EffnetStep));
  return NULL;
}

EffnetPlan *
effnet_plan_new (const EffnetNet *net, EffnetDtype precision, const EffnetTuning *tuning,
                 GError **error)
{
  EffnetDtype dtype = precision == EFFNET_DTYPE_S8 ? EFFNET_DTYPE_BF16 : precision;
  EffnetPlan *plan = new_plan (net, precision, dtype, tuning, error);

  /* Asked for as the oracle, the reference serves bf16 as well as float32. */
  if (plan == NULL || dtype != EFFNET_DTYPE_BF16 || !uses_reference (plan) ||
      (precision == dtype && effnet_cpu_best () == EFFNET_ISA_REF))
    return plan;
  effnet_plan_free (plan);
  return new_plan (net, precision == dtype ? EFFNET_DTYPE_F32 : precision, EFFNET_DTYPE_F32, tuning,
                   error);
}

void
effnet_plan_free (EffnetPlan *plan)
{
  if (plan == NULL)
    return;
  g_free ((gpointer)plan->layers);
  g_free ((gpointer)plan->steps);
  g_free ((gpointer)plan->buffers);
  g_free (plan);
}
