/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a user of a precision should know: bf16 needs a CPU that has it; int8 is slow where only
 * portable code has it, and full convolutions are not int8. */
#include "engine/engine.h"

/* The share of the arithmetic that full convolutions are, in percent. */
static double
conv_share (const EffnetPlan *plan)
{
  uint64_t conv = 0, all = 0;

  for (size_t i = 0; i < plan->n_steps; i++) {
    all += plan->steps[i].flop;
    conv += plan->steps[i].kind == EFFNET_STEP_CONV ? plan->steps[i].flop : 0;
  }
  return 100.0 * (double)conv / (double)all;
}

static void
note_int8 (EffnetModel *model)
{
  const EffnetPlan *plan = model->plan;
  const EffnetKernel *row =
      effnet_kernel_find (EFFNET_OP_GEMM_S8, plan->dtype, (EffnetKernelShape){.k = 8});
  double share = conv_share (plan);

  if (row->isa <= EFFNET_ISA_GENERIC)
    effnet_add_notice (
        &model->notice,
        g_strdup_printf ("precision int8 runs in portable code on this CPU (%s, %s), far slower "
                         "than fp32: it saves memory only",
                         effnet_cpu_model (), effnet_isa_name (effnet_cpu_best ())));
  if (share > 0)
    effnet_add_notice (
        &model->notice,
        g_strdup_printf ("precision int8 leaves the full convolutions of %s, %.0f %% of its "
                         "arithmetic, in %s",
                         model->net->variant, share,
                         plan->dtype == EFFNET_DTYPE_BF16 ? "bf16" : "fp32"));
}

void
effnet_model_note_precision (EffnetModel *model, EffnetDtype asked)
{
  const EffnetPlan *plan = model->plan;

  if (plan->precision == EFFNET_DTYPE_S8)
    note_int8 (model);
  else if (plan->precision != asked)
    effnet_add_notice (
        &model->notice,
        g_strdup_printf ("precision %s needs a CPU with avx512_bf16, amx_bf16 or Arm's bf16 and "
                         "i8mm; this one (%s, %s) runs %s in its place",
                         effnet_dtypes[asked].precision, effnet_cpu_model (),
                         effnet_isa_name (effnet_cpu_best ()),
                         effnet_dtypes[plan->precision].precision));
}
