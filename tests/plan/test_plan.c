/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Binding, folding and memory: what the plan refuses and in which words, and that no two live
 * buffers share bytes. */
#include <math.h>
#include <string.h>

#include "plan/bind.h"
#include "plan/memory.h"
#include "plan/plan.h"

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
    effnet_tensor_read (tensor, data);
    if (g_strcmp0 (tensor->name, change->poke) == 0)
      data[0] = change->value;
  }
  if (change->extra != NULL)
    g_assert_nonnull (effnet_tensor_table_add (table, change->extra, 1, (size_t[]){4}));
  return table;
}

static EffnetPlan *
plan_and_pack (const EffnetNet *net, const EffnetTensorTable *table, GError **error)
{
  EffnetPlanOptions options = {EFFNET_DTYPE_F32, 0};
  g_autoptr (EffnetPlan) plan = effnet_plan_new (net, table, &options, error);

  for (size_t i = 0; plan != NULL && i < plan->n_packs; i++) {
    if (!effnet_plan_pack (plan, i, error))
      return NULL;
  }
  return g_steal_pointer (&plan);
}

/* Expects an error of @code that names all of @words (separated by '|'). */
static void
expect_error (const char *variant, const char *other, const Change *change, int code,
              const char *words)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 10, EFFNET_PADDING_SYMMETRIC, NULL);
  g_autoptr (EffnetNet) source = effnet_net_new (other, 0, 10, EFFNET_PADDING_SYMMETRIC, NULL);
  g_autoptr (EffnetTensorTable) sound = effnet_synthetic_new (source, 1);
  g_autoptr (EffnetTensorTable) table = changed_table (sound, change);
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetPlan) plan = plan_and_pack (net, table, &error);
  g_auto (GStrv) wanted = g_strsplit (words, "|", -1);

  g_assert_null (plan);
  g_assert_error (error, EFFNET_ERROR, code);
  for (char **word = wanted; *word != NULL; word++) {
    if (strstr (error->message, *word) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, *word);
  }
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
  g_autoptr (EffnetTensorTable) sound = effnet_synthetic_new (net, 1);
  g_autoptr (EffnetTensorTable) table =
      changed_table (sound, &(Change){.extra = "bn1.num_batches_tracked"});
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetPlan) plan = plan_and_pack (net, table, &error);

  g_assert_no_error (error);
  g_assert_nonnull (plan);
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
  EffnetBound bound = {&t[0], NULL, &t[1], &t[2], &t[3], &t[4], 2, 2, 1, 1e-3};
  double scale[2];
  float folded[4], bias[2];

  for (unsigned i = 0; i < 5; i++)
    t[i] = (EffnetTensor){
        .name = "t", .is_float = TRUE, .n_dims = 1, .n_elements = i == 0 ? 4 : 2, .data = data[i]};
  g_assert_true (effnet_bound_scale (&bound, scale, bias, NULL));
  for (unsigned o = 0; o < 2; o++)
    g_assert_true (effnet_bound_rows (&bound, scale, o, 1, folded + 2 * o, NULL));
  for (unsigned o = 0; o < 2; o++) {
    double conv = (double)w[2 * o] * x[0] + (double)w[2 * o + 1] * x[1];
    double want = (conv - mean[o]) / sqrt (variance[o] + 1e-3) * gamma[o] + beta[o];
    double got = (double)folded[2 * o] * x[0] + (double)folded[2 * o + 1] * x[1] + bias[o];

    /* each of the three folded numbers is rounded once */
    g_assert_cmpfloat (fabs (got - want), <, 4 * 0x1p-24 * (fabs (want) + 20));
  }
}

/* ---- memory ---- */

static void
test_memory (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (unsigned round = 0; round < 200; round++) {
    EffnetBuffer buffers[40];
    size_t n = (size_t)g_rand_int_range (rand, 1, 40), total, sum = 0;

    for (size_t i = 0; i < n; i++) {
      buffers[i].bytes = 64 * (size_t)g_rand_int_range (rand, 0, 1000);
      buffers[i].first = (size_t)g_rand_int_range (rand, 0, 30);
      buffers[i].last = buffers[i].first + (size_t)g_rand_int_range (rand, 0, 5);
      sum += buffers[i].bytes;
    }
    total = effnet_memory_plan (buffers, n);
    g_assert_cmpuint (total, <=, sum);
    for (size_t i = 0; i < n; i++) {
      g_assert_cmpuint (buffers[i].offset % 64, ==, 0);
      g_assert_cmpuint (buffers[i].offset + buffers[i].bytes, <=, total);
      for (size_t j = 0; j < i; j++) {
        gboolean together =
            buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last;
        gboolean apart = buffers[i].offset + buffers[i].bytes <= buffers[j].offset ||
                         buffers[j].offset + buffers[j].bytes <= buffers[i].offset;

        g_assert_true (!together || apart || buffers[i].bytes == 0 || buffers[j].bytes == 0);
      }
    }
  }
}

/* Every step's tiles cover its output exactly, however it is cut. */
static void
test_tiles_cover (void)
{
  for (const char *const *name = effnet_arch_names (); *name != NULL; name++) {
    g_autoptr (EffnetNet) net = NULL;
    g_autoptr (EffnetTensorTable) table = NULL;
    g_autoptr (EffnetPlan) plan = NULL;
    EffnetPlanOptions options = {EFFNET_DTYPE_F32, 0};

    if (strcmp (*name, "l2") == 0) /* 2 GB of weights */
      continue;
    net = effnet_net_new (*name, 0, 10, EFFNET_PADDING_SAME, NULL);
    table = effnet_synthetic_new (net, 1);
    plan = effnet_plan_new (net, table, &options, NULL);
    g_assert_nonnull (plan);
    for (size_t i = 0; i < plan->n_steps; i++) {
      const EffnetStep *s = &plan->steps[i];
      size_t units = s->kind == EFFNET_STEP_POINTWISE ? s->out_h * s->out_w
                     : s->kind == EFFNET_STEP_POOL || s->kind == EFFNET_STEP_CLASSIFIER ||
                             s->kind == EFFNET_STEP_SQUEEZE || s->kind == EFFNET_STEP_EXCITE
                         ? s->out_channels
                         : s->out_h;
      size_t cuts = (units + s->per_tile - 1) / s->per_tile;

      if (s->kind == EFFNET_STEP_POINTWISE)
        cuts *= (s->panels + s->panels_per_tile - 1) / s->panels_per_tile;
      if (s->kind == EFFNET_STEP_EXPAND_DEPTHWISE)
        cuts = s->expand.odd ? (s->out_channels + s->expand.slice - 1) / s->expand.slice + 1
                             : cuts * ((s->out_channels + s->expand.slice - 1) / s->expand.slice);
      g_assert_cmpuint (s->n_tiles, ==, cuts);
      /* a gate goes to the project's weights or to its input, never to both or neither */
      if (s->kind == EFFNET_STEP_EXCITE)
        g_assert_true ((s->scaled == EFFNET_NO_SLOT) != (s->out == EFFNET_NO_SLOT));
    }
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/plan/refusals", test_refusals);
  g_test_add_func ("/plan/other-variant", test_other_variant);
  g_test_add_func ("/plan/counter-is-no-weight", test_counter_is_no_weight);
  g_test_add_func ("/plan/fold", test_fold);
  g_test_add_func ("/plan/memory", test_memory);
  g_test_add_func ("/plan/tiles-cover", test_tiles_cover);
  return g_test_run ();
}
