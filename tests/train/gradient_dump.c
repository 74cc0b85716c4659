/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * gradient_dump MODEL FIRST INPUT IMAGES DLOGITS CLASSIFIER OUT: the gradients of what is trained
 * from block FIRST on. INPUT: float32 [IMAGES][height][width][3]; DLOGITS: [IMAGES][classes];
 * CLASSIFIER: [classes] [features], then [classes]. OUT: logits [IMAGES][classes], then the
 * gradients, of each layer weight, gamma and beta or bias. Writes a line for each: layer, block,
 * sizes. gradients.py compares them with PyTorch's. */
#include "engine/engine.h"
#include "train/graph.h"

#include <stdio.h>
#include <string.h>

static float *
load (const char *path, size_t *n)
{
  char *bytes = NULL;
  gsize length = 0;

  if (!g_file_get_contents (path, &bytes, &length, NULL))
    g_error ("cannot read %s", path);
  *n = length / sizeof (float);
  return (float *)(void *)bytes;
}

/* Cuts the frozen part off, then passes of at most graph->images. */
static void
run (EffnetGraph *graph, size_t images, const float *nhwc, const float *dlogits, float *logits)
{
  size_t size = effnet_graph_input_size (graph),
         k = dlogits != NULL ? graph->params.layers[graph->params.n_layers - 1].layer.out : 0;
  size_t pixels = (size_t)graph->net->in_height * graph->net->in_width * 3;
  g_autofree float *inputs = g_new (float, images *size);

  for (size_t i = 0; i < images; i++)
    effnet_graph_prepare (graph, nhwc + i * pixels, inputs + i * size);
  for (size_t i = 0, n; i < images; i += n) {
    n = MIN (graph->images, images - i);
    graph->keep = TRUE;
    effnet_graph_forward (graph, n, inputs + i * size, logits + i * k, NULL, NULL);
    effnet_graph_backward (graph, n, dlogits + i * k, NULL, NULL);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetModel) model = NULL;
  g_autoptr (EffnetTensorTable) tensors = NULL;
  EffnetGraph graph;
  size_t n, n_layers, images;

  if (argc != 8)
    return 2;
  images = (size_t)g_ascii_strtoull (argv[4], NULL, 10);
  model = effnet_model_open (argv[1], NULL, &error);
  if (model == NULL)
    g_error ("%s", error->message);
  tensors = effnet_tensor_table_open (model->path, &error);
  g_autofree EffnetBound *bound =
      effnet_bind (model->net, tensors, NULL, model->card->bn_epsilon, &n_layers, &error);
  g_autofree float *nhwc = load (argv[3], &n);
  g_autofree float *dlogits = load (argv[5], &n);
  unsigned classes = (unsigned)(n / images);
  EffnetPool *pool = effnet_pool_get (2);
  if (!effnet_graph_init (&graph, model->net, bound, n_layers, classes, (unsigned)atoi (argv[2]), 3,
                          (size_t)1 << 30, pool, &error))
    g_error ("%s", error->message);
  g_autofree float *classifier = load (argv[6], &n);
  memcpy (graph.params.theta + graph.params.layers[n_layers - 1].weight, classifier,
          n * sizeof (float));
  effnet_params_refresh (&graph.params, &graph.products);
  g_autofree float *logits = g_new (float, images *classes);
  run (&graph, images, nhwc, dlogits, logits);
  effnet_params_chain (&graph.params, pool);

  FILE *out = fopen (argv[7], "wb");
  fwrite (logits, sizeof (float), images * classes, out);
  fwrite (graph.params.gradient, sizeof (float), graph.params.n_trained, out);
  fclose (out);
  for (size_t i = 0; i < n_layers; i++) {
    const EffnetParam *p = &graph.params.layers[i];
    if (p->is_trained)
      printf ("%d %d %d %zu %zu %d\n", (int)p->layer.kind,
              p->layer.block != NULL ? (int)p->layer.block->stage : -1,
              p->layer.block != NULL ? (int)p->layer.block->index : -1, effnet_param_size (p),
              p->layer.out, p->has_norm);
  }
  effnet_graph_clear (&graph);
  effnet_pool_unref (pool);
  return 0;
}
