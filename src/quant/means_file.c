/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "quant/means_file.h"

#include <math.h>

#include "base/text.h"
#include "bind/dialect.h"
#include "weights/writer.h"

#define ENDING      ".means"
#define NOTE_SHA256 "effnet.weights_sha256"
#define NOTE_FRAMES "effnet.frames"

char *
effnet_means_path (const char *weights)
{
  static const char usual[] = ".safetensors";
  size_t n = strlen (weights) - (g_str_has_suffix (weights, usual) ? strlen (usual) : 0);

  return g_strdup_printf ("%.*s" ENDING, (int)n, weights);
}

static char *
tensor_name (const EffnetNet *net, const EffnetLayer *layer)
{
  return effnet_dialect_tensor (EFFNET_DIALECT_TIMM, net, layer, EFFNET_ROLE_WEIGHT);
}

gboolean
effnet_means_save (const EffnetMeans *means, const EffnetNet *net, const char *path,
                   const char *weights_sha256, uint64_t frames, GError **error)
{
  g_autoptr (EffnetTensorWriter) writer = effnet_tensor_writer_new ();
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, frames);
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  effnet_tensor_writer_note (writer, NOTE_SHA256, weights_sha256);
  effnet_tensor_writer_note (writer, NOTE_FRAMES, number);
  for (size_t i = 0; i < n_layers; i++) {
    size_t n = effnet_channels_read (&layers[i]);
    g_autofree char *name = tensor_name (net, &layers[i]);

    if (means->of[i] != NULL)
      effnet_tensor_writer_add (writer, name, 1, &n, means->of[i]);
  }
  return effnet_tensor_writer_save (writer, path, error);
}

/* The means of one layer, where the file has them. */
static gboolean
read_layer (const EffnetTensorTable *table, const char *name, size_t channels, float *to,
            gboolean *found, GError **error)
{
  const EffnetTensor *tensor = effnet_tensor_table_find (table, name);

  *found = tensor != NULL;
  if (tensor == NULL)
    return TRUE;
  g_autofree char *shape = effnet_tensor_shape_string (tensor);
  if (!tensor->is_float || tensor->n_dims != 1 || tensor->shape[0] != channels)
    return effnet_fail (error, EFFNET_ERROR_MISMATCH,
                        "tensor %s is %s %s; expected F32 [%" G_GSIZE_FORMAT "]", name,
                        tensor->dtype_name, shape, channels);
  if (!effnet_tensor_read (tensor, to, error))
    return FALSE;
  for (size_t c = 0; c < channels; c++)
    if (!isfinite (to[c]))
      return effnet_fail (error, EFFNET_ERROR_FORMAT,
                          "tensor %s holds %g at element %" G_GSIZE_FORMAT
                          "; expected finite numbers: the file is damaged",
                          name, (double)to[c], c);
  return TRUE;
}

static gboolean
read_layers (EffnetMeans *means, const EffnetNet *net, const EffnetTensorTable *table,
             GError **error)
{
  size_t n_layers, n_found = 0;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  float *at = means->values;

  for (size_t i = 0; i < n_layers; i++) {
    size_t n = effnet_channels_read (&layers[i]);
    g_autofree char *name = tensor_name (net, &layers[i]);
    gboolean found;

    if (!read_layer (table, name, n, at, &found, error))
      return FALSE;
    means->of[i] = found ? at : NULL;
    at += n;
    n_found += found;
  }
  return n_found > 0 || effnet_fail (error, EFFNET_ERROR_MISMATCH,
                                     "none of its tensors is a layer's of %s", net->variant);
}

EffnetMeans *
effnet_means_load (const EffnetNet *net, const char *path, const char *weights_sha256,
                   GError **error)
{
  g_autoptr (EffnetTensorTable) table = effnet_tensor_table_open (path, error);
  g_autofree char *shown = effnet_printable (path);
  g_autoptr (EffnetMeans) means = NULL;
  const char *said;

  if (table == NULL)
    return NULL;
  said = effnet_tensor_table_note (table, NOTE_SHA256);
  if (g_strcmp0 (said, weights_sha256) != 0) {
    g_autofree char *of = effnet_printable (said != NULL ? said : "(not said)");
    effnet_fail (error, EFFNET_ERROR_MISMATCH,
                 "%s is of the weights of sha256 %.12s..., not of these, of %.12s...", shown, of,
                 weights_sha256);
    return NULL;
  }
  means = effnet_means_alloc (net, error);
  if (means == NULL)
    return NULL;
  if (read_layers (means, net, table, error))
    return g_steal_pointer (&means);
  g_prefix_error (error, "%s: ", shown);
  return NULL;
}
