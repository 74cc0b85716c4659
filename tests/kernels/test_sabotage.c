/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The checker can go red: it catches every wrong kernel of sabotage*.c and passes the right one. */
#include "check.h"
#include "sabotage.h"

static void
test_right (gconstpointer data)
{
  Check check;

  check_row (&check, data, FALSE);
  g_test_message ("%zu cases, worst %.2f of its bound", check.n_cases, check.worst);
  g_assert_cmpstr (check.first_failure, ==, NULL);
  g_assert_cmpuint (check.n_cases, >, 0);
  g_assert_cmpuint (check.n_failed, ==, 0);
  check_clear (&check);
}

static void
test_wrong (gconstpointer data)
{
  Check check;

  check_row (&check, data, FALSE);
  g_test_message ("%s", check.first_failure ? check.first_failure : "not caught");
  g_assert_cmpuint (check.n_failed, >, 0);
  g_assert_nonnull (check.first_failure);
  check_clear (&check);
}

static void
add (const EffnetKernel *rows, gsize n, GTestDataFunc test)
{
  for (gsize i = 0; i < n; i++) {
    g_autofree char *path = g_strdup_printf ("/sabotage/%s", rows[i].name);

    g_test_add_data_func (path, &rows[i], test);
  }
}

int
main (int argc, char **argv)
{
  gsize n, n_right;
  const EffnetKernel *rows = sabotage_rows (&n, &n_right);

  g_test_init (&argc, &argv, NULL);
  add (rows, n_right, test_right);
  add (rows + n_right, n - n_right, test_wrong);
  rows = sabotage_conv_rows (&n);
  add (rows, n, test_wrong);
  rows = sabotage_int8_rows (&n);
  add (rows, n, test_wrong);
  rows = sabotage_image_rows (&n);
  add (rows, n, test_wrong);
  rows = sabotage_squares_rows (&n);
  add (rows, 1, test_right);
  add (rows + 1, n - 1, test_wrong);
  return g_test_run ();
}
