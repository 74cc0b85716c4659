/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Means of what the layers read, added up as a session runs in fp32: right before each step, when
 * its inputs are whole. Who uses them, quant/means.h says. */
#include <string.h>

#include "base/text.h"
#include "engine/engine.h"
#include "quant/means_file.h"

struct _EffnetMeasure {
  EffnetMeans *means; /* of a layer that was run: where its sums will go */
  double *sums;       /* by layer, [channels that it reads], one behind the other */
  size_t *at;         /* [n_layers]: where a layer's begin */
  uint64_t *images;   /* [n_layers] */
};

void
effnet_measure_free (EffnetMeasure *measure)
{
  if (measure == NULL)
    return;
  effnet_means_free (measure->means);
  g_free (measure->sums);
  g_free (measure->at);
  g_free (measure->images);
  g_free (measure);
}

static EffnetMeasure *
measure_new (const EffnetNet *net, GError **error)
{
  size_t n_layers, total = 0;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  EffnetMeasure *measure = g_new0 (EffnetMeasure, 1);

  measure->means = effnet_means_alloc (net, error);
  measure->at = g_try_new (size_t, n_layers);
  measure->images = g_try_new0 (uint64_t, n_layers);
  for (size_t i = 0; measure->at != NULL && i < n_layers; i++) {
    measure->at[i] = total;
    total += effnet_channels_read (&layers[i]);
  }
  measure->sums = g_try_new0 (double, total);
  if (measure->means != NULL && measure->at != NULL && measure->images != NULL &&
      measure->sums != NULL)
    return measure;
  if (measure->means != NULL)
    effnet_fail_memory (error, "the means of activations", total * sizeof (double));
  effnet_measure_free (measure);
  return NULL;
}

gboolean
effnet_session_measure (EffnetSession *session, GError **error)
{
  const EffnetModel *model = session->model;
  g_autofree char *shown = effnet_printable (model->name);

  if (model->path == NULL)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "%s is synthetic: there is no file for which means could be measured",
                        shown);
  if (model->plan->precision != EFFNET_DTYPE_F32)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "means are measured in fp32, and %s was opened in %s", shown,
                        effnet_dtypes[model->plan->precision].precision);
  if (model->has_statistics)
    return effnet_fail (error, EFFNET_ERROR_ARGUMENT,
                        "%s has the statistics of its batch norm, which tell the means without a "
                        "frame: there is nothing to measure",
                        shown);
  if (session->measure == NULL)
    session->measure = measure_new (model->net, error);
  return session->measure != NULL;
}

/* Adds the mean of @x, float [pixels][channels], each channel times @gate (nullable). */
static void
add (const EffnetSession *session, const EffnetPackedLayer *layer, const float *x, size_t pixels,
     const float *gate)
{
  EffnetMeasure *measure = session->measure;
  size_t l = (size_t)(layer - session->model->plan->layers), channels = layer->in;
  double *sums = measure->sums + measure->at[l];

  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < channels; c++)
      sums[c] +=
          (double)x[p * channels + c] * (gate != NULL ? (double)gate[c] : 1.0) / (double)pixels;
  measure->images[l]++;
}

/* Bands of sums over pixels become one mean. */
static void
add_squeezed (const EffnetSession *session, const EffnetSqueezeStep *s, const float *sums)
{
  EffnetMeasure *measure = session->measure;
  size_t l = (size_t)(s->fc.layer - session->model->plan->layers), channels = s->fc.layer->in;

  for (size_t band = 0; band < s->bands; band++)
    for (size_t c = 0; c < channels; c++)
      measure->sums[measure->at[l] + c] += (double)sums[band * channels + c] / (double)s->pixels;
  measure->images[l]++;
}

/* Where gates scaled weights, the pointwise convolution behind reads what is not scaled. */
static const float *
gate_of (const EffnetSession *session, size_t step, size_t i, size_t images)
{
  const EffnetStep *reader = &session->model->plan->steps[step], *gates = reader - 1;

  if (reader->pointwise.scaled == EFFNET_NO_SLOT || gates->kind != EFFNET_STEP_EXCITE)
    return NULL;
  return effnet_session_slot (session, gates->excite.fc.out, i, images);
}

void
effnet_session_measure_step (EffnetSession *session, size_t step, size_t images)
{
  const EffnetStep *s = &session->model->plan->steps[step];

  for (size_t i = 0; i < images; i++) {
    switch (s->kind) {
    case EFFNET_STEP_POINTWISE:
      add (session, s->pointwise.layer, effnet_session_slot (session, s->pointwise.in, i, images),
           s->pointwise.pixels, gate_of (session, step, i, images));
      break;
    case EFFNET_STEP_EXPAND_DEPTHWISE: {
      const EffnetDepthwiseStep *d = &s->fused.depthwise;

      add (session, s->fused.expand, effnet_session_slot (session, d->in, i, images),
           d->window.in_h * d->window.in_w, NULL);
      break;
    }
    case EFFNET_STEP_CONV:
      add (session, s->conv.layer, effnet_session_slot (session, s->conv.in, i, images),
           s->conv.window.in_h * s->conv.window.in_w, NULL);
      break;
    case EFFNET_STEP_SQUEEZE:
      add_squeezed (session, &s->squeeze,
                    effnet_session_slot (session, s->squeeze.fc.in, i, images));
      break;
    case EFFNET_STEP_EXCITE:
      add (session, s->excite.fc.layer, effnet_session_slot (session, s->excite.fc.in, i, images),
           1, NULL);
      break;
    case EFFNET_STEP_CLASSIFIER:
      add (session, s->classifier.layer, effnet_session_slot (session, s->classifier.in, i, images),
           1, NULL);
      break;
    default: /* weights that are never rounded, or none */
      break;
    }
  }
}

/* Returns the frames; 0: none. */
static uint64_t
finish (EffnetMeasure *measure, const EffnetNet *net)
{
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  uint64_t most = 0;

  for (size_t i = 0; i < n_layers; i++) {
    float *to = measure->means->values + measure->at[i];

    for (size_t c = 0; measure->images[i] > 0 && c < effnet_channels_read (&layers[i]); c++)
      to[c] = (float)(measure->sums[measure->at[i] + c] / (double)measure->images[i]);
    measure->means->of[i] = measure->images[i] > 0 ? to : NULL;
    most = MAX (most, measure->images[i]);
  }
  return most;
}

char *
effnet_session_save_means (EffnetSession *session, GError **error)
{
  EffnetModel *model = session->model;
  const char *weights = model->backbone != NULL ? model->backbone : model->path;
  EffnetHash *hash = model->backbone != NULL ? model->backbone_hash : model->hash;
  uint64_t frames = session->measure != NULL ? finish (session->measure, model->net) : 0;
  g_autofree char *path = NULL;

  if (frames > 0 && *effnet_hash_get (hash) == '\0') {
    g_autofree char *shown = effnet_printable (weights);
    effnet_fail (error, EFFNET_ERROR_IO,
                 "%s was written to since it was opened: what was measured may not be of it",
                 shown);
    return NULL;
  }
  if (frames == 0) {
    effnet_fail (error, EFFNET_ERROR_ARGUMENT, "no frame was measured: there are no means to save");
    return NULL;
  }
  path = effnet_means_path (weights);
  if (effnet_means_save (session->measure->means, model->net, path, effnet_hash_get (hash), frames,
                         error))
    return g_steal_pointer (&path);
  return NULL;
}
