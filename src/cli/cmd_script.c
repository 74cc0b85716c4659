/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet fetch, effnet convert: the programs of that name in models/, which are Python, where they
 * were installed or in the source tree. They take the place of the tool. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static char *
find_script (const char *name)
{
  static const char *const folders[] = {
      EFFNET_SCRIPTS_DIR,
#ifdef EFFNET_SOURCE_SCRIPTS_DIR
      EFFNET_SOURCE_SCRIPTS_DIR,
#endif
  };

  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_build_filename (folders[i], name, NULL);

    if (g_file_test (path, G_FILE_TEST_IS_REGULAR))
      return g_steal_pointer (&path);
  }
  return NULL;
}

static int
run_script (const char *name, char **argv)
{
  g_autofree char *python = g_find_program_in_path ("python3"), *script = find_script (name);
  g_autofree char *shown = g_strconcat ("effnet ", name, NULL);
  g_autoptr (GPtrArray) words = g_ptr_array_new ();

  if (python == NULL) {
    cli_failure (shown, "needs Python 3, which is not here; install python3");
    return CLI_FAILED;
  }
  if (script == NULL) {
    cli_failure (shown, "its script is neither in " EFFNET_SCRIPTS_DIR
                        " nor in the source tree; install effnet again");
    return CLI_FAILED;
  }
  g_setenv ("EFFNET_COMMAND", shown, TRUE); /* what it calls itself */
  g_autofree char *tool = g_file_read_link ("/proc/self/exe", NULL);
  if (tool != NULL) /* which asks this tool for names and runs what it has converted */
    g_setenv ("EFFNET_TOOL", tool, TRUE);
  g_ptr_array_add (words, python);
  g_ptr_array_add (words, script);
  for (char **word = argv + 1; *word != NULL; word++)
    g_ptr_array_add (words, *word);
  g_ptr_array_add (words, NULL);
  execv (python, (char **)words->pdata);
  cli_failure (python, g_strerror (errno));
  return CLI_FAILED;
}

int
cmd_fetch (int argc, char **argv)
{
  (void)argc;
  return run_script ("fetch", argv);
}

int
cmd_convert (int argc, char **argv)
{
  (void)argc;
  return run_script ("convert", argv);
}
