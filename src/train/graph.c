/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "train/graph.h"

#include <string.h>

#include "train/layout.h"

#define MAX_KERNEL 16 /* rows of a window */

/* The layers of a block; NULL: it has not got it. */
typedef struct {
  EffnetParam *expand, *depthwise, *conv, *reduce, *widen, *project;
} BlockParams;

static BlockParams
params_of (const EffnetGraph *graph, unsigned block)
{
  BlockParams b = {0};

  for (size_t i = 0; i < graph->params.n_layers; i++) {
    EffnetParam *p = &graph->params.layers[i];

    if (p->layer.block != &graph->net->blocks[block])
      continue;
    if (p->layer.kind == EFFNET_LAYER_EXPAND)
      b.expand = p;
    else if (p->layer.kind == EFFNET_LAYER_DEPTHWISE)
      b.depthwise = p;
    else if (p->layer.kind == EFFNET_LAYER_CONV)
      b.conv = p;
    else if (p->layer.kind == EFFNET_LAYER_SE_REDUCE)
      b.reduce = p;
    else if (p->layer.kind == EFFNET_LAYER_SE_EXPAND)
      b.widen = p;
    else
      b.project = p;
  }
  return b;
}

static EffnetParam *
head_of (const EffnetGraph *graph)
{
  return &graph->params.layers[graph->params.n_layers - 2];
}

static EffnetParam *
classifier_of (const EffnetGraph *graph)
{
  return &graph->params.layers[graph->params.n_layers - 1];
}

static size_t
in_pixels (const EffnetBlock *b)
{
  return (size_t)b->in_height * b->in_width;
}

static size_t
out_pixels (const EffnetBlock *b)
{
  return (size_t)b->out_height * b->out_width;
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Floats of one image, the largest of the blocks that are meant. */
typedef struct {
  size_t in, wide_in, wide_out, out, channels;
} Sizes;

static void
widen_sizes (Sizes *s, const EffnetBlock *b)
{
  s->in = MAX (s->in, in_pixels (b) * b->in_channels);
  s->wide_in = MAX (s->wide_in, in_pixels (b) * b->expand_channels);
  s->wide_out = MAX (s->wide_out, out_pixels (b) * b->expand_channels);
  s->out = MAX (s->out, out_pixels (b) * b->out_channels);
  s->channels = MAX (s->channels, b->expand_channels);
}

/* What products and depthwise gradients need beside. */
static void
lay_out_scratch (EffnetGraph *graph, EffnetLayout *layout, size_t images)
{
  const EffnetKernel *gemm = graph->products.gemm;
  size_t zeros = 0, outer = 0, depthwise = 0;

  for (size_t i = 0; i < graph->params.n_layers; i++) {
    const EffnetLayer *l = &graph->params.layers[i].layer;
    size_t widest = MAX (l->out, l->in);

    zeros = MAX (zeros, effnet_product_width (gemm, widest));
    if (l->kind != EFFNET_LAYER_DEPTHWISE && l->kind != EFFNET_LAYER_STEM)
      outer = MAX (outer, effnet_outer_scratch (gemm, l->out, l->in));
  }
  for (unsigned i = graph->first; i < graph->net->n_blocks; i++) {
    EffnetDepthwiseBatch conv =
        effnet_conv_of_block (NULL, graph->net, &graph->net->blocks[i], images);
    depthwise = MAX (depthwise, effnet_depthwise_scratch (&conv));
  }
  graph->products.zeros = effnet_layout_take (layout, zeros);
  graph->products.scratch = effnet_layout_take (layout, outer);
  graph->scratch = effnet_layout_take (layout, depthwise);
}

static void
lay_out_gate (EffnetGraph *graph, EffnetLayout *layout, size_t n)
{
  graph->mean = effnet_layout_take (layout, n);
  graph->squeezed = effnet_layout_take (layout, n);
  graph->reduced = effnet_layout_take (layout, n);
  graph->expanded = effnet_layout_take (layout, n);
  graph->gate = effnet_layout_take (layout, n);
  graph->dgate = effnet_layout_take (layout, n);
  graph->dreduced = effnet_layout_take (layout, n);
}

static size_t
lay_out (EffnetGraph *graph, float *base, size_t images)
{
  const EffnetNet *net = graph->net;
  size_t head = (size_t)net->head_height * net->head_width * net->head_channels;
  EffnetLayout layout = {.base = base};
  Sizes trained = {0}, all = {0};

  all.in = (size_t)net->stem_height * net->stem_width * net->stem_channels;
  for (unsigned i = 0; i < net->n_blocks; i++) {
    const EffnetBlock *b = &net->blocks[i];

    widen_sizes (i < graph->first ? &all : &trained, b);
    if (i >= graph->first)
      graph->inputs[i - graph->first] =
          effnet_layout_take (&layout, images * in_pixels (b) * b->in_channels);
  }
  graph->inputs[net->n_blocks - graph->first] = effnet_layout_take (&layout, images * trained.out);
  graph->x[0] = effnet_layout_take (&layout, MAX (all.in, all.out));
  graph->x[1] = effnet_layout_take (&layout, MAX (all.in, all.out));
  graph->a1 = effnet_layout_take (&layout, MAX (images * trained.wide_in, all.wide_in));
  graph->a2 = effnet_layout_take (&layout, MAX (images * trained.wide_out, all.wide_out));
  graph->g1 = effnet_layout_take (&layout, images * MAX (trained.wide_in, trained.wide_out));
  graph->g2 = effnet_layout_take (&layout, MAX (images * trained.wide_out, all.wide_out));
  for (unsigned i = 0; i < 2; i++)
    graph->go[i] = effnet_layout_take (&layout, images * MAX (trained.in, trained.out));
  lay_out_gate (graph, &layout, MAX (images * trained.channels, all.channels));
  graph->gh = effnet_layout_take (&layout, images * head);
  graph->features = effnet_layout_take (&layout, images * net->head_channels);
  graph->dfeatures = effnet_layout_take (&layout, images * net->head_channels);
  lay_out_scratch (graph, &layout, images);
  graph->z1 = graph->a1;
  graph->z2 = graph->a2;
  graph->zh = graph->gh;
  if (net->activation == EFFNET_ACTIVATION_SWISH) {
    graph->z1 = effnet_layout_take (&layout, images * trained.wide_in);
    graph->z2 = effnet_layout_take (&layout, images * trained.wide_out);
    graph->zh = effnet_layout_take (&layout, images * head);
  }
  return layout.floats;
}

gboolean
effnet_graph_init (EffnetGraph *graph, const EffnetNet *net, const EffnetBound *bound,
                   size_t n_layers, unsigned n_classes, unsigned first, size_t batch, size_t memory,
                   EffnetPool *pool, GError **error)
{
  EffnetKernelShape shape = {.k = 1};
  size_t bytes;

  *graph = (EffnetGraph){.net = net, .first = first, .held = -1};
  graph->products.pool = effnet_pool_ref (pool);
  graph->products.gemm = effnet_kernel_find (EFFNET_OP_GEMM, EFFNET_DTYPE_F32, shape);
  graph->inputs = g_new0 (float *, net->n_blocks - first + 1);
  if (!effnet_params_init (&graph->params, bound, n_layers, n_classes, first, &graph->products,
                           error))
    return FALSE;
  for (graph->images = batch; graph->images > 1; graph->images--) {
    if (lay_out (graph, NULL, graph->images) * sizeof (float) <= memory)
      break;
  }
  bytes = lay_out (graph, NULL, graph->images) * sizeof (float);
  if (effnet_arena_init (&graph->memory, bytes) != 0)
    return effnet_fail_memory (error, "a pass of the network that is trained", bytes);
  lay_out (graph, graph->memory.base, graph->images);
  return TRUE;
}

void
effnet_graph_clear (EffnetGraph *graph)
{
  effnet_params_clear (&graph->params);
  effnet_arena_clear (&graph->memory);
  effnet_pool_unref (graph->products.pool);
  g_free (graph->inputs);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void
pointwise (EffnetGraph *graph, const EffnetParam *p, size_t rows, const float *x,
           const float *residual, float *y)
{
  effnet_product (&graph->products, rows, p->layer.out, p->layer.in, x, p->packed, p->bias,
                  EFFNET_ACTIVATION_NONE, residual, y);
}

/* a = act (z), with z = w x + bias in memory only where it is kept. */
static void
pointwise_activated (EffnetGraph *graph, const EffnetParam *p, size_t rows, const float *x,
                     float *z, float *a)
{
  EffnetActivation activation = graph->net->activation;

  if (graph->keep && z != a) {
    pointwise (graph, p, rows, x, NULL, z);
    effnet_activate (graph->products.pool, activation, rows * p->layer.out, z, a);
    return;
  }
  effnet_product (&graph->products, rows, p->layer.out, p->layer.in, x, p->packed, p->bias,
                  activation, NULL, a);
}

/* graph->gate of the channels of graph->a2; @activation: between the two matrices. */
static void
squeeze_excite (EffnetGraph *graph, const EffnetBlock *b, const BlockParams *p, size_t images)
{
  EffnetPool *pool = graph->products.pool;

  effnet_pool_images (pool, images, out_pixels (b), b->expand_channels, graph->a2, graph->mean);
  pointwise (graph, p->reduce, images, graph->mean, NULL, graph->squeezed);
  effnet_activate (pool, graph->net->activation, images * b->se_channels, graph->squeezed,
                   graph->reduced);
  pointwise (graph, p->widen, images, graph->reduced, NULL, graph->expanded);
  effnet_activate (pool, EFFNET_ACTIVATION_SIGMOID, images * b->expand_channels, graph->expanded,
                   graph->gate);
}

/* Up to the project convolution; returns its input. */
static const float *
forward_inside (EffnetGraph *graph, unsigned index, const BlockParams *p, size_t images,
                const float *x)
{
  const EffnetBlock *b = &graph->net->blocks[index];
  EffnetPool *pool = graph->products.pool;
  size_t wide_out = images * out_pixels (b) * b->expand_channels;
  gboolean apart = graph->keep && graph->z2 != graph->a2;
  EffnetDepthwiseBatch conv = effnet_conv_of_block (pool, graph->net, b, images);

  if (p->expand != NULL) {
    pointwise_activated (graph, p->expand, images * in_pixels (b), x, graph->z1, graph->a1);
    x = graph->a1;
  }
  if (p->conv != NULL) {
    effnet_convolve (pool, graph->net, &p->conv->layer, images, x, p->conv->packed, p->conv->bias,
                     NULL, graph->a2);
  } else {
    conv.activation = apart ? EFFNET_ACTIVATION_NONE : graph->net->activation;
    effnet_depthwise (&conv, x, p->depthwise->packed, p->depthwise->bias,
                      apart ? graph->z2 : graph->a2);
  }
  if (apart)
    effnet_activate (pool, graph->net->activation, wide_out, graph->z2, graph->a2);
  graph->held = graph->keep ? (int)index : -1;
  if (p->reduce == NULL)
    return graph->a2;
  squeeze_excite (graph, b, p, images);
  effnet_gate (pool, images, out_pixels (b), b->expand_channels, graph->a2, graph->gate, graph->g2);
  return graph->g2;
}

static void
forward_block (EffnetGraph *graph, unsigned index, size_t images, const float *x, float *y)
{
  const EffnetBlock *b = &graph->net->blocks[index];
  BlockParams p = params_of (graph, index);
  const float *residual = b->has_skip ? x : NULL, *inside;

  if (p.project == NULL) {
    effnet_convolve (graph->products.pool, graph->net, &p.conv->layer, images, x, p.conv->packed,
                     p.conv->bias, residual, y);
    return;
  }
  inside = forward_inside (graph, index, &p, images, x);
  pointwise (graph, p.project, images * out_pixels (b), inside, residual, y);
}

size_t
effnet_graph_input_size (const EffnetGraph *graph)
{
  const EffnetNet *net = graph->net;
  const EffnetBlock *b = &net->blocks[graph->first];

  if (graph->first == 0)
    return (size_t)net->in_height * net->in_width * 3;
  return in_pixels (b) * b->in_channels;
}

typedef struct {
  const EffnetGraph *graph;
  const EffnetKernel *kernel;
  const float *nhwc;
  float *out;
} Stem;

static void
stem_row (void *user, size_t tile, unsigned worker)
{
  const Stem *s = user;
  const EffnetNet *net = s->graph->net;
  const EffnetParam *p = &s->graph->params.layers[0];
  size_t image = tile / net->stem_height, y = tile % net->stem_height;
  size_t pad = effnet_conv_pad (net->in_height, 3, 2, net->padding);
  const float *rows[MAX_KERNEL];
  EffnetStem args = {
      .rows = rows,
      .in_w = net->in_width,
      .out_w = net->stem_width,
      .n = net->stem_channels,
      .kernel = 3,
      .stride = 2,
      .pad = effnet_conv_pad (net->in_width, 3, 2, net->padding),
      .weights = p->packed,
      .weight_stride = effnet_align_up (net->stem_channels, 16),
      .bias = p->bias,
      .out = s->out + tile * net->stem_width * net->stem_channels,
      .activation = net->activation,
  };

  (void)worker;
  for (size_t i = 0; i < 3; i++) {
    size_t row = y * 2 + i - pad; /* wraps around above the image */

    rows[i] =
        row < net->in_height ? s->nhwc + (image * net->in_height + row) * net->in_width * 3 : NULL;
  }
  s->kernel->call.stem (&args);
}

static void
run_stem (EffnetGraph *graph, size_t images, const float *nhwc, float *out)
{
  EffnetKernelShape shape = {.kernel = 3, .stride = 2};
  Stem s = {graph, effnet_kernel_find (EFFNET_OP_STEM, EFFNET_DTYPE_F32, shape), nhwc, out};

  effnet_pool_run (graph->products.pool, images * graph->net->stem_height, stem_row, &s);
}

void
effnet_graph_prepare (EffnetGraph *graph, const float *nhwc, float *input)
{
  float *x = graph->x[0];

  if (graph->first == 0) {
    memcpy (input, nhwc, effnet_graph_input_size (graph) * sizeof *input);
    return;
  }
  graph->keep = FALSE;
  run_stem (graph, 1, nhwc, x);
  for (unsigned i = 0; i < graph->first; i++) {
    float *y = i + 1 == graph->first ? input : graph->x[(i + 1) % 2];

    forward_block (graph, i, 1, x, y);
    x = y;
  }
}

gboolean
effnet_graph_forward (EffnetGraph *graph, size_t images, const float *input, float *logits,
                      EffnetGraphStop stop, void *stop_data)
{
  const EffnetNet *net = graph->net;
  EffnetPool *pool = graph->products.pool;
  size_t pixels = (size_t)net->head_height * net->head_width;
  unsigned n = net->n_blocks - graph->first;

  if (graph->first == 0)
    run_stem (graph, images, input, graph->inputs[0]);
  else
    memcpy (graph->inputs[0], input, images * effnet_graph_input_size (graph) * sizeof *input);
  for (unsigned i = 0; i < n; i++) {
    if (stop != NULL && stop (stop_data))
      return FALSE;
    forward_block (graph, graph->first + i, images, graph->inputs[i], graph->inputs[i + 1]);
  }
  pointwise_activated (graph, head_of (graph), images * pixels, graph->inputs[n], graph->zh,
                       graph->gh);
  effnet_pool_images (pool, images, pixels, net->head_channels, graph->gh, graph->features);
  pointwise (graph, classifier_of (graph), images, graph->features, NULL, logits);
  return TRUE;
}

/* ---- backward -------------------------------------------------------------------------------- */

/* The gradients of a matrix, and dx = dy w + residual unless @dx is NULL. */
static void
pointwise_back (EffnetGraph *graph, const EffnetParam *p, size_t rows, const float *x,
                const float *dy, const float *residual, float *dx)
{
  float *gradient = graph->params.gradient;

  effnet_outer_add (&graph->products, rows, p->layer.out, p->layer.in, dy, x, gradient + p->weight);
  effnet_sum_rows (graph->products.pool, rows, p->layer.out, dy, gradient + p->beta);
  if (dx != NULL)
    effnet_product (&graph->products, rows, p->layer.in, p->layer.out, dy, p->back, NULL,
                    EFFNET_ACTIVATION_NONE, residual, dx);
}

/* From the gradient of the gated a2, in g2, to that of z2, in place. */
static void
gate_back (EffnetGraph *graph, const EffnetBlock *b, const BlockParams *p, size_t images)
{
  EffnetPool *pool = graph->products.pool;
  EffnetActivation activation = graph->net->activation;
  const float *gate = NULL, *dmean = NULL;

  if (p->reduce != NULL) {
    effnet_gate_back (pool, images, out_pixels (b), b->expand_channels, graph->a2, graph->g2,
                      graph->dgate);
    effnet_activate_back (pool, EFFNET_ACTIVATION_SIGMOID, images * b->expand_channels,
                          graph->expanded, graph->dgate);
    pointwise_back (graph, p->widen, images, graph->reduced, graph->dgate, NULL, graph->dreduced);
    effnet_activate_back (pool, activation, images * b->se_channels, graph->squeezed,
                          graph->dreduced);
    pointwise_back (graph, p->reduce, images, graph->mean, graph->dreduced, NULL, graph->dgate);
    gate = graph->gate;
    dmean = graph->dgate;
  }
  effnet_gated_back (pool, images, out_pixels (b), b->expand_channels, activation, graph->z2, gate,
                     dmean, graph->g2);
}

/* dx += dy */
static void
add (size_t n, const float *dy, float *dx)
{
  for (size_t i = 0; i < n; i++)
    dx[i] += dy[i];
}

/* @dx: NULL for the first block that is trained */
static void
backward_block (EffnetGraph *graph, unsigned index, size_t images, const float *x, const float *dy,
                float *dx)
{
  const EffnetBlock *b = &graph->net->blocks[index];
  EffnetPool *pool = graph->products.pool;
  BlockParams p = params_of (graph, index);
  EffnetDepthwiseBatch conv = effnet_conv_of_block (pool, graph->net, b, images);
  const float *skipped = b->has_skip ? dy : NULL, *inside = graph->a2;
  size_t rows_in = images * in_pixels (b), rows_out = images * out_pixels (b);

  if (graph->held != (int)index)
    forward_inside (graph, index, &p, images, x);
  if (p.reduce != NULL) {
    effnet_gate (pool, images, out_pixels (b), b->expand_channels, graph->a2, graph->gate,
                 graph->g1);
    inside = graph->g1;
  }
  pointwise_back (graph, p.project, rows_out, inside, dy, NULL, graph->g2);
  gate_back (graph, b, &p, images);

  effnet_depthwise_weights_back (&conv, p.expand != NULL ? graph->a1 : x, graph->g2, graph->scratch,
                                 p.depthwise->taps);
  effnet_sum_rows (pool, rows_out, b->expand_channels, graph->g2,
                   graph->params.gradient + p.depthwise->beta);
  if (p.expand != NULL) {
    effnet_depthwise_back (&conv, graph->g2, p.depthwise->packed, graph->scratch, graph->g1);
    effnet_activate_back (pool, graph->net->activation, rows_in * b->expand_channels, graph->z1,
                          graph->g1);
    pointwise_back (graph, p.expand, rows_in, x, graph->g1, skipped, dx);
  } else if (dx != NULL) {
    effnet_depthwise_back (&conv, graph->g2, p.depthwise->packed, graph->scratch, dx);
    if (skipped != NULL)
      add (rows_in * b->in_channels, skipped, dx);
  }
  graph->held = -1;
}

gboolean
effnet_graph_backward (EffnetGraph *graph, size_t images, const float *dlogits,
                       EffnetGraphStop stop, void *stop_data)
{
  const EffnetNet *net = graph->net;
  size_t pixels = (size_t)net->head_height * net->head_width;
  unsigned n = net->n_blocks - graph->first;

  pointwise_back (graph, classifier_of (graph), images, graph->features, dlogits, NULL,
                  graph->dfeatures);
  effnet_gated_back (graph->products.pool, images, pixels, net->head_channels, net->activation,
                     graph->zh, NULL, graph->dfeatures, graph->gh);
  pointwise_back (graph, head_of (graph), images * pixels, graph->inputs[n], graph->gh, NULL,
                  graph->go[n % 2]);
  for (unsigned i = n; i-- > 0;) {
    if (stop != NULL && stop (stop_data))
      return FALSE;
    backward_block (graph, graph->first + i, images, graph->inputs[i], graph->go[(i + 1) % 2],
                    i > 0 ? graph->go[i % 2] : NULL);
  }
  return TRUE;
}
