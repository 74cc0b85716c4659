/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tune-tiles [VARIANT [THREADS [fp32|bf16]]]: a bench, not a test. Times an inference with one
 * number of EffnetTuning changed against one with the library's own, in turns. Run it on a quiet
 * machine after a change of kernels or on a new kind of CPU; what is faster goes into plan/tile.c.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bind/bind.h"
#include "bind/synthetic.h"
#include "engine/engine.h"

#define ROUNDS 15 /* the median of so many inferences counts */

#define NUMBER(name)                                                                               \
  {                                                                                                \
#    name, offsetof(EffnetTuning, name)                                                            \
  }
static const struct {
  const char *name;
  size_t offset;
} numbers[] = {
    NUMBER (tile_macs),     NUMBER (tap_cost),           NUMBER (max_bands),
    NUMBER (fc_tile_macs),  NUMBER (ring_bytes),         NUMBER (many_panels),
    NUMBER (fused_tiles),   NUMBER (band_halos),         NUMBER (halves_halos),
    NUMBER (pool_channels), NUMBER (classifier_outputs), NUMBER (digits),
};
G_STATIC_ASSERT (sizeof (EffnetTuning) == G_N_ELEMENTS (numbers) * sizeof (size_t));

/* Of the library's own number. */
static const double factors[] = {0.25, 0.5, 2, 4};

typedef struct {
  EffnetNet *net;
  EffnetDtype dtype;
  EffnetPool *pool;
  EffnetArena weights; /* the same for every tuning */
  float *input;
} Bench;

/* A session as effnet_session_new() makes one, but for the front end. */
typedef struct {
  EffnetModel model;
  EffnetSession session;
} Candidate;

static void
check (gboolean ok, const GError *error)
{
  if (ok)
    return;
  fprintf (stderr, "%s\n", error != NULL ? error->message : "no memory");
  exit (1);
}

static void
open_candidate (Candidate *c, const Bench *bench, const EffnetTuning *tuning)
{
  GError *error = NULL;
  EffnetPlan *plan = effnet_plan_new (bench->net, bench->dtype, tuning, &error);

  check (plan != NULL, error);
  *c = (Candidate){.model = {.plan = plan, .weights = bench->weights},
                   .session = {.model = &c->model, .pool = bench->pool, .images = 1}};
  check (effnet_arena_init (&c->session.arena, plan->arena_bytes + effnet_pool_size (bench->pool) *
                                                                       plan->scratch_bytes) == 0,
         NULL);
}

static void
close_candidate (Candidate *c)
{
  effnet_arena_clear (&c->session.arena);
  effnet_plan_free (c->model.plan);
}

static double
run_ms (Candidate *c, const float *input)
{
  int64_t before = effnet_clock_ns ();

  effnet_pool_enter (c->session.pool);
  effnet_run (&c->session, &input, 1);
  effnet_pool_leave (c->session.pool);
  return 1e-6 * (double)(effnet_clock_ns () - before);
}

static int
smaller_first (const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static void
compare (const Bench *bench, Candidate *own, const char *name, size_t value,
         const EffnetTuning *tuning)
{
  double ms[2][ROUNDS];
  Candidate other;

  open_candidate (&other, bench, tuning);
  run_ms (&other, bench->input);
  for (unsigned i = 0; i < ROUNDS; i++) {
    ms[0][i] = run_ms (own, bench->input);
    ms[1][i] = run_ms (&other, bench->input);
  }
  close_candidate (&other);
  for (unsigned i = 0; i < 2; i++)
    qsort (ms[i], ROUNDS, sizeof **ms, smaller_first);
  printf ("%-20s %8zu %9.3f %9.3f %7.3f\n", name, value, ms[1][ROUNDS / 2], ms[0][ROUNDS / 2],
          ms[1][ROUNDS / 2] / ms[0][ROUNDS / 2]);
}

static void
pack_weights (Bench *bench, const EffnetPlan *plan)
{
  GError *error = NULL;
  g_autoptr (EffnetTensorTable) tensors = effnet_synthetic_new (bench->net, 1, NULL);
  size_t n;
  g_autofree EffnetBound *bound = effnet_bind (bench->net, tensors, NULL, 0, &n, &error);

  check (bound != NULL, error);
  check (effnet_arena_init (&bench->weights, plan->weight_bytes) == 0, NULL);
  for (size_t i = 0; i < n; i++)
    check (effnet_pack_layer (&plan->layers[i], &bound[i], NULL, bench->weights.base, &error),
           error);
}

static void
compare_all (const Bench *bench, Candidate *own)
{
  printf ("%-20s %8s %9s %9s %7s\n", "number", "value", "ms", "own ms", "ratio");
  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++) {
    for (size_t j = 0; j < G_N_ELEMENTS (factors); j++) {
      EffnetTuning tuning = effnet_tuning;
      size_t *number = (size_t *)(void *)((char *)&tuning + numbers[i].offset);

      *number = MAX ((size_t)((double)*number * factors[j]), 1);
      compare (bench, own, numbers[i].name, *number, &tuning);
    }
  }
}

int
main (int argc, char **argv)
{
  GError *error = NULL;
  Bench bench = {.dtype = argc > 3 && strcmp (argv[3], "bf16") == 0 ? EFFNET_DTYPE_BF16
                                                                    : EFFNET_DTYPE_F32};
  Candidate own;
  size_t inputs;

  bench.net = effnet_net_new (argc > 1 ? argv[1] : "b0", 0, 1000, EFFNET_PADDING_SAME, &error);
  check (bench.net != NULL, error);
  bench.pool = effnet_pool_get (argc > 2 ? (unsigned)atoi (argv[2]) : 0);
  inputs = (size_t)bench.net->in_height * bench.net->in_width * 3;
  bench.input = g_new (float, inputs);
  for (size_t i = 0; i < inputs; i++)
    bench.input[i] = (float)(i % 101) / 50.0f - 1.0f;
  open_candidate (&own, &bench, NULL);
  pack_weights (&bench, own.model.plan);
  own.model.weights = bench.weights;
  compare_all (&bench, &own);
  close_candidate (&own);
  effnet_arena_clear (&bench.weights);
  effnet_pool_unref (bench.pool);
  effnet_net_free (bench.net);
  g_free (bench.input);
  return 0;
}
