/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Evidence -> smoothed answer -> stable class, for each part by itself. */
#include "state.h"

#include <string.h>

/* What is known of one part. */
typedef struct {
  char *part, *head;
  int number;
  guint64 class_list;
  guint64 seen; /* the result it was in last, counted */
  GstClockTime seen_at;
  int stable, before;
  GstClockTime since;
  gboolean is_news;
  int challenger; /* the smoothed answer of the last `streak` results, other than stable */
  guint streak;
  int *votes; /* [window] a ring, or NULL */
  guint n_votes, next_vote;
  float *average; /* [n_average] scores, or NULL */
  guint n_average;
} Track;

struct _GstEffnetStates {
  GHashTable *tracks; /* a set of Track */
  GstEffnetStateSettings settings;
  guint64 results;
};

static guint
hash_track (gconstpointer at)
{
  const Track *track = at;

  return g_str_hash (track->part) ^ g_str_hash (track->head) * 31 ^
         (guint)track->number * 2654435761u; /* Knuth's multiplier */
}

static gboolean
is_same_track (gconstpointer a, gconstpointer b)
{
  const Track *one = a, *other = b;

  return one->number == other->number && strcmp (one->part, other->part) == 0 &&
         strcmp (one->head, other->head) == 0;
}

static void
drop_evidence (Track *track)
{
  g_clear_pointer (&track->votes, g_free);
  g_clear_pointer (&track->average, g_free);
  track->n_votes = track->next_vote = track->n_average = track->streak = 0;
}

static void
free_track (gpointer at)
{
  Track *track = at;

  drop_evidence (track);
  g_free (track->part);
  g_free (track->head);
  g_free (track);
}

GstEffnetStates *
gst_effnet_states_new (void)
{
  GstEffnetStates *states = g_new0 (GstEffnetStates, 1);

  states->tracks = g_hash_table_new_full (hash_track, is_same_track, free_track, NULL);
  return states;
}

void
gst_effnet_states_free (GstEffnetStates *states)
{
  if (states == NULL)
    return;
  g_hash_table_unref (states->tracks);
  g_free (states);
}

void
gst_effnet_states_reset (GstEffnetStates *states)
{
  g_hash_table_remove_all (states->tracks);
  states->results = 0;
}

guint
gst_effnet_states_length (const GstEffnetStates *states)
{
  return g_hash_table_size (states->tracks);
}

/* ---- parts that come and go ------------------------------------------------------------------ */

static gboolean
is_absent (const GstEffnetStates *states, const Track *track, GstClockTime now)
{
  if (states->results - track->seen < GST_EFFNET_STATE_ABSENCES)
    return FALSE;
  return !GST_CLOCK_TIME_IS_VALID (now) || !GST_CLOCK_TIME_IS_VALID (track->seen_at) ||
         now - track->seen_at >= GST_EFFNET_STATE_ABSENT;
}

void
gst_effnet_states_advance (GstEffnetStates *states, GstClockTime running_time)
{
  GHashTableIter iter;
  gpointer track;

  states->results++;
  g_hash_table_iter_init (&iter, states->tracks);
  while (g_hash_table_iter_next (&iter, &track, NULL)) {
    if (is_absent (states, track, running_time))
      g_hash_table_iter_remove (&iter);
  }
}

static void
remove_oldest (GstEffnetStates *states)
{
  Track *oldest = NULL;
  GHashTableIter iter;
  gpointer track;

  g_hash_table_iter_init (&iter, states->tracks);
  while (g_hash_table_iter_next (&iter, &track, NULL)) {
    if (oldest == NULL || ((Track *)track)->seen < oldest->seen)
      oldest = track;
  }
  if (oldest != NULL)
    g_hash_table_remove (states->tracks, oldest);
}

static Track *
find (const GstEffnetStates *states, const char *part, int number, const char *head)
{
  const Track key = {.part = (char *)part, .number = number, .head = (char *)head};

  return g_hash_table_lookup (states->tracks, &key);
}

static Track *
find_or_add (GstEffnetStates *states, const GstEffnetObservation *observation)
{
  Track *track = find (states, observation->part, observation->number, observation->head);

  if (track != NULL && track->class_list == observation->class_list)
    return track;
  if (track != NULL)
    g_hash_table_remove (states->tracks, track);
  if (g_hash_table_size (states->tracks) >= GST_EFFNET_STATE_PARTS_MAX)
    remove_oldest (states);
  track = g_new (Track, 1);
  *track = (Track){.part = g_strdup (observation->part),
                   .head = g_strdup (observation->head),
                   .number = observation->number,
                   .class_list = observation->class_list,
                   .stable = GST_EFFNET_CLASS_NONE,
                   .before = GST_EFFNET_CLASS_NONE,
                   .since = GST_CLOCK_TIME_NONE};
  g_hash_table_add (states->tracks, track);
  return track;
}

/* ---- smoothing ------------------------------------------------------------------------------- */

static void
add_vote (Track *track, int id, guint window)
{
  if (track->votes == NULL)
    track->votes = g_new (int, window);
  track->votes[track->next_vote] = id;
  track->next_vote = (track->next_vote + 1) % window;
  track->n_votes = MIN (track->n_votes + 1, window);
}

static guint
count_votes (const Track *track, int id)
{
  guint n = 0;

  for (guint i = 0; i < track->n_votes; i++)
    n += track->votes[i] == id;
  return n;
}

/* From the newest vote to the oldest, so that of equals the newest stays. */
static int
elect (const Track *track, guint window)
{
  int winner = track->stable;
  guint most = count_votes (track, winner);

  for (guint i = 0; i < track->n_votes; i++) {
    int id = track->votes[(track->next_vote + window - 1 - i) % window];
    guint n = count_votes (track, id);

    if (n > most) {
      most = n;
      winner = id;
    }
  }
  return winner;
}

/* a += alpha (s - a); the first scores are the average. */
/* FALSE: the system gives no memory. */
static gboolean
average (Track *track, const GstEffnetObservation *observation, guint window)
{
  guint n = observation->filter->n;
  float alpha = 2.0f / ((float)window + 1.0f);

  if (track->average == NULL || track->n_average != n) {
    g_free (track->average);
    track->average = g_try_new (float, n);
    track->n_average = n;
    if (track->average != NULL)
      memcpy (track->average, observation->scores, n * sizeof *track->average);
    return track->average != NULL;
  }
  for (guint i = 0; i < n; i++)
    track->average[i] += alpha * (observation->scores[i] - track->average[i]);
  return TRUE;
}

static int
smooth (Track *track, const GstEffnetStateSettings *settings,
        const GstEffnetObservation *observation)
{
  switch (settings->smoothing) {
  case GST_EFFNET_SMOOTHING_EMA:
    if (!average (track, observation, settings->window))
      return observation->best;
    return gst_effnet_class_filter_answer (observation->filter, track->average, NULL);
  case GST_EFFNET_SMOOTHING_VOTE:
    add_vote (track, observation->best, settings->window);
    return elect (track, settings->window);
  case GST_EFFNET_SMOOTHING_NONE:
  default:
    return observation->best;
  }
}

/* ---- stable class ---------------------------------------------------------------------------- */

static gboolean
is_held (const Track *track, GstClockTime hold_time, GstClockTime now)
{
  if (!GST_CLOCK_TIME_IS_VALID (track->since) || !GST_CLOCK_TIME_IS_VALID (now))
    return FALSE;
  return now < track->since || now - track->since < hold_time;
}

/* TRUE when @answer, the smoothed one, becomes the stable class. */
static gboolean
challenge (Track *track, const GstEffnetStateSettings *settings, int answer, GstClockTime now)
{
  if (answer == track->stable) {
    track->streak = 0;
    return FALSE;
  }
  track->streak = track->streak > 0 && track->challenger == answer ? track->streak + 1 : 1;
  track->challenger = answer;
  if (track->streak < settings->switch_after || is_held (track, settings->hold_time, now))
    return FALSE;
  track->before = track->stable;
  track->stable = answer;
  track->since = now;
  track->streak = 0;
  track->is_news = TRUE;
  return TRUE;
}

static void
use_settings (GstEffnetStates *states, const GstEffnetStateSettings *settings)
{
  GHashTableIter iter;
  gpointer track;

  if (settings->smoothing == states->settings.smoothing &&
      settings->window == states->settings.window) {
    states->settings = *settings;
    return;
  }
  states->settings = *settings;
  g_hash_table_iter_init (&iter, states->tracks);
  while (g_hash_table_iter_next (&iter, &track, NULL))
    drop_evidence (track);
}

GstEffnetState
gst_effnet_states_feed (GstEffnetStates *states, const GstEffnetStateSettings *settings,
                        const GstEffnetObservation *observation)
{
  GstEffnetState state;
  Track *track;
  int answer;

  use_settings (states, settings);
  track = find_or_add (states, observation);
  track->seen = states->results;
  track->seen_at = observation->running_time;
  answer = smooth (track, settings, observation);
  state.changed = challenge (track, settings, answer, observation->running_time);
  state.id = track->stable;
  state.before = track->before;
  state.since = track->since;
  state.is_news = track->is_news;
  return state;
}

void
gst_effnet_states_touch (GstEffnetStates *states, const char *part, int number, const char *head,
                         GstClockTime running_time)
{
  Track *track = find (states, part, number, head);

  if (track == NULL)
    return;
  track->seen = states->results;
  track->seen_at = running_time;
}

void
gst_effnet_states_tell (GstEffnetStates *states, const char *part, int number, const char *head)
{
  Track *track = find (states, part, number, head);

  if (track != NULL)
    track->is_news = FALSE;
}
