/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet info: the library's description of a variant as a table; for a file also what is in it. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const char *const heads[] = {"part",       "kind",       "blocks",    "kernel",
                                    "stride",     "expand",     "channels",  "se",
                                    "resolution", "parameters", "mult-adds", NULL};
/* all but part, kind and channels flush right */
#define RIGHT_COLUMNS 0x7bcu

static gint64
number (JsonObject *object, const char *name)
{
  return json_object_get_int_member_with_default (object, name, 0);
}

static const char *
text (JsonObject *object, const char *name)
{
  return json_object_get_string_member_with_default (object, name, "");
}

/* "7" or "" for 0 */
static char *
count (JsonObject *object, const char *name)
{
  gint64 value = number (object, name);

  return value != 0 ? g_strdup_printf ("%" G_GINT64_FORMAT, value) : g_strdup ("");
}

static void
add_part (CliTable *table, const char *name, JsonObject *part)
{
  g_autofree char *blocks = count (part, "blocks"), *kernel = count (part, "kernel");
  g_autofree char *stride = count (part, "stride"), *expand = count (part, "expand_ratio");
  g_autofree char *se = count (part, "se_channels");
  g_autofree char *channels =
      g_strdup_printf ("%" G_GINT64_FORMAT " -> %" G_GINT64_FORMAT, number (part, "in_channels"),
                       number (part, "out_channels"));
  g_autofree char *resolution =
      json_object_has_member (part, "resolution")
          ? g_strdup_printf ("%" G_GINT64_FORMAT " -> %" G_GINT64_FORMAT,
                             number (part, "resolution"), number (part, "out_resolution"))
          : g_strdup ("");
  g_autofree char *parameters = cli_human ((double)number (part, "parameters"));
  g_autofree char *multiply_adds = cli_human ((double)number (part, "multiply_adds"));
  const char *cells[] = {
      name, text (part, "kind"), blocks,     kernel,       stride, expand, channels,
      se,   resolution,          parameters, multiply_adds};

  cli_table_add (table, cells);
}

/* What `effnet run --stages` takes and gives. */
static void
print_feature_maps (JsonArray *maps)
{
  static const char *const map_heads[] = {"--stages",  "name",      "feature map",
                                          "reduction", "out_index", NULL};
  CliTable *table = cli_table_new (map_heads, 0x1du); /* all but name flush right */

  for (guint i = 0; i < json_array_get_length (maps); i++) {
    JsonObject *map = json_array_get_object_element (maps, i);
    char stage[12], shape[64], reduction[12], out_index[12] = "";

    g_snprintf (stage, sizeof stage, "%d", (int)number (map, "stage"));
    g_snprintf (shape, sizeof shape, "%d x %d x %d", (int)number (map, "height"),
                (int)number (map, "width"), (int)number (map, "channels"));
    g_snprintf (reduction, sizeof reduction, "%d", (int)number (map, "reduction"));
    if (!json_object_get_null_member (map, "out_index"))
      g_snprintf (out_index, sizeof out_index, "%d", (int)number (map, "out_index"));
    cli_table_add (table, (const char *[]){stage, text (map, "name"), shape, reduction, out_index});
  }
  putchar ('\n');
  cli_table_print (table);
}

/* At the size for which @model is laid out. */
static void
set_feature_map_sizes (JsonArray *maps, const EffnetModel *model)
{
  EffnetStage stages[EFFNET_STAGES_MAX];
  unsigned n = effnet_model_get_stages (model, stages);

  for (unsigned i = 0; i < n && i < json_array_get_length (maps); i++) {
    JsonObject *map = json_array_get_object_element (maps, i);

    json_object_set_int_member (map, "height", stages[i].height);
    json_object_set_int_member (map, "width", stages[i].width);
  }
}

static void
print_variant (JsonObject *net)
{
  g_autofree char *parameters = cli_human ((double)number (net, "parameters"));
  g_autofree char *multiply_adds = cli_human ((double)number (net, "multiply_adds"));
  JsonArray *stages = json_object_get_array_member (net, "stages");
  CliTable *table = cli_table_new (heads, RIGHT_COLUMNS);

  printf ("%s: width %g, depth %g, input %" G_GINT64_FORMAT " x %" G_GINT64_FORMAT
          ", activation %s\n",
          text (net, "variant"), json_object_get_double_member_with_default (net, "width", 0),
          json_object_get_double_member_with_default (net, "depth", 0), number (net, "input_width"),
          number (net, "input_height"), text (net, "activation"));
  printf ("parameters %s, multiply-adds %s, classes %" G_GINT64_FORMAT
          ", features %" G_GINT64_FORMAT "\n\n",
          parameters, multiply_adds, number (net, "n_classes"), number (net, "n_features"));
  if (json_object_has_member (net, "stem"))
    add_part (table, "stem", json_object_get_object_member (net, "stem"));
  for (guint i = 0; i < json_array_get_length (stages); i++) {
    g_autofree char *name = g_strdup_printf ("stage %u", i + 1);
    add_part (table, name, json_array_get_object_element (stages, i));
  }
  if (json_object_has_member (net, "head"))
    add_part (table, "head", json_object_get_object_member (net, "head"));
  if (json_object_has_member (net, "classifier"))
    add_part (table, "classifier", json_object_get_object_member (net, "classifier"));
  cli_table_print (table);
  print_feature_maps (json_object_get_array_member (net, "feature_maps"));
}

static JsonObject *
model_object (EffnetModel *model)
{
  JsonObject *object = json_object_new ();
  EffnetModelInfo info;

  effnet_model_get_info (model, &info);
  json_object_set_string_member (object, "name", info.name);
  json_object_set_string_member (object, "path", info.path);
  if (info.notice != NULL)
    json_object_set_string_member (object, "notice", info.notice);
  json_object_set_string_member (object, "sha256", effnet_model_get_sha256 (model));
  json_object_set_string_member (object, "variant", info.variant);
  json_object_set_string_member (object, "precision", info.precision);
  if (info.bias_correction != NULL)
    json_object_set_string_member (object, "bias_correction", info.bias_correction);
  if (info.stored != NULL)
    json_object_set_string_member (object, "stored", info.stored);
  json_object_set_string_member (object, "isa", info.isa);
  json_object_set_string_member (object, "padding", info.padding);
  json_object_set_string_member (object, "activation", info.activation);
  json_object_set_int_member (object, "n_classes", info.n_classes);
  json_object_set_int_member (object, "n_features", info.n_features);
  json_object_set_int_member (object, "input_width", info.input_width);
  json_object_set_int_member (object, "input_height", info.input_height);
  json_object_set_int_member (object, "parameters", (gint64)info.parameters);
  json_object_set_int_member (object, "multiply_adds", (gint64)info.multiply_adds);
  json_object_set_int_member (object, "weight_bytes", (gint64)info.weight_bytes);
  json_object_set_int_member (object, "arena_bytes", (gint64)info.arena_bytes);
  json_object_set_string_member (object, "first_label", effnet_model_get_label (model, 0));
  return object;
}

static void
print_model (JsonObject *model)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *node;

  json_object_iter_init_ordered (&iter, model);
  while (json_object_iter_next_ordered (&iter, &name, &node)) {
    g_autofree char *value = cli_printable (
        json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : "-", 300);

    if (json_node_get_value_type (node) == G_TYPE_INT64)
      printf ("%-15s %" G_GINT64_FORMAT "\n", name, json_node_get_int (node));
    else
      printf ("%-15s %s\n", name, value);
  }
  putchar ('\n');
}

static void
print_text (JsonObject *net)
{
  if (json_object_has_member (net, "model"))
    print_model (json_object_get_object_member (net, "model"));
  print_variant (net);
}

/* Every member of the family, a line each. */
static int
list_variants (gboolean json)
{
  static const char *const list_heads[] = {"variant",    "width",     "depth", "input",
                                           "parameters", "mult-adds", NULL};
  CliTable *table = json ? NULL : cli_table_new (list_heads, 0x3eu); /* all but the name */

  for (const char *const *name = effnet_variant_names (); *name != NULL; name++) {
    g_autofree char *text_json = effnet_describe_variant (*name, NULL);
    g_autoptr (JsonObject) net = cli_json_object (text_json);
    g_autofree char *parameters = cli_human ((double)number (net, "parameters"));
    g_autofree char *multiply_adds = cli_human ((double)number (net, "multiply_adds"));
    char width[16], depth[16], side[16];

    if (json) {
      static const char *const lists[] = {"stages", "blocks", "feature_maps", NULL};

      for (const char *const *list = lists; *list != NULL; list++)
        json_object_remove_member (net, *list);
      cli_print_json (g_steal_pointer (&net));
      continue;
    }
    g_snprintf (width, sizeof width, "%g",
                json_object_get_double_member_with_default (net, "width", 0));
    g_snprintf (depth, sizeof depth, "%g",
                json_object_get_double_member_with_default (net, "depth", 0));
    g_snprintf (side, sizeof side, "%d", (int)number (net, "resolution"));
    cli_table_add (table, (const char *[]){*name, width, depth, side, parameters, multiply_adds});
  }
  if (table != NULL)
    cli_table_print (table);
  return 0;
}

/* The net of a name of the arch table; of a file or folder also what is in it, as `model`. */
static JsonObject *
describe (const char *what, const EffnetModelOptions *options, GError **error)
{
  gboolean is_path = strchr (what, '/') != NULL;
  g_autofree char *json = is_path ? NULL : effnet_describe_variant (what, error);
  g_autoptr (EffnetModel) model = NULL;
  EffnetModelInfo info;
  JsonObject *net;

  if (json != NULL)
    return cli_json_object (json);
  is_path = is_path || g_file_test (what, G_FILE_TEST_EXISTS);
  if (is_path)
    g_clear_error (error);
  model = effnet_model_open (what, options, is_path ? error : NULL);
  if (model == NULL) /* nor a model among those in the folders that are searched */
    return NULL;
  g_clear_error (error);
  effnet_model_get_info (model, &info);
  if (*effnet_model_get_sha256 (model) == '\0') {
    g_set_error (error, EFFNET_ERROR, EFFNET_ERROR_IO,
                 "%s cannot be read again, or was written to since it was opened: its SHA-256 is "
                 "not known",
                 info.path);
    return NULL;
  }
  json = effnet_describe_variant (info.variant, error);
  net = json != NULL ? cli_json_object (json) : NULL;
  if (net != NULL) {
    json_object_set_object_member (net, "model", model_object (model));
    set_feature_map_sizes (json_object_get_array_member (net, "feature_maps"), model);
  }
  return net;
}

/* A line of JSON for @variant, or for each there is. */
static int
print_tensors (const char *variant, GError **error)
{
  const char *const one[] = {variant, NULL};

  for (const char *const *name = variant != NULL ? one : effnet_variant_names (); *name != NULL;
       name++) {
    g_autofree char *json = effnet_describe_tensors (*name, error);

    if (json == NULL)
      return cli_exit_code (*error);
    puts (json);
  }
  return CLI_OK;
}

int
cmd_info (int argc, char **argv)
{
  CliModelArgs args = {0};
  gboolean json = FALSE, tensors = FALSE, list = FALSE;
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonObject) net = NULL;
  const GOptionEntry entries[] = {
      {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "one JSON object, of --list one a line", NULL},
      {"list", 0, 0, G_OPTION_ARG_NONE, &list, "all members of the family", NULL},
      {"tensors", 0, 0, G_OPTION_ARG_NONE, &tensors,
       "names and shapes of the tensors in checkpoints of VARIANT, or of each variant there is, as "
       "a line of JSON",
       NULL},
      {"variant", 'v', 0, G_OPTION_ARG_STRING, &args.variant, "what a bare file without a card is",
       "NAME"},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "info", "VARIANT|MODEL|--list",
      "Prints what a variant is made of; of a model file or folder also what is in it.",
      "Example:\n  effnet info b4\n", entries};
  int code = cli_parse (&command, 0, &args, &argc, &argv);

  if (code < 0 && list)
    code = argc == 1 && !tensors ? list_variants (json)
                                 : cli_usage ("info", "--list goes with --json alone");
  if (code < 0 && argc != 2 && !(tensors && argc < 2))
    code = cli_usage ("info", "%d names given; expected one variant or model", argc - 1);
  if (code < 0 && tensors)
    code = print_tensors (argv[1], &error);
  if (code < 0) {
    net = describe (argv[1], &args.model_options, &error);
    code = cli_exit_code (error);
  }
  if (net != NULL && json)
    cli_print_json (g_steal_pointer (&net));
  else if (net != NULL)
    print_text (net);
  cli_model_args_clear (&args);
  return code;
}
