/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batch norm folded into the convolution before it; every number read is checked. */
#include "bind/bind.h"

#include <math.h>

#define FINITE_MAX 3.3895313892515355e38 /* the largest bf16: weights may become that */

/* x - x is 0 for a finite x and NaN for any other; sums of NaN stay NaN. What is above FINITE_MAX
 * is infinite once scaled. */
static gboolean
all_finite (const float *values, size_t n)
{
  const float scale = (float)((double)G_MAXFLOAT / FINITE_MAX);
  float sums[16] = {0}; /* independent, so that the compiler can vectorise them */
  size_t i = 0;

  for (; i + 16 <= n; i += 16) {
    for (size_t j = 0; j < 16; j++)
      sums[j] += values[i + j] * scale - values[i + j] * scale;
  }
  for (; i < n; i++)
    sums[0] += values[i] * scale - values[i] * scale;
  for (size_t j = 1; j < 16; j++)
    sums[0] += sums[j];
  return sums[0] == 0;
}

/* The first that all_finite() is FALSE for. */
static size_t
find_infinite (const float *values, size_t n)
{
  size_t i = 0;

  while (i + 1 < n && all_finite (values + i, 1))
    i++;
  return i;
}

/* Elements @first .. of @tensor. */
static gboolean
read_checked (const EffnetTensor *tensor, size_t first, size_t n, float *out, GError **error)
{
  if (!effnet_tensor_read_part (tensor, first, n, out, error))
    return FALSE;
  if (all_finite (out, n))
    return TRUE;
  size_t at = find_infinite (out, n);
  return effnet_fail (error, EFFNET_ERROR_FORMAT,
                      "tensor %s holds %g at element %" G_GSIZE_FORMAT
                      "; expected finite numbers, at most %g: the file is damaged",
                      tensor->name, (double)out[at], first + at, FINITE_MAX);
}

gboolean
effnet_bound_read (const EffnetBound *bound, EffnetRole role, float *out, GError **error)
{
  const EffnetTensor *tensor = bound->tensors[role];

  return read_checked (tensor, 0, tensor->n_elements, out, error);
}

/* What folding makes must be numbers, too. */
static gboolean
check_folded (const EffnetBound *bound, const char *what, double value, size_t o, GError **error)
{
  if (fabs (value) <= FINITE_MAX)
    return TRUE;
  return effnet_fail (error, EFFNET_ERROR_FORMAT,
                      "tensor %s and its batch norm make a %s of %g for output %" G_GSIZE_FORMAT
                      "; expected finite numbers, at most %g: the file is damaged",
                      bound->tensors[EFFNET_ROLE_WEIGHT]->name, what, value, o, FINITE_MAX);
}

/* @norm: [4][out] gamma, beta, mean, variance */
static gboolean
scale_from_norm (const EffnetBound *bound, const float *norm, double *scale, float *bias,
                 GError **error)
{
  size_t n = bound->layer.out;

  for (size_t o = 0; o < n; o++) {
    double gamma = norm[o], beta = norm[n + o], mean = norm[2 * n + o], variance = norm[3 * n + o];

    if (variance < 0) {
      g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT,
                   "tensor %s holds %g at element %" G_GSIZE_FORMAT
                   "; a variance is at least 0: the file is damaged",
                   bound->tensors[EFFNET_ROLE_VARIANCE]->name, variance, o);
      return FALSE;
    }
    scale[o] = gamma / sqrt (variance + bound->epsilon);
    if (!check_folded (bound, "scale", scale[o], o, error) ||
        !check_folded (bound, "bias", beta - mean * scale[o], o, error))
      return FALSE;
    bias[o] = (float)(beta - mean * scale[o]);
  }
  return TRUE;
}

gboolean
effnet_fold_scale (const EffnetBound *bound, double *scale, float *bias, GError **error)
{
  g_autofree float *norm = NULL;
  size_t out = bound->layer.out;

  if (bound->tensors[EFFNET_ROLE_GAMMA] == NULL) {
    for (size_t o = 0; o < out; o++)
      scale[o] = 1.0;
    return read_checked (bound->tensors[EFFNET_ROLE_BIAS], 0, out, bias, error);
  }
  norm = g_try_new (float, 4 * out);
  if (norm == NULL)
    return effnet_fail_memory (error, "batch norm", 4 * out * sizeof *norm);
  for (unsigned i = 0; i < 4; i++) {
    if (!read_checked (bound->tensors[EFFNET_ROLE_GAMMA + i], 0, out, norm + i * out, error))
      return FALSE;
  }
  return scale_from_norm (bound, norm, scale, bias, error);
}

gboolean
effnet_fold_rows (const EffnetBound *bound, const double *scale, size_t first, size_t rows,
                  float *w, GError **error)
{
  const EffnetLayer *layer = &bound->layer;
  size_t per_out = layer->in * layer->kernel * layer->kernel;

  if (!read_checked (bound->tensors[EFFNET_ROLE_WEIGHT], first * per_out, rows * per_out, w, error))
    return FALSE;
  if (bound->tensors[EFFNET_ROLE_GAMMA] == NULL)
    return TRUE;
  for (size_t o = 0; o < rows; o++) {
    for (size_t i = 0; i < per_out; i++)
      w[o * per_out + i] = (float)(w[o * per_out + i] * scale[first + o]);
  }
  if (all_finite (w, rows * per_out))
    return TRUE;
  size_t at = find_infinite (w, rows * per_out);
  return effnet_fail (error, EFFNET_ERROR_FORMAT,
                      "tensor %s and its batch norm make a weight of %g for output %" G_GSIZE_FORMAT
                      "; expected finite numbers, at most %g: the file is damaged",
                      bound->tensors[EFFNET_ROLE_WEIGHT]->name, (double)w[at], first + at / per_out,
                      FINITE_MAX);
}
