/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What plans have chosen: every variant in every precision on each rung of this CPU's ladder. The
 * plain loops of the reference are for EFFNET_ISA=ref, and elsewhere nobody's choice: a precision
 * gives way to another one where the CPU lacks it, and only there. That a model then says so,
 * tests/engine knows. */
#define _POSIX_C_SOURCE 200809L
#include <sys/wait.h>
#include <unistd.h>

#include "plan/plan.h"

#define LACKING 77 /* exit code of a child whose rung this CPU has not */

/* Portable code has no quantiser but the reference's; a model says that int8 is slow there. */
static gboolean
may_be (const EffnetKernel *row)
{
  return row->isa != EFFNET_ISA_REF || effnet_cpu_best () == EFFNET_ISA_REF ||
         (row->op == EFFNET_OP_QUANTISE && effnet_cpu_best () == EFFNET_ISA_GENERIC);
}

/* The rows that @step calls beside `kernel`, NULL for none. */
static void
other_rows (const EffnetStep *step, const EffnetKernel *rows[2])
{
  rows[0] = rows[1] = NULL;
  if (step->kind == EFFNET_STEP_EXPAND_DEPTHWISE)
    rows[0] = step->fused.expand->gemm;
  if (step->kind == EFFNET_STEP_EXCITE)
    rows[0] = step->excite.scale;
  if (step->kind == EFFNET_STEP_CONV && step->conv.sums != EFFNET_NO_SLOT)
    rows[0] = step->conv.pool;
  if (step->kind == EFFNET_STEP_POINTWISE)
    rows[0] = step->pointwise.layer->gemm;
  if (step->kind == EFFNET_STEP_CONV)
    rows[1] = step->conv.layer->gemm;
}

static void
check_step (const EffnetStep *step, const char *variant, const char *precision)
{
  const EffnetKernel *rows[3] = {step->kernel};

  other_rows (step, rows + 1);
  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++)
    if (rows[i] != NULL && !may_be (rows[i]))
      g_error ("%s of %s in %s runs %s under %s", step->name, variant, precision, rows[i]->name,
               effnet_isa_name (effnet_cpu_best ()));
}

static gboolean
has_bf16 (void)
{
  return effnet_cpu_has (EFFNET_ISA_AVX512_BF16) || effnet_cpu_has (EFFNET_ISA_NEON_BF16) ||
         effnet_cpu_best () == EFFNET_ISA_REF;
}

static void
check_variant (const char *variant, EffnetDtype precision)
{
  const EffnetDtype bf16 = EFFNET_DTYPE_BF16, f32 = EFFNET_DTYPE_F32;
  EffnetDtype got = precision == bf16 && !has_bf16 () ? f32 : precision;
  /* int8 under EFFNET_ISA=ref has float32 beside it */
  gboolean beside = has_bf16 () && effnet_cpu_best () != EFFNET_ISA_REF;
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetPlan) plan = effnet_plan_new (net, precision, NULL, NULL);

  g_assert_cmpint (plan->precision, ==, got);
  g_assert_cmpint (plan->dtype, ==, got == EFFNET_DTYPE_S8 ? (beside ? bf16 : f32) : got);
  for (size_t i = 0; i < plan->n_steps; i++)
    check_step (&plan->steps[i], variant, effnet_dtypes[precision].precision);
}

/* What the front end calls. */
static void
check_floats (void)
{
  for (int op = 0; op < EFFNET_OP_COUNT; op++)
    if (effnet_op_is_float ((EffnetKernelOp)op))
      g_assert_true (may_be (
          effnet_kernel_find ((EffnetKernelOp)op, EFFNET_DTYPE_F32, (EffnetKernelShape){0})));
}

/* The cap is read once a process, so this is a child's. */
static int
check_rung (EffnetIsa isa)
{
  static const EffnetDtype precisions[] = {EFFNET_DTYPE_F32, EFFNET_DTYPE_BF16, EFFNET_DTYPE_S8};

  g_setenv ("EFFNET_ISA", effnet_isa_name (isa), TRUE);
  if (!effnet_cpu_has (isa))
    return LACKING;
  check_floats ();
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++)
    for (size_t i = 0; i < G_N_ELEMENTS (precisions); i++)
      check_variant (*name, precisions[i]);
  return 0;
}

static void
test_rung (gconstpointer isa)
{
  pid_t child = fork ();
  int status;

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    _exit (check_rung ((EffnetIsa)GPOINTER_TO_INT (isa)));
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == LACKING)
    g_test_skip ("this CPU has it not");
  else
    g_assert_cmpint (status, ==, 0);
}

/* The test can fail: the reference, where there is better. */
static void
test_can_fail (void)
{
  gsize n;
  const EffnetKernel *rows = effnet_kernels (&n);
  const EffnetStep step = {.kind = EFFNET_STEP_CLASSIFIER, .kernel = &rows[n - 1]};

  g_assert_cmpint (step.kernel->isa, ==, EFFNET_ISA_REF);
  if (effnet_cpu_best () == EFFNET_ISA_REF) {
    g_test_skip ("the reference is all there is");
    return;
  }
  g_assert_false (may_be (step.kernel));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int isa = 0; isa < EFFNET_ISA_COUNT; isa++) {
    g_autofree char *path = g_strdup_printf ("/choice/%s", effnet_isa_name ((EffnetIsa)isa));

    g_test_add_data_func (path, GINT_TO_POINTER (isa), test_rung);
  }
  /* last: it asks the CPU in this process */
  g_test_add_func ("/choice/can-fail", test_can_fail);
  return g_test_run ();
}
