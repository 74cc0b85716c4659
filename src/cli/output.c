/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the subcommands print: JSON lines and aligned tables, to stdout only. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void
cli_print_json (JsonObject *object)
{
  g_autoptr (JsonNode) node = json_node_init_object (json_node_alloc (), object);
  g_autofree char *text = json_to_string (node, FALSE);

  puts (text);
  json_object_unref (object);
}

JsonObject *
cli_json_object (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert (node != NULL && JSON_NODE_HOLDS_OBJECT (node));
  return json_node_dup_object (node);
}

struct _CliTable {
  unsigned n_columns, right;
  GPtrArray *cells; /* [rows * n_columns], heads first */
};

CliTable *
cli_table_new (const char *const *heads, unsigned right)
{
  CliTable *table = g_new0 (CliTable, 1);

  table->n_columns = g_strv_length ((char **)heads);
  table->right = right;
  table->cells = g_ptr_array_new_with_free_func (g_free);
  cli_table_add (table, heads);
  return table;
}

void
cli_table_add (CliTable *table, const char *const *cells)
{
  for (unsigned c = 0; c < table->n_columns; c++)
    g_ptr_array_add (table->cells, g_strdup (cells[c] != NULL ? cells[c] : ""));
}

void
cli_table_print (CliTable *table)
{
  g_autofree glong *widths = g_new0 (glong, table->n_columns);

  for (guint i = 0; i < table->cells->len; i++) {
    glong width = g_utf8_strlen (g_ptr_array_index (table->cells, i), -1);
    widths[i % table->n_columns] = MAX (widths[i % table->n_columns], width);
  }
  for (guint i = 0; i < table->cells->len; i++) {
    const char *cell = g_ptr_array_index (table->cells, i);
    unsigned c = i % table->n_columns;
    gboolean last = c == table->n_columns - 1;
    int pad = (int)(widths[c] - g_utf8_strlen (cell, -1));

    if (table->right & (1u << c))
      printf ("%*s%s", pad, "", cell);
    else
      printf ("%s%*s", cell, last ? 0 : pad, "");
    fputs (last ? "\n" : "  ", stdout);
  }
  g_ptr_array_unref (table->cells);
  g_free (table);
}

char *
cli_human (double value)
{
  static const char *const units[] = {"", " k", " M", " G", " T"};
  unsigned unit = 0;

  while (value >= 999.5 && unit + 1 < G_N_ELEMENTS (units)) {
    value /= 1000;
    unit++;
  }
  return g_strdup_printf (unit == 0 ? "%.0f%s" : "%.3g%s", value, units[unit]);
}

int
cli_finish (int code)
{
  if (fflush (stdout) != 0 || ferror (stdout)) {
    cli_failure ("standard output", g_strerror (errno));
    return code == CLI_OK ? CLI_FAILED : code;
  }
  return code;
}
