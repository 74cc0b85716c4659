/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * make_model VARIANT CLASSES FOLDER: a checkpoint of seeded synthetic weights with its card, for
 * tests that need a slow network and no meaning. The folder is made. */
#include "bind/synthetic.h"

#include <stdio.h>

#define SEED 1

/* The header of a safetensors file: JSON, filled up with blanks to a multiple of 8 bytes. */
static GString *
make_header (const EffnetTensorTable *table)
{
  GString *text = g_string_new ("{");
  size_t begin = 0;

  for (size_t i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    size_t end = begin + tensor->n_elements * sizeof (float);

    g_string_append_printf (text,
                            "%s\"%s\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                            i > 0 ? "," : "", tensor->name, shape, begin, end);
    begin = end;
  }
  g_string_append_c (text, '}');
  while (text->len % 8 != 0)
    g_string_append_c (text, ' ');
  return text;
}

static gboolean
write_weights (const EffnetTensorTable *table, const char *path)
{
  GString *header = make_header (table);
  guint64 length = GUINT64_TO_LE (header->len);
  FILE *file = fopen (path, "wb");
  gboolean ok = file != NULL && fwrite (&length, sizeof length, 1, file) == 1 &&
                fwrite (header->str, header->len, 1, file) == 1;

  for (size_t i = 0; ok && i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);

    ok = fwrite (tensor->data, sizeof (float), tensor->n_elements, file) == tensor->n_elements;
  }
  g_string_free (header, TRUE);
  return (file == NULL || fclose (file) == 0) && ok;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetTensorTable) table = NULL;
  g_autoptr (EffnetNet) net = NULL;
  g_autofree char *card = NULL, *weights = NULL, *text = NULL;
  unsigned classes;

  if (argc != 4) {
    fprintf (stderr, "usage: make_model VARIANT CLASSES FOLDER\n");
    return 2;
  }
  classes = (unsigned)g_ascii_strtoull (argv[2], NULL, 10);
  net = effnet_net_new (argv[1], 0, classes, EFFNET_PADDING_AUTO, &error);
  table = net != NULL ? effnet_synthetic_new (net, SEED, &error) : NULL;
  if (table == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  card = g_build_filename (argv[3], "config.json", NULL);
  weights = g_build_filename (argv[3], "model.safetensors", NULL);
  text = g_strdup_printf ("{\"architecture\": \"efficientnet_%s\", \"num_classes\": %u}\n", argv[1],
                          classes);
  if (g_mkdir_with_parents (argv[3], 0755) != 0 || !write_weights (table, weights) ||
      !g_file_set_contents (card, text, -1, NULL)) {
    fprintf (stderr, "%s cannot be written\n", argv[3]);
    return 1;
  }
  return 0;
}
