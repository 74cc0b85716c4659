/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Binding and folding: what is refused and in which words, and batch norm against its definition.
 */
#include <math.h>
#include <string.h>

#include "../weights/files.h"
#include "bind/bind.h"
#include "bind/dialect.h"
#include "bind/synthetic.h"

/* ---- tables made from a sound one ---- */

typedef struct {
  const char *skip;    /* leaves this tensor out */
  const char *reshape; /* gives this one a longer first dimension */
  const char *poke;    /* sets element 0 of this one to `value` */
  float value;
  const char *extra; /* adds this one */
} Change;

static EffnetTensorTable *
changed_table (const EffnetTensorTable *from, const Change *change)
{
  EffnetTensorTable *table = effnet_tensor_table_new ("changed");

  for (size_t i = 0; i < effnet_tensor_table_size (from); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (from, i);
    size_t shape[EFFNET_TENSOR_MAX_DIMS];
    float *data;

    if (g_strcmp0 (tensor->name, change->skip) == 0)
      continue;
    memcpy (shape, tensor->shape, sizeof shape);
    if (g_strcmp0 (tensor->name, change->reshape) == 0)
      shape[0]++;
    data = effnet_tensor_table_add (table, tensor->name, tensor->n_dims, shape);
    g_assert_nonnull (data);
    g_assert_true (effnet_tensor_read (tensor, data, NULL));
    if (g_strcmp0 (tensor->name, change->poke) == 0)
      data[0] = change->value;
  }
  if (change->extra != NULL)
    g_assert_nonnull (effnet_tensor_table_add (table, change->extra, 1, (size_t[]){4}));
  return table;
}

static gboolean
fold_layer (const EffnetBound *bound, GError **error)
{
  const EffnetLayer *layer = &bound->layer;
  g_autofree double *scale = g_new (double, layer->out);
  g_autofree float *bias = g_new (float, layer->out);
  g_autofree float *w = g_new (float, layer->out * layer->in * layer->kernel * layer->kernel);

  return effnet_fold_scale (bound, scale, bias, error) &&
         effnet_fold_rows (bound, scale, 0, layer->out, w, error);
}

static gboolean
bind_and_fold (const EffnetNet *net, const EffnetTensorTable *table, GError **error)
{
  size_t n;
  g_autofree EffnetBound *bound = effnet_bind (net, table, NULL, 0, &n, error);
  gboolean ok = bound != NULL;

  for (size_t i = 0; ok && i < n; i++)
    ok = fold_layer (&bound[i], error);
  return ok;
}

/* Expects an error of @code that names all of @words (separated by '|'). */
static void
expect_error (const char *variant, const char *other, const Change *change, EffnetError code,
              const char *words)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 10, EFFNET_PADDING_SYMMETRIC, NULL);
  g_autoptr (EffnetNet) source = effnet_net_new (other, 0, 10, EFFNET_PADDING_SYMMETRIC, NULL);
  g_autoptr (EffnetTensorTable) sound = effnet_synthetic_new (source, 1, NULL);
  g_autoptr (EffnetTensorTable) table = changed_table (sound, change);
  GError *error = NULL;

  g_assert_false (bind_and_fold (net, table, &error));
  test_assert_error (&error, code, words);
}

static void
test_refusals (void)
{
  expect_error ("b0", "b0", &(Change){.skip = "blocks.2.1.bn2.running_var"}, EFFNET_ERROR_MISMATCH,
                "blocks.2.1.bn2.running_var|missing|b0");
  expect_error ("b0", "b0", &(Change){.skip = "conv_stem.weight"}, EFFNET_ERROR_MISMATCH,
                "stem|not an EfficientNet");
  expect_error ("b0", "b0", &(Change){.reshape = "conv_head.weight"}, EFFNET_ERROR_MISMATCH,
                "conv_head.weight|[1281, 320, 1, 1]|[1280, 320, 1, 1]");
  expect_error ("b0", "b0", &(Change){.extra = "blocks.9.0.conv_pw.weight"}, EFFNET_ERROR_MISMATCH,
                "blocks.9.0.conv_pw.weight|no place");
  expect_error ("b0", "b0", &(Change){.poke = "blocks.1.0.conv_dw.weight", .value = NAN},
                EFFNET_ERROR_FORMAT, "blocks.1.0.conv_dw.weight|nan|finite");
  /* finite, but not in bf16 */
  expect_error ("b0", "b0", &(Change){.poke = "blocks.1.0.conv_dw.weight", .value = 3.4e38f},
                EFFNET_ERROR_FORMAT, "blocks.1.0.conv_dw.weight|3.4e+38|finite");
  expect_error ("b0", "b0", &(Change){.poke = "classifier.bias", .value = INFINITY},
                EFFNET_ERROR_FORMAT, "classifier.bias|inf|finite");
  expect_error ("b0", "b0", &(Change){.poke = "bn1.running_var", .value = -0.5f},
                EFFNET_ERROR_FORMAT, "bn1.running_var|-0.5|variance");
}

static void
test_other_variant (void)
{
  static const char *const pairs[][2] = {
      {"b0", "b1"}, {"b1", "b0"}, {"b3", "lite3"}, {"lite0", "b0"}, {"b4", "b5"}};

  for (size_t i = 0; i < G_N_ELEMENTS (pairs); i++) {
    g_autofree char *words = g_strdup_printf ("looks like %s", pairs[i][1]);

    expect_error (pairs[i][0], pairs[i][1], &(Change){0}, EFFNET_ERROR_MISMATCH, words);
  }
}

static void
test_counter_is_no_weight (void)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("lite0", 0, 10, EFFNET_PADDING_SAME, NULL);
  g_autoptr (EffnetTensorTable) sound = effnet_synthetic_new (net, 1, NULL);
  g_autoptr (EffnetTensorTable) table =
      changed_table (sound, &(Change){.extra = "bn1.num_batches_tracked"});
  g_autoptr (GError) error = NULL;

  g_assert_true (bind_and_fold (net, table, &error));
  g_assert_no_error (error);
}

/* ---- names ---- */

/* Of b0: block 0 has no expand layer, block 2 is the second of stage 1. */
static const struct {
  EffnetDialect dialect;
  EffnetLayerKind kind;
  unsigned block;
  EffnetRole role;
  const char *name;
} names[] = {
    {EFFNET_DIALECT_TIMM, EFFNET_LAYER_STEM, 0, EFFNET_ROLE_WEIGHT, "conv_stem.weight"},
    {EFFNET_DIALECT_TIMM, EFFNET_LAYER_DEPTHWISE, 0, EFFNET_ROLE_MEAN,
     "blocks.0.0.bn1.running_mean"},
    {EFFNET_DIALECT_TIMM, EFFNET_LAYER_DEPTHWISE, 2, EFFNET_ROLE_VARIANCE,
     "blocks.1.1.bn2.running_var"},
    {EFFNET_DIALECT_TORCHVISION, EFFNET_LAYER_PROJECT, 0, EFFNET_ROLE_GAMMA,
     "features.1.0.block.2.1.weight"},
    {EFFNET_DIALECT_TORCHVISION, EFFNET_LAYER_PROJECT, 2, EFFNET_ROLE_BETA,
     "features.2.1.block.3.1.bias"},
    {EFFNET_DIALECT_TORCHVISION, EFFNET_LAYER_SE_REDUCE, 0, EFFNET_ROLE_BIAS,
     "features.1.0.block.1.fc1.bias"},
    {EFFNET_DIALECT_TORCHVISION, EFFNET_LAYER_HEAD, 0, EFFNET_ROLE_WEIGHT, "features.8.0.weight"},
    {EFFNET_DIALECT_LUKEMELAS, EFFNET_LAYER_EXPAND, 2, EFFNET_ROLE_GAMMA, "_blocks.2._bn0.weight"},
    {EFFNET_DIALECT_LUKEMELAS, EFFNET_LAYER_SE_EXPAND, 2, EFFNET_ROLE_WEIGHT,
     "_blocks.2._se_expand.weight"},
    {EFFNET_DIALECT_FOLDED, EFFNET_LAYER_DEPTHWISE, 2, EFFNET_ROLE_BIAS, "blocks.2.dw.bias"},
    {EFFNET_DIALECT_FOLDED, EFFNET_LAYER_CLASSIFIER, 0, EFFNET_ROLE_BIAS, "classifier.bias"},
};

static void
test_names (void)
{
  g_autoptr (EffnetNet) net = effnet_net_new ("b0", 0, 10, EFFNET_PADDING_SAME, NULL);
  size_t n_layers;
  const EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *name = NULL;
    size_t l = 0;

    while (layers[l].kind != names[i].kind || layers[l].block_index != names[i].block)
      l++;
    name = effnet_dialect_tensor (names[i].dialect, net, &layers[l], names[i].role);
    g_assert_cmpstr (name, ==, names[i].name);
  }
}

/* ---- folding, against the definition of batch norm ---- */

static void
test_fold (void)
{
  static const float w[4] = {0.5f, -1.0f, 2.0f, 0.25f}, gamma[2] = {1.5f, -0.5f},
                     beta[2] = {0.1f, 0.2f};
  static const float mean[2] = {-0.3f, 0.7f}, variance[2] = {0.04f, 2.5f}, x[2] = {0.9f, -1.7f};
  EffnetTensor t[5] = {0};
  const float *data[5] = {w, gamma, beta, mean, variance};
  EffnetBound bound = {.layer = {.out = 2, .in = 2, .kernel = 1, .has_norm = TRUE},
                       .tensors = {&t[0], NULL, &t[1], &t[2], &t[3], &t[4]},
                       .epsilon = 1e-3};
  double scale[2];
  float folded[4], bias[2];

  for (unsigned i = 0; i < 5; i++)
    t[i] = (EffnetTensor){
        .name = "t", .is_float = TRUE, .n_dims = 1, .n_elements = i == 0 ? 4 : 2, .data = data[i]};
  g_assert_true (effnet_fold_scale (&bound, scale, bias, NULL));
  for (unsigned o = 0; o < 2; o++)
    g_assert_true (effnet_fold_rows (&bound, scale, o, 1, folded + 2 * o, NULL));
  for (unsigned o = 0; o < 2; o++) {
    double conv = (double)w[2 * o] * x[0] + (double)w[2 * o + 1] * x[1];
    double want = (conv - mean[o]) / sqrt (variance[o] + 1e-3) * gamma[o] + beta[o];
    double got = (double)folded[2 * o] * x[0] + (double)folded[2 * o + 1] * x[1] + bias[o];

    /* each of the three folded numbers is rounded once */
    g_assert_cmpfloat (fabs (got - want), <, 4 * 0x1p-24 * (fabs (want) + 20));
  }
}

/* One channel, each number finite, whose folded numbers are not. */
static void
test_fold_overflow (void)
{
  static const struct {
    float numbers[5]; /* w, gamma, beta, mean, variance */
    const char *what;
  } rows[] = {
      {{1.0f, 3e38f, 0.0f, 0.0f, 0.0f}, "scale"},
      {{1.0f, 1.0f, 0.0f, 3e38f, 0.01f}, "bias"},
      {{3e38f, 2.0f, 0.0f, 0.0f, 1.0f}, "weight"},
      {{1.7e38f, 2.0f, 0.0f, 0.0f, 0.999f}, "weight"}, /* finite in fp32, not in bf16 */
  };

  for (size_t i = 0; i < G_N_ELEMENTS (rows); i++) {
    EffnetTensor t[5] = {0};
    EffnetBound bound = {.layer = {.out = 1, .in = 1, .kernel = 1, .has_norm = TRUE},
                         .tensors = {&t[0], NULL, &t[1], &t[2], &t[3], &t[4]},
                         .epsilon = 1e-3};
    g_autoptr (GError) error = NULL;
    double scale;
    float folded, bias;

    for (unsigned j = 0; j < 5; j++)
      t[j] = (EffnetTensor){
          .name = "t", .is_float = TRUE, .n_dims = 1, .n_elements = 1, .data = &rows[i].numbers[j]};
    g_assert_false (effnet_fold_scale (&bound, &scale, &bias, &error) &&
                    effnet_fold_rows (&bound, &scale, 0, 1, &folded, &error));
    g_assert_error (error, EFFNET_ERROR, EFFNET_ERROR_FORMAT);
    g_assert_nonnull (strstr (error->message, rows[i].what));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bind/refusals", test_refusals);
  g_test_add_func ("/bind/other-variant", test_other_variant);
  g_test_add_func ("/bind/counter-is-no-weight", test_counter_is_no_weight);
  g_test_add_func ("/bind/names", test_names);
  g_test_add_func ("/bind/fold", test_fold);
  g_test_add_func ("/bind/fold-overflow", test_fold_overflow);
  return g_test_run ();
}
