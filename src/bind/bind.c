/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bind/bind.h"

#include <string.h>

#include "base/text.h"
#include "bind/dialect.h"

static char *
shape_string (const EffnetLayerTensor *wanted)
{
  GString *out = g_string_new ("[");

  for (unsigned i = 0; i < wanted->n_dims; i++)
    g_string_append_printf (out, "%s%" G_GSIZE_FORMAT, i > 0 ? ", " : "", wanted->shape[i]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

/* What is wrong with @tensor, which was found as @name; NULL = nothing. */
static char *
tensor_problem (const EffnetTensor *tensor, const char *name, const EffnetLayerTensor *wanted)
{
  g_autofree char *found_shape = NULL, *wanted_shape = NULL;

  if (tensor == NULL)
    return g_strdup_printf ("tensor %s is missing", name);
  if (!tensor->is_float)
    return g_strdup_printf (
        "tensor %s holds integers; expected F32, F64, F16, BF16, or I8 with its scales", name);
  if (tensor->n_dims == wanted->n_dims &&
      memcmp (tensor->shape, wanted->shape, wanted->n_dims * sizeof *wanted->shape) == 0)
    return NULL;
  found_shape = effnet_tensor_shape_string (tensor);
  wanted_shape = shape_string (wanted);
  return g_strdup_printf ("tensor %s is %s; expected %s", name, found_shape, wanted_shape);
}

/* A head of its own brings the classifier, under timm's names. */
static gboolean
bind_layer (const EffnetNet *net, const EffnetTensorTable *tensors, const EffnetTensorTable *head,
            EffnetBound *bound, GError **error)
{
  EffnetLayerTensor wanted[EFFNET_ROLE_COUNT];
  gboolean is_heads = head != NULL && bound->layer.kind == EFFNET_LAYER_CLASSIFIER;
  EffnetDialect dialect = is_heads ? EFFNET_DIALECT_TIMM : effnet_dialect_detect (tensors);
  unsigned n = effnet_layer_tensors (&bound->layer, effnet_dialect_is_folded (dialect), wanted);

  if (is_heads)
    tensors = head;

  for (unsigned i = 0; i < n; i++) {
    g_autofree char *name = effnet_dialect_tensor (dialect, net, &bound->layer, wanted[i].role);
    const EffnetTensor *tensor = effnet_tensor_table_find (tensors, name);
    g_autofree char *problem = tensor_problem (tensor, name, &wanted[i]);

    if (problem != NULL) {
      g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
      return effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s: %s for %s", file, problem,
                          net->variant);
    }
    bound->tensors[wanted[i].role] = tensor;
  }
  return TRUE;
}

/* Every float tensor of the file must have a place in the net, but for the classifier that a head
 * takes the place of. */
static gboolean
check_none_unused (const EffnetBound *bound, size_t n_layers, const EffnetNet *net,
                   const EffnetTensorTable *tensors, gboolean has_head, GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);

  for (size_t i = 0; i < n_layers; i++) {
    for (unsigned j = 0; j < EFFNET_ROLE_COUNT; j++)
      g_hash_table_add (used, (gpointer)bound[i].tensors[j]);
    for (unsigned j = 0; has_head && bound[i].layer.kind == EFFNET_LAYER_CLASSIFIER && j < 2; j++) {
      g_autofree char *name =
          effnet_dialect_tensor (effnet_dialect_detect (tensors), net, &bound[i].layer,
                                 j == 0 ? EFFNET_ROLE_WEIGHT : EFFNET_ROLE_BIAS);
      g_hash_table_add (used, (gpointer)effnet_tensor_table_find (tensors, name));
    }
  }
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (tensors, i);

    /* PyTorch's batch counter is no weight. */
    if (g_hash_table_contains (used, tensor) || tensor->is_scale ||
        g_str_has_suffix (tensor->name, ".num_batches_tracked"))
      continue;
    g_autofree char *file = effnet_printable (effnet_tensor_table_name (tensors));
    g_autofree char *name = effnet_printable (tensor->name);
    return effnet_fail (error, EFFNET_ERROR_MISMATCH, "%s: tensor \"%s\" has no place in %s", file,
                        name, net->variant);
  }
  return TRUE;
}

/* Adds to a mismatch which variant the file looks like. */
static void
explain_mismatch (const EffnetNet *net, EffnetDialect dialect, const EffnetTensorTable *tensors,
                  GError **error)
{
  g_autofree char *problem = NULL;
  const char *guess;

  if (error == NULL || *error == NULL)
    return;
  guess = effnet_dialect_guess (dialect, tensors).variant;
  if (g_strcmp0 (guess, net->variant) == 0)
    return;
  problem = g_strdup ((*error)->message);
  g_clear_error (error);
  if (guess == NULL)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s; the file looks like no variant we know", problem);
  else
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s; the file looks like %s: open it as variant %s", problem, guess, guess);
}

EffnetBound *
effnet_bind (const EffnetNet *net, const EffnetTensorTable *tensors, const EffnetTensorTable *head,
             double epsilon, size_t *n_layers, GError **error)
{
  EffnetDialect dialect = effnet_dialect_detect (tensors);
  const EffnetLayer *layers;
  g_autofree EffnetBound *bound = NULL;
  gboolean ok = TRUE;

  if (dialect == EFFNET_DIALECT_UNKNOWN) {
    effnet_dialect_fail_unknown (tensors, error);
    return NULL;
  }
  if (!(epsilon > 0))
    epsilon = effnet_dialect_epsilon (dialect, net);
  layers = effnet_net_layers (net, n_layers);
  bound = g_try_new0 (EffnetBound, *n_layers);
  if (bound == NULL) {
    effnet_fail_memory (error, "binding of layers to tensors", *n_layers * sizeof *bound);
    return NULL;
  }
  for (size_t i = 0; ok && i < *n_layers; i++) {
    bound[i].layer = layers[i];
    bound[i].epsilon = epsilon;
    ok = bind_layer (net, tensors, head, &bound[i], error);
  }
  if (!ok || !check_none_unused (bound, *n_layers, net, tensors, head != NULL, error) ||
      (head != NULL && !check_none_unused (bound, *n_layers, net, head, FALSE, error))) {
    explain_mismatch (net, dialect, tensors, error);
    return NULL;
  }
  return g_steal_pointer (&bound);
}
