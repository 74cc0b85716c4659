/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/progress.h"

#include <stdio.h>
#include <unistd.h>

#define FIRST_US   G_USEC_PER_SEC
#define BETWEEN_US (G_USEC_PER_SEC / 10)
#define BAR        30

struct _Progress {
  gboolean terminal;
  gint64 start_us, shown_us;
};

/* There is one stderr: whether a bar stands on its last line. */
static gboolean bar_stands;

Progress *
progress_new (void)
{
  Progress *progress = g_new0 (Progress, 1);

  progress->terminal = isatty (STDERR_FILENO);
  progress->start_us = g_get_monotonic_time ();
  return progress;
}

void
progress_free (Progress *progress)
{
  progress_clear ();
  g_free (progress);
}

gboolean
progress_due (Progress *progress)
{
  gint64 now;

  if (!progress->terminal)
    return FALSE;
  now = g_get_monotonic_time ();
  return now - progress->start_us >= FIRST_US && now - progress->shown_us >= BETWEEN_US;
}

void
progress_show (Progress *progress, double done, const char *what)
{
  static const char full[BAR + 1] = "##############################";
  static const char empty[BAR + 1] = "..............................";
  int filled = (int)(CLAMP (done, 0, 1) * BAR);
  g_autofree char *base = g_path_get_basename (what);
  g_autofree char *name = g_utf8_make_valid (base, -1);

  progress->shown_us = g_get_monotonic_time ();
  fflush (stdout);
  fprintf (stderr, "\r\033[K[%.*s%.*s] %3.0f %%  %.30s", filled, full, BAR - filled, empty,
           100 * CLAMP (done, 0, 1), name);
  bar_stands = TRUE;
}

void
progress_clear (void)
{
  if (bar_stands)
    fputs ("\r\033[K", stderr);
  bar_stands = FALSE;
}
