/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "plan/pack.h"

#include <string.h>

#include "base/arena.h"
#include "base/checked.h"
#include "quant/correct.h"

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
    return EFFNET_PACK_TAPS;
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_PROJECT:
  case EFFNET_LAYER_HEAD:
    return EFFNET_PACK_GEMM;
  default:
    return EFFNET_PACK_FC;
  }
}

/* The row of a 1x1 convolution that reads @in channels. */
static const EffnetKernel *
choose_gemm (EffnetDtype dtype, size_t in)
{
  return effnet_kernel_find (EFFNET_OP_GEMM, dtype, (EffnetKernelShape){.k = in});
}

static size_t
take (size_t *cursor, size_t bytes)
{
  size_t at = *cursor;

  *cursor += effnet_align_up (bytes, EFFNET_ALIGN);
  return at;
}

EffnetPackedLayer
effnet_packed_layer (const EffnetLayer *layer, EffnetDtype dtype, size_t *cursor)
{
  EffnetPackKind kind = pack_kind (layer->kind);
  EffnetPackedLayer packed = {
      .kind = kind,
      .dtype = kind == EFFNET_PACK_GEMM || kind == EFFNET_PACK_FC ? dtype : EFFNET_DTYPE_F32,
      .gemm = kind == EFFNET_PACK_GEMM ? choose_gemm (dtype, layer->in) : NULL,
      .out = layer->out,
      .in = layer->in,
      .kernel = layer->kernel,
      .stride = kind == EFFNET_PACK_STEM ? effnet_align_up (layer->out, STEM_ALIGN) : layer->out,
  };
  size_t biases = packed.stride;

  if (kind == EFFNET_PACK_GEMM)
    biases = effnet_gemm_panels (packed.gemm, layer->out) * effnet_packed_width (&packed);
  packed.weights = take (cursor, effnet_packed_bytes (&packed));
  packed.bias = take (cursor, biases * sizeof (float));
  return packed;
}

size_t
effnet_packed_bytes (const EffnetPackedLayer *layer)
{
  size_t taps = (size_t)layer->kernel * layer->kernel;
  size_t elements = layer->kind == EFFNET_PACK_GEMM
                        ? effnet_gemm_packed_size (layer->gemm, layer->out, layer->in)
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
  return effnet_div_up (layer->in, layer->gemm->kr) * layer->gemm->kr;
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

static void
pack_rows (const EffnetPackedLayer *layer, size_t first, size_t rows, float *w, char *out)
{
  if (layer->kind == EFFNET_PACK_GEMM) {
    effnet_gemm_pack (layer->gemm, layer->out, layer->in, first, rows, w, out);
    return;
  }
  if (layer->kind == EFFNET_PACK_STEM)
    channels_last (layer, rows, w);
  effnet_pack_transposed (layer->dtype, layer->in * layer->kernel * layer->kernel, rows, w,
                          layer->stride, out + first * effnet_dtype_size (layer->dtype));
}

/* Takes back from the biases of @rows outputs what rounding their weights does on average. */
static gboolean
correct (const EffnetPackedLayer *layer, size_t rows, const float *w, const float *means,
         float *bias, GError **error)
{
  const EffnetDtypeInfo *type = &effnet_dtypes[layer->dtype];
  size_t n = rows * layer->in;
  g_autofree float *rounded = NULL;
  g_autofree void *stored = NULL;

  if (means == NULL || layer->dtype == EFFNET_DTYPE_F32)
    return TRUE;
  rounded = g_try_new (float, n);
  stored = g_try_malloc (n * type->size);
  if (rounded == NULL || stored == NULL)
    return effnet_fail_memory (error, "rounded weights", n * sizeof *rounded);
  type->from_float (w, n, stored);
  type->to_float (stored, n, rounded);
  effnet_correct_bias (w, rounded, rows, layer->in, means, bias);
  return TRUE;
}

gboolean
effnet_pack_layer (const EffnetPackedLayer *layer, const EffnetBound *bound, const float *means,
                   void *weights, GError **error)
{
  char *base = weights;
  float *bias = (float *)(void *)(base + layer->bias);
  size_t per_out = layer->in * layer->kernel * layer->kernel;
  size_t at_once = PACK_ROWS * MAX (1, READ_ELEMENTS / (per_out * PACK_ROWS));
  g_autofree float *w = g_try_new (float, MIN (at_once, layer->out) * per_out);
  g_autofree double *scale = g_try_new (double, layer->out);

  if (w == NULL || scale == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory to fold tensor %s",
                 bound->tensors[EFFNET_ROLE_WEIGHT]->name);
    return FALSE;
  }
  if (!effnet_fold_scale (bound, scale, bias, error)) /* the padding is zero already */
    return FALSE;
  for (size_t o = 0; o < layer->out; o += at_once) {
    size_t rows = MIN (at_once, layer->out - o);

    if (!effnet_fold_rows (bound, scale, o, rows, w, error) ||
        !correct (layer, rows, w, means, bias + o, error))
      return FALSE;
    for (size_t i = 0; i < rows; i += PACK_ROWS)
      pack_rows (layer, o + i, MIN (PACK_ROWS, rows - i), w + i * per_out, base + layer->weights);
  }
  return TRUE;
}
