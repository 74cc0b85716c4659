/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What latency-budget does: fewer inferences where frames wait too long for their turn, a smaller
 * input where the inference itself takes too long, and all of it undone, last step first, when
 * there is room again. It is told times and asks no clock. The invariant: a step is judged by jobs
 * that began after it. */
#ifndef GST_EFFNET_BUDGET_H
#define GST_EFFNET_BUDGET_H

#include <gst/gst.h>

G_BEGIN_DECLS

#define GST_EFFNET_BUDGET_SAMPLES  40
#define GST_EFFNET_BUDGET_STEPS    16
#define GST_EFFNET_BUDGET_SLOWEST  16                 /* times as long an interval, at most */
#define GST_EFFNET_BUDGET_HOLD     (2 * GST_SECOND)   /* room for so long before a step back */
#define GST_EFFNET_BUDGET_HOLD_MAX (300 * GST_SECOND) /* where steps back did not last */

typedef enum {
  GST_EFFNET_BUDGET_STAY,
  GST_EFFNET_BUDGET_INFERENCE_SLOW, /* a smaller input */
  GST_EFFNET_BUDGET_WAIT_LONG,      /* a longer interval */
  GST_EFFNET_BUDGET_ROOM,           /* a step back */
  GST_EFFNET_BUDGET_OFF,            /* all steps back: there is no budget any more */
  GST_EFFNET_BUDGET_EXHAUSTED,      /* nothing is left that would help; said once */
} GstEffnetBudgetStep;

/* One frame that was classified. */
typedef struct {
  GstClockTime arrived, now; /* system times: of the frame, of its results */
  guint64 wait_ns;           /* of that, until its turn came */
  guint side;                /* of the input it was classified with */
} GstEffnetBudgetJob;

/* What a step changed, as it was before; 0: that stayed. */
typedef struct {
  guint side, slower;
} GstEffnetBudgetUndo;

/* Of one stream. The owner's lock protects it. */
typedef struct {
  GstClockTime budget; /* ns; 0 = none */
  guint full;          /* side of the model's own input, pixels; 0 = not known yet */
  guint lowest;        /* no side is smaller */
  guint side;          /* now */
  guint slower;        /* the interval is that many times as long; at least 1 */
  GstClockTime p95;    /* of the newest jobs that were judged, from arrival to results */

  GstEffnetBudgetUndo undo[GST_EFFNET_BUDGET_STEPS];
  guint n_undo;
  guint64 latency[GST_EFFNET_BUDGET_SAMPLES], wait[GST_EFFNET_BUDGET_SAMPLES];
  guint64 work[GST_EFFNET_BUDGET_SAMPLES]; /* latency without the wait */
  guint n;                                 /* since the last step */
  GstClockTime stepped_at, counted_from;   /* system times */
  GstClockTime undone_at;                  /* NONE: never */
  GstClockTime hold;
  gboolean exhausted; /* and it was said */
} GstEffnetBudget;

void gst_effnet_budget_init (GstEffnetBudget *budget);
/* Another model, of square input with @side pixels a side: nothing of the input is to be undone. */
void gst_effnet_budget_set_model (GstEffnetBudget *budget, guint side);
/* The input of @side pixels a side is not to be had, and the one before stays. */
void gst_effnet_budget_refuse (GstEffnetBudget *budget, guint side);
/* The property. Returns: OFF when that undoes something, else STAY */
GstEffnetBudgetStep gst_effnet_budget_set (GstEffnetBudget *budget, GstClockTime ns);
/* Returns: what changed: `side` or `slower` are others then, except with EXHAUSTED */
GstEffnetBudgetStep gst_effnet_budget_add (GstEffnetBudget *budget, const GstEffnetBudgetJob *job);
/* Returns: the step's reason in one word, for messages */
const char *gst_effnet_budget_text (GstEffnetBudgetStep step);

G_END_DECLS

#endif
