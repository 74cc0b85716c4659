/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plain.h"

#include <math.h>

static double
activate (EffnetActivation activation, double x)
{
  if (activation == EFFNET_ACTIVATION_SIGMOID)
    return 1 / (1 + exp (-x));
  if (activation == EFFNET_ACTIVATION_SWISH)
    return x / (1 + exp (-x));
  return activation == EFFNET_ACTIVATION_RELU6 ? CLAMP (x, 0.0, 6.0) : x;
}

/* s of batch norm, 1 without one; *@bias: what is added. */
static double
affine (const EffnetParam *p, const double *theta, size_t o, double *bias)
{
  double s = p->has_norm ? theta[p->gamma + o] * p->inverse[o] : 1;

  *bias = theta[p->beta + o] - (p->has_norm ? p->mean[o] * s : 0);
  return s;
}

static double *
pointwise (const EffnetParam *p, const double *theta, EffnetActivation activation, size_t pixels,
           const double *x)
{
  size_t in = p->layer.in, out = p->layer.out;
  double *y = g_new (double, pixels *out);

  for (size_t o = 0; o < out; o++) {
    double bias, s = affine (p, theta, o, &bias);

    for (size_t q = 0; q < pixels; q++) {
      double sum = 0;

      for (size_t i = 0; i < in; i++)
        sum += theta[p->weight + o * in + i] * x[q * in + i];
      y[q * out + o] = activate (activation, sum * s + bias);
    }
  }
  return y;
}

static double *
depthwise (const EffnetNet *net, const EffnetParam *p, const double *theta, const double *x)
{
  const EffnetBlock *b = p->layer.block;
  int n = (int)b->expand_channels, k = (int)b->kernel, height = (int)b->in_height;
  int width = (int)b->in_width, out_w = (int)b->out_width;
  int pad = (int)effnet_conv_pad (b->in_height, b->kernel, b->stride, net->padding);
  double *y = g_new (double, (size_t)b->out_height * b->out_width * b->expand_channels);

  for (int c = 0; c < n; c++) {
    double bias, s = affine (p, theta, (size_t)c, &bias);

    for (int at = 0; at < (int)b->out_height * out_w; at++) {
      double sum = 0;

      for (int t = 0; t < k * k; t++) {
        int row = at / out_w * (int)b->stride + t / k - pad;
        int column = at % out_w * (int)b->stride + t % k - pad;

        if (row >= 0 && row < height && column >= 0 && column < width)
          sum += theta[p->weight + (size_t)(c * k * k + t)] * x[(row * width + column) * n + c];
      }
      y[at * n + c] = activate (net->activation, sum * s + bias);
    }
  }
  return y;
}

/* [channels] */
static double *
average (const double *x, size_t pixels, size_t channels)
{
  double *mean = g_new0 (double, channels);

  for (size_t i = 0; i < pixels * channels; i++)
    mean[i % channels] += x[i] / (double)pixels;
  return mean;
}

/* Layer @p of a block, in place of *@x. */
static void
step (const EffnetGraph *graph, const EffnetParam *p, const double *theta, const double *input,
      double **x, double **gate)
{
  EffnetActivation activation = graph->net->activation;
  const EffnetBlock *b = p->layer.block;
  size_t in = (size_t)b->in_height * b->in_width, out = (size_t)b->out_height * b->out_width;
  size_t wide = out * b->expand_channels;
  double *y = NULL;

  if (p->layer.kind == EFFNET_LAYER_EXPAND) {
    y = pointwise (p, theta, activation, in, *x);
  } else if (p->layer.kind == EFFNET_LAYER_DEPTHWISE) {
    y = depthwise (graph->net, p, theta, *x);
  } else if (p->layer.kind == EFFNET_LAYER_SE_REDUCE) {
    g_autofree double *mean = average (*x, out, b->expand_channels);
    *gate = pointwise (p, theta, activation, 1, mean);
    return;
  } else if (p->layer.kind == EFFNET_LAYER_SE_EXPAND) {
    g_autofree double *squeezed = *gate;
    *gate = pointwise (p, theta, EFFNET_ACTIVATION_SIGMOID, 1, squeezed);
    for (size_t i = 0; i < wide; i++)
      (*x)[i] *= (*gate)[i % b->expand_channels];
    return;
  } else {
    y = pointwise (p, theta, EFFNET_ACTIVATION_NONE, out, *x);
    for (size_t i = 0; b->has_skip && i < out * b->out_channels; i++)
      y[i] += input[i];
  }
  g_free (*x);
  *x = y;
}

static double *
copy (const void *from, size_t n, gboolean is_float)
{
  double *to = g_new (double, n);

  for (size_t i = 0; i < n; i++)
    to[i] = is_float ? ((const float *)from)[i] : ((const double *)from)[i];
  return to;
}

void
plain_forward (const EffnetGraph *graph, const double *theta, const float *x, double *logits)
{
  const EffnetNet *net = graph->net;
  const EffnetBlock *first = &net->blocks[graph->first];
  size_t pixels = (size_t)net->head_height * net->head_width;
  double *now = copy (x, (size_t)first->in_height * first->in_width * first->in_channels, TRUE);
  g_autofree double *input = NULL;

  for (size_t i = 0; i + 2 < graph->params.n_layers; i++) {
    const EffnetParam *p = &graph->params.layers[i];
    static double *gate;

    if (!p->is_trained)
      continue;
    const EffnetBlock *b = p->layer.block;
    if (p->layer.kind == (b->has_expand ? EFFNET_LAYER_EXPAND : EFFNET_LAYER_DEPTHWISE)) {
      g_free (input);
      input = copy (now, (size_t)b->in_height * b->in_width * b->in_channels, FALSE);
    }
    step (graph, p, theta, input, &now, &gate);
    if (p->layer.kind == EFFNET_LAYER_SE_EXPAND)
      g_clear_pointer (&gate, g_free);
  }
  const EffnetParam *head = &graph->params.layers[graph->params.n_layers - 2];
  g_autofree double *maps = pointwise (head, theta, net->activation, pixels, now);
  g_autofree double *features = average (maps, pixels, net->head_channels);
  g_autofree double *out = pointwise (head + 1, theta, EFFNET_ACTIVATION_NONE, 1, features);
  g_free (now);
  for (size_t i = 0; i < head[1].layer.out; i++)
    logits[i] = out[i];
}
