/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What rounding does to a network: means of activations against plain sums over the normal
 * distribution, and files whose statistics are missing or odd. Whole networks are compared with
 * PyTorch in golden. */
#include <math.h>

#include "bind/synthetic.h"
#include "quant/correct.h"
#include "quant/int8.h"
#include "quant/means.h"
#include "quant/moments.h"

#define SUMMED 200000

static double
act (EffnetActivation activation, double x)
{
  switch (activation) {
  case EFFNET_ACTIVATION_SWISH:
    return x / (1 + exp (-x));
  case EFFNET_ACTIVATION_RELU:
    return MAX (x, 0);
  case EFFNET_ACTIVATION_RELU6:
    return CLAMP (x, 0, 6);
  case EFFNET_ACTIVATION_SIGMOID:
    return 1 / (1 + exp (-x));
  default:
    return x;
  }
}

static double
summed (EffnetActivation activation, double mean, double deviation)
{
  double sum = 0, weights = 0;

  for (int i = 0; i <= SUMMED; i++) {
    double z = 9.0 * (2.0 * i / SUMMED - 1), weight = exp (-z * z / 2);

    sum += weight * act (activation, mean + deviation * z);
    weights += weight;
  }
  return sum / weights;
}

static void
test_moments (void)
{
  static const double means[] = {-9, -2.5, -0.1, 0, 0.3, 3, 5.9, 40};
  static const double deviations[] = {0, 1e-6, 0.05, 0.7, -1.5, 2, 2.1, 7, 30};

  for (EffnetActivation a = EFFNET_ACTIVATION_NONE; a <= EFFNET_ACTIVATION_SIGMOID; a++)
    for (gsize m = 0; m < G_N_ELEMENTS (means); m++)
      for (gsize d = 0; d < G_N_ELEMENTS (deviations); d++) {
        double found = effnet_mean_activated (a, means[m], deviations[d]);
        double wanted = summed (a, means[m], deviations[d]);
        double bound = 2e-8 * (1 + fabs (means[m]) + fabs (deviations[d]));

        if (!(fabs (found - wanted) <= bound))
          g_error ("activation %d of N (%g, %g^2): %.12g; expected %.12g", (int)a, means[m],
                   deviations[d], found, wanted);
      }
  g_assert_true (isfinite (effnet_mean_activated (EFFNET_ACTIVATION_SWISH, 1e30, 1e30)));
}

static void
test_correct (void)
{
  const float w[] = {1.25f, -2.0f, 0.5f, 3.0f}, rounded[] = {1.0f, -2.0f, 0.75f, 3.5f};
  const float means[] = {2.0f, -1.0f}, huge[] = {3e38f, 3e38f};
  float bias[] = {0.5f, 7.0f}, kept[] = {0.5f, -3e38f};

  effnet_correct_bias (w, rounded, 2, 2, means, bias);
  g_assert_cmpfloat (bias[0], ==, 0.5f + 0.25f * 2.0f);
  g_assert_cmpfloat (bias[1], ==, 7.0f - 0.25f * 2.0f + 0.5f * 1.0f);
  effnet_correct_bias (w, rounded, 2, 2, huge, kept);
  g_assert_true (isfinite (kept[0]));
  g_assert_cmpfloat (kept[1], ==, -3e38f);
}

/* Ties go to even; zeros have no scale; a scale that is denormal is off by too much for the digits
 * to stay in range by themselves. */
static void
test_int8 (void)
{
  enum { ROWS = 3, N = 4 };
  const float w[ROWS * N] = {-127, 2.5f, 3.5f, -0.5f, 0, -0.0f, 0, 0, 2.6e-43f, -2.6e-43f, 0, 0};
  const int8_t wanted[ROWS * N] = {-127, 2, 4, 0, 0, 0, 0, 0, 127, -127, 0, 0};
  int8_t q[ROWS * N];
  float scale[ROWS];
  int32_t sum[ROWS];

  effnet_int8_weights (w, ROWS, N, q, scale, sum);
  g_assert_cmpmem (q, sizeof q, wanted, sizeof wanted);
  g_assert_cmpfloat (scale[0], ==, 1.0f);
  g_assert_cmpfloat (scale[1], ==, 0.0f);
  g_assert_cmpint (sum[0], ==, -127 + 2 + 4);
  g_assert_cmpint (sum[1], ==, 0);
  g_assert_cmpint (sum[2], ==, 0);
}

/* Sets @value at every element of the tensors whose names end in @suffix. */
static void
fill (const EffnetTensorTable *table, const char *suffix, float value)
{
  for (gsize i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);

    for (gsize j = 0; g_str_has_suffix (tensor->name, suffix) && j < tensor->n_elements; j++)
      ((float *)tensor->data)[j] = value;
  }
}

/* A net with one number in all tensors of a role, its means, and whether they are known. */
static EffnetMeans *
means_of (const char *suffix, float value, gboolean *known, GError **error)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("b0", 32, 10, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetTensorTable) table = effnet_synthetic_new (net, 3, NULL);
  g_autofree EffnetBound *bound = NULL;
  EffnetMeans *means = NULL;
  size_t n;

  if (suffix != NULL)
    fill (table, suffix, value);
  bound = effnet_bind (net, table, NULL, 0, &n, NULL);
  if (!effnet_means_are_known (bound, n, known, error) ||
      (means = effnet_means_new (net, bound, error)) == NULL)
    return NULL;
  for (size_t i = 0; i < n; i++) {
    const EffnetLayer *layer = &bound[i].layer;
    size_t channels = layer->kind == EFFNET_LAYER_DEPTHWISE ? layer->out : layer->in;

    g_assert_true ((means->of[i] == NULL) == (layer->kind == EFFNET_LAYER_STEM));
    for (size_t c = 0; means->of[i] != NULL && c < channels; c++)
      g_assert_true (isfinite (means->of[i][c]));
  }
  return means;
}

static void
test_statistics (void)
{
  g_autoptr (GError) error = NULL;
  gboolean known = FALSE;

  effnet_means_free (means_of (NULL, 0, &known, &error));
  g_assert_no_error (error);
  g_assert_true (known);
  effnet_means_free (means_of ("bn2.running_mean", 0, &known, &error));
  g_assert_true (known); /* gamma is not 1 */
  effnet_means_free (means_of ("bn1.weight", 0, &known, &error));
  g_assert_no_error (error);
  g_assert_null (means_of ("bn1.weight", INFINITY, &known, &error));
  g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
}

/* Batch norm that was folded away leaves an identity. */
static void
test_folded (void)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("lite0", 32, 10, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetTensorTable) table = effnet_synthetic_new (net, 3, NULL);
  g_autofree EffnetBound *bound = NULL;
  gboolean known = TRUE;
  size_t n;

  for (gsize i = 0; i < effnet_tensor_table_size (table); i++) {
    const char *name = effnet_tensor_table_nth (table, i)->name;

    if (strstr (name, "bn") != NULL)
      fill (table, name, g_str_has_suffix (name, ".weight") ? 1.0f : 0.0f);
  }
  bound = effnet_bind (net, table, NULL, 0, &n, NULL);
  g_assert_nonnull (bound);
  g_assert_true (effnet_means_are_known (bound, n, &known, NULL));
  g_assert_false (known);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/quant/moments", test_moments);
  g_test_add_func ("/quant/correct", test_correct);
  g_test_add_func ("/quant/int8", test_int8);
  g_test_add_func ("/quant/statistics", test_statistics);
  g_test_add_func ("/quant/folded", test_folded);
  return g_test_run ();
}
