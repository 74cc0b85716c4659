/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Turns: which of several streams is next. Start-time fair queueing: virtual time advances with the
 * service given, and each job has a start tag, the virtual time at which its stream is due. A tag
 * never lies before the moment the stream became busy, so that idleness earns nothing. No locks, no
 * clock, no threads. */
#ifndef EFFNET_ENGINE_TURNS_H
#define EFFNET_ENGINE_TURNS_H

#include <glib.h>
#include <stdint.h>

/* Virtual time of one inference of a stream of weight 1. */
#define EFFNET_TURN_UNIT ((uint64_t)1 << 20)
/* A job with a deadline may go first while its stream is at most this far ahead. */
#define EFFNET_TURN_AHEAD (4 * EFFNET_TURN_UNIT)

/* A stream's side of it. All zero but the weight at first. */
typedef struct {
  unsigned weight;
  uint64_t start, finish; /* of its next job, and of its last */
  unsigned cost;          /* of its next job, in inferences */
  int64_t deadline_ns;    /* likewise; 0 = none */
} EffnetTurn;

typedef struct {
  uint64_t now;     /* virtual time */
  uint64_t latest;  /* of all finish tags */
  GPtrArray *ready; /* EffnetTurn *: those with a job to run, in order of arrival */
} EffnetTurns;

void effnet_turns_init (EffnetTurns *turns);
void effnet_turns_clear (EffnetTurns *turns);

/* @turn has a job to run, of the cost and deadline it says. @goes_on: it has been busy up to now.
 */
void effnet_turns_add (EffnetTurns *turns, EffnetTurn *turn, gboolean goes_on);
/* It has not any more. */
void effnet_turns_remove (EffnetTurns *turns, EffnetTurn *turn);
/* Takes out the one whose job is to run now; NULL when there is none. */
EffnetTurn *effnet_turns_next (EffnetTurns *turns);
/* Likewise, of those that @fits says may run together with @data. */
EffnetTurn *effnet_turns_next_of (EffnetTurns *turns,
                                  gboolean (*fits) (const EffnetTurn *turn, const void *data),
                                  const void *data);
/* Nothing is ready and nothing runs: all start anew alike. */
void effnet_turns_rest (EffnetTurns *turns);

#endif
