/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every frame of every input, one after the other, with a bar of progress: what the subcommands
 * that take any number of pictures and clips share. A failed input is one line on stderr and the
 * next one is done all the same. */
#ifndef EFFNET_CLI_WALK_H
#define EFFNET_CLI_WALK_H

#include "cli/source.h"

typedef struct {
  EffnetSession *session; /* what a signal cancels */
  int timeout_s;
  int every;           /* of a clip, every Nth frame; 0 = the first one */
  gboolean all_frames; /* of a picture that moves or has pages */
  /* FALSE with an error for a frame that cannot be used: the input has failed, and goes on. */
  gboolean (*frame) (gpointer data, const char *input, const SourceFrame *frame, GError **error);
  gpointer data;
  gboolean enough; /* `frame` sets it: no other frame is wanted */
  GError *fatal;   /* `frame` sets it when no other frame is of use */
} Walk;

/* source_expand(), with failures reported and counted. */
GPtrArray *walk_expand (char **inputs);
/* Returns the exit code of all; `fatal` is not reported. */
int walk_inputs (Walk *walk, const GPtrArray *inputs);
/* A line on stderr; the exit code will be CLI_FAILED. */
void walk_failure (const char *subject, const char *message);
/* Whether there was one. */
gboolean walk_has_failed (void);

#endif
