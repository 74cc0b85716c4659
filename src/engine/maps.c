/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Feature maps. The output of a stage is copied where it is asked for, right after the step that
 * makes it and before another buffer takes its place; the head's lasts as long as the logits. */
#include "base/checked.h"
#include "base/text.h"
#include "engine/engine.h"

unsigned
effnet_model_get_stages (const EffnetModel *model, EffnetStage stages[EFFNET_STAGES_MAX])
{
  return effnet_net_stages (model->net, stages);
}

/* Floats rounded up, so that the next stage's begin aligned. */
static size_t
tap_bytes (const EffnetTap *tap)
{
  return effnet_align_up (tap->elements * sizeof (float), EFFNET_ALIGN);
}

gboolean
effnet_session_tap (EffnetSession *session, unsigned stages, GError **error)
{
  const EffnetPlan *plan = session->model->plan;

  if (stages >> plan->n_stages != 0) {
    g_autofree char *shown = effnet_printable (session->model->name);
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "stage %d asked for; %s has 0 to %u",
                        g_bit_nth_msf (stages, -1), shown, plan->n_stages - 1);
  }
  session->tapped = stages;
  for (unsigned s = 0; s < plan->n_stages; s++)
    session->tapped_bytes += stages >> s & 1 ? tap_bytes (&plan->taps[s]) : 0;
  return TRUE;
}

/* The float copy of stage @stage's output for image @i. */
static float *
copy_of (const EffnetSession *session, unsigned stage, size_t i)
{
  const EffnetPlan *plan = session->model->plan;
  size_t at =
      session->images * plan->arena_bytes + session->own_scratch + i * session->tapped_bytes;

  for (unsigned s = 0; s < stage; s++)
    at += session->tapped >> s & 1 ? tap_bytes (&plan->taps[s]) : 0;
  return (float *)(void *)((char *)session->arena.base + at);
}

void
effnet_session_keep_taps (EffnetSession *session, size_t step, size_t images)
{
  const EffnetPlan *plan = session->model->plan;

  for (unsigned s = 0; s < plan->n_stages; s++) {
    const EffnetTap *tap = &plan->taps[s];

    for (size_t i = 0; i < images && tap->step == step && session->tapped >> s & 1; i++)
      effnet_dtypes[plan->dtype].to_float (effnet_session_slot (session, tap->slot, i, images),
                                           tap->elements, copy_of (session, s, i));
  }
}

void
effnet_session_give_taps (EffnetSession *session, size_t i, size_t images, EffnetResult *result)
{
  session->last.image = (unsigned)i;
  session->last.images = (unsigned)images;
  for (unsigned s = 0; session->tapped >> s != 0; s++)
    session->last.maps[s] = session->tapped >> s & 1 ? copy_of (session, s, i) : NULL;
  if (session->tapped != 0)
    result->stages = session->last.maps;
}

/* The weights of class @id: [k]. */
static void
class_weights (const EffnetModel *model, unsigned id, float *weights)
{
  const EffnetPlan *plan = model->plan;
  const EffnetPackedLayer *layer = plan->steps[plan->n_steps - 1].classifier.layer;
  size_t element = effnet_dtype_size (layer->dtype);
  size_t stride, first = effnet_classifier_column (layer, id, &stride);
  const char *at = (const char *)model->weights.base + layer->weights + first * element;

  for (size_t k = 0; k < layer->in; k++)
    effnet_dtypes[layer->dtype].to_float (at + k * stride * element, 1, weights + k);
  if (layer->dtype != EFFNET_DTYPE_S8)
    return;
  float scale =
      ((const float *)(const void *)((const char *)model->weights.base + layer->scale))[id];
  for (size_t k = 0; k < layer->in; k++)
    weights[k] *= scale;
}

#define LANES 8 /* sums side by side, for vector units; widths are multiples of it */

static double
product (const float *a, const float *b, size_t n)
{
  double sums[LANES] = {0}, sum = 0;

  for (size_t i = 0; i + LANES <= n; i += LANES) {
    for (size_t l = 0; l < LANES; l++)
      sums[l] += (double)a[i + l] * (double)b[i + l];
  }
  for (size_t i = n - n % LANES; i < n; i++)
    sum += (double)a[i] * (double)b[i];
  for (size_t l = 0; l < LANES; l++)
    sum += sums[l];
  return sum;
}

gboolean
effnet_session_activation_map (EffnetSession *session, const float *weights, unsigned id,
                               float *map, GError **error)
{
  const EffnetPlan *plan = session->model->plan;
  const EffnetTap *tap = &plan->taps[plan->n_stages - 1];
  size_t k = plan->n_features, row = k * effnet_dtype_size (plan->dtype);
  g_autofree float *own = NULL; /* [k], and [k] for a pixel */
  const char *in;
  float *pixel;

  if (session->last.images == 0)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "the session has no result whose activation map there could be");
  if (weights == NULL && plan->n_classes == 0)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "class %u asked for; the model has no classifier", id);
  if (weights == NULL && id >= plan->n_classes)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT, "class %u asked for; the model has 0 to %u",
                        id, plan->n_classes - 1);
  own = g_new (float, 2 * k);
  pixel = own + k;
  if (weights == NULL)
    class_weights (session->model, id, own);
  in = effnet_session_slot (session, tap->slot, session->last.image, session->last.images);
  for (size_t p = 0; p < tap->elements / k; p++) {
    effnet_dtypes[plan->dtype].to_float (in + p * row, k, pixel);
    map[p] = (float)product (pixel, weights != NULL ? weights : own, k);
  }
  return TRUE;
}
