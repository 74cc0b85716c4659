/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A backbone and its head being trained, private to tune*.c: what is there is decided in tune.c,
 * the steps are in tune_run.c, what comes of them in tune_result.c. */
#ifndef EFFNET_TRAIN_TUNE_H
#define EFFNET_TRAIN_TUNE_H

#include "effnet/train.h"
#include "engine/engine.h"
#include "train/cache.h"
#include "train/graph.h"

typedef struct {
  size_t first; /* of its views, in the cache */
  unsigned n_views;
  gboolean held_out;
} EffnetTunePicture;

struct _EffnetTune {
  EffnetModel *model;
  EffnetHead *head;
  EffnetHeadInfo info;       /* of the head */
  EffnetTuneOptions options; /* with the defaults put in */
  EffnetTensorTable *tensors;
  EffnetBound *bound;
  EffnetPool *pool;
  EffnetGraph graph;
  EffnetCache *cache;
  size_t n_arrays;
  GArray *pictures;    /* EffnetTunePicture */
  GByteArray *targets; /* [pictures][n_classes] */
  EffnetTuneReport report;

  EffnetArena memory;
  float *inputs;           /* [graph.images] of the block that is trained first */
  float *logits, *dlogits; /* [graph.images][n_classes] */
  float *velocity, *best;  /* [n_trained] */
};

static inline const EffnetTunePicture *
effnet_tune_picture (const EffnetTune *tune, size_t index)
{
  return &g_array_index (tune->pictures, EffnetTunePicture, index);
}

static inline const uint8_t *
effnet_tune_targets (const EffnetTune *tune, size_t index)
{
  return tune->targets->data + index * tune->info.n_classes;
}

/* The cache's arrays @which[0 .. n - 1] through the network, without what a backward pass needs
 * unless @keep: logits in tune->logits, features in the graph. @n: at most graph.images. FALSE with
 * IO or CANCELLED. */
gboolean effnet_tune_pass (EffnetTune *tune, const size_t *which, size_t n, gboolean keep,
                           GCancellable *cancellable, GError **error);
/* Logits [n_held_out][n_classes] and targets, both to be freed, of what is held out. */
gboolean effnet_tune_held_out (EffnetTune *tune, float **logits, uint8_t **targets,
                               GCancellable *cancellable, GError **error);

#endif
