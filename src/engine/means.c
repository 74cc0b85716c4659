/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which means correct the biases of a model, and what its user is told of that. How they are
 * measured: measure.c. */
#include "bind/bind.h"
#include "engine/engine.h"
#include "quant/means_file.h"

void
effnet_add_notice (char **notice, char *sentence)
{
  g_autofree char *before = g_steal_pointer (notice), *more = sentence;

  *notice = before != NULL ? g_strconcat (before, "; ", more, NULL) : g_steal_pointer (&more);
}

/* Those of frames, which are of no use where they are damaged or of other weights. */
static gboolean
load_means (const EffnetNet *net, const EffnetTensorTable *tensors, EffnetMeans **means,
            char **notice, GError **error)
{
  g_autofree char *path = effnet_means_path (effnet_tensor_table_name (tensors));
  g_autoptr (GError) problem = NULL;
  EffnetHash *hash = effnet_tensor_table_hash (tensors);

  if (hash == NULL || !g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE;
  *means = effnet_means_load (net, path, effnet_hash_get (hash), &problem);
  if (*means != NULL)
    return TRUE;
  if (notice == NULL) {
    g_propagate_error (error, g_steal_pointer (&problem));
    return FALSE;
  }
  effnet_add_notice (notice, g_strdup_printf ("biases are not corrected: %s; measure again: effnet "
                                              "calibrate MODEL FRAMES",
                                              problem->message));
  return TRUE;
}

gboolean
effnet_find_means (const EffnetNet *net, const EffnetTensorTable *tensors, const EffnetBound *bound,
                   EffnetMeans **means, const char **correction, char **notice, GError **error)
{
  gboolean known;

  if (!effnet_means_are_known (bound, net->n_layers, &known, error))
    return FALSE;
  if (known)
    *means = effnet_means_new (net, bound, error);
  else if (!load_means (net, tensors, means, notice, error))
    return FALSE;
  *correction = known ? "batch-norm" : *means != NULL ? "frames" : "none";
  return !known || *means != NULL;
}
