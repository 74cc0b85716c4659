/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Memory: no two live buffers share bytes, nor two layers of the packed weights. How steps are cut
 * into tiles is checked in test_tiles.c. */
#include "base/arena.h"
#include "base/checked.h"
#include "plan/plan.h"

/* ---- memory ---- */

static void
test_memory (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (unsigned round = 0; round < 200; round++) {
    EffnetBuffer buffers[40], *work[80];
    size_t n = (size_t)g_rand_int_range (rand, 1, 40), total, sum = 0;

    for (size_t i = 0; i < n; i++) {
      buffers[i].bytes = 64 * (size_t)g_rand_int_range (rand, 0, 1000);
      buffers[i].first = (size_t)g_rand_int_range (rand, 0, 30);
      buffers[i].last = buffers[i].first + (size_t)g_rand_int_range (rand, 0, 5);
      buffers[i].rarely_whole = g_rand_int_range (rand, 0, 2);
      sum += buffers[i].bytes;
    }
    total = effnet_memory_plan (buffers, n, work);
    g_assert_cmpuint (total, <=, sum);
    for (size_t i = 0; i < n; i++) {
      g_assert_cmpuint (buffers[i].offset % 64, ==, 0);
      g_assert_cmpuint (buffers[i].offset + buffers[i].bytes, <=, total);
      for (size_t j = 0; j < i; j++) {
        gboolean together =
            buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        gboolean disjoint = buffers[i].offset + buffers[i].bytes <= buffers[j].offset ||
                            buffers[j].offset + buffers[j].bytes <= buffers[i].offset;

        g_assert_true (!together || disjoint || buffers[i].bytes == 0 || buffers[j].bytes == 0);
      }
    }
  }
}

static void
test_buffers_hold_their_steps (void)
{
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autoptr (EffnetNet) net = effnet_net_new (*name, 0, 10, EFFNET_PADDING_SAME, NULL);
    g_autoptr (EffnetPlan) plan = effnet_plan_new (net, EFFNET_DTYPE_F32, NULL, NULL);

    for (size_t i = 0; i < plan->n_steps; i++) {
      const EffnetStep *step = &plan->steps[i];

      /* a gate goes to the project's weights or to its input, never to both or neither */
      if (step->kind == EFFNET_STEP_EXCITE)
        g_assert_true ((step->excite.scaled == EFFNET_NO_SLOT) !=
                       (step->excite.rows == EFFNET_NO_SLOT));
      g_assert_cmpuint (effnet_step_scratch (step), <=, plan->scratch_bytes);
    }
  }
}

static gboolean
apart (const EffnetPlan *plan, EffnetSlot a, EffnetSlot b)
{
  const EffnetBuffer *p = &plan->buffers[a], *q = &plan->buffers[b];

  return p->offset + p->bytes <= q->offset || q->offset + q->bytes <= p->offset;
}

/* What a chain reads, keeps and writes, all at the same time, are bytes of their own. */
static void
check_chain (const EffnetPlan *plan, const EffnetStep *step)
{
  const EffnetChain *chain = &step->chain;
  gboolean has_stem = step->kind == EFFNET_STEP_STEM;
  const EffnetDepthwiseStep *d = effnet_step_depthwise (step + has_stem);
  const EffnetStep *last = step + chain->steps - 1;
  size_t row = d->window.in_w * d->layer->out * effnet_dtype_size (plan->dtype);
  size_t ring = chain->ring_rows * row, n = 0;
  EffnetSlot slots[4];

  slots[n++] = has_stem ? step->stem.in : d->in;
  slots[n++] = d->out;
  if (has_stem)
    slots[n++] = step->stem.out;
  if (last->kind == EFFNET_STEP_POINTWISE)
    slots[n++] = last->pointwise.out;
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      g_assert_true (apart (plan, slots[i], slots[j]));
  g_assert_cmpuint (chain->ring_rows, >=, MIN (d->window.kernel, d->window.in_h));
  g_assert_cmpuint (ring, <=, plan->buffers[has_stem ? d->in : d->out].bytes);
  g_assert_cmpuint (chain->block + (has_stem ? 0 : ring), <=, plan->buffers[d->out].bytes);
}

static void
test_chains (void)
{
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autoptr (EffnetNet) net = effnet_net_new (*name, 0, 10, EFFNET_PADDING_SAME, NULL);
    g_autoptr (EffnetPlan) plan = effnet_plan_new (net, EFFNET_DTYPE_F32, NULL, NULL);
    unsigned chains = 0;

    for (size_t i = 0; i < plan->n_steps; i++)
      if (plan->steps[i].chain.steps > 0) {
        check_chain (plan, &plan->steps[i]);
        chains++;
      }
    /* the stem with block 0, both blocks of stage 1; else what is before a squeeze-excite */
    if (g_str_equal (*name, "lite0"))
      g_assert_cmpuint (chains, ==, 3);
    if (g_str_equal (*name, "b0"))
      g_assert_cmpuint (chains, ==, 1);
  }
}

/* Layers lie one behind the other, aligned, and fill the model's weights. */
static void
test_weights_fill (void)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("b0", 0, 10, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetPlan) plan = effnet_plan_new (net, EFFNET_DTYPE_F32, NULL, NULL);
  size_t at = 0;

  for (size_t i = 0; i < plan->n_layers; i++) {
    const EffnetPackedLayer *layer = &plan->layers[i];

    g_assert_cmpuint (layer->weights, ==, at);
    g_assert_cmpuint (layer->bias, ==,
                      at + effnet_align_up (effnet_packed_bytes (layer), EFFNET_ALIGN));
    at = i + 1 < plan->n_layers ? plan->layers[i + 1].weights : plan->weight_bytes;
    g_assert_cmpuint (at - layer->bias, >=, layer->out * sizeof (float));
    g_assert_cmpuint (at % EFFNET_ALIGN, ==, 0);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/memory", test_memory);
  g_test_add_func ("/plan/buffers", test_buffers_hold_their_steps);
  g_test_add_func ("/plan/chains", test_chains);
  g_test_add_func ("/plan/weights", test_weights_fill);
  return g_test_run ();
}
