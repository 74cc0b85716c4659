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

/* What a chain reads, keeps and writes, all at the same time, are bytes of their own, and nothing
 * behind it reads what is between its steps. */
static void
check_chain (const EffnetPlan *plan, const EffnetStep *step)
{
  const EffnetChain *chain = &step->chain;
  gboolean has_stem = step->kind == EFFNET_STEP_STEM;
  const EffnetDepthwiseStep *d = effnet_step_depthwise (step + has_stem);
  const EffnetStep *last = step + chain->steps - 1;
  size_t row = d->window.in_w * d->layer->out * d->element;
  size_t ring = chain->ring_rows * row, n = 0;
  EffnetSlot slots[5];

  slots[n++] = has_stem ? step->stem.in : d->in;
  slots[n++] = d->out;
  if (has_stem) {
    slots[n++] = step->stem.out;
    g_assert_cmpuint (plan->buffers[step->stem.out].last, ==, (size_t)(last - plan->steps));
  } else if (step->fused.steps != EFFNET_NO_SLOT) {
    slots[n++] = step->fused.steps;
  }
  if (last->kind == EFFNET_STEP_POINTWISE) {
    slots[n++] = last->pointwise.out;
    g_assert_true (!has_stem || last->pointwise.residual != step->stem.out);
    g_assert_cmpuint (plan->buffers[d->out].last, ==, (size_t)(last - plan->steps));
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < i; j++)
      g_assert_true (apart (plan, slots[i], slots[j]));
  g_assert_cmpuint (chain->ring_rows, >=, MIN (d->window.kernel, d->window.in_h));
  g_assert_cmpuint (ring, <=, plan->buffers[has_stem ? d->in : d->out].stride);
  g_assert_cmpuint (chain->block + (has_stem ? 0 : ring), <=, plan->buffers[d->out].stride);
}

static unsigned
check_chains (const char *variant, unsigned size, EffnetDtype precision, const EffnetTuning *tuning)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, size, 10, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetPlan) plan = effnet_plan_new (net, precision, tuning, NULL);
  unsigned chains = 0;

  for (size_t i = 0; i < plan->n_steps; i++)
    if (plan->steps[i].chain.steps > 0) {
      check_chain (plan, &plan->steps[i]);
      chains++;
    }
  return chains;
}

static void
test_chains (void)
{
  EffnetTuning roomy = effnet_tuning;

  roomy.chain_least /= 4;
  roomy.chain_most *= 4;
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    unsigned chains = check_chains (*name, 0, EFFNET_DTYPE_F32, NULL);

    check_chains (*name, 0, EFFNET_DTYPE_S8, NULL);
    check_chains (*name, 0, EFFNET_DTYPE_S8, &roomy);
    check_chains (*name, 0, EFFNET_DTYPE_F32, &roomy);
    /* the stem with block 0, both blocks of stage 1; else what is before a squeeze-excite */
    if (g_str_equal (*name, "lite0"))
      g_assert_cmpuint (chains, ==, 3);
    if (g_str_equal (*name, "b0"))
      g_assert_cmpuint (chains, ==, 1);
  }
  /* in the first two block 0 adds the output of the stem, which is large enough for a chain */
  check_chains ("mnasnet-small", 512, EFFNET_DTYPE_F32, NULL);
  check_chains ("b0:0.25,1,512", 0, EFFNET_DTYPE_F32, NULL);
  check_chains ("mobilenetv2-100", 512, EFFNET_DTYPE_S8, NULL);
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
