/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * synthetic_dump VARIANT SEED CLASSES: one line for each synthetic tensor: name, shape, SHA-256 of
 * its float32 bytes. check_synthetic.py compares them with its own. */
#include "bind/synthetic.h"

#include <stdio.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (EffnetNet) net = NULL;
  g_autoptr (EffnetTensorTable) table = NULL;

  if (argc != 4) {
    fprintf (stderr, "usage: synthetic_dump VARIANT SEED CLASSES\n");
    return 2;
  }
  net = effnet_net_new (argv[1], 0, (unsigned)g_ascii_strtoull (argv[3], NULL, 10),
                        EFFNET_PADDING_AUTO, &error);
  if (net == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  table = effnet_synthetic_new (net, g_ascii_strtoull (argv[2], NULL, 10), NULL);
  for (size_t i = 0; i < effnet_tensor_table_size (table); i++) {
    const EffnetTensor *tensor = effnet_tensor_table_nth (table, i);
    g_autofree char *shape = effnet_tensor_shape_string (tensor);
    g_autofree char *sum = g_compute_checksum_for_data (G_CHECKSUM_SHA256, tensor->data,
                                                        tensor->n_elements * sizeof (float));

    printf ("%s\t%s\t%s\n", tensor->name, shape, sum);
  }
  return 0;
}
