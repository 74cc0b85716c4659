/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The stable class of each part of a stream beside the one of every frame: what an automation can
 * act on. Fed once with each result, in order. The invariants: memory is bounded, whatever comes
 * and goes; nothing here knows a clock, an element or a model. */
#ifndef GST_EFFNET_STATE_H
#define GST_EFFNET_STATE_H

#include "classes.h"

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_STATE_PARTS_MAX  1000 /* the one seen longest ago goes for one more */
#define GST_EFFNET_STATE_ABSENT     (5 * GST_SECOND) /* absent for this long, and */
#define GST_EFFNET_STATE_ABSENCES   10               /* from so many results, a part is forgotten */
#define GST_EFFNET_STATE_WINDOW_MAX 1000

/* How the answers of several results become one, the smoothed answer. */
typedef enum {
  GST_EFFNET_SMOOTHING_NONE, /* there is no state */
  GST_EFFNET_SMOOTHING_EMA,  /* the best of the scores' moving average, alpha = 2 / (window + 1) */
  GST_EFFNET_SMOOTHING_VOTE, /* what most results of the window have as best; of equals the stable
                                class, else the newest */
} GstEffnetSmoothing;

typedef struct {
  GstEffnetSmoothing smoothing;
  guint window;           /* results, 1 to GST_EFFNET_STATE_WINDOW_MAX */
  guint switch_after;     /* results in a row with the same other smoothed answer, at least 1 */
  GstClockTime hold_time; /* running time a stable class lasts at least */
} GstEffnetStateSettings;

/* One part's new result. */
typedef struct {
  const char *part; /* with its number, and the head that answers, it identifies the part */
  int number;
  const char *head;
  guint64 class_list; /* where it is another than at the last call, numbers mean other classes */
  GstClockTime running_time; /* NONE: not known, and hold_time does not hold */
  int best;                  /* class, or GST_EFFNET_CLASS_NONE or _UNKNOWN */
  const float *scores;       /* [filter's n]; for GST_EFFNET_SMOOTHING_EMA */
  const GstEffnetClassFilter *filter;
} GstEffnetObservation;

typedef struct {
  int id;             /* stable class, or GST_EFFNET_CLASS_NONE, the first of all, or _UNKNOWN */
  int before;         /* the one before it */
  GstClockTime since; /* running time of the result that made it so; NONE: not known, or never */
  gboolean changed;   /* by this observation */
  gboolean is_news;   /* gst_effnet_states_tell() has not been called since it changed */
} GstEffnetState;

#define GST_EFFNET_STATE_INIT                                                                      \
  {                                                                                                \
    GST_EFFNET_CLASS_NONE, GST_EFFNET_CLASS_NONE, GST_CLOCK_TIME_NONE, FALSE, FALSE                \
  }

typedef struct _GstEffnetStates GstEffnetStates;

GstEffnetStates *gst_effnet_states_new (void);
void gst_effnet_states_free (GstEffnetStates *states);
/* Nothing has been seen. */
void gst_effnet_states_reset (GstEffnetStates *states);
/* A result begins, of which the observations follow: forgets what has been absent for long. */
void gst_effnet_states_advance (GstEffnetStates *states, GstClockTime running_time);
/* Other settings than at the last call drop the evidence so far; stable classes stay. */
GstEffnetState gst_effnet_states_feed (GstEffnetStates *states,
                                       const GstEffnetStateSettings *settings,
                                       const GstEffnetObservation *observation);
/* The part is there, but has no result of its own this time. */
void gst_effnet_states_touch (GstEffnetStates *states, const char *part, int number,
                              const char *head, GstClockTime running_time);
/* Somebody has been told of the part's stable class. */
void gst_effnet_states_tell (GstEffnetStates *states, const char *part, int number,
                             const char *head);
/* Parts it knows. */
guint gst_effnet_states_length (const GstEffnetStates *states);

G_END_DECLS

#endif
