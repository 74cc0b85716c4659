/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The steps of a net, in order: what each reads and writes, which kernel does it, how it is cut
 * into tiles. Tiles are cut by shape alone, never by the number of threads: results must not depend
 * on it.
 *
 * While a builder works, the slots of a step hold indices of buffers; resolve_slots() turns them
 * into offsets. */
#include <string.h>

#include "base/checked.h"
#include "plan/steps.h"

#define CHANNELS_A_TILE 512
#define CLASSES_A_TILE  256

typedef struct {
  EffnetPlan *plan;
  const EffnetKernelSet *kernels;
  const EffnetNet *net;
  EffnetDialect dialect;
  const EffnetTensorTable *tensors;
  const EffnetLayer *layer; /* next to be built */
  GArray *steps, *packs, *buffers;
  size_t weight_cursor; /* bytes of the weights' arena given out */
} Builder;

static size_t
element_size (const Builder *b)
{
  return effnet_dtype_size (b->plan->dtype);
}

/* ---- buffers and weights ---- */

/* A new buffer, written first by the step that is built next. */
static EffnetSlot
new_buffer (Builder *b, size_t bytes)
{
  EffnetBuffer buffer = {effnet_align_up (bytes, EFFNET_ALIGN), b->steps->len, b->steps->len, 0};

  g_array_append_val (b->buffers, buffer);
  return b->buffers->len - 1;
}

/* The step that is built next uses the buffer, too. */
static EffnetSlot
use_buffer (Builder *b, EffnetSlot slot)
{
  if (slot != EFFNET_NO_SLOT)
    g_array_index (b->buffers, EffnetBuffer, slot).last = b->steps->len;
  return slot;
}

static void *
take_weights (Builder *b, size_t bytes)
{
  void *at = (char *)b->plan->weights.base + b->weight_cursor;

  b->weight_cursor += effnet_align_up (bytes, EFFNET_ALIGN);
  g_assert (b->weight_cursor <= b->plan->weights.bytes);
  return at;
}

static size_t
stem_stride (size_t n)
{
  return effnet_align_up (n, 16);
}

static const EffnetKernel *
find_gemm (EffnetDtype dtype, size_t k)
{
  return effnet_kernel_find (EFFNET_OP_GEMM, dtype, (EffnetKernelShape){.k = k});
}

static void
pack_sizes (const EffnetLayer *layer, EffnetDtype dtype, EffnetPackKind *kind, size_t *weight_bytes,
            size_t *bias_bytes)
{
  const EffnetKernel *gemm = find_gemm (dtype, layer->in);
  size_t taps = (size_t)layer->kernel * layer->kernel;

  *bias_bytes = layer->out * sizeof (float);
  switch (layer->kind) {
  case EFFNET_LAYER_STEM:
    *kind = EFFNET_PACK_STEM;
    *weight_bytes = taps * layer->in * stem_stride (layer->out) * sizeof (float);
    *bias_bytes = stem_stride (layer->out) * sizeof (float);
    break;
  case EFFNET_LAYER_DEPTHWISE:
    *kind = EFFNET_PACK_TAPS;
    *weight_bytes = taps * layer->out * sizeof (float);
    break;
  case EFFNET_LAYER_EXPAND:
  case EFFNET_LAYER_PROJECT:
  case EFFNET_LAYER_HEAD:
    *kind = EFFNET_PACK_GEMM;
    *weight_bytes =
        effnet_gemm_packed_size (gemm, layer->out, layer->in) * effnet_dtype_size (dtype);
    *bias_bytes = effnet_gemm_panels (gemm, layer->out) *
                  effnet_gemm_panel_width (gemm, layer->out) * sizeof (float);
    break;
  default:
    *kind = EFFNET_PACK_FC;
    *weight_bytes = layer->in * layer->out * effnet_dtype_size (dtype);
    break;
  }
}

size_t
effnet_pack_bytes (const EffnetLayer *layer, EffnetDtype dtype)
{
  EffnetPackKind kind;
  size_t weights, bias;

  pack_sizes (layer, dtype, &kind, &weights, &bias);
  return effnet_align_up (weights, EFFNET_ALIGN) + effnet_align_up (bias, EFFNET_ALIGN);
}

/* Binds the next layer, which must be of @kind, and takes memory for it. */
static gboolean
next_pack (Builder *b, EffnetLayerKind kind, const void **weights, const float **bias,
           GError **error)
{
  EffnetPack pack = {.gemm = find_gemm (b->plan->dtype, b->layer->in)};
  size_t weight_bytes, bias_bytes;

  g_assert (b->layer->kind == kind);
  if (!effnet_layer_bind (b->dialect, b->net, b->layer, b->tensors, &pack.bound, error))
    return FALSE;
  pack.bound.epsilon = b->plan->bn_epsilon;
  pack_sizes (b->layer, b->plan->dtype, &pack.kind, &weight_bytes, &bias_bytes);
  pack.stride = stem_stride (b->layer->out);
  pack.weights = take_weights (b, weight_bytes);
  pack.bias = take_weights (b, bias_bytes);
  g_array_append_val (b->packs, pack);
  *weights = pack.weights;
  *bias = pack.bias;
  b->layer++;
  return TRUE;
}

/* ---- steps ---- */

static void
init_step (EffnetStep *step, EffnetStepKind kind)
{
  memset (step, 0, sizeof *step);
  step->kind = kind;
  step->in = step->out = step->residual = step->partial = step->gate = step->scaled =
      EFFNET_NO_SLOT;
}

static void
name_step (EffnetStep *step, const EffnetBlock *block, const char *part)
{
  if (block != NULL)
    g_snprintf (step->name, sizeof step->name, "blocks.%u.%u.%s", block->stage, block->index, part);
  else
    g_strlcpy (step->name, part, sizeof step->name);
}

static gboolean
add_stem (Builder *b, EffnetSlot *x, GError **error)
{
  const EffnetNet *net = b->net;
  unsigned kernel = b->layer->kernel;
  EffnetStep step;

  init_step (&step, EFFNET_STEP_STEM);
  name_step (&step, NULL, "stem");
  step.kernel = b->kernels->stem;
  step.in_h = net->in_height;
  step.in_w = net->in_width;
  step.out_h = net->stem_height;
  step.out_w = net->stem_width;
  step.in_channels = 3;
  step.out_channels = net->stem_channels;
  step.kernel_size = kernel;
  step.stride = 2;
  step.pad_y = effnet_conv_pad (net->in_height, kernel, 2, net->padding);
  step.pad_x = effnet_conv_pad (net->in_width, kernel, 2, net->padding);
  step.activation = net->activation;
  step.weight_stride = stem_stride (net->stem_channels);
  step.in = b->plan->input;
  step.out = *x = new_buffer (b, step.out_h * step.out_w * step.out_channels * element_size (b));
  step.flop = 2 * (uint64_t)step.out_h * step.out_w * step.out_channels * kernel * kernel * 3;
  step.bytes = step.in_h * step.in_w * 3 * sizeof (float) +
               step.out_h * step.out_w * step.out_channels * element_size (b);
  effnet_cut_bands (&step, (size_t)kernel * kernel * 3);
  if (!next_pack (b, EFFNET_LAYER_STEM, &step.weights, &step.bias, error))
    return FALSE;
  g_array_append_val (b->steps, step);
  return TRUE;
}

/* A 1x1 convolution of @h x @w pixels. @scaled, @residual: slots or NO_SLOT. */
static gboolean
add_pointwise (Builder *b, EffnetLayerKind kind, const char *part, size_t h, size_t w,
               EffnetActivation activation, EffnetSlot scaled, EffnetSlot residual, EffnetSlot *x,
               GError **error)
{
  const EffnetBlock *block = b->layer->block;
  size_t pixels = h * w;
  EffnetStep step;

  init_step (&step, EFFNET_STEP_POINTWISE);
  name_step (&step, block, part);
  step.kernel = find_gemm (b->plan->dtype, b->layer->in);
  step.in_h = step.out_h = h;
  step.in_w = step.out_w = w;
  step.in_channels = b->layer->in;
  step.out_channels = b->layer->out;
  step.activation = activation;
  step.in = use_buffer (b, *x);
  step.scaled = use_buffer (b, scaled);
  step.residual = use_buffer (b, residual);
  step.out = *x = new_buffer (b, pixels * step.out_channels * element_size (b));
  step.flop = 2 * (uint64_t)pixels * step.in_channels * step.out_channels;
  step.bytes =
      (pixels * (step.in_channels + step.out_channels) + step.in_channels * step.out_channels) *
      element_size (b);
  effnet_cut_pointwise (&step);
  if (!next_pack (b, kind, &step.weights, &step.bias, error))
    return FALSE;
  g_array_append_val (b->steps, step);
  return TRUE;
}

/* The depthwise convolution of a block, and its expand fused in where it has one. */
static gboolean
add_depthwise (Builder *b, const EffnetBlock *block, EffnetSlot *x, EffnetSlot *partial,
               size_t *partials, GError **error)
{
  size_t taps = (size_t)block->kernel * block->kernel, channels = block->expand_channels;
  EffnetStep step;

  init_step (&step, block->has_expand ? EFFNET_STEP_EXPAND_DEPTHWISE : EFFNET_STEP_DEPTHWISE);
  name_step (&step, block, block->has_expand ? "expand+depthwise" : "depthwise");
  step.kernel =
      effnet_kernel_find (EFFNET_OP_DEPTHWISE, b->plan->dtype,
                          (EffnetKernelShape){.kernel = block->kernel, .stride = block->stride});
  step.in_h = block->in_height;
  step.in_w = block->in_width;
  step.out_h = block->out_height;
  step.out_w = block->out_width;
  step.in_channels = block->in_channels;
  step.out_channels = step.weight_stride = channels;
  step.kernel_size = block->kernel;
  step.stride = block->stride;
  step.pad_y = effnet_conv_pad (step.in_h, block->kernel, block->stride, b->net->padding);
  step.pad_x = effnet_conv_pad (step.in_w, block->kernel, block->stride, b->net->padding);
  step.activation = b->net->activation;
  step.flop = 2 * (uint64_t)step.out_h * step.out_w * channels * taps;
  step.bytes = (step.in_h * step.in_w * step.in_channels + step.out_h * step.out_w * channels) *
               element_size (b);
  if (block->has_expand) {
    step.expand.gemm = find_gemm (b->plan->dtype, step.in_channels);
    step.flop += 2 * (uint64_t)step.in_h * step.in_w * step.in_channels * channels;
    step.bytes += step.in_channels * channels * element_size (b);
    effnet_cut_fused (&step, element_size (b));
    b->plan->scratch_bytes = MAX (b->plan->scratch_bytes, step.expand.scratch_bytes);
    if (!next_pack (b, EFFNET_LAYER_EXPAND, &step.expand.weights, &step.expand.bias, error))
      return FALSE;
  } else {
    effnet_cut_bands (&step, taps);
  }
  step.in = use_buffer (b, *x);
  step.out = *x = new_buffer (b, step.out_h * step.out_w * channels * element_size (b));
  *partials = effnet_div_up (step.out_h, step.per_tile);
  if (block->se_channels > 0)
    step.partial = *partial = new_buffer (b, *partials * channels * sizeof (float));
  if (!next_pack (b, EFFNET_LAYER_DEPTHWISE, &step.weights, &step.bias, error))
    return FALSE;
  g_array_append_val (b->steps, step);
  return TRUE;
}

/* Squeeze-excite (Hu et al., 2018): gate = sigmoid (W2 swish (W1 mean (x) + b1) + b2). The gate
 * goes to whatever is less work: the rows of a copy of the project's weights, or its input. */
static gboolean
add_squeeze (Builder *b, const EffnetBlock *block, EffnetSlot partial, size_t partials,
             EffnetSlot *squeezed, GError **error)
{
  EffnetStep step;

  init_step (&step, EFFNET_STEP_SQUEEZE);
  name_step (&step, block, "squeeze");
  step.kernel = b->kernels->fc;
  step.activation = b->net->activation;
  step.in_h = block->out_height;
  step.in_w = block->out_width;
  step.in_channels = block->expand_channels;
  step.out_channels = step.weight_stride = block->se_channels;
  step.partial = use_buffer (b, partial);
  step.partials = partials;
  step.out = *squeezed = new_buffer (b, step.out_channels * sizeof (float));
  step.flop = 2 * (uint64_t)step.in_channels * step.out_channels;
  step.bytes =
      step.in_channels * (step.out_channels * element_size (b) + partials * sizeof (float));
  effnet_cut_fc (&step, step.in_channels);
  b->plan->scratch_bytes = MAX (b->plan->scratch_bytes,
                                effnet_align_up (step.in_channels * sizeof (float), EFFNET_ALIGN));
  if (!next_pack (b, EFFNET_LAYER_SE_REDUCE, &step.weights, &step.bias, error))
    return FALSE;
  g_array_append_val (b->steps, step);
  return TRUE;
}

/* @x: what the project will read. *scaled is NO_SLOT when that is scaled. */
static gboolean
add_excite (Builder *b, const EffnetBlock *block, EffnetSlot squeezed, EffnetSlot x,
            EffnetSlot *scaled, GError **error)
{
  size_t pixels = (size_t)block->out_height * block->out_width, work;
  const EffnetKernel *gemm = find_gemm (b->plan->dtype, block->expand_channels);
  EffnetStep step;

  init_step (&step, EFFNET_STEP_EXCITE);
  name_step (&step, block, "excite");
  step.kernel = b->kernels->fc;
  step.project_gemm = gemm;
  step.activation = EFFNET_ACTIVATION_SIGMOID;
  step.in_h = step.out_h = block->out_height;
  step.in_w = step.out_w = block->out_width;
  step.in_channels = block->se_channels;
  step.out_channels = step.weight_stride = block->expand_channels;
  step.in = use_buffer (b, squeezed);
  step.gate = new_buffer (b, step.out_channels * sizeof (float));
  if (2 * block->out_channels < pixels) { /* a copy is twice the work of scaling in place */
    work = effnet_gemm_packed_size (gemm, block->out_channels, step.out_channels);
    step.scale = b->kernels->scale_panels;
    step.scaled = *scaled = new_buffer (b, work * element_size (b));
    step.project_panels = effnet_gemm_panels (gemm, block->out_channels);
    step.project_channels = block->out_channels;
  } else {
    work = pixels * step.out_channels;
    step.scale = b->kernels->scale_rows;
    step.out = use_buffer (b, x);
  }
  step.flop = 2 * (uint64_t)step.in_channels * step.out_channels + work;
  step.bytes = (step.in_channels * step.out_channels + 2 * work) * element_size (b);
  effnet_cut_fc (&step, step.in_channels + MIN (2 * block->out_channels, pixels));
  if (!next_pack (b, EFFNET_LAYER_SE_EXPAND, &step.weights, &step.bias, error))
    return FALSE;
  g_array_append_val (b->steps, step);
  return TRUE;
}

static gboolean
add_block (Builder *b, const EffnetBlock *block, EffnetSlot *x, GError **error)
{
  EffnetSlot input = *x, partial = EFFNET_NO_SLOT, scaled = EFFNET_NO_SLOT, squeezed;
  size_t excite = 0, partials;

  if (!add_depthwise (b, block, x, &partial, &partials, error))
    return FALSE;
  if (block->se_channels > 0) {
    if (!add_squeeze (b, block, partial, partials, &squeezed, error))
      return FALSE;
    excite = b->steps->len;
    if (!add_excite (b, block, squeezed, *x, &scaled, error))
      return FALSE;
  }
  if (!add_pointwise (b, EFFNET_LAYER_PROJECT, "project", block->out_height, block->out_width,
                      EFFNET_ACTIVATION_NONE, scaled, block->has_skip ? input : EFFNET_NO_SLOT, x,
                      error))
    return FALSE;
  if (excite > 0) /* it scales the weights that the project, now bound, would use */
    g_array_index (b->steps, EffnetStep, excite).project =
        g_array_index (b->steps, EffnetStep, b->steps->len - 1).weights;
  return TRUE;
}

static gboolean
add_head (Builder *b, EffnetSlot *x, GError **error)
{
  const EffnetNet *net = b->net;
  EffnetStep pool, fc;

  if (!add_pointwise (b, EFFNET_LAYER_HEAD, "head", net->head_height, net->head_width,
                      net->activation, EFFNET_NO_SLOT, EFFNET_NO_SLOT, x, error))
    return FALSE;

  init_step (&pool, EFFNET_STEP_POOL);
  name_step (&pool, NULL, "pool");
  pool.kernel = b->kernels->pool;
  pool.in_h = net->head_height;
  pool.in_w = net->head_width;
  pool.in_channels = pool.out_channels = net->head_channels;
  pool.per_tile = CHANNELS_A_TILE;
  pool.n_tiles = effnet_div_up (net->head_channels, pool.per_tile);
  pool.in = use_buffer (b, *x);
  pool.out = b->plan->features = new_buffer (b, net->head_channels * sizeof (float));
  pool.flop = (uint64_t)pool.in_h * pool.in_w * pool.in_channels;
  pool.bytes = pool.in_h * pool.in_w * pool.in_channels * element_size (b);
  g_array_append_val (b->steps, pool);

  init_step (&fc, EFFNET_STEP_CLASSIFIER);
  name_step (&fc, NULL, "classifier");
  fc.kernel = b->kernels->fc;
  fc.in_channels = net->head_channels;
  fc.out_channels = fc.weight_stride = net->n_classes;
  fc.per_tile = CLASSES_A_TILE;
  fc.n_tiles = effnet_div_up (net->n_classes, fc.per_tile);
  fc.in = use_buffer (b, b->plan->features);
  fc.out = b->plan->logits = new_buffer (b, net->n_classes * sizeof (float));
  fc.flop = 2 * (uint64_t)net->head_channels * net->n_classes;
  fc.bytes = (uint64_t)net->head_channels * net->n_classes * element_size (b);
  if (!next_pack (b, EFFNET_LAYER_CLASSIFIER, &fc.weights, &fc.bias, error))
    return FALSE;
  g_array_append_val (b->steps, fc);
  return TRUE;
}

/* Buffer indices -> offsets in the arena. */
static void
resolve_slots (Builder *b)
{
  EffnetBuffer *buffers = (EffnetBuffer *)(void *)b->buffers->data;
  EffnetPlan *plan = b->plan;

  plan->arena_bytes = effnet_memory_plan (buffers, b->buffers->len);
  for (size_t i = 0; i < plan->n_steps; i++) {
    EffnetStep *s = &plan->steps[i];
    EffnetSlot *slots[] = {&s->in, &s->out, &s->residual, &s->partial, &s->gate, &s->scaled};

    for (size_t j = 0; j < G_N_ELEMENTS (slots); j++)
      *slots[j] = *slots[j] == EFFNET_NO_SLOT ? EFFNET_NO_SLOT : buffers[*slots[j]].offset;
  }
  plan->input = buffers[plan->input].offset;
  plan->features = buffers[plan->features].offset;
  plan->logits = buffers[plan->logits].offset;
}

gboolean
effnet_steps_build (EffnetPlan *plan, const EffnetKernelSet *kernels, const EffnetNet *net,
                    EffnetDialect dialect, const EffnetTensorTable *tensors, GError **error)
{
  size_t n_layers;
  g_autofree EffnetLayer *layers = effnet_net_layers (net, &n_layers);
  Builder b = {plan, kernels, net, dialect, tensors, layers, NULL, NULL, NULL, 0};
  EffnetSlot x;
  gboolean ok;

  b.steps = g_array_new (FALSE, FALSE, sizeof (EffnetStep));
  b.packs = g_array_new (FALSE, FALSE, sizeof (EffnetPack));
  b.buffers = g_array_new (FALSE, FALSE, sizeof (EffnetBuffer));
  plan->input = new_buffer (&b, (size_t)net->in_height * net->in_width * 3 * sizeof (float));

  ok = add_stem (&b, &x, error);
  for (unsigned i = 0; ok && i < net->n_blocks; i++)
    ok = add_block (&b, &net->blocks[i], &x, error);
  ok = ok && add_head (&b, &x, error);

  /* What a caller reads after the last step lives past all of them. */
  if (ok) {
    g_array_index (b.buffers, EffnetBuffer, plan->features).last = b.steps->len;
    g_array_index (b.buffers, EffnetBuffer, plan->logits).last = b.steps->len;
  }
  plan->n_steps = b.steps->len;
  plan->steps = (EffnetStep *)(void *)g_array_free (b.steps, FALSE);
  plan->n_packs = b.packs->len;
  plan->packs = (EffnetPack *)(void *)g_array_free (b.packs, FALSE);
  if (ok)
    resolve_slots (&b);
  g_array_unref (b.buffers);
  return ok;
}
