/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The house described to people and scripts, as JSON; and what of a file is only wanted when asked
 * for. */
#include <json-glib/json-glib.h>

#include "bind/dialect.h"
#include "engine/engine.h"

const char *
effnet_version (void)
{
  return EFFNET_VERSION;
}

const char *const *
effnet_variant_names (void)
{
  return effnet_arch_names ();
}

const char *
effnet_variant_summary (void)
{
  return effnet_arch_summary ();
}

static char *
builder_to_string (JsonBuilder *builder)
{
  g_autoptr (JsonNode) root = json_builder_get_root (builder);

  return json_to_string (root, TRUE);
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_int (JsonBuilder *builder, const char *name, gint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

char *
effnet_describe_variant (const char *variant, GError **error)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_AUTO, error);

  return net != NULL ? effnet_net_describe (net) : NULL;
}

/* One object from role to name for each dialect. */
static void
add_names (JsonBuilder *builder, const EffnetNet *net, const EffnetLayer *layer)
{
  static const char *const roles[EFFNET_ROLE_COUNT] = {
      [EFFNET_ROLE_WEIGHT] = "weight", [EFFNET_ROLE_BIAS] = "bias",
      [EFFNET_ROLE_GAMMA] = "gamma",   [EFFNET_ROLE_BETA] = "beta",
      [EFFNET_ROLE_MEAN] = "mean",     [EFFNET_ROLE_VARIANCE] = "variance"};
  EffnetLayerTensor tensors[EFFNET_ROLE_COUNT];

  for (EffnetDialect dialect = 0; dialect < EFFNET_DIALECT_UNKNOWN; dialect++) {
    unsigned n = effnet_layer_tensors (layer, effnet_dialect_is_folded (dialect), tensors);

    json_builder_set_member_name (builder, effnet_dialect_name (dialect));
    json_builder_begin_object (builder);
    for (unsigned i = 0; i < n; i++) {
      g_autofree char *name = effnet_dialect_tensor (dialect, net, layer, tensors[i].role);
      add_string (builder, roles[tensors[i].role], name);
    }
    json_builder_end_object (builder);
  }
}

static void
add_layer (JsonBuilder *builder, const EffnetNet *net, const EffnetLayer *layer)
{
  EffnetLayerTensor tensors[EFFNET_ROLE_COUNT];

  effnet_layer_tensors (layer, FALSE, tensors);
  json_builder_begin_object (builder);
  json_builder_set_member_name (builder, "shape");
  json_builder_begin_array (builder);
  for (unsigned i = 0; i < tensors[0].n_dims; i++)
    json_builder_add_int_value (builder, (gint64)tensors[0].shape[i]);
  json_builder_end_array (builder);
  json_builder_set_member_name (builder, "names");
  json_builder_begin_object (builder);
  add_names (builder, net, layer);
  json_builder_end_object (builder);
  json_builder_end_object (builder);
}

char *
effnet_describe_tensors (const char *variant, GError **error)
{
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_AUTO, error);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  size_t n = 0;
  const EffnetLayer *layers = net != NULL ? effnet_net_layers (net, &n) : NULL;

  if (net == NULL)
    return NULL;
  json_builder_begin_object (builder);
  add_string (builder, "variant", net->variant);
  add_int (builder, "resolution", net->resolution);
  json_builder_set_member_name (builder, "epsilon");
  json_builder_begin_object (builder);
  for (EffnetDialect dialect = 0; dialect < EFFNET_DIALECT_UNKNOWN; dialect++) {
    json_builder_set_member_name (builder, effnet_dialect_name (dialect));
    json_builder_add_double_value (builder, effnet_dialect_epsilon (dialect, net));
  }
  json_builder_end_object (builder);
  json_builder_set_member_name (builder, "layers");
  json_builder_begin_array (builder);
  for (size_t i = 0; i < n; i++)
    add_layer (builder, net, &layers[i]);
  json_builder_end_array (builder);
  json_builder_end_object (builder);
  g_autoptr (JsonNode) root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static void
add_isas (JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "features");
  json_builder_begin_array (builder);
  for (EffnetIsa isa = 0; isa < EFFNET_ISA_COUNT; isa++) {
    if (effnet_cpu_has (isa))
      json_builder_add_string_value (builder, effnet_isa_name (isa));
  }
  json_builder_end_array (builder);
}

/* The row that serves a request, in the order of the list. */
static void
add_kernel (JsonBuilder *builder, EffnetKernelOp op, EffnetDtype dtype, EffnetKernelShape shape)
{
  const EffnetKernel *row = effnet_kernel_find (op, dtype, shape);

  if (row == NULL || (shape.k > 0 && row->k_least == 0)) /* that serves any number of channels */
    return;
  json_builder_begin_object (builder);
  add_string (builder, "operation", effnet_op_name (op));
  add_string (builder, "dtype", effnet_dtypes[dtype].name);
  if (shape.kernel > 0) {
    add_int (builder, "kernel_size", shape.kernel);
    add_int (builder, "stride", shape.stride);
  }
  add_string (builder, "kernel", row->name);
  add_string (builder, "isa", effnet_isa_name (row->isa));
  json_builder_end_object (builder);
}

/* TRUE when an earlier row of the list is made for the same operation and shape, or the row is for
 * any shape and another of its operation is made for one, however many channels it has. */
static gboolean
shape_is_listed (const EffnetKernel *rows, size_t n, size_t at)
{
  for (size_t i = 0; i < n; i++) {
    if (rows[i].op == rows[at].op &&
        ((rows[at].kernel == 0 && rows[i].kernel != 0 && rows[i].k_least == 0) ||
         (i < at && rows[i].kernel == rows[at].kernel && rows[i].stride == rows[at].stride)))
      return TRUE;
  }
  return FALSE;
}

/* What serves each shape that the list has a row for. */
static void
add_operation (JsonBuilder *builder, EffnetKernelOp op, EffnetDtype dtype)
{
  size_t n;
  const EffnetKernel *rows = effnet_kernels (&n);

  for (size_t i = 0; i < n; i++) {
    if (rows[i].op == op && !shape_is_listed (rows, n, i))
      add_kernel (
          builder, op, dtype,
          (EffnetKernelShape){rows[i].kernel, rows[i].stride, rows[i].k_least, rows[i].size_least});
  }
}

static void
add_kernels (JsonBuilder *builder)
{
  json_builder_set_member_name (builder, "kernels");
  json_builder_begin_array (builder);
  for (EffnetDtype dtype = 0; dtype < EFFNET_DTYPE_COUNT; dtype++) {
    for (EffnetKernelOp op = 0; op < EFFNET_OP_COUNT; op++) {
      if (dtype == EFFNET_DTYPE_F32 || !effnet_op_is_float (op))
        add_operation (builder, op, dtype);
    }
  }
  json_builder_end_array (builder);
}

char *
effnet_describe_cpu (void)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const char *core = effnet_blas_core ();

  json_builder_begin_object (builder);
  add_string (builder, "cpu", effnet_cpu_model ());
  add_string (builder, "isa", effnet_isa_name (effnet_cpu_best ()));
  add_isas (builder);
  add_int (builder, "threads", effnet_cpu_count ());
  json_builder_set_member_name (builder, "blas");
  if (core != NULL) {
    json_builder_begin_object (builder);
    add_string (builder, "core", core);
    json_builder_set_member_name (builder, "threaded");
    json_builder_add_boolean_value (builder, effnet_blas_is_threaded ());
    json_builder_end_object (builder);
  } else {
    json_builder_add_null_value (builder);
  }
  add_kernels (builder);
  json_builder_end_object (builder);
  return builder_to_string (builder);
}

char *
effnet_session_get_profile (const EffnetSession *session)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const EffnetPlan *plan = session->model->plan;

  json_builder_begin_array (builder);
  for (size_t i = 0; session->profile != NULL && i < plan->n_steps; i++) {
    const EffnetStep *step = &plan->steps[i];

    json_builder_begin_object (builder);
    add_string (builder, "name", step->name);
    add_string (builder, "kernel", step->kernel->name);
    add_int (builder, "ns", (gint64)session->profile[i]);
    add_int (builder, "flop", (gint64)step->flop);
    add_int (builder, "bytes", (gint64)step->bytes);
    add_int (builder, "tiles", (gint64)step->n_tiles);
    json_builder_end_object (builder);
  }
  json_builder_end_array (builder);
  return builder_to_string (builder);
}

const char *
effnet_model_get_sha256 (EffnetModel *model)
{
  return effnet_hash_get (model->hash);
}
