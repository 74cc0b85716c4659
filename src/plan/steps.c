/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The steps of a net, in order: what each reads and writes and which kernel does it. */
#include "plan/steps.h"

#include "base/arena.h"
#include "base/checked.h"

typedef struct {
  const EffnetPlan *plan;
  const EffnetNet *net;
  const EffnetLayer *layers;
  const EffnetKernelSet *kernels;
  const EffnetTuning *tuning;
  size_t element; /* bytes of T */
  EffnetStep *steps;
  EffnetBuffer *buffers;
  size_t n_steps, n_buffers;
} Builder;

/* ---- buffers and layers ---- */

/* A block has up to eight steps and 13 buffers; stem, head, pool and classifier three each. */
static size_t
most (const EffnetNet *net)
{
  return 13 * (size_t)net->n_blocks + 12;
}

/* A new buffer, first written by the step being built. */
static EffnetSlot
new_buffer (Builder *b, size_t bytes)
{
  g_assert (b->n_buffers < most (b->net));
  b->buffers[b->n_buffers] = (EffnetBuffer){.bytes = effnet_align_up (bytes, EFFNET_ALIGN),
                                            .first = b->n_steps,
                                            .last = b->n_steps,
                                            .stride = bytes};
  return b->n_buffers++;
}

/* Extends the buffer's lifetime to the step being built. */
static EffnetSlot
use_buffer (Builder *b, EffnetSlot slot)
{
  if (slot != EFFNET_NO_SLOT)
    b->buffers[slot].last = b->n_steps;
  return slot;
}

/* @block: NULL for the layers that are part of none. */
static const EffnetPackedLayer *
find_layer (const Builder *b, EffnetLayerKind kind, const EffnetBlock *block)
{
  size_t i = 0;

  while (b->layers[i].kind != kind || b->layers[i].block != block)
    i++;
  return &b->plan->layers[i];
}

/* ---- steps ---- */

static EffnetStep
new_step (EffnetStepKind kind, const EffnetKernel *kernel, const EffnetBlock *block,
          const char *part)
{
  EffnetStep step = {.kind = kind, .kernel = kernel};

  if (block != NULL)
    g_snprintf (step.name, sizeof step.name, "blocks.%u.%u.%s", block->stage, block->index, part);
  else
    g_strlcpy (step.name, part, sizeof step.name);
  return step;
}

static void
add (Builder *b, const EffnetStep *step)
{
  g_assert (b->n_steps < most (b->net));
  b->steps[b->n_steps++] = *step;
}

static void
cut_and_add (Builder *b, EffnetStep *step)
{
  effnet_step_cut (step, b->tuning);
  add (b, step);
}

static EffnetWindow
conv_window (const EffnetNet *net, size_t height, size_t width, unsigned kernel, unsigned stride)
{
  unsigned h = (unsigned)height, w = (unsigned)width;

  return (EffnetWindow){
      .in_h = height,
      .in_w = width,
      .out_h = effnet_conv_out (h, kernel, stride, net->padding),
      .out_w = effnet_conv_out (w, kernel, stride, net->padding),
      .kernel = kernel,
      .stride = stride,
      .pad_y = effnet_conv_pad (h, kernel, stride, net->padding),
      .pad_x = effnet_conv_pad (w, kernel, stride, net->padding),
  };
}

static EffnetSlot
add_stem (Builder *b)
{
  const EffnetNet *net = b->net;
  EffnetStep step = new_step (EFFNET_STEP_STEM, b->kernels->stem, NULL, "stem");
  EffnetStemStep *s = &step.stem;
  const EffnetWindow *w = &s->window;
  size_t outputs;

  s->layer = find_layer (b, EFFNET_LAYER_STEM, NULL);
  s->window = conv_window (net, net->in_height, net->in_width, s->layer->kernel, 2);
  s->activation = net->activation;
  outputs = w->out_h * w->out_w * s->layer->out;
  s->in = new_buffer (b, w->in_h * w->in_w * s->layer->in * sizeof (float));
  s->out = new_buffer (b, outputs * b->element);
  step.flop = 2 * (uint64_t)outputs * w->kernel * w->kernel * s->layer->in;
  step.bytes = w->in_h * w->in_w * s->layer->in * sizeof (float) + outputs * b->element;
  cut_and_add (b, &step);
  return s->out;
}

/* The digits of @x, times @gate or not, for @layer, if its weights are S8 and @x is none yet; else
 * @x. @steps: of the digits, or NO_SLOT. */
static EffnetSlot
add_quantise (Builder *b, const EffnetPackedLayer *layer, const EffnetBlock *block,
              const char *part, size_t pixels, EffnetSlot x, EffnetSlot gate, EffnetSlot *steps)
{
  const EffnetKernel *kernel =
      effnet_kernel_find (EFFNET_OP_QUANTISE, b->plan->dtype, (EffnetKernelShape){0});
  EffnetStep step = new_step (EFFNET_STEP_QUANTISE, kernel, block, part);
  EffnetQuantiseStep *s = &step.quantise;

  *steps = EFFNET_NO_SLOT;
  if (layer->dtype != EFFNET_DTYPE_S8 || layer->in_digits)
    return x;
  s->layer = layer;
  s->pixels = pixels;
  s->in = use_buffer (b, x);
  s->gate = use_buffer (b, gate);
  s->out = new_buffer (b, pixels * layer->in);
  s->steps = *steps = new_buffer (b, pixels * sizeof (float));
  step.flop = 4 * (uint64_t)pixels * layer->in;
  step.bytes = pixels * layer->in * (b->element + 1);
  cut_and_add (b, &step);
  return s->out;
}

/* @s: pixels, activation and inputs. Returns the output. */
static EffnetSlot
add_pointwise (Builder *b, const EffnetPackedLayer *layer, const EffnetBlock *block,
               const char *part, EffnetPointwiseStep s)
{
  EffnetStep step = new_step (EFFNET_STEP_POINTWISE, layer->gemm, block, part);

  s.layer = layer;
  use_buffer (b, s.in);
  use_buffer (b, s.steps);
  use_buffer (b, s.scaled);
  use_buffer (b, s.residual);
  s.out = new_buffer (b, s.pixels * layer->out * b->element);
  step.pointwise = s;
  step.flop = 2 * (uint64_t)s.pixels * layer->in * layer->out;
  step.bytes = (s.pixels + layer->out) * layer->in * effnet_dtype_size (layer->dtype) +
               s.pixels * layer->out * b->element;
  cut_and_add (b, &step);
  return s.out;
}

/* What a block's window has made, and its project reads. */
typedef struct {
  EffnetSlot out;  /* T, or digits, [pixels][expand_channels] */
  EffnetSlot sums; /* float [bands][expand_channels], or NO_SLOT */
  size_t bands, pixels;
} Middle;

/* A depthwise convolution, the 1x1 before it that is fused in, and what they read. */
typedef struct {
  EffnetLayerKind depthwise, expand;
  gboolean has_expand;
  size_t height, width, channels;
  unsigned stride;
  gboolean is_last; /* of the block */
  const char *name, *quantise;
} Depthwise;

static Depthwise
first_depthwise (const EffnetBlock *b)
{
  return (Depthwise){EFFNET_LAYER_DEPTHWISE,
                     EFFNET_LAYER_EXPAND,
                     b->has_expand,
                     b->in_height,
                     b->in_width,
                     b->in_channels,
                     b->stride,
                     b->kind != EFFNET_BLOCK_MECO,
                     b->has_expand ? "expand+depthwise" : "depthwise",
                     "expand.quantise"};
}

static Depthwise
second_depthwise (const EffnetBlock *b)
{
  return (Depthwise){EFFNET_LAYER_DEPTHWISE_2,
                     EFFNET_LAYER_MIDDLE,
                     TRUE,
                     b->out_height,
                     b->out_width,
                     b->expand_channels,
                     1,
                     TRUE,
                     "middle+depthwise",
                     "middle.quantise"};
}

static Middle
add_depthwise (Builder *b, const EffnetBlock *block, Depthwise d, EffnetSlot x)
{
  const EffnetPackedLayer *expand = d.has_expand ? find_layer (b, d.expand, block) : NULL;
  const EffnetPackedLayer *layer = find_layer (b, d.depthwise, block);
  EffnetSlot digits = x, steps = EFFNET_NO_SLOT;
  const EffnetKernel *kernel = effnet_kernel_find (
      layer->in_digits ? EFFNET_OP_DEPTHWISE_U8 : EFFNET_OP_DEPTHWISE, b->plan->dtype,
      (EffnetKernelShape){.kernel = block->kernel, .stride = d.stride});
  EffnetStep step = new_step (d.has_expand ? EFFNET_STEP_EXPAND_DEPTHWISE : EFFNET_STEP_DEPTHWISE,
                              kernel, block, d.name);
  EffnetDepthwiseStep *s = d.has_expand ? &step.fused.depthwise : &step.depthwise;
  const EffnetWindow *w = &s->window;
  size_t channels = block->expand_channels, in_pixels = d.height * d.width, outputs;

  if (expand != NULL)
    digits = add_quantise (b, expand, block, d.quantise, in_pixels, x, EFFNET_NO_SLOT, &steps);
  s->layer = layer;
  s->element = layer->in_digits ? 1 : b->element;
  s->window = conv_window (b->net, d.height, d.width, block->kernel, d.stride);
  s->activation = b->net->activation;
  outputs = w->out_h * w->out_w * channels;
  s->in = use_buffer (b, digits);
  s->out = new_buffer (b, outputs * s->element);
  s->sums = EFFNET_NO_SLOT;
  step.flop = 2 * (uint64_t)outputs * w->kernel * w->kernel;
  step.bytes = outputs * s->element;
  if (expand != NULL) {
    step.fused.expand = expand;
    step.fused.steps = use_buffer (b, steps);
    step.flop += 2 * (uint64_t)in_pixels * d.channels * channels;
    step.bytes += (in_pixels + channels) * d.channels * effnet_dtype_size (expand->dtype);
  } else {
    step.bytes += in_pixels * d.channels * b->element;
  }
  effnet_step_cut (&step, b->tuning);
  if (d.is_last && block->se_place == EFFNET_SE_AFTER_DEPTHWISE)
    s->sums = new_buffer (b, effnet_depthwise_bands (s) * channels * sizeof (float));
  add (b, &step);
  return (Middle){s->out, s->sums, effnet_depthwise_bands (s), w->out_h * w->out_w};
}

/* The full convolution of a block, behind its expand where it has one. */
static Middle
add_conv (Builder *b, const EffnetBlock *block, EffnetSlot x)
{
  const EffnetPackedLayer *layer = find_layer (b, EFFNET_LAYER_CONV, block);
  EffnetStep step = new_step (EFFNET_STEP_CONV, layer->gemm, block, "conv");
  EffnetConvStep *s = &step.conv;
  const EffnetWindow *w = &s->window;
  size_t taps = (size_t)layer->kernel * layer->kernel, outputs;

  s->residual = block->has_project || !block->has_skip ? EFFNET_NO_SLOT : use_buffer (b, x);
  if (block->has_expand) {
    const EffnetPackedLayer *expand = find_layer (b, EFFNET_LAYER_EXPAND, block);
    EffnetPointwiseStep e = {.pixels = (size_t)block->in_height * block->in_width,
                             .activation = b->net->activation,
                             .residual = EFFNET_NO_SLOT,
                             .scaled = EFFNET_NO_SLOT};

    e.in =
        add_quantise (b, expand, block, "expand.quantise", e.pixels, x, EFFNET_NO_SLOT, &e.steps);
    x = add_pointwise (b, expand, block, "expand", e);
  }
  s->layer = layer;
  s->window = conv_window (b->net, block->in_height, block->in_width, block->kernel, block->stride);
  s->activation = b->net->activation;
  outputs = w->out_h * w->out_w * layer->out;
  s->in = use_buffer (b, x);
  s->out = new_buffer (b, outputs * b->element);
  s->sums = EFFNET_NO_SLOT;
  s->pool = b->kernels->average_pool;
  step.flop = 2 * (uint64_t)outputs * taps * layer->in;
  step.bytes =
      (w->in_h * w->in_w + taps * layer->out) * layer->in * b->element + outputs * b->element;
  effnet_step_cut (&step, b->tuning);
  if (block->se_place == EFFNET_SE_AFTER_DEPTHWISE)
    s->sums = new_buffer (b, effnet_conv_bands (s) * layer->out * sizeof (float));
  add (b, &step);
  return (Middle){s->out, s->sums, effnet_conv_bands (s), w->out_h * w->out_w};
}

static EffnetSlot
add_average_pool (Builder *b, const EffnetBlock *block, size_t pixels, size_t channels,
                  EffnetSlot x)
{
  EffnetStep step = new_step (EFFNET_STEP_AVERAGE_POOL, b->kernels->average_pool, block, "pool");
  EffnetAveragePoolStep *s = &step.average_pool;

  s->pixels = pixels;
  s->channels = channels;
  s->in = use_buffer (b, x);
  s->out = new_buffer (b, channels * sizeof (float));
  step.flop = (uint64_t)pixels * channels;
  step.bytes = pixels * channels * b->element;
  cut_and_add (b, &step);
  return s->out;
}

/* Squeeze-excite (Hu et al., 2018): gate = sigmoid (W2 act (W1 mean (x) + b1) + b2). */
static EffnetSlot
add_squeeze (Builder *b, const EffnetBlock *block, const Middle *middle)
{
  EffnetStep step = new_step (EFFNET_STEP_SQUEEZE, b->kernels->fc, block, "squeeze");
  EffnetSqueezeStep *s = &step.squeeze;
  const EffnetPackedLayer *layer = find_layer (b, EFFNET_LAYER_SE_REDUCE, block);

  s->bands = middle->bands;
  s->pixels = middle->pixels;
  s->fc.layer = layer;
  s->fc.activation = b->net->activation;
  s->fc.in = use_buffer (b, middle->sums);
  s->fc.out = new_buffer (b, layer->out * sizeof (float));
  step.flop = 2 * (uint64_t)layer->in * layer->out;
  step.bytes = layer->in * (layer->out * b->element + s->bands * sizeof (float));
  cut_and_add (b, &step);
  return s->fc.out;
}

/* @s: what is gated. Returns the gate. */
static EffnetSlot
add_excite (Builder *b, const EffnetBlock *block, EffnetSlot squeezed, EffnetExciteStep s)
{
  EffnetStep step = new_step (EFFNET_STEP_EXCITE, b->kernels->fc, block, "excite");
  const EffnetPackedLayer *layer = find_layer (b, EFFNET_LAYER_SE_EXPAND, block);
  size_t elements = 0; /* scaled */

  s.fc.layer = layer;
  s.fc.activation = EFFNET_ACTIVATION_SIGMOID;
  s.fc.in = use_buffer (b, squeezed);
  s.fc.out = new_buffer (b, layer->out * sizeof (float));
  if (s.scaled != EFFNET_NO_SLOT) {
    s.scale = effnet_kernel_find (EFFNET_OP_SCALE_PANELS, b->plan->dtype, (EffnetKernelShape){0});
    elements = effnet_packed_bytes (s.project) / b->element;
  } else if (s.rows != EFFNET_NO_SLOT) {
    s.scale = b->kernels->scale_rows;
    use_buffer (b, s.rows);
    use_buffer (b, s.residual);
    elements = s.pixels * layer->out;
  }
  step.excite = s;
  step.flop = 2 * (uint64_t)layer->in * layer->out + elements;
  step.bytes = (layer->in * layer->out + 2 * elements) * b->element;
  cut_and_add (b, &step);
  return s.fc.out;
}

/* The gate of what the project reads. @scaled: its scaled weights, or NO_SLOT. */
static EffnetSlot
gate_input (Builder *b, const EffnetBlock *block, const Middle *middle, EffnetSlot *scaled)
{
  EffnetSlot squeezed = add_squeeze (b, block, middle);
  EffnetExciteStep s = {
      .project = find_layer (b, EFFNET_LAYER_PROJECT, block),
      .pixels = middle->pixels,
      .rows = EFFNET_NO_SLOT,
      .residual = EFFNET_NO_SLOT,
      .scaled = EFFNET_NO_SLOT,
  };

  /* A copy is twice the work of scaling in place; and one of rounded weights is rounded again,
   * which moves means by what no bias takes back. */
  if (s.project->dtype == EFFNET_DTYPE_F32 && 2 * s.project->out < s.pixels)
    s.scaled = new_buffer (b, effnet_packed_bytes (s.project));
  else if (s.project->dtype != EFFNET_DTYPE_S8)
    s.rows = middle->out;
  *scaled = s.scaled;
  return add_excite (b, block, squeezed, s);
}

/* Gates what the project has made, @rows, in place, and adds @residual or NO_SLOT. */
static void
gate_output (Builder *b, const EffnetBlock *block, size_t pixels, EffnetSlot rows,
             EffnetSlot residual)
{
  Middle means = {.sums = add_average_pool (b, block, pixels, block->out_channels, rows),
                  .bands = 1,
                  .pixels = 1};
  EffnetExciteStep s = {
      .pixels = pixels, .rows = rows, .residual = residual, .scaled = EFFNET_NO_SLOT};

  add_excite (b, block, add_squeeze (b, block, &means), s);
}

/* What is before the project. */
static Middle
add_middle (Builder *b, const EffnetBlock *block, EffnetSlot x)
{
  Middle first;

  if (block->kind != EFFNET_BLOCK_MBCONV && block->kind != EFFNET_BLOCK_MECO)
    return add_conv (b, block, x);
  first = add_depthwise (b, block, first_depthwise (block), x);
  return block->kind == EFFNET_BLOCK_MECO
             ? add_depthwise (b, block, second_depthwise (block), first.out)
             : first;
}

static EffnetSlot
add_block (Builder *b, const EffnetBlock *block, EffnetSlot x)
{
  const EffnetPackedLayer *layer;
  Middle middle = add_middle (b, block, x);
  EffnetSlot gate = EFFNET_NO_SLOT, skipped = block->has_skip ? x : EFFNET_NO_SLOT, out;
  gboolean gates_output = block->se_place == EFFNET_SE_AFTER_PROJECT;
  EffnetPointwiseStep project = {
      .pixels = middle.pixels,
      .activation = EFFNET_ACTIVATION_NONE,
      .residual = gates_output ? EFFNET_NO_SLOT : skipped,
      .scaled = EFFNET_NO_SLOT,
  };

  if (!block->has_project)
    return middle.out;
  layer = find_layer (b, EFFNET_LAYER_PROJECT, block);
  if (block->se_place == EFFNET_SE_AFTER_DEPTHWISE)
    gate = gate_input (b, block, &middle, &project.scaled);
  project.in = add_quantise (b, layer, block, "project.quantise", project.pixels, middle.out, gate,
                             &project.steps);
  out = add_pointwise (b, layer, block, "project", project);
  if (gates_output)
    gate_output (b, block, project.pixels, out, skipped);
  return out;
}

/* The step built last makes a stage's output, @slot. */
static void
add_tap (Builder *b, EffnetPlan *plan, EffnetSlot slot)
{
  g_assert (plan->n_stages < EFFNET_STAGES_MAX);
  plan->taps[plan->n_stages++] = (EffnetTap){
      .step = b->n_steps - 1, .slot = slot, .elements = b->buffers[slot].stride / b->element};
}

static EffnetSlot
add_classifier (Builder *b, EffnetSlot features)
{
  const EffnetPackedLayer *layer = find_layer (b, EFFNET_LAYER_CLASSIFIER, NULL);
  const EffnetKernel *kernel =
      layer->dtype == EFFNET_DTYPE_S8
          ? effnet_kernel_find (EFFNET_OP_FC_S8, b->plan->dtype, (EffnetKernelShape){0})
          : b->kernels->fc;
  EffnetStep step = new_step (EFFNET_STEP_CLASSIFIER, kernel, NULL, "classifier");
  EffnetFcStep *s = &step.classifier;

  s->layer = layer;
  s->activation = EFFNET_ACTIVATION_NONE;
  s->in = use_buffer (b, features);
  s->out = new_buffer (b, s->layer->out * sizeof (float));
  step.flop = 2 * (uint64_t)s->layer->in * s->layer->out;
  step.bytes = (uint64_t)layer->in * layer->out * effnet_dtype_size (layer->dtype);
  cut_and_add (b, &step);
  return s->out;
}

/* The buffer, or NO_SLOT, lives until step @last, too. */
static void
keep (Builder *b, EffnetSlot slot, size_t last)
{
  if (slot != EFFNET_NO_SLOT)
    b->buffers[slot].last = MAX (b->buffers[slot].last, last);
}

/* A chain reads its input until its end. What is between its steps it uses the first bytes of, so
 * a stem whose output a skip adds, too, begins none. */
static void
find_chains (Builder *b)
{
  for (size_t i = 0; i < b->n_steps; i++) {
    EffnetStep *step = &b->steps[i], *last;
    EffnetChain chain = effnet_steps_chain (step, b->n_steps - i, b->tuning);

    if (chain.steps == 0 ||
        (step->kind == EFFNET_STEP_STEM && b->buffers[step->stem.out].last > i + 1))
      continue;
    step->chain = chain;
    last = step + chain.steps - 1;
    if (step->kind == EFFNET_STEP_STEM) {
      keep (b, step->stem.in, i + chain.steps - 1);
      keep (b, step->stem.out, i + chain.steps - 1);
      b->buffers[step->stem.out].rarely_whole = TRUE;
    } else {
      keep (b, step->fused.depthwise.in, i + chain.steps - 1);
      keep (b, step->fused.steps, i + chain.steps - 1);
    }
    if (last->kind == EFFNET_STEP_POINTWISE)
      b->buffers[last->pointwise.in].rarely_whole = TRUE;
  }
}

static void
finish (Builder *b, EffnetPlan *plan, EffnetBuffer **work)
{
  find_chains (b);
  /* What a caller reads after the last step lives past all of them. */
  b->buffers[plan->features].last = b->n_steps;
  use_buffer (b, plan->logits);
  b->buffers[plan->taps[plan->n_stages - 1].slot].last = b->n_steps;
  plan->arena_bytes = effnet_memory_plan (b->buffers, b->n_buffers, work);
  plan->n_steps = b->n_steps;
  for (size_t i = 0; i < plan->n_steps; i++) {
    size_t scratch = effnet_step_scratch (&plan->steps[i]);

    plan->scratch_bytes = MAX (plan->scratch_bytes, scratch);
  }
}

gboolean
effnet_steps_build (EffnetPlan *plan, const EffnetNet *net, const EffnetLayer *layers,
                    const EffnetKernelSet *kernels, const EffnetTuning *tuning)
{
  Builder b = {.plan = plan,
               .net = net,
               .layers = layers,
               .kernels = kernels,
               .tuning = tuning,
               .element = effnet_dtype_size (plan->dtype),
               .steps = g_try_new (EffnetStep, most (net)),
               .buffers = g_try_new (EffnetBuffer, most (net))};
  g_autofree EffnetBuffer **work = g_try_new (EffnetBuffer *, 2 * most (net));
  EffnetPointwiseStep head = {.pixels = (size_t)net->head_height * net->head_width,
                              .activation = net->activation,
                              .residual = EFFNET_NO_SLOT,
                              .scaled = EFFNET_NO_SLOT};
  const EffnetPackedLayer *head_layer;
  EffnetSlot x;

  plan->steps = b.steps;
  plan->buffers = b.buffers;
  if (b.steps == NULL || b.buffers == NULL || work == NULL)
    return FALSE;
  x = add_stem (&b);
  plan->input = b.steps[0].stem.in;
  add_tap (&b, plan, x);
  for (unsigned i = 0; i < net->n_blocks; i++) {
    x = add_block (&b, &net->blocks[i], x);
    if (i + 1 == net->n_blocks || net->blocks[i + 1].stage != net->blocks[i].stage)
      add_tap (&b, plan, x);
  }
  head_layer = find_layer (&b, EFFNET_LAYER_HEAD, NULL);
  head.in = add_quantise (&b, head_layer, NULL, "head.quantise", head.pixels, x, EFFNET_NO_SLOT,
                          &head.steps);
  x = add_pointwise (&b, head_layer, NULL, "head", head);
  add_tap (&b, plan, x);
  plan->features = add_average_pool (&b, NULL, head.pixels, net->head_channels, x);
  plan->logits = net->n_classes > 0 ? add_classifier (&b, plan->features) : EFFNET_NO_SLOT;
  finish (&b, plan, work);
  return TRUE;
}
