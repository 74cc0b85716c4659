/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * tune-tiles [VARIANT [THREADS [fp32|bf16|int8 [ROUNDS [SIZE]]]]]: a bench. Times an inference with
 * one number of EffnetTuning changed against one with the library's own, in turns, and prints the
 * numbers of this machine: the library's own but for those that were faster by more than a percent,
 * twice. Run it on a quiet machine after a change of kernels or on a new kind of CPU; what is
 * faster goes into plan/tile.c. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bind/bind.h"
#include "bind/synthetic.h"
#include "engine/engine.h"

#define ROUNDS 15   /* the median of so many inferences counts */
#define FASTER 0.99 /* a ratio that counts, if it is found twice */

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
    NUMBER (chain_least),   NUMBER (chain_most),         NUMBER (chain_pixels),
    NUMBER (pool_channels), NUMBER (classifier_outputs), NUMBER (digits),
};
G_STATIC_ASSERT (sizeof (EffnetTuning) == G_N_ELEMENTS (numbers) * sizeof (size_t));

/* Of the library's own number. */
static const double factors[] = {0.25, 0.5, 2, 4};

typedef struct {
  EffnetNet *net;
  EffnetDtype precision;
  unsigned rounds;
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
  EffnetPlan *plan = effnet_plan_new (bench->net, bench->precision, tuning, &error);

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

/* Time with @tuning by time with the library's own. */
static double
compare (const Bench *bench, Candidate *own, const char *name, size_t value,
         const EffnetTuning *tuning)
{
  g_autofree double *mine = g_new (double, bench->rounds), *others = g_new (double, bench->rounds);
  Candidate other;
  double ratio;

  open_candidate (&other, bench, tuning);
  run_ms (&other, bench->input);
  for (unsigned i = 0; i < bench->rounds; i++) {
    mine[i] = run_ms (own, bench->input);
    others[i] = run_ms (&other, bench->input);
  }
  close_candidate (&other);
  qsort (mine, bench->rounds, sizeof *mine, smaller_first);
  qsort (others, bench->rounds, sizeof *others, smaller_first);
  ratio = others[bench->rounds / 2] / mine[bench->rounds / 2];
  printf ("%-20s %8zu %9.3f %9.3f %7.3f\n", name, value, others[bench->rounds / 2],
          mine[bench->rounds / 2], ratio);
  return ratio;
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

static size_t *
number_of (EffnetTuning *tuning, size_t i)
{
  return (size_t *)(void *)((char *)tuning + numbers[i].offset);
}

/* Number @i in @found becomes the fastest of its candidates. */
static void
compare_number (const Bench *bench, Candidate *own, size_t i, EffnetTuning *found)
{
  double best = FASTER;

  for (size_t j = 0; j < G_N_ELEMENTS (factors); j++) {
    EffnetTuning tuning = effnet_tuning;
    size_t *number = number_of (&tuning, i);
    double ratio;

    *number = MAX ((size_t)((double)*number * factors[j]), 1);
    ratio = compare (bench, own, numbers[i].name, *number, &tuning);
    if (ratio < best)
      ratio = MAX (ratio, compare (bench, own, numbers[i].name, *number, &tuning));
    if (ratio < best) {
      best = ratio;
      *number_of (found, i) = *number;
    }
  }
}

static void
compare_all (const Bench *bench, Candidate *own)
{
  EffnetTuning found = effnet_tuning;

  printf ("%-20s %8s %9s %9s %7s\n", "number", "value", "ms", "own ms", "ratio");
  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++)
    compare_number (bench, own, i, &found);
  compare (bench, own, "all that are faster", 0, &found);
  printf ("numbers of this machine (%s):\n", effnet_cpu_model ());
  for (size_t i = 0; i < G_N_ELEMENTS (numbers); i++) {
    EffnetTuning library = effnet_tuning;
    size_t value = *number_of (&found, i);

    printf ("    .%s = %zu,%s\n", numbers[i].name, value,
            value != *number_of (&library, i) ? " /* other than the library's */" : "");
  }
}

static EffnetDtype
precision_of (const char *name)
{
  for (int i = 0; name != NULL && i < EFFNET_DTYPE_COUNT; i++)
    if (g_strcmp0 (effnet_dtypes[i].precision, name) == 0)
      return (EffnetDtype)i;
  return EFFNET_DTYPE_F32;
}

int
main (int argc, char **argv)
{
  const char *given[5] = {"b0", "0", "fp32", NULL, "0"};
  GError *error = NULL;
  Bench bench = {0};
  Candidate own;
  size_t inputs;

  for (int i = 1; i < argc && i <= 5; i++)
    given[i - 1] = argv[i];
  bench.precision = precision_of (given[2]);
  bench.rounds = given[3] != NULL ? (unsigned)MAX (atoi (given[3]), 1) : ROUNDS;
  bench.net =
      effnet_net_new (given[0], (unsigned)atoi (given[4]), 1000, EFFNET_PADDING_SAME, &error);
  check (bench.net != NULL, error);
  bench.pool = effnet_pool_get ((unsigned)atoi (given[1]));
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
