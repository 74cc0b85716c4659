/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/walk.h"

#include "cli/cli.h"
#include "cli/outfile.h"
#include "cli/progress.h"
#include "cli/stop.h"

static guint n_failures; /* of inputs, and of what a folder holds */

void
walk_failure (const char *subject, const char *message)
{
  progress_clear ();
  cli_failure (subject, message);
  n_failures++;
}

gboolean
walk_has_failed (void)
{
  return n_failures > 0;
}

GPtrArray *
walk_expand (char **inputs)
{
  GPtrArray *list = source_expand (inputs, walk_failure);

  for (guint i = 0; i < list->len; i++)
    out_spare (list->pdata[i]);
  return list;
}

/* Nobody is there to read, or somebody said stop. */
static gboolean
is_over (const Walk *walk)
{
  return walk->enough || walk->fatal != NULL || !cli_flush () || cli_stopped () != 0;
}

/* The stream goes on past a frame that cannot be used; the input counts as failed once. */
static void
walk_input (Walk *walk, guint i, guint n_inputs, const char *input)
{
  g_autoptr (GError) error = NULL, bad_frame = NULL;
  Source *source = source_open_all (input, walk->timeout_s, walk->all_frames, &error);
  SourceFrame frame;
  int got = source != NULL ? 1 : -1;
  gboolean more = TRUE;

  while (got == 1 && more && !is_over (walk) && (got = source_next (source, &frame, &error)) == 1) {
    if (walk->every == 0 || frame.index % (guint64)walk->every == 0)
      walk->frame (walk->data, input, &frame, bad_frame == NULL ? &bad_frame : NULL);
    if (progress_is_due ())
      progress_show ((i + MAX (0, source_progress (source))) / n_inputs, input);
    more = walk->every > 0;
  }
  if (got >= 0 && bad_frame != NULL &&
      !g_error_matches (bad_frame, EFFNET_ERROR, EFFNET_ERROR_CANCELLED))
    error = g_steal_pointer (&bad_frame);
  if (!source_close (source) && cli_stopped () == 0) {
    if (error == NULL)
      g_set_error_literal (&error, EFFNET_ERROR, EFFNET_ERROR_FRAME, "it does not end");
    g_prefix_error (&error, "hangs and is left behind: ");
  }
  if (error != NULL)
    walk_failure (input, error->message);
}

int
walk_inputs (Walk *walk, const GPtrArray *inputs)
{
  progress_start ();
  cli_catch_signals (walk->session);
  for (guint i = 0; i < inputs->len && !is_over (walk); i++) {
    walk_input (walk, i, inputs->len, inputs->pdata[i]);
    if (progress_is_due ())
      progress_show ((i + 1.0) / inputs->len, inputs->pdata[i]);
  }
  progress_clear ();
  cli_forget_session ();
  if (cli_stopped () != 0)
    return CLI_SIGNAL + cli_stopped ();
  return n_failures > 0 || walk->fatal != NULL ? CLI_FAILED : CLI_OK;
}
