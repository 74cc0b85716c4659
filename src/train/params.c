/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/params.h"

#include <math.h>
#include <string.h>

#include "train/layout.h"
#include "train/ops.h"

#define ROWS 16 /* outputs of a tile */

static gboolean
is_depthwise (const EffnetParam *param)
{
  return param->layer.kind == EFFNET_LAYER_DEPTHWISE;
}

static gboolean
is_conv (const EffnetParam *param)
{
  return param->layer.kind == EFFNET_LAYER_CONV;
}

/* Depthwise weights and the stem's lie as their kernels want them: taps outermost. */
static gboolean
is_window (const EffnetParam *param)
{
  return is_depthwise (param) || param->layer.kind == EFFNET_LAYER_STEM;
}

static size_t
taps_of (const EffnetParam *param)
{
  return (size_t)param->layer.kernel * param->layer.kernel;
}

/* Floats from a tap to the next. */
static size_t
window_stride (const EffnetParam *param)
{
  return is_depthwise (param) ? param->layer.out : effnet_align_up (param->layer.out, 16);
}

/* Floats of the weights as the forward pass reads them. */
static size_t
packed_size (const EffnetParam *p, const EffnetKernel *gemm)
{
  size_t out = p->layer.out, in = p->layer.in;

  if (is_window (p))
    return taps_of (p) * in * window_stride (p);
  if (is_conv (p))
    return effnet_gemm_packed_size (effnet_convolve_kernel (&p->layer), out, taps_of (p) * in);
  return effnet_product_packed (gemm, out, in);
}

/* Floats of the bias, in whole panels. */
static size_t
bias_size (const EffnetParam *p, const EffnetKernel *gemm)
{
  size_t width = effnet_product_width (gemm, p->layer.out);

  if (is_conv (p)) {
    gemm = effnet_convolve_kernel (&p->layer);
    width = effnet_gemm_panels (gemm, p->layer.out) * effnet_gemm_panel_width (gemm, p->layer.out);
  }
  return effnet_align_up (width, 16);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Lays out all of @params from @base, which is NULL to count. Returns floats. */
static size_t
lay_out (EffnetParams *params, float *base, const EffnetKernel *gemm)
{
  EffnetLayout layout = {.base = base};
  size_t largest = 0;

  for (size_t i = 0; i < params->n_layers; i++) {
    EffnetParam *p = &params->layers[i];
    size_t out = p->layer.out, in = p->layer.in;

    p->bias = effnet_layout_take (&layout, bias_size (p, gemm));
    p->packed = effnet_layout_take (&layout, packed_size (p, gemm));
    largest = MAX (largest, effnet_param_size (p));
    if (!p->is_trained)
      continue;
    if (p->has_norm) {
      p->mean = effnet_layout_take (&layout, out);
      p->inverse = effnet_layout_take (&layout, out);
    }
    if (is_depthwise (p))
      p->taps = effnet_layout_take (&layout, taps_of (p) * out);
    else
      p->back = effnet_layout_take (&layout, effnet_product_packed (gemm, in, out));
  }
  params->theta = effnet_layout_take (&layout, params->n_trained);
  params->gradient = effnet_layout_take (&layout, params->n_trained);
  params->folded = effnet_layout_take (&layout, largest);
  return layout.floats;
}

static void
count_trained (EffnetParams *params)
{
  for (size_t i = 0; i < params->n_layers; i++) {
    EffnetParam *p = &params->layers[i];

    if (!p->is_trained)
      continue;
    p->weight = params->n_trained;
    params->n_trained += effnet_param_size (p);
    p->gamma = params->n_trained;
    params->n_trained += p->has_norm ? p->layer.out : 0;
    p->beta = params->n_trained;
    params->n_trained += p->layer.out;
  }
}

/* ---- folding and packing --------------------------------------------------------------------- */

/* params->folded, [out][in][taps], into the order the kernels read. */
static void
pack (EffnetParams *params, EffnetParam *p, const EffnetProducts *products)
{
  size_t in = p->layer.in, taps = taps_of (p), stride = window_stride (p);

  if (is_conv (p)) {
    effnet_conv_pack (effnet_convolve_kernel (&p->layer), p->layer.out, in, p->layer.kernel, 0,
                      p->layer.out, params->folded, p->packed);
    return;
  }
  if (!is_window (p)) {
    effnet_product_pack (products, p->layer.out, in, params->folded, p->packed);
    if (p->back != NULL)
      effnet_product_pack_plain (products, in, p->layer.out, params->folded, p->back);
    return;
  }
  for (size_t o = 0; o < p->layer.out; o++)
    for (size_t i = 0; i < in; i++)
      for (size_t t = 0; t < taps; t++)
        p->packed[(t * in + i) * stride + o] = params->folded[(o * in + i) * taps + t];
}

typedef struct {
  EffnetParams *params;
  EffnetParam *p;
} Fold;

/* s of output @o. */
static float
scale_of (const Fold *f, size_t o)
{
  return f->p->has_norm ? f->params->theta[f->p->gamma + o] * f->p->inverse[o] : 1.0f;
}

static void
fold_tile (void *user, size_t tile, unsigned worker)
{
  const Fold *f = user;
  const EffnetParam *p = f->p;
  size_t per_out = effnet_param_size (p) / p->layer.out;
  size_t end = MIN ((tile + 1) * ROWS, p->layer.out);

  (void)worker;
  for (size_t o = tile * ROWS; o < end; o++) {
    const float *w = f->params->theta + p->weight + o * per_out;
    float *folded = f->params->folded + o * per_out, s = scale_of (f, o);

    for (size_t i = 0; i < per_out; i++)
      folded[i] = w[i] * s;
    p->bias[o] = f->params->theta[p->beta + o] - (p->has_norm ? p->mean[o] * s : 0.0f);
  }
}

void
effnet_params_refresh (EffnetParams *params, const EffnetProducts *products)
{
  for (size_t i = 0; i < params->n_layers; i++) {
    Fold f = {params, &params->layers[i]};

    if (!f.p->is_trained)
      continue;
    effnet_pool_run (products->pool, effnet_div_up (f.p->layer.out, ROWS), fold_tile, &f);
    pack (params, f.p, products);
  }
}

void
effnet_params_forget (EffnetParams *params)
{
  memset (params->gradient, 0, params->n_trained * sizeof (float));
  for (size_t i = 0; i < params->n_layers; i++) {
    EffnetParam *p = &params->layers[i];

    if (p->taps != NULL)
      memset (p->taps, 0, effnet_param_size (p) * sizeof *p->taps);
  }
}

/* dw = dw' s; dgamma = (sum dw' w - mean db') / sqrt (variance + epsilon); dbeta = db' */
static void
chain_tile (void *user, size_t tile, unsigned worker)
{
  const Fold *f = user;
  const EffnetParam *p = f->p;
  size_t per_out = effnet_param_size (p) / p->layer.out;
  size_t end = MIN ((tile + 1) * ROWS, p->layer.out);
  float *gradient = f->params->gradient;

  (void)worker;
  for (size_t o = tile * ROWS; o < end; o++) {
    const float *w = f->params->theta + p->weight + o * per_out;
    float *dw = gradient + p->weight + o * per_out, s = scale_of (f, o);
    double dot = 0;

    for (size_t t = 0; p->taps != NULL && t < per_out; t++)
      dw[t] = p->taps[t * p->layer.out + o];
    if (!p->has_norm)
      continue;
    for (size_t i = 0; i < per_out; i++) {
      dot += (double)dw[i] * w[i];
      dw[i] *= s;
    }
    gradient[p->gamma + o] =
        (float)((dot - (double)p->mean[o] * gradient[p->beta + o]) * p->inverse[o]);
  }
}

void
effnet_params_chain (EffnetParams *params, EffnetPool *pool)
{
  for (size_t i = 0; i < params->n_layers; i++) {
    Fold f = {params, &params->layers[i]};

    if (f.p->is_trained)
      effnet_pool_run (pool, effnet_div_up (f.p->layer.out, ROWS), chain_tile, &f);
  }
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The tensors of a layer that is trained, as they are. */
static gboolean
read_trained (EffnetParams *params, EffnetParam *p, GError **error)
{
  const EffnetTensor *const *tensors = p->bound->tensors;
  float *theta = params->theta;

  if (!effnet_tensor_read (tensors[EFFNET_ROLE_WEIGHT], theta + p->weight, error))
    return FALSE;
  if (!p->has_norm)
    return effnet_tensor_read (tensors[EFFNET_ROLE_BIAS], theta + p->beta, error);
  if (!effnet_tensor_read (tensors[EFFNET_ROLE_GAMMA], theta + p->gamma, error) ||
      !effnet_tensor_read (tensors[EFFNET_ROLE_BETA], theta + p->beta, error) ||
      !effnet_tensor_read (tensors[EFFNET_ROLE_MEAN], p->mean, error) ||
      !effnet_tensor_read (tensors[EFFNET_ROLE_VARIANCE], p->inverse, error))
    return FALSE;
  for (size_t o = 0; o < p->layer.out; o++)
    p->inverse[o] = (float)(1.0 / sqrt (p->inverse[o] + p->bound->epsilon));
  return TRUE;
}

/* Folds and packs the layer, which checks its numbers, whether or not it is trained. */
static gboolean
read_layer (EffnetParams *params, EffnetParam *p, const EffnetProducts *products, GError **error)
{
  g_autofree double *scale = NULL;

  if (p->bound == NULL)
    return TRUE;
  scale = g_new (double, p->layer.out);
  if (!effnet_fold_scale (p->bound, scale, p->bias, error) ||
      !effnet_fold_rows (p->bound, scale, 0, p->layer.out, params->folded, error))
    return FALSE;
  if (p->is_trained)
    return read_trained (params, p, error);
  pack (params, p, products);
  return TRUE;
}

gboolean
effnet_params_init (EffnetParams *params, const EffnetBound *bound, size_t n_layers,
                    unsigned n_classes, unsigned first, const EffnetProducts *products,
                    GError **error)
{
  size_t floats;

  *params = (EffnetParams){.n_layers = n_layers, .layers = g_new0 (EffnetParam, n_layers)};
  for (size_t i = 0; i < n_layers; i++) {
    EffnetParam *p = &params->layers[i];

    p->layer = bound[i].layer;
    p->bound = p->layer.kind != EFFNET_LAYER_CLASSIFIER ? &bound[i] : NULL;
    p->has_norm = bound[i].tensors[EFFNET_ROLE_GAMMA] != NULL;
    p->is_trained =
        p->layer.block != NULL ? p->layer.block_index >= first : p->layer.kind != EFFNET_LAYER_STEM;
    if (p->bound == NULL)
      p->layer.out = n_classes;
  }
  count_trained (params);
  floats = lay_out (params, NULL, products->gemm);
  if (effnet_arena_init (&params->memory, floats * sizeof (float)) != 0)
    return effnet_fail_memory (error, "the network that is trained", floats * sizeof (float));
  lay_out (params, params->memory.base, products->gemm);
  for (size_t i = 0; i < n_layers; i++) {
    if (!read_layer (params, &params->layers[i], products, error))
      return FALSE;
  }
  return TRUE;
}

void
effnet_params_clear (EffnetParams *params)
{
  g_free (params->layers);
  effnet_arena_clear (&params->memory);
}
