/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/pack.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "quant/correct.h"
#include "quant/int8.h"

#define PACK_ROWS     16    /* rows of a weight that are packed at once: transposed, a cache line */
#define READ_ELEMENTS 16384 /* about so many are read and folded before: they stay in cache */

#define STEM_WEIGHTS 27 /* 3 x 3 taps of 3 channels */
#define STEM_ALIGN   16 /* a multiple of this many channels, by the contract of EffnetStem */

static EffnetPackKind
pack_kind (EffnetLayerKind kind)
{
  switch (kind) {
  case EFFNET_LAYER_STEM:
    return EFFNET_PACK_STEM;
  case EFFNET_LAYER_DEPTHWISE:
  case EFFNET_LAYER_DEPTHWISE_2:
    return EFFNET_PACK_TAPS;
  case EFFNET_LAYER_CONV:
    return EFFNET_PACK_CONV;
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_MIDDLE:
  case EFFNET_LAYER_PROJECT:
  case EFFNET_LAYER_HEAD:
    return EFFNET_PACK_GEMM;
  case EFFNET_LAYER_CLASSIFIER:
    return EFFNET_PACK_CLASSIFIER;
  default:
    return EFFNET_PACK_FC;
  }
}

/* Swish's minimum, at x = -1.2784645; a gate in 0..1 leaves nothing below it. */
#define SWISH_LOW (-0.27846455f)

/* What the digits of @layer's input reach over: the trunk has both signs, what an activation has
 * made begins at a constant. */
static void
set_range (const EffnetNet *net, const EffnetLayer *layer, EffnetPackedLayer *packed)
{
  gboolean is_middle = layer->kind == EFFNET_LAYER_MIDDLE;

  packed->range = EFFNET_RANGE_SIGNED;
  if (layer->kind != EFFNET_LAYER_PROJECT && !is_middle)
    return;
  packed->range = EFFNET_RANGE_ABOVE;
  packed->low = net->activation == EFFNET_ACTIVATION_SWISH ? SWISH_LOW : 0.0f;
  if (net->activation == EFFNET_ACTIVATION_RELU6 &&
      (is_middle || layer->block->se_place != EFFNET_SE_AFTER_DEPTHWISE)) {
    packed->range = EFFNET_RANGE_FIXED;
    packed->top = 6.0f;
  }
}

static size_t
take (size_t *cursor, size_t bytes)
{
  size_t at = *cursor;

  *cursor += effnet_align_up (bytes, EFFNET_ALIGN);
  return at;
}

/* NULL where the weights do not lie in panels. */
static const EffnetKernel *
panel_kernel (const EffnetLayer *layer, EffnetDtype dtype, gboolean is_s8)
{
  EffnetKernelShape shape = {.k = layer->in};

  if (pack_kind (layer->kind) == EFFNET_PACK_GEMM)
    return effnet_kernel_find (is_s8 ? EFFNET_OP_GEMM_S8 : EFFNET_OP_GEMM, dtype, shape);
  if (pack_kind (layer->kind) != EFFNET_PACK_CONV)
    return NULL;
  shape.kernel = layer->kernel;
  shape.stride = layer->block->stride;
  shape.size = MIN (layer->block->out_height, layer->block->out_width);
  return effnet_kernel_find (EFFNET_OP_CONV, dtype, shape);
}

EffnetPackedLayer
effnet_packed_layer (const EffnetNet *net, const EffnetLayer *layer, EffnetDtype dtype,
                     gboolean int8, size_t *cursor)
{
  EffnetPackKind kind = pack_kind (layer->kind);
  gboolean is_float = kind == EFFNET_PACK_TAPS || kind == EFFNET_PACK_STEM;
  EffnetPackedLayer packed = {
      .kind = kind,
      .dtype = int8 ? EFFNET_DTYPE_S8 : (is_float ? EFFNET_DTYPE_F32 : dtype),
      .gemm = panel_kernel (layer, dtype, int8),
      .out = layer->out,
      .in = layer->in,
      .kernel = layer->kernel,
      .stride = kind == EFFNET_PACK_STEM ? effnet_align_up (layer->out, STEM_ALIGN) : layer->out,
  };
  size_t biases = packed.stride;

  if (packed.gemm != NULL) {
    packed.dtype = effnet_packed_dtype (packed.gemm);
    biases = effnet_gemm_panels (packed.gemm, layer->out) * effnet_packed_width (&packed);
  }
  packed.weights = take (cursor, effnet_packed_bytes (&packed));
  packed.bias = take (cursor, biases * sizeof (float));
  if (!int8)
    return packed;
  packed.scale = take (cursor, biases * sizeof (float));
  if (packed.gemm == NULL)
    return packed;
  set_range (net, layer, &packed);
  packed.start = take (cursor, biases * sizeof (int32_t));
  return packed;
}

void
effnet_packed_digits (const EffnetNet *net, EffnetPackedLayer *packed, size_t n)
{
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i + 2 < n; i++) {
    EffnetPackedLayer *expand = &packed[i], *depthwise = expand + 1, *project = expand + 2;

    if (layers[i].kind != EFFNET_LAYER_EXPAND || layers[i + 1].kind != EFFNET_LAYER_DEPTHWISE ||
        layers[i + 2].kind != EFFNET_LAYER_PROJECT || expand->dtype != EFFNET_DTYPE_S8 ||
        project->dtype != EFFNET_DTYPE_S8 || project->range != EFFNET_RANGE_FIXED)
      continue;
    expand->out_digits = depthwise->in_digits = depthwise->out_digits = project->in_digits = TRUE;
    expand->digits = EFFNET_DIGITS_U8;
    depthwise->digits = project->gemm->digits;
  }
}

size_t
effnet_packed_bytes (const EffnetPackedLayer *layer)
{
  size_t taps = layer->kind == EFFNET_PACK_CONV ? effnet_conv_taps (layer->gemm, layer->kernel)
                                                : (size_t)layer->kernel * layer->kernel;
  size_t elements = layer->gemm != NULL
                        ? effnet_gemm_packed_size (layer->gemm, layer->out, taps * layer->in)
                        : taps * layer->in * layer->stride;

  return elements * effnet_dtype_size (layer->dtype);
}

size_t
effnet_packed_width (const EffnetPackedLayer *layer)
{
  return effnet_gemm_panel_width (layer->gemm, layer->out);
}

size_t
effnet_packed_depth (const EffnetPackedLayer *layer)
{
  size_t k = layer->kind == EFFNET_PACK_CONV
                 ? effnet_conv_taps (layer->gemm, layer->kernel) * layer->in
                 : layer->in;

  return effnet_div_up (k, layer->gemm->kr) * layer->gemm->kr;
}

/* The stem's weights want channels innermost: [in][taps] -> [taps][in] of each row. */
static void
channels_last (const EffnetPackedLayer *layer, size_t rows, float *w)
{
  float row[STEM_WEIGHTS];
  size_t taps = (size_t)layer->kernel * layer->kernel, n = taps * layer->in;

  g_assert (n <= G_N_ELEMENTS (row));
  for (size_t o = 0; o < rows; o++, w += n) {
    for (size_t i = 0; i < n; i++)
      row[i % taps * layer->in + i / taps] = w[i];
    memcpy (w, row, n * sizeof *row);
  }
}

/* Some rows of a layer on their way into its packing. */
typedef struct {
  const EffnetPackedLayer *layer;
  float *means;   /* [in * kernel * kernel], of what the layer reads, or NULL */
  char *weights;  /* of the model */
  float *w;       /* [rows][in * kernel * kernel], folded */
  void *stored;   /* of w, where they are rounded; else NULL */
  float *rounded; /* what `stored` stands for */
} Rows;

/* @means: (nullable): [in] of what the layer reads: every tap meets them, but for those outside the
 * image. */
static gboolean
rows_init (Rows *rows, const EffnetPackedLayer *layer, const float *means, size_t n, size_t per_out)
{
  gboolean rounds = layer->dtype != EFFNET_DTYPE_F32;

  rows->layer = layer;
  if (rounds && means != NULL) {
    rows->means = g_try_new (float, per_out);
    if (rows->means == NULL)
      return FALSE;
    for (size_t i = 0; i < per_out; i++)
      rows->means[i] = means[i * layer->in / per_out];
  }
  rows->w = g_try_new (float, n *per_out);
  rows->stored = rounds ? g_try_malloc (n * per_out * effnet_dtype_size (layer->dtype)) : NULL;
  rows->rounded = rounds ? g_try_new (float, n *per_out) : NULL;
  return rows->w != NULL && (!rounds || (rows->stored != NULL && rows->rounded != NULL));
}

static void
rows_clear (Rows *rows)
{
  g_free (rows->means);
  g_free (rows->w);
  g_free (rows->stored);
  g_free (rows->rounded);
}

/* Digits of the input are of zero at @zero, or begin at @low there: both are constants of an
 * output. The input of a classifier is float. */
static void
quantise_rows (const Rows *rows, size_t first, size_t n, float *bias)
{
  const EffnetPackedLayer *layer = rows->layer;
  float *scale = (float *)(void *)(rows->weights + layer->scale) + first;
  int32_t *start =
      layer->gemm != NULL ? (int32_t *)(void *)(rows->weights + layer->start) + first : NULL;

  effnet_int8_weights (rows->w, n, layer->in, rows->stored, scale, start);
  effnet_dtypes[EFFNET_DTYPE_S8].to_float (rows->stored, n * layer->in, rows->rounded);
  for (size_t o = 0; o < n; o++) {
    for (size_t c = 0; c < layer->in; c++)
      rows->rounded[o * layer->in + c] *= scale[o];
    if (start == NULL)
      continue;
    bias[o] += layer->low * scale[o] * (float)start[o];
    start[o] *= -effnet_digits_zero (layer->gemm->digits, layer->range);
  }
}

/* Rounds the weights and takes back from the biases what that does on average. */
static void
round_rows (const Rows *rows, size_t first, size_t n, float *bias)
{
  const EffnetPackedLayer *layer = rows->layer;
  const EffnetDtypeInfo *type = &effnet_dtypes[layer->dtype];
  size_t per_out = layer->in * layer->kernel * layer->kernel;

  if (rows->stored == NULL)
    return;
  if (layer->dtype == EFFNET_DTYPE_S8) {
    quantise_rows (rows, first, n, bias);
  } else {
    type->from_float (rows->w, n * per_out, rows->stored);
    type->to_float (rows->stored, n * per_out, rows->rounded);
  }
  if (rows->means != NULL)
    effnet_correct_bias (rows->w, rows->rounded, n, per_out, rows->means, bias);
}

/* Rows @at .. of @rows, which are @first .. of the layer. */
static void
pack_rows (const Rows *rows, size_t at, size_t first, size_t n)
{
  const EffnetPackedLayer *layer = rows->layer;
  size_t per_out = layer->in * layer->kernel * layer->kernel, stride = layer->stride;
  char *out = rows->weights + layer->weights;
  float *w = rows->w + at * per_out;
  const void *from = layer->dtype == EFFNET_DTYPE_S8
                         ? (const void *)((const int8_t *)rows->stored + at * per_out)
                         : w;

  if (layer->kind == EFFNET_PACK_GEMM) {
    effnet_gemm_pack (layer->gemm, layer->out, layer->in, first, n, from, out);
    return;
  }
  if (layer->kind == EFFNET_PACK_CONV) {
    effnet_conv_pack (layer->gemm, layer->out, layer->in, layer->kernel, first, n, w, out);
    return;
  }
  if (layer->kind == EFFNET_PACK_STEM)
    channels_last (layer, n, w);
  if (layer->kind == EFFNET_PACK_CLASSIFIER)
    first = effnet_classifier_column (layer, first, &stride);
  effnet_pack_transposed (layer->dtype, per_out, n, from, stride,
                          out + first * effnet_dtype_size (layer->dtype));
}

/* Of digits for what ReLU6 has made: those of 1. */
static float
digits_per_one (EffnetDigits digits)
{
  return (float)effnet_digits_levels (digits, EFFNET_RANGE_FIXED) / 6.0f;
}

/* Digits in, digits out: their steps go into weights, or what scales them, and biases. */
static void
scale_digits (const EffnetPackedLayer *layer, char *weights)
{
  gboolean is_s8 = layer->dtype == EFFNET_DTYPE_S8;
  float per_in = 1.0f, per_out = 1.0f;
  float *scaled = (float *)(void *)(weights + (is_s8 ? layer->scale : layer->weights));
  float *bias = (float *)(void *)(weights + layer->bias);
  size_t n = is_s8 ? layer->out : (size_t)layer->kernel * layer->kernel * layer->stride;

  if (layer->in_digits)
    per_in = digits_per_one (is_s8 ? layer->gemm->digits : EFFNET_DIGITS_U8);
  if (layer->out_digits)
    per_out = digits_per_one (layer->digits);
  for (size_t i = 0; i < n; i++)
    scaled[i] *= per_out / per_in;
  for (size_t o = 0; o < layer->out; o++)
    bias[o] *= per_out;
}

gboolean
effnet_pack_layer (const EffnetPackedLayer *layer, const EffnetBound *bound, const float *means,
                   void *weights, GError **error)
{
  float *bias = (float *)(void *)((char *)weights + layer->bias);
  size_t per_out = layer->in * layer->kernel * layer->kernel;
  size_t at_once = PACK_ROWS * MAX (1, READ_ELEMENTS / (per_out * PACK_ROWS));
  g_autofree double *scale = g_try_new (double, layer->out);
  Rows rows = {.weights = weights};
  gboolean ok =
      rows_init (&rows, layer, means, MIN (at_once, layer->out), per_out) && scale != NULL;

  if (!ok)
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory to fold tensor %s",
                 bound->tensors[EFFNET_ROLE_WEIGHT]->name);
  ok = ok && effnet_fold_scale (bound, scale, bias, error); /* the padding is zero already */
  for (size_t o = 0; ok && o < layer->out; o += at_once) {
    size_t n = MIN (at_once, layer->out - o);

    ok = effnet_fold_rows (bound, scale, o, n, rows.w, error);
    if (ok)
      round_rows (&rows, o, n, bias + o);
    for (size_t i = 0; ok && i < n; i += PACK_ROWS)
      pack_rows (&rows, i, o + i, MIN (PACK_ROWS, n - i));
  }
  rows_clear (&rows);
  if (ok && (layer->in_digits || layer->out_digits))
    scale_digits (layer, weights);
  return ok;
}
