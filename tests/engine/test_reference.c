/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Every variant, fp32, by the kernels that this CPU gets and by those it would get with fewer
 * instruction sets, against the reference kernels: logits and pooled features, within what bound.h
 * derives. A single number may be off by PEAK times the bound, of the root mean square: PEAK
 * standard deviations of a normal distribution are exceeded once in 10^9.
 *
 * A process has one instruction set, so each inference is a process of its own: this program with
 * --dump, under EFFNET_ISA. The reference runs once for all that are compared with it.
 *
 * test_reference [--small | --large | --full] [VARIANT...]: at a size that keeps the plain loops
 * short, only the variants with few weights or only those with many; --full: at the variants' own
 * sizes. */
#include "bound.h"
#include "base/cpu.h"
#include "engine/engine.h"

#include <glib/gstdio.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PEAK 6.0

typedef struct {
  const char *variant;
  unsigned size; /* 0 = the variant's */
  double epsilon;
} Case;

/* What a process hands over, followed by [n_features] features and [n_classes] logits. */
typedef struct {
  size_t n_features, n_classes;
  double bound;
  float values[];
} Outcome;

/* The instruction sets compared; none where @cap is NULL. */
typedef struct {
  const char *name, *cap;
  EffnetIsa isa;
} Capped;

static const Capped capped[] = {
    {"native", NULL, EFFNET_ISA_COUNT},
    {"avx2", "avx2", EFFNET_ISA_AVX2},
    {"generic", "generic", EFFNET_ISA_GENERIC},
};

typedef struct {
  const Case *c;
  const Capped *capped;
} Comparison;

static const char *program;
static GHashTable *references; /* Case: Outcome */

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

/* Runs @c in this process and writes the Outcome to @path. */
static gboolean
dump (const Case *c, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (EffnetModel) model = open_case (c);
  g_autoptr (EffnetSession) session = effnet_session_new (model, NULL, &error);
  g_autoptr (GString) bytes = g_string_new (NULL);
  EffnetModelInfo info;
  EffnetResult result;

  g_assert_no_error (error);
  effnet_model_get_info (model, &info);
  size_t n = (size_t)info.input_height * info.input_width * 3;
  g_autofree float *nhwc = g_new (float, n);
  for (size_t i = 0; i < n; i++)
    nhwc[i] = (float)g_rand_double_range (rand, -2, 2);
  g_assert_true (effnet_session_run (session, nhwc, &result, NULL));

  Outcome head = {result.n_features, result.n_classes, effnet_test_bound_f32 (model->plan, 0)};
  g_string_append_len (bytes, (const char *)&head, sizeof head);
  g_string_append_len (bytes, (const char *)result.features,
                       (gssize)(result.n_features * sizeof (float)));
  g_string_append_len (bytes, (const char *)result.logits,
                       (gssize)(result.n_classes * sizeof (float)));
  return g_file_set_contents (path, bytes->str, (gssize)bytes->len, NULL);
}

/* The outcome of @c in a process whose instruction sets end at @cap. */
static Outcome *
run_case (const Case *c, const char *cap)
{
  const char *wrapper = g_getenv ("MESON_EXE_WRAPPER"); /* what runs programs of another CPU */
  g_autofree char *path = NULL, *contents = NULL, *quoted = g_shell_quote (program);
  g_auto (GStrv) env = g_get_environ (), argv = NULL;
  g_autoptr (GError) error = NULL;
  int status = 0, file = g_file_open_tmp ("effnet-XXXXXX", &path, &error);
  size_t length = 0;

  g_assert_no_error (error);
  g_close (file, NULL);
  g_autofree char *command =
      g_strdup_printf ("%s %s --dump %s %u %.9g %s", wrapper != NULL ? wrapper : "", quoted,
                       c->variant, c->size, c->epsilon, path);
  g_assert_true (g_shell_parse_argv (command, NULL, &argv, &error));
  if (cap != NULL)
    env = g_environ_setenv (env, "EFFNET_ISA", cap, TRUE);
  g_spawn_sync (NULL, argv, env, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  remove (path);

  const Outcome *head = (const Outcome *)contents;
  g_assert_cmpuint (length, >, sizeof *head);
  g_assert_cmpuint (length, ==,
                    sizeof *head + (head->n_features + head->n_classes) * sizeof (float));
  return (Outcome *)g_steal_pointer (&contents);
}

static const Outcome *
reference_of (const Case *c)
{
  Outcome *outcome = g_hash_table_lookup (references, c);

  if (outcome == NULL) {
    outcome = run_case (c, "ref");
    g_hash_table_insert (references, (void *)c, outcome);
  }
  return outcome;
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
shares (const Outcome *found, const Outcome *expected, double *features, double *logits)
{
  size_t n = expected->n_features;

  g_assert_cmpuint (found->n_features, ==, n);
  g_assert_cmpuint (found->n_classes, ==, expected->n_classes);
  *features = share_of_bound ("features", found->values, expected->values, n, found->bound);
  *logits = share_of_bound ("logits", found->values + n, expected->values + n, expected->n_classes,
                            found->bound);
}

static void
test_case (gconstpointer data)
{
  const Comparison *comparison = data;
  g_autofree Outcome *found = run_case (comparison->c, comparison->capped->cap);
  double features, logits;

  shares (found, reference_of (comparison->c), &features, &logits);
  g_assert_cmpfloat (features, <=, 1.0);
  g_assert_cmpfloat (logits, <=, 1.0);
}

/* The comparison can fail: batch norms that are off by some 1e-5 are beyond the bound. */
static void
test_can_fail (void)
{
  static const Case right = {"b0", 96, 1e-3}, wrong = {"b0", 96, 1.03e-3};
  g_autofree Outcome *found = run_case (&wrong, NULL);
  double features, logits;

  shares (found, reference_of (&right), &features, &logits);
  g_assert_cmpfloat (features, >, 1.0);
  g_assert_cmpfloat (logits, >, 1.0);
}

/* Odd sizes: bands, rows and pixels then end within tiles. For EFFNET_TEST_SHORT each kind of block
 * once. */
static const Case thin[] = {
    {"b0", 97, 1e-3},    {"lite0", 97, 1e-3},         {"es", 65, 1e-3},
    {"v2-b0", 65, 1e-3}, {"b0-compact131", 65, 1e-3}, {NULL, 0, 0},
};

static const Case small[] = {
    {"b0", 0, 1e-3},
    {"b0", 97, 1e-3},
    {"b1", 97, 1e-3},
    {"b2", 97, 1e-3},
    {"lite0", 0, 1e-3},
    {"lite0", 97, 1e-3},
    {"lite1", 97, 1e-3},
    {"lite2", 97, 1e-3},
    {"lite3", 97, 1e-3},
    {"lite4", 97, 1e-3},
    {"es", 65, 1e-3},
    {"v2-b0", 65, 1e-3},
    {"b0-compact", 97, 1e-3},
    {"b0-compact131", 65, 1e-3},
    {NULL, 0, 0},
};

/* Of those that differ in their scale alone, one in between and the largest: the others are in
 * @full. */
static const Case large[] = {
    {"b4", 97, 1e-3}, {"b8", 97, 1e-3}, {"v2-s", 97, 1e-3}, {"v2-m", 65, 1e-3}, {NULL, 0, 0},
};

static const Case full[] =
    {
        {"b1", 0, 1e-3},    {"b2", 0, 1e-3},    {"b3", 0, 1e-3},    {"b4", 0, 1e-3},
        {"b5", 0, 1e-3},    {"b6", 0, 1e-3},    {"b7", 0, 1e-3},    {"b8", 0, 1e-3},
        {"lite1", 0, 1e-3}, {"lite2", 0, 1e-3}, {"lite3", 0, 1e-3}, {"lite4", 0, 1e-3},
        {"es", 0, 1e-3},    {"v2-b0", 0, 1e-3}, {"v2-b3", 0, 1e-3}, {"v2-s", 0, 1e-3},
        {"l2", 65, 1e-3}, /* at its own 800 pixels a quarter of an hour of plain loops */
        {NULL, 0, 0},
};

/* Adds @c for each set of kernels that this CPU, under the cap it is run with, has. */
static void
add_case (const Case *c)
{
  for (size_t i = 0; i < G_N_ELEMENTS (capped); i++) {
    g_autofree char *size = c->size != 0 ? g_strdup_printf ("%u", c->size) : g_strdup ("own size");
    g_autofree char *name =
        g_strdup_printf ("/reference/%s/%s/%s", c->variant, size, capped[i].name);
    Comparison *comparison;

    if (capped[i].cap != NULL &&
        (effnet_cpu_best () == capped[i].isa || !effnet_cpu_has (capped[i].isa)))
      continue; /* native, or not there */
    comparison = g_new (Comparison, 1);
    *comparison = (Comparison){c, &capped[i]};
    g_test_add_data_func_full (name, comparison, test_case, g_free);
  }
}

static void
add_cases (const Case *cases, char **variants)
{
  for (const Case *c = cases; c->variant != NULL; c++)
    if (variants[0] == NULL || g_strv_contains ((const char *const *)variants, c->variant))
      add_case (c);
}

int
main (int argc, char **argv)
{
  const char *choice = "";
  char **variants;
  int status;

  if (argc == 6 && strcmp (argv[1], "--dump") == 0) {
    Case c = {argv[2], (unsigned)g_ascii_strtoull (argv[3], NULL, 10),
              g_ascii_strtod (argv[4], NULL)};

    return dump (&c, argv[5]) ? 0 : 1;
  }
  program = argv[0];
  references = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  g_test_init (&argc, &argv, NULL);
  variants = argv + 1;
  if (variants[0] != NULL && g_str_has_prefix (variants[0], "--"))
    choice = *variants++;
  if (g_str_equal (choice, "--full")) {
    add_cases (full, variants);
  } else {
    if (!g_str_equal (choice, "--large"))
      add_cases (g_getenv ("EFFNET_TEST_SHORT") != NULL ? thin : small, variants);
    if (!g_str_equal (choice, "--small"))
      add_cases (large, variants);
  }
  g_test_add_func ("/reference/can fail", test_can_fail);
  status = g_test_run ();
  g_hash_table_unref (references);
  return status;
}
