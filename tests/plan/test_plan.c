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
        gboolean apart = buffers[i].offset + buffers[i].bytes <= buffers[j].offset ||
                         buffers[j].offset + buffers[j].bytes <= buffers[i].offset;

        g_assert_true (!together || apart || buffers[i].bytes == 0 || buffers[j].bytes == 0);
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
      g_assert_cmpuint (effnet_step_scratch (step, plan->dtype), <=, plan->scratch_bytes);
    }
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
  g_test_add_func ("/plan/weights", test_weights_fill);
  return g_test_run ();
}
