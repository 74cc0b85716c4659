/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the subcommands print: JSON lines and aligned tables, to stdout only. */
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAX_CELL 200 /* characters */

static int output_errno; /* of the write to stdout that failed, or 0 */

void
cli_print_json (JsonObject *object)
{
  g_autofree char *text = gst_effnet_json_text (object);

  puts (text);
  json_object_unref (object);
}

JsonObject *
cli_frame_object (const char *source, guint64 index, gint64 pts_ns, const char *model)
{
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "source", source);
  json_object_set_int_member (object, "frame", (gint64)index);
  if (pts_ns >= 0)
    json_object_set_int_member (object, "pts_ns", pts_ns);
  else
    json_object_set_null_member (object, "pts_ns");
  json_object_set_string_member (object, "model", model);
  return object;
}

JsonObject *
cli_json_object (const char *text)
{
  g_autoptr (JsonNode) node = json_from_string (text, NULL);

  g_assert (node != NULL && JSON_NODE_HOLDS_OBJECT (node));
  return json_node_dup_object (node);
}

char *
cli_label (const EffnetModel *model, unsigned id)
{
  const char *label = effnet_model_get_label (model, id);

  return label != NULL ? g_strdup (label) : g_strdup_printf ("class %u", id);
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
    g_ptr_array_add (table->cells, cli_printable (cells[c], MAX_CELL));
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

gboolean
cli_flush (void)
{
  if (output_errno == 0) {
    errno = 0;
    if (fflush (stdout) != 0 || ferror (stdout))
      output_errno = errno != 0 ? errno : EIO;
  }
  return output_errno == 0;
}

int
cli_finish (int code)
{
  static gboolean said;

  if (cli_flush () || said)
    return code;
  said = TRUE;
  cli_failure ("standard output", g_strerror (output_errno));
  return code == CLI_OK ? CLI_FAILED : code;
}
