/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Seeded synthetic weights under timm's names, the same as tests/golden/synthetic.py bit for bit. A
 * number depends on the seed, the tensor's name, its place in the tensor and the tensor's role, on
 * nothing else; only float operations that IEEE 754 rounds correctly are used, none contracted. Why
 * the ranges are what they are is told in the Python file. */
#include "plan/plan.h"

#include <math.h>

/* Power gain of a filter: variance of its output over variance of its input. */
#define GAIN_PLAIN      1.0f /* stem, expand, head */
#define GAIN_ACTIVATED  2.0f /* depthwise, and project without squeeze-excite */
#define GAIN_GATED      4.0f /* project behind a squeeze-excite */
#define GAIN_GATE       1.0f /* both layers of the squeeze-excite */
#define GAIN_CLASSIFIER 4.0f

typedef struct {
  EffnetTensorTable *table;
  uint64_t seed;
  gboolean failed;
} Synthesis;

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

/* Adds "@prefix@suffix" filled with offset + scale * u, u in [-1, 1) in multiples of 2^-23. */
static void
fill (Synthesis *s, const char *prefix, const char *suffix, unsigned n_dims, const size_t *shape,
      float offset, float scale)
{
  g_autofree char *name = g_strconcat (prefix, suffix, NULL);
  uint64_t start = fnv1a64 (name) ^ s->seed;
  float *data = effnet_tensor_table_add (s->table, name, n_dims, shape);
  size_t count = 1;

  if (data == NULL) {
    s->failed = TRUE;
    return;
  }
  for (unsigned i = 0; i < n_dims; i++)
    count *= shape[i];
  for (size_t i = 0; i < count; i++) {
    int32_t k = (int32_t)(splitmix64 (start, i + 1) >> 40) - (1 << 23);
    float u = (float)k * 0x1p-23f;

    data[i] = offset + scale * u;
  }
}

static void
fill_vector (Synthesis *s, const char *prefix, const char *suffix, size_t n, float offset,
             float scale)
{
  fill (s, prefix, suffix, 1, &n, offset, scale);
}

/* [out][in][kernel][kernel], uniform with variance @gain / fan-in. */
static void
fill_filter (Synthesis *s, const char *prefix, const char *suffix, size_t out, size_t in,
             size_t kernel, float gain)
{
  const size_t shape[] = {out, in, kernel, kernel};

  fill (s, prefix, suffix, 4, shape, 0.0f, sqrtf (gain * 3.0f / (float)(in * kernel * kernel)));
}

static void
fill_norm (Synthesis *s, const char *prefix, const char *name, size_t n, float gamma,
           float gamma_spread)
{
  g_autofree char *norm = g_strconcat (prefix, name, NULL);

  fill_vector (s, norm, ".weight", n, gamma, gamma_spread);
  fill_vector (s, norm, ".bias", n, 0.0f, 0.3f);
  fill_vector (s, norm, ".running_mean", n, 0.0f, 0.3f);
  fill_vector (s, norm, ".running_var", n, 1.0f, 0.6f);
}

static void
fill_squeeze_excite (Synthesis *s, const char *prefix, const EffnetBlock *block)
{
  size_t wide = block->expand_channels, narrow = block->se_channels;

  fill_filter (s, prefix, "se.conv_reduce.weight", narrow, wide, 1, GAIN_GATE);
  fill_vector (s, prefix, "se.conv_reduce.bias", narrow, 0.0f, 0.5f);
  fill_filter (s, prefix, "se.conv_expand.weight", wide, narrow, 1, GAIN_GATE);
  fill_vector (s, prefix, "se.conv_expand.bias", wide, 0.0f, 0.5f);
}

static void
fill_block (Synthesis *s, const EffnetBlock *block)
{
  g_autofree char *prefix = g_strdup_printf ("blocks.%u.%u.", block->stage, block->index);
  const char *project = block->has_expand ? "conv_pwl.weight" : "conv_pw.weight";
  const char *project_norm = block->has_expand ? "bn3" : "bn2";
  float project_gain = block->se_channels > 0 ? GAIN_GATED : GAIN_ACTIVATED;
  /* A branch that is added to its input adds a twentieth of the power. */
  gboolean added = block->index > 0;

  if (block->has_expand) {
    fill_filter (s, prefix, "conv_pw.weight", block->expand_channels, block->in_channels, 1,
                 GAIN_PLAIN);
    fill_norm (s, prefix, "bn1", block->expand_channels, 1.0f, 0.3f);
  }
  fill_filter (s, prefix, "conv_dw.weight", block->expand_channels, 1, block->kernel,
               GAIN_ACTIVATED);
  fill_norm (s, prefix, block->has_expand ? "bn2" : "bn1", block->expand_channels, 1.0f, 0.3f);
  if (block->se_channels > 0)
    fill_squeeze_excite (s, prefix, block);
  fill_filter (s, prefix, project, block->out_channels, block->expand_channels, 1, project_gain);
  fill_norm (s, prefix, project_norm, block->out_channels, added ? 0.2f : 1.0f,
             added ? 0.1f : 0.3f);
}

EffnetTensorTable *
effnet_synthetic_new (const EffnetNet *net, uint64_t seed)
{
  Synthesis s = {effnet_tensor_table_new ("synthetic weights"), seed, FALSE};
  const size_t classifier[] = {net->n_classes, net->head_channels};

  fill_filter (&s, "", "conv_stem.weight", net->stem_channels, 3, 3, GAIN_PLAIN);
  fill_norm (&s, "", "bn1", net->stem_channels, 1.0f, 0.3f);
  for (unsigned i = 0; i < net->n_blocks; i++)
    fill_block (&s, &net->blocks[i]);
  fill_filter (&s, "", "conv_head.weight", net->head_channels,
               net->blocks[net->n_blocks - 1].out_channels, 1, GAIN_PLAIN);
  fill_norm (&s, "", "bn2", net->head_channels, 1.0f, 0.3f);
  fill (&s, "", "classifier.weight", 2, classifier, 0.0f,
        sqrtf (GAIN_CLASSIFIER * 3.0f / (float)net->head_channels));
  fill_vector (&s, "", "classifier.bias", net->n_classes, 0.0f, 0.5f);

  /* Names are unique by construction and shapes come from a checked net. */
  g_assert (!s.failed);
  return s.table;
}
