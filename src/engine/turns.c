/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/turns.h"

void
effnet_turns_init (EffnetTurns *turns)
{
  *turns = (EffnetTurns){.ready = g_ptr_array_new ()};
}

void
effnet_turns_clear (EffnetTurns *turns)
{
  g_clear_pointer (&turns->ready, g_ptr_array_unref);
}

void
effnet_turns_add (EffnetTurns *turns, EffnetTurn *turn, gboolean goes_on)
{
  turn->start = goes_on ? turn->finish : MAX (turn->finish, turns->now);
  g_ptr_array_add (turns->ready, turn);
}

void
effnet_turns_remove (EffnetTurns *turns, EffnetTurn *turn)
{
  g_ptr_array_remove (turns->ready, turn);
}

typedef gboolean (*FitsFunc) (const EffnetTurn *turn, const void *data);

/* @fits: NULL = all do. */
static EffnetTurn *
least_served (const EffnetTurns *turns, FitsFunc fits, const void *data)
{
  EffnetTurn *best = NULL;

  for (guint i = 0; i < turns->ready->len; i++) {
    EffnetTurn *turn = g_ptr_array_index (turns->ready, i);

    if ((best == NULL || turn->start < best->start) && (fits == NULL || fits (turn, data)))
      best = turn;
  }
  return best;
}

/* The earliest deadline of those due within EFFNET_TURN_AHEAD of @due; NULL without any. */
static EffnetTurn *
most_urgent (const EffnetTurns *turns, uint64_t due)
{
  EffnetTurn *best = NULL;

  for (guint i = 0; i < turns->ready->len; i++) {
    EffnetTurn *turn = g_ptr_array_index (turns->ready, i);

    if (turn->deadline_ns != 0 && turn->start - due <= EFFNET_TURN_AHEAD &&
        (best == NULL || turn->deadline_ns < best->deadline_ns))
      best = turn;
  }
  return best;
}

static EffnetTurn *
take (EffnetTurns *turns, EffnetTurn *turn)
{
  turn->finish = turn->start + turn->cost * EFFNET_TURN_UNIT / turn->weight;
  turns->latest = MAX (turns->latest, turn->finish);
  effnet_turns_remove (turns, turn);
  return turn;
}

EffnetTurn *
effnet_turns_next (EffnetTurns *turns)
{
  EffnetTurn *least = least_served (turns, NULL, NULL), *urgent;

  if (least == NULL)
    return NULL;
  turns->now = MAX (turns->now, least->start);
  urgent = most_urgent (turns, least->start);
  return take (turns, urgent != NULL ? urgent : least);
}

EffnetTurn *
effnet_turns_next_of (EffnetTurns *turns, FitsFunc fits, const void *data)
{
  EffnetTurn *least = least_served (turns, fits, data);

  return least != NULL ? take (turns, least) : NULL;
}

void
effnet_turns_rest (EffnetTurns *turns)
{
  turns->now = turns->latest;
}
