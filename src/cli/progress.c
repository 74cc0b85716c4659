/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/progress.h"
#include "cli/text.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_US   G_USEC_PER_SEC
#define BETWEEN_US (G_USEC_PER_SEC / 10)
#define BAR        30

/* There is one stderr. */
static struct {
  gboolean is_terminal, is_drawn; /* the bar stands on the last line */
  gint64 start_us, drawn_us;
} bar;

void
progress_start (void)
{
  bar.is_terminal = isatty (STDERR_FILENO);
  bar.start_us = g_get_monotonic_time ();
}

gboolean
progress_is_due (void)
{
  gint64 now = bar.is_terminal ? g_get_monotonic_time () : 0;

  return bar.is_terminal && now - bar.start_us >= FIRST_US && now - bar.drawn_us >= BETWEEN_US;
}

void
progress_show (double done, const char *what)
{
  static const char full[BAR + 1] = "##############################";
  static const char empty[BAR + 1] = "..............................";
  int filled = (int)(CLAMP (done, 0, 1) * BAR);
  g_autofree char *base = g_path_get_basename (what);
  g_autofree char *name = cli_printable (base, 30);

  bar.drawn_us = g_get_monotonic_time ();
  fflush (stdout);
  fprintf (stderr, "\r\033[K[%.*s%.*s] %3.0f %%  %s", filled, full, BAR - filled, empty,
           100 * CLAMP (done, 0, 1), name);
  bar.is_drawn = TRUE;
}

void
progress_clear (void)
{
  if (bar.is_drawn)
    fputs ("\r\033[K", stderr);
  bar.is_drawn = FALSE;
}
