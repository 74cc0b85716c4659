/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From layers to tensors, and from tensors to folded convolutions. Names live in dialect.c. */
#include "plan/bind.h"

#include <math.h>
#include <string.h>

EffnetLayer *
effnet_net_layers (const EffnetNet *net, size_t *n_layers)
{
  EffnetLayer *layers = g_new0 (EffnetLayer, 3 + 5 * (size_t)net->n_blocks);
  size_t n = 0, last = net->stem_channels;

  layers[n++] = (EffnetLayer){EFFNET_LAYER_STEM, NULL, 0, net->stem_channels, 3, 3};
  for (unsigned i = 0; i < net->n_blocks; i++) {
    const EffnetBlock *b = &net->blocks[i];

    if (b->has_expand)
      layers[n++] = (EffnetLayer){EFFNET_LAYER_EXPAND, b, i, b->expand_channels, b->in_channels, 1};
    layers[n++] = (EffnetLayer){EFFNET_LAYER_DEPTHWISE, b, i, b->expand_channels, 1, b->kernel};
    if (b->se_channels > 0) {
      layers[n++] =
          (EffnetLayer){EFFNET_LAYER_SE_REDUCE, b, i, b->se_channels, b->expand_channels, 1};
      layers[n++] =
          (EffnetLayer){EFFNET_LAYER_SE_EXPAND, b, i, b->expand_channels, b->se_channels, 1};
    }
    layers[n++] = (EffnetLayer){EFFNET_LAYER_PROJECT, b, i, b->out_channels, b->expand_channels, 1};
    last = b->out_channels;
  }
  layers[n++] = (EffnetLayer){EFFNET_LAYER_HEAD, NULL, 0, net->head_channels, last, 1};
  layers[n++] =
      (EffnetLayer){EFFNET_LAYER_CLASSIFIER, NULL, 0, net->n_classes, net->head_channels, 1};
  *n_layers = n;
  return layers;
}

typedef struct {
  const EffnetTensorTable *tensors;
  EffnetBound *bound;
  char *problem; /* the first one */
} Binding;

static char *
shape_string (unsigned n_dims, const size_t *shape)
{
  GString *out = g_string_new ("[");

  for (unsigned i = 0; i < n_dims; i++)
    g_string_append_printf (out, "%s%" G_GSIZE_FORMAT, i > 0 ? ", " : "", shape[i]);
  g_string_append_c (out, ']');
  return g_string_free (out, FALSE);
}

static void
bind_tensor (void *user, const char *name, unsigned n_dims, const size_t *shape)
{
  Binding *binding = user;
  EffnetBound *bound = binding->bound;
  const EffnetTensor *tensor = effnet_tensor_table_find (binding->tensors, name);
  const char *part = strrchr (name, '.');

  if (binding->problem != NULL)
    return;
  if (tensor == NULL) {
    binding->problem = g_strdup_printf ("tensor %s is missing", name);
    return;
  }
  if (!tensor->is_float) {
    binding->problem =
        g_strdup_printf ("tensor %s holds integers; expected F32, F16 or BF16", name);
    return;
  }
  if (tensor->n_dims != n_dims || memcmp (tensor->shape, shape, n_dims * sizeof *shape) != 0) {
    g_autofree char *found = effnet_tensor_shape_string (tensor);
    g_autofree char *wanted = shape_string (n_dims, shape);

    binding->problem = g_strdup_printf ("tensor %s is %s; expected %s", name, found, wanted);
    return;
  }
  /* effnet_layer_want() names the convolution's weight first, then its bias or the batch norm's
   * four. */
  if (bound->weight == NULL)
    bound->weight = tensor;
  else if (strcmp (part, ".running_mean") == 0)
    bound->mean = tensor;
  else if (strcmp (part, ".running_var") == 0)
    bound->variance = tensor;
  else if (strcmp (part, ".weight") == 0)
    bound->gamma = tensor;
  else
    bound->beta = tensor;
}

gboolean
effnet_layer_bind (EffnetDialect dialect, const EffnetNet *net, const EffnetLayer *layer,
                   const EffnetTensorTable *tensors, EffnetBound *bound, GError **error)
{
  Binding binding = {tensors, bound, NULL};

  memset (bound, 0, sizeof *bound);
  bound->out = layer->out;
  bound->in = layer->in;
  bound->kernel = layer->kernel;
  effnet_layer_want (dialect, net, layer, bind_tensor, &binding);
  if (binding.problem != NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH, "%s: %s for %s",
                 effnet_tensor_table_name (tensors), binding.problem, net->variant);
    g_free (binding.problem);
    return FALSE;
  }
  if (bound->gamma == NULL) {
    bound->bias = bound->beta;
    bound->beta = NULL;
  }
  return TRUE;
}

/* x - x is 0 for a finite x and NaN for any other; sums of NaN stay NaN. */
static gboolean
all_finite (const float *values, size_t n)
{
  float sums[16] = {0}; /* side by side, so that several go at once */
  size_t i = 0;

  for (; i + 16 <= n; i += 16) {
    for (size_t j = 0; j < 16; j++)
      sums[j] += values[i + j] - values[i + j];
  }
  for (; i < n; i++)
    sums[0] += values[i] - values[i];
  for (size_t j = 1; j < 16; j++)
    sums[0] += sums[j];
  return sums[0] == 0;
}

/* Elements @first .. of @tensor. */
static gboolean
read_checked (const EffnetTensor *tensor, size_t first, size_t n, float *out, GError **error)
{
  size_t i = 0;

  effnet_tensor_read_part (tensor, first, n, out);
  if (all_finite (out, n))
    return TRUE;
  while (isfinite (out[i]))
    i++;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
               "tensor %s holds %g at element %" G_GSIZE_FORMAT
               "; expected finite numbers: the file is damaged",
               tensor->name, (double)out[i], first + i);
  return FALSE;
}

/* @norm: [4][out] gamma, beta, mean, variance */
static gboolean
scale_from_norm (const EffnetBound *bound, const float *norm, double *scale, float *bias,
                 GError **error)
{
  size_t n = bound->out;

  for (size_t o = 0; o < n; o++) {
    double gamma = norm[o], beta = norm[n + o], mean = norm[2 * n + o], variance = norm[3 * n + o];

    if (variance < 0) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                   "tensor %s holds %g at element %" G_GSIZE_FORMAT
                   "; a variance is at least 0: the file is damaged",
                   bound->variance->name, variance, o);
      return FALSE;
    }
    scale[o] = gamma / sqrt (variance + bound->epsilon);
    bias[o] = (float)(beta - mean * scale[o]);
  }
  return TRUE;
}

gboolean
effnet_bound_scale (const EffnetBound *bound, double *scale, float *bias, GError **error)
{
  const EffnetTensor *parts[] = {bound->gamma, bound->beta, bound->mean, bound->variance};
  g_autofree float *norm = NULL;

  if (bound->gamma == NULL) {
    for (size_t o = 0; o < bound->out; o++)
      scale[o] = 1.0;
    return read_checked (bound->bias, 0, bound->out, bias, error);
  }
  norm = g_new (float, G_N_ELEMENTS (parts) * bound->out);
  for (size_t i = 0; i < G_N_ELEMENTS (parts); i++) {
    if (!read_checked (parts[i], 0, bound->out, norm + i * bound->out, error))
      return FALSE;
  }
  return scale_from_norm (bound, norm, scale, bias, error);
}

gboolean
effnet_bound_rows (const EffnetBound *bound, const double *scale, size_t first, size_t rows,
                   float *w, GError **error)
{
  size_t per_out = bound->in * bound->kernel * bound->kernel;

  if (!read_checked (bound->weight, first * per_out, rows * per_out, w, error))
    return FALSE;
  if (bound->gamma == NULL)
    return TRUE;
  for (size_t o = 0; o < rows; o++) {
    for (size_t i = 0; i < per_out; i++)
      w[o * per_out + i] = (float)(w[o * per_out + i] * scale[first + o]);
  }
  return TRUE;
}
