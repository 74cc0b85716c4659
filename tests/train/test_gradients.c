/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Gradients of the training graph against finite differences of plain loops in double precision,
 * and the same bits for any number of threads and any part of a batch. gradients.py asks PyTorch.
 */
#include "bind/synthetic.h"
#include "engine/engine.h"
#include "plain.h"

#include <math.h>
#include <string.h>

#define IMAGES  3
#define CLASSES 3
#define SIDE    27

typedef struct {
  EffnetNet *net;
  EffnetTensorTable *tensors;
  EffnetBound *bound;
  EffnetPool *pool;
  EffnetGraph graph;
  float *input; /* [IMAGES][effnet_graph_input_size()] */
  float dlogits[IMAGES * CLASSES], logits[IMAGES * CLASSES];
} Fixture;

/* Multiples of 2^-20 between -1 and 1. */
static float
draw (uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return (float)((int32_t)(*state >> 11) - (1 << 20)) * 0x1p-20f;
}

/* A gate behind each full convolution, which no member of the table has. */
static void
gate_convolutions (EffnetNet *net)
{
  for (unsigned i = 0; i < net->n_blocks; i++) {
    EffnetBlock *b = &net->blocks[i];

    if (b->kind != EFFNET_BLOCK_FUSED || !b->has_project)
      continue;
    b->se_place = EFFNET_SE_AFTER_DEPTHWISE;
    b->se_channels = b->in_channels / 4;
  }
  g_free (net->layers);
  g_assert_true (effnet_layers_build (net));
}

static void
set_up (Fixture *f, const char *variant, EffnetPadding padding, unsigned first, size_t batch,
        unsigned threads)
{
  size_t n_layers, pixels = (size_t)SIDE * SIDE * 3;
  g_autofree float *image = g_new (float, pixels);
  uint32_t state = 7;

  f->net = effnet_net_new (variant, SIDE, CLASSES, padding, NULL);
  if (g_str_equal (variant, "es"))
    gate_convolutions (f->net);
  f->tensors = effnet_synthetic_new (f->net, 5, NULL);
  f->bound = effnet_bind (f->net, f->tensors, NULL, 0, &n_layers, NULL);
  f->pool = effnet_pool_get (threads);
  g_assert_true (effnet_graph_init (&f->graph, f->net, f->bound, n_layers, CLASSES, first, batch,
                                    G_MAXSIZE, f->pool, NULL));
  EffnetParam *classifier = &f->graph.params.layers[n_layers - 1];
  for (size_t i = 0; i < effnet_param_size (classifier) + CLASSES; i++)
    f->graph.params.theta[classifier->weight + i] = 0.1f * draw (&state);
  effnet_params_refresh (&f->graph.params, &f->graph.products);

  size_t size = effnet_graph_input_size (&f->graph);
  f->input = g_new (float, IMAGES *size);
  for (size_t i = 0; i < IMAGES; i++) {
    for (size_t j = 0; j < pixels; j++)
      image[j] = draw (&state);
    effnet_graph_prepare (&f->graph, image, f->input + i * size);
  }
  for (size_t i = 0; i < IMAGES * CLASSES; i++)
    f->dlogits[i] = draw (&state);
}

static void
run (Fixture *f)
{
  size_t size = effnet_graph_input_size (&f->graph);

  effnet_params_forget (&f->graph.params);
  for (size_t i = 0, n; i < IMAGES; i += n) {
    n = MIN (f->graph.images, IMAGES - i);
    f->graph.keep = TRUE;
    g_assert_true (effnet_graph_forward (&f->graph, n, f->input + i * size, f->logits + i * CLASSES,
                                         NULL, NULL));
    g_assert_true (effnet_graph_backward (&f->graph, n, f->dlogits + i * CLASSES, NULL, NULL));
  }
  effnet_params_chain (&f->graph.params, f->pool);
}

static void
tear_down (Fixture *f)
{
  effnet_graph_clear (&f->graph);
  effnet_pool_unref (f->pool);
  g_free (f->input);
  g_free (f->bound);
  effnet_tensor_table_free (f->tensors);
  effnet_net_free (f->net);
}

/* sum dlogits logits of the image whose block input is in the graph */
static double
objective (const Fixture *f, const double *theta)
{
  double logits[CLASSES], sum = 0;

  plain_forward (&f->graph, theta, f->graph.inputs[0], logits);
  for (size_t i = 0; i < CLASSES; i++)
    sum += logits[i] * f->dlogits[i];
  return sum;
}

/* One element of @n from @at on, that with the largest gradient, and one more. */
static void
check_tensor (Fixture *f, double *theta, size_t at, size_t n)
{
  const float *gradient = f->graph.params.gradient;
  size_t largest = at, other = at + n / 2;

  for (size_t i = at; i < at + n; i++)
    largest = fabsf (gradient[i]) > fabsf (gradient[largest]) ? i : largest;
  for (unsigned i = 0; i < 2; i++) {
    size_t which = i == 0 ? largest : other;
    double step = 1e-5 * MAX (fabs (theta[which]), 0.1), kept = theta[which], high, low;

    theta[which] = kept + step;
    high = objective (f, theta);
    theta[which] = kept - step;
    low = objective (f, theta);
    theta[which] = kept;
    double expected = (high - low) / (2 * step);
    if (!(fabs (gradient[which] - expected) <= 1e-4 * fabsf (gradient[largest])))
      g_error ("%s: element %zu of the tensor at %zu: gradient %g, finite difference %g",
               f->net->variant, which - at, at, (double)gradient[which], expected);
  }
}

/* Every @stride-th layer, of one image. */
static void
check_differences (const char *variant, EffnetPadding padding, unsigned first, size_t stride)
{
  Fixture f;
  size_t size;

  set_up (&f, variant, padding, first, 1, 2);
  size = effnet_graph_input_size (&f.graph);
  effnet_params_forget (&f.graph.params);
  f.graph.keep = TRUE;
  effnet_graph_forward (&f.graph, 1, f.input + size, f.logits, NULL, NULL);
  effnet_graph_backward (&f.graph, 1, f.dlogits, NULL, NULL);
  effnet_params_chain (&f.graph.params, f.pool);
  g_autofree double *theta = g_new (double, f.graph.params.n_trained);
  for (size_t i = 0; i < f.graph.params.n_trained; i++)
    theta[i] = f.graph.params.theta[i];
  for (size_t i = 1; i < f.graph.params.n_layers; i += stride) {
    const EffnetParam *p = &f.graph.params.layers[i];

    if (!p->is_trained)
      continue;
    check_tensor (&f, theta, p->weight, effnet_param_size (p));
    check_tensor (&f, theta, p->beta, p->layer.out);
    if (p->has_norm)
      check_tensor (&f, theta, p->gamma, p->layer.out);
  }
  tear_down (&f);
}

static void
test_differences (void)
{
  check_differences ("b0", EFFNET_PADDING_SAME, 13, 1);
  check_differences ("b0", EFFNET_PADDING_SYMMETRIC, 0, 9);
  check_differences ("lite0", EFFNET_PADDING_SAME, 0, 7);
}

static void
test_threads (void)
{
  Fixture one, three;

  for (unsigned i = 0; i < 2; i++) {
    set_up (&one, i == 0 ? "b0" : "lite0", EFFNET_PADDING_SAME, 4, IMAGES, 1);
    set_up (&three, i == 0 ? "b0" : "lite0", EFFNET_PADDING_SAME, 4, IMAGES, 3);
    run (&one);
    run (&three);
    g_assert_cmpmem (one.logits, sizeof one.logits, three.logits, sizeof three.logits);
    size_t bytes = one.graph.params.n_trained * sizeof (float);
    g_assert_cmpmem (one.graph.params.gradient, bytes, three.graph.params.gradient, bytes);
    tear_down (&one);
    tear_down (&three);
  }
}

static gboolean
stop_at (void *data)
{
  return --*(int *)data < 0;
}

/* A pass ends between two blocks. */
static void
test_stop (void)
{
  Fixture f;
  int blocks = 2;

  set_up (&f, "lite0", EFFNET_PADDING_SAME, 12, 1, 1);
  g_assert_false (effnet_graph_forward (&f.graph, 1, f.input, f.logits, stop_at, &blocks));
  blocks = 4;
  g_assert_true (effnet_graph_forward (&f.graph, 1, f.input, f.logits, stop_at, &blocks));
  blocks = 3;
  g_assert_false (effnet_graph_backward (&f.graph, 1, f.dlogits, stop_at, &blocks));
  tear_down (&f);
}

/* Features of @image by the engine's steps, [head_channels]. */
static float *
engine_features (const Fixture *f, const float *image)
{
  const EffnetModelOptions options = {
      .variant = "es", .input_size = SIDE, .synthetic_seed = 1, .precision = EFFNET_PRECISION_FP32};
  g_autoptr (EffnetModel) model = effnet_model_open (NULL, &options, NULL);
  g_autoptr (EffnetPlan) plan = effnet_plan_new (f->net, EFFNET_DTYPE_F32, NULL, NULL);
  EffnetModel gated = *model;
  EffnetResult result;
  float *features;

  gated.net = f->net;
  gated.plan = plan;
  g_assert_cmpint (effnet_arena_init (&gated.weights, plan->weight_bytes), ==, 0);
  for (size_t i = 0; i < plan->n_layers; i++)
    g_assert_true (
        effnet_pack_layer (&plan->layers[i], &f->bound[i], NULL, gated.weights.base, NULL));
  EffnetSession *session = effnet_session_new (&gated, NULL, NULL);
  g_assert_true (effnet_session_run (session, image, &result, NULL));
  features = g_memdup2 (result.features, f->net->head_channels * sizeof *features);
  effnet_session_free (session);
  effnet_arena_clear (&gated.weights);
  return features;
}

/* The engine and the part of the graph that is not trained know full convolutions, with a gate or
 * without, each in a way of its own. */
static void
test_convolutions (void)
{
  Fixture f;
  uint32_t state = 9;
  double difference = 0, norm = 0;

  set_up (&f, "es", EFFNET_PADDING_SAME, 7, 1, 2);
  g_autofree float *image = g_new (float, SIDE *SIDE * 3);
  for (size_t i = 0; i < SIDE * SIDE * 3; i++)
    image[i] = draw (&state);
  effnet_graph_prepare (&f.graph, image, f.input);
  g_assert_true (effnet_graph_forward (&f.graph, 1, f.input, f.logits, NULL, NULL));
  g_autofree float *features = engine_features (&f, image);
  for (size_t i = 0; i < f.net->head_channels; i++) {
    double off = (double)features[i] - f.graph.features[i];

    difference += off * off;
    norm += (double)features[i] * features[i];
  }
  g_assert_cmpfloat (norm, >, 0);
  g_assert_cmpfloat (sqrt (difference / norm), <=, 2e-5);
  tear_down (&f);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/train/gradients/differences", test_differences);
  g_test_add_func ("/train/gradients/threads", test_threads);
  g_test_add_func ("/train/gradients/stop", test_stop);
  g_test_add_func ("/train/gradients/convolutions", test_convolutions);
  return g_test_run ();
}
