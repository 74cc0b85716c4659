/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The nets against the official classifiers B0 to B7: every tensor of theirs must be one of ours
 * with the same shape, and the other way round. */
#include "arch/net.h"

#include <stdlib.h>
#include <string.h>

static const char se_prefix[] = "Func/StatefulPartitionedCall/input/_";

/* Shapes as the list writes them: height x width x in x out. */
static void
expect_conv (GHashTable *expected, const char *scope, const char *what, gboolean depthwise,
             unsigned kernel, unsigned in, unsigned out)
{
  const char *kind = depthwise ? "depthwise" : "Conv2D";

  g_hash_table_insert (expected, g_strdup_printf ("%s%s/%s_weights", scope, what, kind),
                       g_strdup_printf ("%ux%ux%ux%u", kernel, kernel, in, out));
  g_hash_table_insert (expected, g_strdup_printf ("%s%s/%s_bn_offset", scope, what, kind),
                       g_strdup_printf ("%u", depthwise ? in : out));
}

/* The official list has no names for squeeze-excite and classifier, only their order. */
static void
expect_next (GHashTable *expected, unsigned *next, char *shape)
{
  g_hash_table_insert (expected, g_strdup_printf ("unnamed/%u", (*next)++), shape);
}

static GHashTable *
expect (const EffnetNet *net)
{
  GHashTable *expected = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  unsigned next = 0;
  unsigned last = net->blocks[net->n_blocks - 1].out_channels;

  expect_conv (expected, "", "stem_conv2d", FALSE, 3, 3, net->stem_channels);
  for (unsigned i = 0; i < net->n_blocks; i++) {
    const EffnetBlock *b = &net->blocks[i];
    g_autofree char *scope = g_strdup_printf ("stack_%u/block_%u/", b->stage, b->index);
    if (b->has_expand)
      expect_conv (expected, scope, "expand_conv2d", FALSE, 1, b->in_channels, b->expand_channels);
    expect_conv (expected, scope, "depthwise_conv2d", TRUE, b->kernel, b->expand_channels, 1);
    expect_conv (expected, scope, "project_conv2d", FALSE, 1, b->expand_channels, b->out_channels);
    unsigned e = b->expand_channels, s = b->se_channels;
    expect_next (expected, &next, g_strdup_printf ("1x1x%ux%u", e, s));
    expect_next (expected, &next, g_strdup_printf ("%u", s));
    expect_next (expected, &next, g_strdup_printf ("1x1x%ux%u", s, e));
    expect_next (expected, &next, g_strdup_printf ("%u", e));
  }
  expect_conv (expected, "", "top_conv2d", FALSE, 1, last, net->head_channels);
  expect_next (expected, &next, g_strdup_printf ("%ux%u", net->head_channels, net->n_classes));
  expect_next (expected, &next, g_strdup_printf ("%u", net->n_classes));
  return expected;
}

typedef struct {
  int number;
  char *shape;
} Unnamed;

static int
by_number (gconstpointer a, gconstpointer b)
{
  return ((const Unnamed *)a)->number - ((const Unnamed *)b)->number;
}

static void
check_one (GHashTable *expected, const char *name, const char *shape)
{
  const char *ours = g_hash_table_lookup (expected, name);

  if (ours == NULL)
    g_test_message ("%s is not in our net", name);
  g_assert_nonnull (ours);
  if (!g_str_equal (ours, shape))
    g_test_message ("%s is %s in our net", name, ours);
  g_assert_cmpstr (ours, ==, shape);
  g_hash_table_remove (expected, name);
}

static void
check_line (GHashTable *expected, GArray *unnamed, const char *name, const char *shape)
{
  const char *scope = strstr (name, "model_");

  if (strstr (name, "BroadcastTo") != NULL) /* mean and deviation of the pixels */
    return;
  if (g_str_has_prefix (name, se_prefix)) {
    Unnamed one = {atoi (name + strlen (se_prefix)), g_strdup (shape)};
    g_array_append_val (unnamed, one);
    return;
  }
  if (scope != NULL)
    name = strchr (scope, '/') + 1;
  /* "depthwise_conv2d/depthwise_weights" in both lists */
  check_one (expected, name, shape);
}

static void
test_official (gconstpointer data)
{
  const char *variant = data;
  const char *folder = g_getenv ("EFFNET_TEST_DATA");
  g_autofree char *path = g_build_filename (folder != NULL ? folder : "", "official-shapes",
                                            "efficientnet-b0-b7.tsv", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL)) {
    g_test_skip ("no list of official shapes");
    return;
  }
  g_autoptr (EffnetNet) net = effnet_net_new (variant, 0, 1000, EFFNET_PADDING_SAME, &error);
  g_assert_no_error (error);
  g_autoptr (GHashTable) expected = expect (net);
  g_autoptr (GArray) unnamed = g_array_new (FALSE, FALSE, sizeof (Unnamed));
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  unsigned n = 0;
  for (unsigned i = 1; lines[i] != NULL && lines[i][0] != '\0'; i++) {
    g_auto (GStrv) fields = g_strsplit (lines[i], "\t", 3);
    g_assert_cmpuint (g_strv_length (fields), ==, 3);
    if (!g_str_equal (fields[0], variant))
      continue;
    check_line (expected, unnamed, fields[1], fields[2]);
    n++;
  }
  g_array_sort (unnamed, by_number);
  for (guint i = 0; i < unnamed->len; i++) {
    Unnamed *one = &g_array_index (unnamed, Unnamed, i);
    g_autofree char *name = g_strdup_printf ("unnamed/%u", i);
    check_one (expected, name, one->shape);
    g_free (one->shape);
  }
  g_assert_cmpuint (n, >, 100);
  g_assert_cmpuint (g_hash_table_size (expected), ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const variants[] = {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"};

  g_test_init (&argc, &argv, NULL);
  for (size_t i = 0; i < G_N_ELEMENTS (variants); i++) {
    g_autofree char *path = g_strdup_printf ("/arch/official/%s", variants[i]);
    g_test_add_data_func (path, variants[i], test_official);
  }
  return g_test_run ();
}
