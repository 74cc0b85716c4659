/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sides are multiples of 32, which every stage of the network halves without remainder, and not
 * below about half of the model's own, where it recognises little. An inference costs what its
 * input has pixels. */
#include "classify/budget.h"

#include "effnet/percentile.h"

#include <string.h>

#define ENOUGH 20 /* jobs, before they are judged: one of them may be late */
#define GRID   32u

void
gst_effnet_budget_init (GstEffnetBudget *budget)
{
  *budget = (GstEffnetBudget){
      .slower = 1, .undone_at = GST_CLOCK_TIME_NONE, .hold = GST_EFFNET_BUDGET_HOLD};
}

static void
count_anew (GstEffnetBudget *budget)
{
  budget->n = 0;
  budget->exhausted = FALSE;
}

void
gst_effnet_budget_set_model (GstEffnetBudget *budget, guint side)
{
  guint n = 0;

  for (guint i = 0; i < budget->n_undo; i++) {
    if (budget->undo[i].slower != 0)
      budget->undo[n++] = budget->undo[i];
  }
  budget->n_undo = n;
  budget->full = budget->side = side;
  budget->lowest = MAX ((side / 2 + GRID / 2) / GRID * GRID, GRID);
  count_anew (budget);
}

void
gst_effnet_budget_refuse (GstEffnetBudget *budget, guint side)
{
  if (budget->side < side) {
    budget->lowest = side;
    budget->n_undo -= budget->n_undo > 0 && budget->undo[budget->n_undo - 1].side == side ? 1 : 0;
  } else if (budget->n_undo < GST_EFFNET_BUDGET_STEPS) {
    budget->undo[budget->n_undo++] = (GstEffnetBudgetUndo){.side = budget->side};
    budget->hold = MIN (2 * budget->hold, GST_EFFNET_BUDGET_HOLD_MAX);
  }
  budget->side = side;
  count_anew (budget);
}

GstEffnetBudgetStep
gst_effnet_budget_set (GstEffnetBudget *budget, GstClockTime ns)
{
  gboolean undo = ns == 0 && budget->n_undo > 0;

  if (ns == budget->budget)
    return GST_EFFNET_BUDGET_STAY;
  budget->budget = ns;
  budget->hold = GST_EFFNET_BUDGET_HOLD;
  budget->undone_at = GST_CLOCK_TIME_NONE;
  count_anew (budget);
  if (!undo)
    return GST_EFFNET_BUDGET_STAY;
  budget->n_undo = 0;
  budget->side = budget->full;
  budget->slower = 1;
  return GST_EFFNET_BUDGET_OFF;
}

static guint64
p95 (const guint64 *samples, guint n)
{
  guint64 sorted[GST_EFFNET_BUDGET_SAMPLES];

  memcpy (sorted, samples, n * sizeof *sorted);
  effnet_percentile_sort (sorted, n);
  return effnet_percentile (sorted, n, 95);
}

/* What takes @ns with the present input, with one of @side pixels a side. */
static guint64
with_side (const GstEffnetBudget *budget, guint64 ns, guint side)
{
  return gst_util_uint64_scale (ns, (guint64)side * side, (guint64)budget->side * budget->side);
}

/* A fifth of the budget is left free, so that no step is undone at once. */
static gboolean
has_room (const GstEffnetBudget *budget, guint64 ns)
{
  return ns <= budget->budget / 5 * 4;
}

/* The largest multiple below @from, and not below @least, with which @ns fits; else @least. */
static guint
side_for (const GstEffnetBudget *budget, guint from, guint least, guint64 ns)
{
  guint side = (from - 1) / GRID * GRID;

  while (side > least && !has_room (budget, with_side (budget, ns, side)))
    side -= GRID;
  return MAX (side, least);
}

/* A step back that does not last makes the next one wait twice as long. */
static void
note_relapse (GstEffnetBudget *budget, GstClockTime now)
{
  gboolean soon = budget->n < 4 * ENOUGH || now - budget->undone_at < 4 * budget->hold;

  if (!GST_CLOCK_TIME_IS_VALID (budget->undone_at))
    return;
  budget->hold = soon ? MIN (2 * budget->hold, GST_EFFNET_BUDGET_HOLD_MAX) : GST_EFFNET_BUDGET_HOLD;
  budget->undone_at = GST_CLOCK_TIME_NONE;
}

static void
step (GstEffnetBudget *budget, GstClockTime now)
{
  budget->stepped_at = now;
  count_anew (budget);
}

/* Latency is above the budget. */
static GstEffnetBudgetStep
relieve (GstEffnetBudget *budget, guint64 work, GstClockTime now)
{
  guint64 wait = p95 (budget->wait, MIN (budget->n, GST_EFFNET_BUDGET_SAMPLES));
  gboolean can_shrink = budget->side > budget->lowest && budget->n_undo < GST_EFFNET_BUDGET_STEPS;
  gboolean can_slow =
      budget->slower < GST_EFFNET_BUDGET_SLOWEST && budget->n_undo < GST_EFFNET_BUDGET_STEPS;
  GstEffnetBudgetUndo undo = {0};
  GstEffnetBudgetStep taken;

  if (can_shrink && work > budget->budget) {
    taken = GST_EFFNET_BUDGET_INFERENCE_SLOW;
  } else if (can_slow && wait > budget->budget / 8) {
    taken = GST_EFFNET_BUDGET_WAIT_LONG;
  } else if (can_shrink) {
    taken = GST_EFFNET_BUDGET_INFERENCE_SLOW;
  } else {
    taken = budget->exhausted ? GST_EFFNET_BUDGET_STAY : GST_EFFNET_BUDGET_EXHAUSTED;
    budget->exhausted = TRUE;
    return taken;
  }
  if (taken == GST_EFFNET_BUDGET_INFERENCE_SLOW) {
    undo.side = budget->side;
    budget->side = side_for (budget, budget->side, budget->lowest, work);
  } else {
    undo.slower = budget->slower;
    budget->slower *= 2;
  }
  budget->undo[budget->n_undo++] = undo;
  note_relapse (budget, now);
  step (budget, now);
  return taken;
}

/* Takes the last step back where that fits, that of the input in parts. */
static GstEffnetBudgetStep
recover (GstEffnetBudget *budget, guint64 work, GstClockTime now)
{
  guint64 wait = p95 (budget->wait, MIN (budget->n, GST_EFFNET_BUDGET_SAMPLES));
  const GstEffnetBudgetUndo *undo = &budget->undo[budget->n_undo - 1];
  guint side = undo->side;

  if (undo->slower != 0) {
    if (!has_room (budget, work + 2 * wait))
      return GST_EFFNET_BUDGET_STAY;
    budget->slower = undo->slower;
    budget->n_undo--;
  } else {
    if (!has_room (budget, with_side (budget, budget->p95, side)))
      side = side_for (budget, side, budget->side, budget->p95);
    if (side == budget->side)
      return GST_EFFNET_BUDGET_STAY;
    budget->n_undo -= side == undo->side ? 1 : 0;
    budget->side = side;
  }
  budget->undone_at = now;
  step (budget, now);
  return GST_EFFNET_BUDGET_ROOM;
}

GstEffnetBudgetStep
gst_effnet_budget_add (GstEffnetBudget *budget, const GstEffnetBudgetJob *job)
{
  guint64 latency = job->now - job->arrived;
  guint slot = budget->n % GST_EFFNET_BUDGET_SAMPLES, n;
  guint64 work;

  if (budget->budget == 0 || job->side != budget->side || job->arrived < budget->stepped_at)
    return GST_EFFNET_BUDGET_STAY;
  if (budget->n == 0)
    budget->counted_from = job->now;
  budget->latency[slot] = latency;
  budget->wait[slot] = MIN (job->wait_ns, latency);
  budget->work[slot] = latency - budget->wait[slot];
  budget->n++;
  n = MIN (budget->n, GST_EFFNET_BUDGET_SAMPLES);
  if (budget->n < ENOUGH)
    return GST_EFFNET_BUDGET_STAY;
  budget->p95 = p95 (budget->latency, n);
  work = p95 (budget->work, n);
  if (budget->p95 > budget->budget)
    return relieve (budget, work, job->now);
  budget->exhausted = FALSE;
  if (budget->n_undo == 0 || job->now - budget->counted_from < budget->hold)
    return GST_EFFNET_BUDGET_STAY;
  return recover (budget, work, job->now);
}

const char *
gst_effnet_budget_text (GstEffnetBudgetStep taken)
{
  static const char *const texts[] = {
      [GST_EFFNET_BUDGET_STAY] = "stay",
      [GST_EFFNET_BUDGET_INFERENCE_SLOW] = "inference-slow",
      [GST_EFFNET_BUDGET_WAIT_LONG] = "wait-long",
      [GST_EFFNET_BUDGET_ROOM] = "room",
      [GST_EFFNET_BUDGET_OFF] = "off",
      [GST_EFFNET_BUDGET_EXHAUSTED] = "exhausted",
  };

  return texts[taken];
}
