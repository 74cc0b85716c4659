/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Convolutions of the forward pass, but for full ones: a tile of one, or a chain of them row by
 * row. The rows that a depthwise convolution reads, of a fused step or a chain, are kept in a ring.
 */
#ifndef EFFNET_ENGINE_RUN_ROWS_H
#define EFFNET_ENGINE_RUN_ROWS_H

#include "engine/engine.h"

typedef struct {
  const EffnetStep *step;
  const EffnetBuffer *buffers;
  char *arena, *scratch;
  size_t scratch_bytes; /* of each worker */
  const char *weights;
  const float *const *inputs; /* [images] */
  size_t element;             /* bytes of T */
  size_t images, image;
  gboolean alone; /* no other worker takes tiles of this step */
  EffnetStop *stop;
  uint64_t *profile; /* ns of each step from @step on, or NULL; and up to when they are counted */
  int64_t counted;
} EffnetPass;

static inline void *
effnet_at (const EffnetPass *pass, EffnetSlot slot)
{
  const EffnetBuffer *buffer;

  if (slot == EFFNET_NO_SLOT)
    return NULL;
  buffer = &pass->buffers[slot];
  return pass->arena + pass->images * buffer->offset + pass->image * buffer->stride;
}

static inline void *
effnet_scratch_of (const EffnetPass *pass, unsigned worker)
{
  return pass->scratch + worker * pass->scratch_bytes;
}

static inline const void *
effnet_weights_of (const EffnetPass *pass, const EffnetPackedLayer *layer)
{
  return pass->weights + layer->weights;
}

static inline const float *
effnet_bias_of (const EffnetPass *pass, const EffnetPackedLayer *layer)
{
  return (const float *)(const void *)(pass->weights + layer->bias);
}

/* Of S8. */
static inline const float *
effnet_scale_of (const EffnetPass *pass, const EffnetPackedLayer *layer)
{
  return (const float *)(const void *)(pass->weights + layer->scale);
}

/* A part of a pointwise convolution: the channels of @layer from @channel on, as @gemm says;
 * @steps: of its digits, where it reads such. */
void effnet_run_multiply (const EffnetPass *pass, const EffnetPackedLayer *layer, size_t channel,
                          const EffnetGemm *gemm, const float *steps);

/* A tile of @s, whose input's first pixel is at @a. */
void effnet_run_pointwise (const EffnetPass *pass, const EffnetPointwiseStep *s,
                           const EffnetTile *tile, const void *a);

/* A tile of STEM, DEPTHWISE and EXPAND_DEPTHWISE. */
void effnet_run_stem (const EffnetPass *pass, const EffnetTile *tile, unsigned worker);
void effnet_run_depthwise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker);
void effnet_run_expand_depthwise (const EffnetPass *pass, const EffnetTile *tile, unsigned worker);

/* The steps of the chain that begins at the step, of one image. */
void effnet_run_chain (EffnetPass *pass);

#endif
