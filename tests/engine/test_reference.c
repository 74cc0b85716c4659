/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every variant, fp32, by the kernels this CPU gets against the reference kernels: logits and
 * pooled features. The reference runs in a process of its own, under EFFNET_ISA=ref. Without
 * arguments a size that keeps the plain loops short; --full: more variants at their own.
 *
 * The bound, in relative L2. A dot product of n terms with random signs, as those of the synthetic
 * weights are, is a random walk: its partial sums grow as sqrt (k). Each addition is rounded by at
 * most u = 2^-24 of its result, in root mean square u / sqrt (3), independent of the others, so the
 * dot is off by
 *   u / sqrt (3) * sqrt (sum over k <= n of k) / sqrt (n) = u sqrt (n / 6)
 * of its own size. Bias, residual and the store round 3 times more, and an activation is off by up
 * to s = EFFNET_SIGMOID_ERROR_F32. A layer of these weights passes on no more of the noise than of
 * the signal (variance-preserving filters; the slopes of swish and ReLU6 leave about the same share
 * of both powers; biases add signal only), so the layers' errors, independent too, add up in
 * squares:
 *   E = sqrt (sum over layers of u^2 (n / 6 + 1) + s^2 / 3)
 * A single number may be off by PEAK E of the root mean square: PEAK standard deviations of a
 * normal distribution are exceeded once in 10^9. */
#include "base/cpu.h"
#include "engine/engine.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define UNIT 0x1p-24
#define PEAK 6.0

static const char *program;

typedef struct {
  const char *variant;
  unsigned size; /* 0 = the variant's */
  double epsilon;
} Case;

/* One inference: [n_features] features, then [n_classes] logits. */
typedef struct {
  float *values;
  size_t n_features, n_classes;
  double bound; /* E */
} Outcome;

/* Power of the errors of one layer whose dots have @terms. */
static double
layer_error (size_t terms, EffnetActivation activation)
{
  double s = activation == EFFNET_ACTIVATION_SWISH || activation == EFFNET_ACTIVATION_SIGMOID
                 ? EFFNET_SIGMOID_ERROR_F32
                 : 0.0;

  return UNIT * UNIT * ((double)terms / 6.0 + 1.0) + s * s / 3.0;
}

static double
plan_bound (const EffnetPlan *plan)
{
  double power = 0;

  for (size_t i = 0; i < plan->n_steps; i++) {
    const EffnetStep *s = &plan->steps[i];
    size_t window = (size_t)s->kernel_size * s->kernel_size;

    switch (s->kind) {
    case EFFNET_STEP_STEM:
      power += layer_error (3 * window, s->activation);
      break;
    case EFFNET_STEP_EXPAND_DEPTHWISE:
      power += layer_error (s->in_channels, s->activation);
      power += layer_error (window, s->activation);
      break;
    case EFFNET_STEP_DEPTHWISE:
      power += layer_error (window, s->activation);
      break;
    case EFFNET_STEP_SQUEEZE:
      power += layer_error (s->in_h * s->in_w, EFFNET_ACTIVATION_NONE);
      power += layer_error (s->in_channels, s->activation);
      break;
    case EFFNET_STEP_POOL:
      power += layer_error (s->in_h * s->in_w, EFFNET_ACTIVATION_NONE);
      break;
    default:
      power += layer_error (s->in_channels, s->activation);
    }
  }
  return sqrt (power);
}

static EffnetModel *
open_case (const Case *c)
{
  EffnetModelOptions options = {.variant = c->variant,
                                .precision = EFFNET_PRECISION_FP32,
                                .padding = EFFNET_PADDING_SAME,
                                .bn_epsilon = c->epsilon,
                                .synthetic_seed = 11,
                                .input_size = c->size};
  g_autoptr (GError) error = NULL;
  EffnetModel *model = effnet_model_open (NULL, &options, &error);

  g_assert_no_error (error);
  return model;
}

static void
run_case (const Case *c, Outcome *outcome)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (EffnetModel) model = open_case (c);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, &error);
  EffnetModelInfo info;
  EffnetResult result;

  g_assert_no_error (error);
  effnet_model_get_info (model, &info);
  size_t n = (size_t)info.input_height * info.input_width * 3;
  g_autofree float *nhwc = g_new (float, n);
  for (size_t i = 0; i < n; i++)
    nhwc[i] = (float)g_rand_double_range (rand, -2, 2);
  effnet_session_run (session, nhwc, &result);
  *outcome = (Outcome){g_new (float, result.n_features + result.n_classes), result.n_features,
                       result.n_classes, plan_bound (model->plan)};
  memcpy (outcome->values, result.features, result.n_features * sizeof (float));
  memcpy (outcome->values + result.n_features, result.logits, result.n_classes * sizeof (float));
}

/* The same numbers of the reference kernels; the child is this program. */
static float *
run_reference (const Case *c, size_t n)
{
  g_autofree char *size = g_strdup_printf ("%u", c->size);
  g_autofree char *path = NULL, *contents = NULL;
  const char *argv[] = {program, "--dump", c->variant, size, NULL, NULL};
  g_auto (GStrv) env = g_environ_setenv (g_get_environ (), "EFFNET_ISA", "ref", TRUE);
  g_autoptr (GError) error = NULL;
  int status = 0, file = g_file_open_tmp ("effnet-XXXXXX", &path, &error);
  size_t length = 0;

  g_assert_no_error (error);
  g_close (file, NULL);
  argv[4] = path;
  g_spawn_sync (NULL, (char **)argv, env, 0, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (length, ==, n * sizeof (float));
  remove (path);
  return (float *)g_steal_pointer (&contents);
}

static int
dump (const char *variant, const char *size, const char *path)
{
  Case c = {variant, (unsigned)g_ascii_strtoull (size, NULL, 10), 1e-3};
  Outcome outcome;
  gboolean ok;

  g_assert_cmpint (effnet_cpu_best (), ==, EFFNET_ISA_REF);
  run_case (&c, &outcome);
  ok = g_file_set_contents (path, (const char *)outcome.values,
                            (gssize)((outcome.n_features + outcome.n_classes) * sizeof (float)),
                            NULL);
  g_free (outcome.values);
  return ok ? 0 : 1;
}

/* Error by @bound: over all numbers, or of the worst one by PEAK @bound, whichever is more. */
static double
share_of_bound (const char *what, const float *found, const float *expected, size_t n, double bound)
{
  double difference = 0, norm = 0, worst = 0;

  for (size_t i = 0; i < n; i++) {
    double d = fabs ((double)found[i] - expected[i]);

    g_assert_true (isfinite (found[i]) && isfinite (expected[i]));
    difference += d * d;
    norm += (double)expected[i] * expected[i];
    worst = MAX (worst, d);
  }
  g_assert_cmpfloat (norm, >, 0.0);
  g_test_message ("%s: relative L2 %.2e, worst %.2e of the root mean square; bound %.2e", what,
                  sqrt (difference / norm), worst / sqrt (norm / (double)n), bound);
  return MAX (sqrt (difference / norm), worst / sqrt (norm / (double)n) / PEAK) / bound;
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  Outcome outcome;
  double features, logits;

  run_case (c, &outcome);
  g_autofree float *found = outcome.values;
  g_autofree float *expected = run_reference (c, outcome.n_features + outcome.n_classes);
  features = share_of_bound ("features", found, expected, outcome.n_features, outcome.bound);
  logits = share_of_bound ("logits", found + outcome.n_features, expected + outcome.n_features,
                           outcome.n_classes, outcome.bound);
  g_assert_cmpfloat (features, <=, 1.0);
  g_assert_cmpfloat (logits, <=, 1.0);
}

/* The comparison can fail: batch norms that are off by some 1e-5 are beyond the bound. */
static void
test_can_fail (void)
{
  const Case right = {"b0", 96, 1e-3}, wrong = {"b0", 96, 1.03e-3};
  Outcome outcome;

  run_case (&wrong, &outcome);
  g_autofree float *found = outcome.values;
  g_autofree float *expected = run_reference (&right, outcome.n_features + outcome.n_classes);
  g_assert_cmpfloat (
      share_of_bound ("wrong batch norms", found, expected, outcome.n_features, outcome.bound), >,
      1.0);
  g_assert_cmpfloat (share_of_bound ("wrong batch norms", found + outcome.n_features,
                                     expected + outcome.n_features, outcome.n_classes,
                                     outcome.bound),
                     >, 1.0);
}

/* Odd sizes: bands, rows and pixels then end within tiles. */
static const Case small[] = {
    {"b0", 0, 1e-3},     {"b0", 97, 1e-3},    {"b1", 97, 1e-3},    {"b2", 97, 1e-3},
    {"b3", 97, 1e-3},    {"b4", 97, 1e-3},    {"b5", 97, 1e-3},    {"b6", 97, 1e-3},
    {"b7", 97, 1e-3},    {"b8", 97, 1e-3},    {"lite0", 0, 1e-3},  {"lite0", 97, 1e-3},
    {"lite1", 97, 1e-3}, {"lite2", 97, 1e-3}, {"lite3", 97, 1e-3}, {"lite4", 97, 1e-3},
};

static const Case full[] = {
    {"b1", 0, 1e-3},    {"b2", 0, 1e-3},    {"b3", 0, 1e-3},    {"b4", 0, 1e-3},
    {"b5", 0, 1e-3},    {"b6", 0, 1e-3},    {"b7", 0, 1e-3},    {"b8", 0, 1e-3},
    {"lite1", 0, 1e-3}, {"lite2", 0, 1e-3}, {"lite3", 0, 1e-3}, {"lite4", 0, 1e-3},
    {"l2", 65, 1e-3}, /* at its own 800 pixels a quarter of an hour of plain loops */
};

int
main (int argc, char **argv)
{
  gboolean all;
  const Case *cases;
  size_t n;

  if (argc == 5 && strcmp (argv[1], "--dump") == 0)
    return dump (argv[2], argv[3], argv[4]);
  program = argv[0];
  g_test_init (&argc, &argv, NULL);
  all = argc > 1 && strcmp (argv[1], "--full") == 0;
  cases = all ? full : small;
  n = all ? G_N_ELEMENTS (full) : G_N_ELEMENTS (small);
  for (size_t i = 0; i < n; i++) {
    g_autofree char *name =
        cases[i].size != 0 ? g_strdup_printf ("/reference/%s/%u", cases[i].variant, cases[i].size)
                           : g_strdup_printf ("/reference/%s/own size", cases[i].variant);

    if (!all || argc < 3 || g_strv_contains ((const char *const *)argv + 2, cases[i].variant))
      g_test_add_data_func (name, &cases[i], test_case);
  }
  g_test_add_func ("/reference/can fail", test_can_fail);
  return g_test_run ();
}
