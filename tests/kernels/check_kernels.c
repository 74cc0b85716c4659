/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every row of the one list against the reference, in TAP. --bench times the same bodies, --list
 * shows the list, --row NAME takes one row. A row this CPU cannot run is NOT RUN, never ok; a run
 * without any row is an error. */
#include "check.h"

#include <stdio.h>
#include <string.h>

static void
list_rows (const EffnetKernel *rows, gsize n)
{
  for (gsize i = 0; i < n; i++)
    printf ("%-40s %-12s %-4s %-10s %-7s kernel %u stride %u tile %ux%ux%u k %% %u%s\n",
            rows[i].name, effnet_op_name (rows[i].op), effnet_dtypes[rows[i].dtype].name,
            effnet_isa_name (rows[i].isa),
            rows[i].numerics == EFFNET_NUMERICS_EXACT ? "exact" : "bounded", rows[i].kernel,
            rows[i].stride, rows[i].mr, rows[i].nr, rows[i].kr, rows[i].k_multiple,
            effnet_kernel_usable (&rows[i]) ? "" : "  not on this CPU");
}

/* One TAP line; FALSE when the row failed. */
static gboolean
run_row (const EffnetKernel *row, gsize number, gboolean bench)
{
  Check check;
  gboolean ok;

  check_row (&check, row, bench);
  ok = check.n_failed == 0 && check.n_cases > 0;
  printf ("%s %zu - %s # %zu cases, worst %.2f of its bound\n", ok ? "ok" : "not ok", number,
          row->name, check.n_cases, check.worst);
  if (check.first_failure != NULL)
    printf ("# %s\n", check.first_failure);
  fflush (stdout);
  check_clear (&check);
  return ok;
}

int
main (int argc, char **argv)
{
  gboolean bench = FALSE, list = FALSE;
  char *only = NULL;
  const GOptionEntry entries[] = {
      {"bench", 0, 0, G_OPTION_ARG_NONE, &bench, "Time each row against the reference", NULL},
      {"list", 0, 0, G_OPTION_ARG_NONE, &list, "Show the rows", NULL},
      {"row", 0, 0, G_OPTION_ARG_STRING, &only, "Only this row", "NAME"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- check the kernels");
  g_autoptr (GError) error = NULL;
  gsize n, wanted = 0, run = 0, failed = 0, number = 0;
  const EffnetKernel *rows = effnet_kernels (&n);

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    fprintf (stderr, "%s\n", error->message);
    return 2;
  }
  if (list) {
    list_rows (rows, n);
    return 0;
  }
  for (gsize i = 0; i < n; i++)
    wanted += only == NULL || strcmp (only, rows[i].name) == 0;
  printf ("1..%zu\n", wanted);
  for (gsize i = 0; i < n; i++) {
    if (only != NULL && strcmp (only, rows[i].name) != 0)
      continue;
    number++;
    if (!effnet_kernel_usable (&rows[i])) {
      printf ("ok %zu - %s # SKIP NOT RUN: this CPU, or EFFNET_ISA, is without %s\n", number,
              rows[i].name, effnet_isa_name (rows[i].isa));
      continue;
    }
    run++;
    failed += !run_row (&rows[i], number, bench);
  }
  g_free (only);
  if (run == 0) {
    printf ("Bail out! no row was run\n");
    return 1;
  }
  return failed > 0;
}
