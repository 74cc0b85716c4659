/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * test_reload LIBRARY...: what registers types and keeps threads stays loaded after dlclose(). */
#include <dlfcn.h>
#include <glib.h>

static void
test_stays (gconstpointer path)
{
  void *library = dlopen (path, RTLD_NOW | RTLD_LOCAL);

  if (library == NULL)
    g_error ("%s", dlerror ());
  dlclose (library);
  g_assert_nonnull (dlopen (path, RTLD_NOW | RTLD_NOLOAD));
  for (unsigned i = 0; i < 3; i++) {
    library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    g_assert_nonnull (library);
    dlclose (library);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (argc, >, 1);
  for (int i = 1; i < argc; i++) {
    g_autofree char *base = g_path_get_basename (argv[i]);
    g_autofree char *name = g_strconcat ("/reload/", base, NULL);

    g_test_add_data_func (name, argv[i], test_stays);
  }
  return g_test_run ();
}
