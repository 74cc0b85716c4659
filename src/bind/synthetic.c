/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A number depends on the seed, the tensor's name, its place in the tensor and the tensor's role,
 * on nothing else; only float operations that IEEE 754 rounds correctly are used, none contracted.
 * tests/golden/synthetic.py says why the ranges are what they are. */
#include "bind/synthetic.h"

#include <math.h>

#include "bind/dialect.h"

#define DIALECT EFFNET_DIALECT_TIMM

/* Values of a tensor: offset + scale * u, u uniform in [-1, 1). */
typedef struct {
  float offset, scale;
} Range;

static uint64_t
fnv1a64 (const char *text)
{
  uint64_t hash = UINT64_C (0xcbf29ce484222325);

  for (; *text != '\0'; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C (0x100000001b3);
  return hash;
}

/* Output number @counter of splitmix64 started at @start. */
static uint64_t
splitmix64 (uint64_t start, uint64_t counter)
{
  uint64_t z = start + counter * UINT64_C (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* Power gain of a layer's filter: variance of its output over variance of its input. */
static float
filter_gain (const EffnetLayer *layer)
{
  switch (layer->kind) {
  case EFFNET_LAYER_DEPTHWISE:
  case EFFNET_LAYER_DEPTHWISE_2:
  case EFFNET_LAYER_MIDDLE:
    return 2.0f;
  case EFFNET_LAYER_CONV: /* of a trunk that is a sum, unless it is all of its block */
    return layer->block->kind == EFFNET_BLOCK_CONV131 || !layer->block->has_project ? 2.0f : 1.0f;
  case EFFNET_LAYER_PROJECT:
    return layer->block->se_channels > 0 ? 4.0f : 2.0f;
  case EFFNET_LAYER_CLASSIFIER:
    return 4.0f;
  default:
    return 1.0f;
  }
}

static Range
tensor_range (const EffnetLayer *layer, EffnetRole role)
{
  size_t fan_in = layer->in * layer->kernel * layer->kernel;
  /* A branch that is added to its input adds a twentieth of the power. */
  gboolean last = layer->kind == EFFNET_LAYER_PROJECT ||
                  (layer->kind == EFFNET_LAYER_CONV && !layer->block->has_project);
  gboolean added = last && layer->block->index > 0;

  switch (role) {
  case EFFNET_ROLE_WEIGHT: /* of variance gain / fan-in */
    return (Range){0.0f, sqrtf (filter_gain (layer) * 3.0f / (float)fan_in)};
  case EFFNET_ROLE_BIAS:
    return (Range){0.0f, 0.5f};
  case EFFNET_ROLE_GAMMA:
    return added ? (Range){0.2f, 0.1f} : (Range){1.0f, 0.3f};
  case EFFNET_ROLE_VARIANCE:
    return (Range){1.0f, 0.6f};
  default:
    return (Range){0.0f, 0.3f};
  }
}

/* u is a multiple of 2^-23. */
static void
fill (float *data, size_t count, uint64_t start, Range range)
{
  for (size_t i = 0; i < count; i++) {
    int32_t k = (int32_t)(splitmix64 (start, i + 1) >> 40) - (1 << 23);
    float u = (float)k * 0x1p-23f;

    data[i] = range.offset + range.scale * u;
  }
}

EffnetTensorTable *
effnet_synthetic_new (const EffnetNet *net, uint64_t seed, GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_new ("synthetic weights");
  gboolean folded = effnet_dialect_is_folded (DIALECT);
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++) {
    EffnetLayerTensor tensors[EFFNET_ROLE_COUNT];
    unsigned n = effnet_layer_tensors (&layers[i], folded, tensors);

    for (unsigned j = 0; j < n; j++) {
      const EffnetLayerTensor *t = &tensors[j];
      g_autofree char *name = effnet_dialect_tensor (DIALECT, net, &layers[i], t->role);
      float *data = effnet_tensor_table_add (table, name, t->n_dims, t->shape);
      size_t count = 1;

      for (unsigned d = 0; d < t->n_dims; d++)
        count *= t->shape[d];
      if (data == NULL) { /* names are unique, and shapes come from a checked net */
        g_autofree char *what = g_strdup_printf ("synthetic tensor %s", name);
        effnet_fail_memory (error, what, count * sizeof *data);
        return NULL;
      }
      fill (data, count, fnv1a64 (name) ^ seed, tensor_range (&layers[i], t->role));
    }
  }
  return g_steal_pointer (&table);
}
