/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet cpu: the library's description of this CPU. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

/* A value on one line: a list as its elements, an object as `name value` pairs. */
static char *
value_text (JsonNode *node)
{
  g_autoptr (GString) text = g_string_new (NULL);

  if (JSON_NODE_HOLDS_ARRAY (node)) {
    JsonArray *array = json_node_get_array (node);
    for (guint i = 0; i < json_array_get_length (array); i++) {
      g_autofree char *one = value_text (json_array_get_element (array, i));
      g_string_append_printf (text, "%s%s", i > 0 ? " " : "", one);
    }
  } else if (JSON_NODE_HOLDS_OBJECT (node)) {
    g_autoptr (GList) names = json_object_get_members (json_node_get_object (node));
    for (GList *l = names; l != NULL; l = l->next) {
      g_autofree char *one =
          value_text (json_object_get_member (json_node_get_object (node), l->data));
      g_string_append_printf (text, "%s%s %s", l != names ? ", " : "", (char *)l->data, one);
    }
  } else if (json_node_get_value_type (node) == G_TYPE_STRING) {
    g_string_append (text, json_node_get_string (node));
  } else {
    g_autofree char *json = json_to_string (node, FALSE);
    g_string_append (text, strcmp (json, "null") == 0 ? "none" : json);
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

/* A list of objects as a table: a column for each member of the first. */
static void
print_objects (JsonArray *rows)
{
  g_autoptr (GList) members = json_object_get_members (json_array_get_object_element (rows, 0));
  g_autoptr (GPtrArray) heads = g_ptr_array_new ();
  CliTable *table;

  for (GList *l = members; l != NULL; l = l->next)
    g_ptr_array_add (heads, l->data);
  g_ptr_array_add (heads, NULL);
  table = cli_table_new ((const char *const *)heads->pdata, 0);
  for (guint i = 0; i < json_array_get_length (rows); i++) {
    JsonObject *row = json_array_get_object_element (rows, i);
    g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

    for (GList *l = members; l != NULL; l = l->next)
      g_ptr_array_add (cells, json_object_has_member (row, l->data)
                                  ? value_text (json_object_get_member (row, l->data))
                                  : g_strdup (""));
    cli_table_add (table, (const char *const *)cells->pdata);
  }
  cli_table_print (table);
}

static gboolean
is_table (JsonNode *node)
{
  JsonArray *array = JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;

  return array != NULL && json_array_get_length (array) > 0 &&
         JSON_NODE_HOLDS_OBJECT (json_array_get_element (array, 0));
}

/* Single values first, tables below. */
static void
print_cpu (JsonObject *cpu)
{
  g_autoptr (GList) names = json_object_get_members (cpu);

  for (GList *l = names; l != NULL; l = l->next) {
    JsonNode *node = json_object_get_member (cpu, l->data);
    g_autofree char *text = is_table (node) ? NULL : value_text (node);

    if (text != NULL)
      printf ("%-10s %s\n", (char *)l->data, text);
  }
  for (GList *l = names; l != NULL; l = l->next)
    if (is_table (json_object_get_member (cpu, l->data))) {
      printf ("\n%s\n", (char *)l->data);
      print_objects (json_object_get_array_member (cpu, l->data));
    }
}

/* OpenBLAS keeps a table of CPUs it knows and runs old kernels on one it does not. */
static void
note_old_blas (JsonObject *cpu)
{
  static const char *const avx512[] = {"skylakex", "cooperlake", "sapphirerapids", "zen", NULL};
  static const char *const avx2[] = {"haswell", "excavator", NULL};
  JsonNode *blas = json_object_get_member (cpu, "blas");
  const char *isa = json_object_get_string_member_with_default (cpu, "isa", "");
  const char *core = NULL;
  gboolean wide = g_str_has_prefix (isa, "avx512") || g_str_has_prefix (isa, "amx");

  if (blas != NULL && JSON_NODE_HOLDS_OBJECT (blas))
    core = json_object_get_string_member_with_default (json_node_get_object (blas), "core", NULL);
  if (core == NULL || !(wide || strcmp (isa, "avx2") == 0 || g_str_has_suffix (isa, "vnni")))
    return;
  g_autofree char *lower = g_ascii_strdown (core, -1);
  if (g_strv_contains (avx512, lower) || (!wide && g_strv_contains (avx2, lower)))
    return;
  g_autofree char *note = g_strdup_printf ("OpenBLAS picked kernels of %s, a core older than this "
                                           "CPU: slow where BLAS serves an operation; "
                                           "OPENBLAS_CORETYPE=%s in the environment corrects it",
                                           core, wide ? "SkylakeX" : "Haswell");
  json_object_set_string_member (cpu, "warning", note);
}

int
cmd_cpu (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
      {"json", 'j', 0, G_OPTION_ARG_NONE, &json, "one JSON object", NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL}};
  const CliCommand command = {
      "cpu", "",
      "Prints what the library found on this CPU and which kernel serves which operation.",
      "EFFNET_ISA=ref|generic|blas|avx2|avxvnni|vnni256|avx512|avx512vnni|avx512bf16|amx|neon|"
      "neondot|neoni8mm|neonbf16 caps the choice.\n",
      entries};
  CliModelArgs none = {0};
  int code = cli_parse (&command, 0, &none, &argc, &argv);
  g_autofree char *text = NULL;
  g_autoptr (JsonObject) cpu = NULL;

  if (code < 0 && argc > 1)
    code = cli_usage ("cpu", "'%s' is not expected", argv[1]);
  cli_model_args_clear (&none);
  if (code >= 0)
    return code;
  text = effnet_describe_cpu ();
  cpu = cli_json_object (text);
  note_old_blas (cpu);
  if (json)
    cli_print_json (g_steal_pointer (&cpu));
  else
    print_cpu (cpu);
  return CLI_OK;
}
