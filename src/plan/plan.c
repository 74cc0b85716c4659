/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The plan's life: checks before, packing after the steps are written (steps.c). */
#include "plan/plan.h"

#include <string.h>

#include "base/checked.h"
#include "kernels/bf16.h"
#include "plan/steps.h"

static double
flavour_epsilon (const EffnetNet *net, EffnetDialect dialect)
{
  static const char *const torchvision_1e_3[] = {"b5", "b6", "b7", NULL};

  if (net->padding == EFFNET_PADDING_SAME)
    return 1e-3;
  if (dialect == EFFNET_DIALECT_TORCHVISION && g_strv_contains (torchvision_1e_3, net->variant))
    return 1e-3;
  return 1e-5;
}

static gboolean
find_kernels (EffnetDtype dtype, EffnetKernelSet *set, GError **error)
{
  const EffnetKernelShape any = {0}, window = {.kernel = 3, .stride = 2};

  set->stem = effnet_kernel_find (EFFNET_OP_STEM, dtype, window);
  set->pool = effnet_kernel_find (EFFNET_OP_POOL, dtype, any);
  set->fc = effnet_kernel_find (EFFNET_OP_FC, dtype, any);
  set->scale_rows = effnet_kernel_find (EFFNET_OP_SCALE_ROWS, dtype, any);
  set->scale_panels = effnet_kernel_find (EFFNET_OP_SCALE_PANELS, dtype, any);
  if (set->stem != NULL && set->pool != NULL && set->fc != NULL && set->scale_rows != NULL &&
      set->scale_panels != NULL &&
      effnet_kernel_find (EFFNET_OP_DEPTHWISE, dtype, window) != NULL &&
      effnet_kernel_find (EFFNET_OP_GEMM, dtype, any) != NULL)
    return TRUE;
  g_set_error_literal (error, EFFNET_ERROR, EFFNET_ERROR_UNSUPPORTED,
                       "this build has no kernels for the precision asked for; fp32 always works");
  return FALSE;
}

/* Every float tensor of the file must have a place in the net. */
static gboolean
check_none_unused (const EffnetPlan *plan, const EffnetNet *net, const EffnetTensorTable *tensors,
                   GError **error)
{
  g_autoptr (GHashTable) used = g_hash_table_new (NULL, NULL);

  for (size_t i = 0; i < plan->n_packs; i++) {
    const EffnetBound *b = &plan->packs[i].bound;
    const EffnetTensor *parts[] = {b->weight, b->bias, b->gamma, b->beta, b->mean, b->variance};

    for (size_t j = 0; j < G_N_ELEMENTS (parts); j++)
      g_hash_table_add (used, (gpointer)parts[j]);
  }
  for (size_t i = 0; i < effnet_tensor_table_size (tensors); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (tensors, i);

    /* PyTorch's batch counter is no weight. */
    if (g_hash_table_contains (used, tensor) ||
        g_str_has_suffix (tensor->name, ".num_batches_tracked"))
      continue;
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH, "%s: tensor %s has no place in %s",
                 effnet_tensor_table_name (tensors), tensor->name, net->variant);
    return FALSE;
  }
  return TRUE;
}

/* Adds to a mismatch which variant the file looks like. */
static void
explain_mismatch (const EffnetNet *net, EffnetDialect dialect, const EffnetTensorTable *tensors,
                  GError **error)
{
  const char *guess;

  if (error == NULL || !g_error_matches (*error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH))
    return;
  guess = effnet_dialect_guess_variant (dialect, tensors);
  if (guess == NULL) {
    g_autofree char *old = g_strdup ((*error)->message);

    g_clear_error (error);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s; the file looks like no variant we know", old);
  } else if (strcmp (guess, net->variant) != 0) {
    g_autofree char *old = g_strdup ((*error)->message);

    g_clear_error (error);
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
                 "%s; the file looks like %s: open it as variant %s", old, guess, guess);
  }
}

static gboolean
allocate_weights (EffnetPlan *plan, const EffnetNet *net, GError **error)
{
  size_t n_layers, bytes = 0;
  g_autofree EffnetLayer *layers = effnet_net_layers (net, &n_layers);

  for (size_t i = 0; i < n_layers; i++)
    bytes += effnet_pack_bytes (&layers[i], plan->dtype);
  if (effnet_arena_init (&plan->weights, bytes) == 0)
    return TRUE;
  g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
               "%s needs %" G_GSIZE_FORMAT " MB for its weights, which the system does not give",
               net->variant, bytes >> 20);
  return FALSE;
}

EffnetPlan *
effnet_plan_new (const EffnetNet *net, const EffnetTensorTable *tensors,
                 const EffnetPlanOptions *options, GError **error)
{
  g_autoptr (EffnetPlan) plan = g_new0 (EffnetPlan, 1);
  EffnetDialect dialect = effnet_dialect_detect (tensors);
  EffnetKernelSet kernels;

  plan->dtype = options->dtype;
  plan->in_h = net->in_height;
  plan->in_w = net->in_width;
  plan->n_classes = net->n_classes;
  plan->n_features = net->head_channels;
  plan->bn_epsilon = options->bn_epsilon > 0 ? options->bn_epsilon : flavour_epsilon (net, dialect);

  if (dialect == EFFNET_DIALECT_UNKNOWN) {
    g_set_error (
        error, EFFNET_ERROR, EFFNET_ERROR_MISMATCH,
        "%s holds no stem convolution under a name we know (timm's conv_stem.weight, torchvision's "
        "features.0.0.weight, lukemelas' _conv_stem.weight): not an EfficientNet checkpoint",
        effnet_tensor_table_name (tensors));
    return NULL;
  }
  if (!find_kernels (plan->dtype, &kernels, error) || !allocate_weights (plan, net, error))
    return NULL;
  if (!effnet_steps_build (plan, &kernels, net, dialect, tensors, error) ||
      !check_none_unused (plan, net, tensors, error)) {
    explain_mismatch (net, dialect, tensors, error);
    return NULL;
  }
  return g_steal_pointer (&plan);
}

/* Rows of a weight that are folded and packed before the next ones are read: they stay in a cache,
 * and are a line of it once transposed. */
#define PACK_ROWS 16

#define STEM_WEIGHTS 27 /* 3 x 3 taps of 3 channels */

/* The stem's weights want channels innermost: [in][taps] -> [taps][in] of each row. */
static void
channels_last (const EffnetBound *bound, size_t rows, float *w)
{
  float row[STEM_WEIGHTS];
  size_t taps = (size_t)bound->kernel * bound->kernel, n = taps * bound->in;

  g_assert (n <= G_N_ELEMENTS (row));
  for (size_t o = 0; o < rows; o++, w += n) {
    for (size_t i = 0; i < n; i++)
      row[i % taps * bound->in + i / taps] = w[i];
    memcpy (w, row, n * sizeof *row);
  }
}

static void
pack_rows (const EffnetPlan *plan, const EffnetPack *pack, size_t first, size_t rows, float *w)
{
  const EffnetBound *bound = &pack->bound;
  EffnetDtype dtype = pack->kind == EFFNET_PACK_FC ? plan->dtype : EFFNET_DTYPE_F32;
  size_t stride = pack->kind == EFFNET_PACK_STEM ? pack->stride : bound->out;

  if (pack->kind == EFFNET_PACK_GEMM) {
    effnet_gemm_pack (pack->gemm, bound->out, bound->in, first, rows, w, pack->weights);
    return;
  }
  if (pack->kind == EFFNET_PACK_STEM)
    channels_last (bound, rows, w);
  effnet_pack_transposed (dtype, bound->in * bound->kernel * bound->kernel, rows, w, stride,
                          (char *)pack->weights + first * effnet_dtype_size (dtype));
}

gboolean
effnet_plan_pack (EffnetPlan *plan, size_t index, GError **error)
{
  const EffnetPack *pack = &plan->packs[index];
  const EffnetBound *bound = &pack->bound;
  size_t per_out = bound->in * bound->kernel * bound->kernel;
  g_autofree float *w = g_try_new (float, per_out *PACK_ROWS);
  g_autofree double *scale = g_try_new (double, bound->out);

  if (w == NULL || scale == NULL) {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO, "no memory to fold tensor %s",
                 bound->weight->name);
    return FALSE;
  }
  if (!effnet_bound_scale (bound, scale, pack->bias, error)) /* past its end it is zero already */
    return FALSE;
  for (size_t o = 0; o < bound->out; o += PACK_ROWS) {
    size_t rows = MIN (PACK_ROWS, bound->out - o);

    if (!effnet_bound_rows (bound, scale, o, rows, w, error))
      return FALSE;
    pack_rows (plan, pack, o, rows, w);
  }
  effnet_tensor_done (bound->weight);
  return TRUE;
}

void
effnet_plan_packed (EffnetPlan *plan)
{
  g_clear_pointer (&plan->packs, g_free);
  plan->n_packs = 0;
}

void
effnet_plan_free (EffnetPlan *plan)
{
  if (plan == NULL)
    return;
  g_free (plan->packs);
  g_free (plan->steps);
  effnet_arena_clear (&plan->weights);
  g_free (plan);
}
