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

static EffnetTurn *
least_served (const EffnetTurns *turns)
{
  EffnetTurn *best = NULL;

  for (guint i = 0; i < turns->ready->len; i++) {
    EffnetTurn *turn = g_ptr_array_index (turns->ready, i);

    if (best == NULL || turn->start < best->start)
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

EffnetTurn *
effnet_turns_next (EffnetTurns *turns)
{
  EffnetTurn *least = least_served (turns), *urgent;

  if (least == NULL)
    return NULL;
  turns->now = MAX (turns->now, least->start);
  urgent = most_urgent (turns, least->start);
  if (urgent != NULL)
    least = urgent;
  least->finish = least->start + least->cost * EFFNET_TURN_UNIT / least->weight;
  turns->latest = MAX (turns->latest, least->finish);
  effnet_turns_remove (turns, least);
  return least;
}

void
effnet_turns_rest (EffnetTurns *turns)
{
  turns->now = turns->latest;
}
