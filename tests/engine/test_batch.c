/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A batch is so many single runs, bit for bit. */
#include <effnet/effnet.h>
#include <string.h>

#include "open.h"

#define MOST 9 /* images */

typedef struct {
  const char *name, *variant;
  EffnetPrecision precision;
  unsigned size; /* of the input */
} Case;

/* With and without squeeze-excite; scaled weights and scaled rows; pixels that fill no blocks. */
static const Case cases[] = {
    {"lite0", "lite0", EFFNET_PRECISION_FP32, 64},
    {"lite0-odd", "lite0", EFFNET_PRECISION_FP32, 97},
    {"b0", "b0", EFFNET_PRECISION_FP32, 96},
    {"b0-odd", "b0", EFFNET_PRECISION_FP32, 75},
    {"b3", "b3", EFFNET_PRECISION_FP32, 160},
    {"lite0-bf16", "lite0", EFFNET_PRECISION_BF16, 97},
    {"b0-bf16", "b0", EFFNET_PRECISION_BF16, 129},
};

typedef struct {
  unsigned n;
  float *logits;   /* [MOST][n_classes] */
  float *features; /* [MOST][n_features] */
  double entropy[MOST];
} Wanted;

static void
compare (unsigned i, const EffnetResult *got, void *user_data)
{
  Wanted *want = user_data;

  g_assert_cmpuint (i, ==, want->n++);
  g_assert_cmpmem (got->logits, got->n_classes * sizeof (float),
                   want->logits + (size_t)i * got->n_classes, got->n_classes * sizeof (float));
  g_assert_cmpmem (got->features, got->n_features * sizeof (float),
                   want->features + (size_t)i * got->n_features, got->n_features * sizeof (float));
  g_assert_true (got->entropy == want->entropy[i]);
  g_assert_cmpuint (got->infer_ns, >, 0);
}

static float *
make_inputs (size_t per_image)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  float *inputs = g_new (float, MOST *per_image);

  for (size_t i = 0; i < MOST * per_image; i++)
    inputs[i] = (float)g_rand_double_range (rand, -2, 2);
  return inputs;
}

static void
run_singly (EffnetModel *model, const float *inputs, size_t per_image, Wanted *want)
{
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autoptr (GError) error = NULL;
  EffnetResult result;

  for (size_t i = 0; i < MOST; i++) {
    effnet_session_run (session, inputs + i * per_image, &result, &error);
    g_assert_no_error (error);
    if (i == 0) {
      want->logits = g_new (float, (size_t)MOST *result.n_classes);
      want->features = g_new (float, (size_t)MOST *result.n_features);
    }
    memcpy (want->logits + i * result.n_classes, result.logits, result.n_classes * sizeof (float));
    memcpy (want->features + i * result.n_features, result.features,
            result.n_features * sizeof (float));
    want->entropy[i] = result.entropy;
  }
}

static void
test_same_bits (gconstpointer data)
{
  const Case *c = data;
  EffnetModelOptions options = {
      .variant = c->variant, .precision = c->precision, .synthetic_seed = 5, .input_size = c->size};
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = effnet_model_open (NULL, &options, &error);
  static const unsigned sizes[] = {2, 1, 5, 3, MOST, 1, 4};
  size_t per_image = (size_t)c->size * c->size * 3;
  g_autofree float *inputs = make_inputs (per_image);
  Wanted want = {0};

  if (g_error_matches (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED)) {
    g_test_skip (error->message);
    return;
  }
  g_assert_no_error (error);
  run_singly (model, inputs, per_image, &want);
  for (unsigned threads = 1; threads <= 3; threads++) {
    g_autoptr (EffnetSession) session = test_new_session (model, threads);

    for (unsigned i = 0; i < G_N_ELEMENTS (sizes); i++) {
      want.n = 0;
      g_assert_true (effnet_session_run_batch (session, inputs, sizes[i], compare, &want, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (want.n, ==, sizes[i]);
    }
  }
  g_free (want.logits);
  g_free (want.features);
}

static void
never (unsigned i, const EffnetResult *result, void *user_data)
{
  (void)i;
  (void)result;
  (void)user_data;
  g_assert_not_reached ();
}

static void
test_refused (void)
{
  EffnetModelOptions options = {.variant = "lite0", .synthetic_seed = 5, .input_size = 32};
  g_autoptr (EffnetModel) model = test_open (NULL, &options);
  g_autoptr (EffnetSession) session = test_new_session (model, 1);
  g_autofree float *inputs = make_inputs ((size_t)32 * 32 * 3);
  g_autoptr (GError) error = NULL;

  g_assert_true (effnet_session_run_batch (session, inputs, 0, never, NULL, &error));
  g_assert_false (
      effnet_session_run_batch (session, inputs, EFFNET_BATCH_MAX + 1, never, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_ARGUMENT);
  g_clear_error (&error);
  effnet_session_set_cancelled (session, TRUE);
  g_assert_false (effnet_session_run_batch (session, inputs, 2, never, NULL, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_CANCELLED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (unsigned i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/batch/same-bits/%s", cases[i].name);

    g_test_add_data_func (path, &cases[i], test_same_bits);
  }
  g_test_add_func ("/batch/refused", test_refused);
  return g_test_run ();
}
