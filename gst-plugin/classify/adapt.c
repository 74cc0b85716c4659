/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The model with another input is loaded and swapped in as any other; a model that somebody else
 * chose meanwhile is used as it is, and adapted anew. */
#include "classify/adapt.h"

#include "classify/model.h"

#define GST_CAT_DEFAULT gst_effnet_classify_debug

void
gst_effnet_classify_adapt_start (GstEffnetClassify *self)
{
  gboolean adapted;

  GST_OBJECT_LOCK (self);
  gst_effnet_budget_init (&self->budget);
  self->budget_serial = 0;
  adapted = self->model_settings.input_size != 0;
  GST_OBJECT_UNLOCK (self);
  if (adapted)
    gst_effnet_classify_reload (self);
}

static void
post (GstEffnetClassify *self, GstEffnetBudgetStep step, const GstEffnetBudget *budget,
      const GstEffnetFrameSettings *settings)
{
  guint interval = settings->load.interval * budget->slower;
  GstStructure *s;

  GST_INFO_OBJECT (self,
                   "latency-budget: %s: %" GST_TIME_FORMAT " of %" GST_TIME_FORMAT
                   ", interval %u, input %u",
                   gst_effnet_budget_text (step), GST_TIME_ARGS (budget->p95),
                   GST_TIME_ARGS (budget->budget), interval, budget->side);
  if (settings->post_messages == GST_EFFNET_POST_MESSAGES_NONE)
    return;
  s = gst_structure_new ("effnetclassify-adapt", "latency-ns", G_TYPE_UINT64, budget->p95,
                         "budget-ns", G_TYPE_UINT64, budget->budget, "interval", G_TYPE_UINT,
                         interval, "input-width", G_TYPE_UINT, budget->side, "input-height",
                         G_TYPE_UINT, budget->side, "reason", G_TYPE_STRING,
                         gst_effnet_budget_text (step), NULL);
  gst_effnet_outbox_add (&self->outbox, gst_message_new_element (GST_OBJECT (self), s));
}

/* With the object lock: of the engine that frames are going to run with. */
static void
take_up_model (GstEffnetClassify *self, const GstEffnetEngine *engine)
{
  GstEffnetBudget *budget = &self->budget;
  guint side = engine->info.input_width;

  if (self->engine != engine || self->settled != self->generation)
    return; /* another is about to come */
  if (engine->settings.input_size == 0 && self->budget_serial != engine->serial)
    gst_effnet_budget_set_model (budget, side);
  else if (side != budget->side)
    gst_effnet_budget_refuse (budget, side);
  self->budget_serial = engine->serial;
}

/* @engine: (nullable): of a frame that is to be looked at
 * @job: (nullable): one that has results */
static guint
decide (GstEffnetClassify *self, const GstEffnetEngine *engine, const GstEffnetBudgetJob *job)
{
  GstEffnetBudgetStep step = GST_EFFNET_BUDGET_STAY;
  GstEffnetFrameSettings settings;
  GstEffnetBudget budget;
  guint side;

  GST_OBJECT_LOCK (self);
  settings = self->frame_settings;
  if (engine != NULL)
    take_up_model (self, engine);
  side = self->budget.side;
  if (engine != NULL)
    step = gst_effnet_budget_set (&self->budget, settings.load.latency_budget);
  if (job != NULL)
    step = gst_effnet_budget_add (&self->budget, job);
  budget = self->budget;
  GST_OBJECT_UNLOCK (self);
  if (step != GST_EFFNET_BUDGET_STAY)
    post (self, step, &budget, &settings);
  if (budget.side != side)
    gst_effnet_classify_set_input_size (self, budget.side != budget.full ? budget.side : 0);
  return budget.slower;
}

guint
gst_effnet_classify_adapt (GstEffnetClassify *self, const GstEffnetEngine *engine)
{
  return decide (self, engine, NULL);
}

void
gst_effnet_classify_adapt_to (GstEffnetClassify *self, const GstEffnetJob *job, guint64 ns)
{
  GstEffnetBudgetJob measured = {.arrived = job->arrived,
                                 .now = job->arrived + ns,
                                 .wait_ns = job->queue_ns,
                                 .side = job->results.engine->info.input_width};

  decide (self, NULL, &measured);
}
