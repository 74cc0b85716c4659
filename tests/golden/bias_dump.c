/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * bias_dump FILE VARIANT CLASSES EPSILON PRECISION: float32 of the packed biases of all layers, one
 * layer after the other, as they are corrected for the rounding of their weights, and where outputs
 * are digits in units of a value.
 * check_correction.py compares them with its own. */
#include <stdio.h>

#include "plan/plan.h"
#include "quant/means.h"

static EffnetDtype
dtype_of (const char *precision)
{
  for (EffnetDtype dtype = 0; dtype < EFFNET_DTYPE_COUNT; dtype++)
    if (g_strcmp0 (effnet_dtypes[dtype].precision, precision) == 0)
      return dtype;
  return EFFNET_DTYPE_F32;
}

static void
write_biases (const EffnetPackedLayer *layer, const char *weights)
{
  const float *bias = (const float *)(const void *)(weights + layer->bias);
  float top = (float)effnet_digits_levels (layer->digits, EFFNET_RANGE_FIXED);

  for (size_t o = 0; o < layer->out; o++) {
    float value = layer->out_digits ? bias[o] * 6.0f / top : bias[o];

    fwrite (&value, sizeof value, 1, stdout);
  }
}

static gboolean
dump (char **argv, GError **error)
{
  unsigned n_classes = (unsigned)g_ascii_strtoull (argv[3], NULL, 10);
  g_autoptr (EffnetTensorTable) tensors = effnet_tensor_table_open (argv[1], error);
  g_autoptr (EffnetNet) net =
      effnet_net_new (argv[2], 0, n_classes, EFFNET_PADDING_AUTO, tensors != NULL ? error : NULL);
  g_autofree EffnetBound *bound = NULL;
  g_autofree char *weights = NULL;
  g_autoptr (EffnetPlan) plan = NULL;
  g_autoptr (EffnetMeans) means = NULL;
  size_t n_layers;
  gboolean known;

  if (tensors == NULL || net == NULL)
    return FALSE;
  bound = effnet_bind (net, tensors, NULL, g_ascii_strtod (argv[4], NULL), &n_layers, error);
  if (bound == NULL || (plan = effnet_plan_new (net, dtype_of (argv[5]), NULL, error)) == NULL ||
      !effnet_means_are_known (bound, n_layers, &known, error) ||
      (known && (means = effnet_means_new (net, bound, error)) == NULL))
    return FALSE;
  weights = g_malloc0 (plan->weight_bytes);
  for (size_t i = 0; i < n_layers; i++) {
    if (!effnet_pack_layer (&plan->layers[i], &bound[i], known ? means->of[i] : NULL, weights,
                            error))
      return FALSE;
    write_biases (&plan->layers[i], weights);
  }
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc != 6) {
    fprintf (stderr, "usage: bias_dump FILE VARIANT CLASSES EPSILON PRECISION\n");
    return 2;
  }
  if (dump (argv, &error))
    return 0;
  fprintf (stderr, "%s\n", error->message);
  return 1;
}
