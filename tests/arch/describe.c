/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Prints the JSON of a net: describe VARIANT [SIZE [CLASSES [same|symmetric]]]. For check_timm.py.
 */
#include "arch/net.h"

#include <stdio.h>
#include <stdlib.h>

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  const char *variant = argc > 1 ? argv[1] : "b0";
  unsigned size = argc > 2 ? (unsigned)atoi (argv[2]) : 0;
  unsigned classes = argc > 3 ? (unsigned)atoi (argv[3]) : 1000;
  gboolean same = argc > 4 && g_str_equal (argv[4], "same");

  g_autoptr (EffnetNet) net = effnet_net_new (
      variant, size, classes, same ? EFFNET_PADDING_SAME : EFFNET_PADDING_SYMMETRIC, &error);
  if (net == NULL) {
    fprintf (stderr, "%s\n", error->message);
    return 1;
  }
  g_autofree char *json = effnet_net_describe (net);
  puts (json);
  return 0;
}
