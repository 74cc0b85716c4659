/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * effnet fetch, effnet convert: the programs of that name in models/, which are Python, where they
 * were installed or in the source tree. They take the place of the tool, but for convert --int8. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
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

/* The words to run a script with; free with g_strfreev(). NULL: there is none, which was said. */
static char **
script_words (const char *name, char **argv)
{
  g_autofree char *python = g_find_program_in_path ("python3"), *script = find_script (name);
  g_autofree char *shown = g_strconcat ("effnet ", name, NULL);
  g_autoptr (GPtrArray) words = g_ptr_array_new_with_free_func (g_free);

  if (python == NULL) {
    cli_failure (shown, "needs Python 3, which is not here; install python3");
    return NULL;
  }
  if (script == NULL) {
    cli_failure (shown, "its script is neither in " EFFNET_SCRIPTS_DIR
                        " nor in the source tree; install effnet again");
    return NULL;
  }
  g_setenv ("EFFNET_COMMAND", shown, TRUE); /* what it calls itself */
  g_autofree char *tool = g_file_read_link ("/proc/self/exe", NULL);
  if (tool != NULL) /* which asks this tool for names and runs what it has converted */
    g_setenv ("EFFNET_TOOL", tool, TRUE);
  g_ptr_array_add (words, g_steal_pointer (&python));
  g_ptr_array_add (words, g_steal_pointer (&script));
  for (char **word = argv + 1; *word != NULL; word++)
    g_ptr_array_add (words, g_strdup (*word));
  g_ptr_array_add (words, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&words), FALSE);
}

static int
run_script (const char *name, char **argv)
{
  g_auto (GStrv) words = script_words (name, argv);

  if (words == NULL)
    return CLI_FAILED;
  execv (words[0], words);
  cli_failure (words[0], g_strerror (errno));
  return CLI_FAILED;
}

/* Comes back; the script has said what went wrong. */
static int
convert_and_return (char **argv)
{
  g_auto (GStrv) words = script_words ("convert", argv);
  g_autoptr (GError) error = NULL;
  int status = 0;

  if (words == NULL)
    return CLI_FAILED;
  if (!g_spawn_sync (NULL, words, NULL, G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                     &status, &error))
    return cli_exit_code (error);
  if (WIFSIGNALED (status))
    return CLI_SIGNAL + WTERMSIG (status);
  return WEXITSTATUS (status);
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
  if (g_strv_contains ((const char *const *)argv, "--int8"))
    return cmd_int8 (argv, convert_and_return);
  return run_script ("convert", argv);
}
