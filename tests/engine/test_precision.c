/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a model makes of the precision that is asked for, and what its notice says of it, on each
 * rung of this CPU's ladder. Which kernels a plan has is tests/plan's. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cpu.h"
#include "open.h"

#define LACKING 77 /* exit code of a child whose rung this CPU has not */

/* The precision that a model of @variant has got, and whether its notice says @words. */
static void
check (const char *variant, EffnetPrecision asked, const char *got, const char *words,
       gboolean is_said)
{
  EffnetModelOptions options = {
      .variant = variant, .synthetic_seed = 1, .input_size = 33, .precision = asked};
  g_autoptr (EffnetModel) model = test_open (NULL, &options);
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  if (g_strcmp0 (info.precision, got) != 0)
    g_error ("%s on %s: precision %s; expected %s", variant, info.isa, info.precision, got);
  if ((info.notice != NULL && strstr (info.notice, words) != NULL) != is_said)
    g_error ("%s on %s: the notice \"%s\" should %ssay \"%s\"", variant, info.isa, info.notice,
             is_said ? "" : "not ", words);
}

/* The rule of auto stands in docs/EXPERIMENTS.md: bf16 where x86 has it, and nowhere int8. */
static void
check_rung (void)
{
  gboolean x86 = effnet_cpu_has (EFFNET_ISA_AVX512_BF16) || effnet_cpu_has (EFFNET_ISA_AMX);
  gboolean plain = effnet_cpu_best () == EFFNET_ISA_REF; /* the loops of the reference do bf16 */
  gboolean bf16 = x86 || plain || effnet_cpu_has (EFFNET_ISA_NEON_BF16);
  gboolean int8 = effnet_cpu_has (EFFNET_ISA_AVX2) || effnet_cpu_has (EFFNET_ISA_NEON_DOT);
  g_autofree char *why =
      g_strdup_printf (", %s) runs fp32 in its place", effnet_isa_name (effnet_cpu_best ()));

  check ("lite0", EFFNET_PRECISION_AUTO, x86 ? "bf16" : "fp32", "precision", FALSE);
  check ("lite0", EFFNET_PRECISION_FP32, "fp32", "precision", FALSE);
  check ("lite0", EFFNET_PRECISION_BF16, bf16 ? "bf16" : "fp32", "precision bf16 needs a CPU with ",
         !bf16);
  check ("lite0", EFFNET_PRECISION_BF16, bf16 ? "bf16" : "fp32", why, !bf16);
  check ("lite0", EFFNET_PRECISION_INT8, "int8", "far slower than fp32: it saves memory only",
         !int8);
  check ("lite0", EFFNET_PRECISION_INT8, "int8", "leaves the full convolutions", FALSE);
  check ("es", EFFNET_PRECISION_INT8, "int8", "leaves the full convolutions of es, ", TRUE);
}

/* The cap is read once a process, so this is a child's. */
static void
test_rung (gconstpointer isa)
{
  pid_t child = fork ();
  int status;

  g_assert_cmpint (child, >=, 0);
  if (child == 0) {
    g_setenv ("EFFNET_ISA", effnet_isa_name ((EffnetIsa)GPOINTER_TO_INT (isa)), TRUE);
    if (!effnet_cpu_has ((EffnetIsa)GPOINTER_TO_INT (isa)))
      _exit (LACKING);
    check_rung ();
    _exit (0);
  }
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  if (WIFEXITED (status) && WEXITSTATUS (status) == LACKING)
    g_test_skip ("this CPU has it not");
  else
    g_assert_cmpint (status, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (int isa = 0; isa < EFFNET_ISA_COUNT; isa++) {
    g_autofree char *path = g_strdup_printf ("/precision/%s", effnet_isa_name ((EffnetIsa)isa));

    g_test_add_data_func (path, GINT_TO_POINTER (isa), test_rung);
  }
  return g_test_run ();
}
