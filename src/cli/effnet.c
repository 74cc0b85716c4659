/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Finds the subcommand and calls it. */
#include "cli/cli.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES (1 << 18) /* of output; an embedding has some 40000 */

static const struct {
  const char *name;
  int (*run) (int argc, char **argv);
  const char *summary;
} commands[] = {
    {"classify", cmd_classify, "pictures, clips, folders, streams -> labels"},
    {"watch", cmd_watch, "a GStreamer pipeline -> a line for each result in it"},
    {"run", cmd_run, "a float32 .npy tensor through the network -> logits or features"},
    {"preprocess", cmd_preprocess, "a picture -> the .npy tensor the network would get"},
    {"embed", cmd_embed, "pictures, clips, folders, streams -> embeddings, .npy or .csv"},
    {"similar", cmd_similar, "a folder and a picture -> the pictures that are most like it"},
    {"explain", cmd_explain, "a picture -> the same, with what spoke for its class in colour"},
    {"train", cmd_train, "pictures of your own classes -> a model that knows them"},
    {"fetch", cmd_fetch, "a published model -> its folder among the models"},
    {"convert", cmd_convert, "files of other formats -> a model folder"},
    {"calibrate", cmd_calibrate,
     "frames -> what a model without statistics needs in bf16 and int8"},
    {"info", cmd_info, "what a variant or a model file is made of"},
    {"cpu", cmd_cpu, "which kernels serve which operation on this CPU"},
    {"bench", cmd_bench, "time and memory of one inference"},
};

static void
print_usage (FILE *out)
{
  fputs ("Usage: effnet COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n", out);
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (out, "  %-11s %s\n", commands[i].name, commands[i].summary);
  fputs ("\n'effnet COMMAND --help' lists the command's options; 'effnet --version' the version.\n"
         "Exit codes: 0 done, 1 some input failed (the others were still done), 2 wrong use,\n"
         "128 + N ended by signal N between two results.\n",
         out);
}

/* A standard stream that the caller closed must not become the number of a file that is opened
 * later. It fails as before: opened for the wrong direction. */
static void
occupy_standard_streams (void)
{
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0 &&
        open ("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
      _exit (CLI_FAILED);
}

/* GLib ends a process that has no memory for something small by a signal; the tool ends with a
 * sentence, between two lines of its output. Nothing here may allocate. */
static void
on_fatal (const char *domain, GLogLevelFlags level, const char *message, gpointer data)
{
  static const char text[] = "effnet: the system gives no more memory\n";

  if (message != NULL && strstr (message, "failed to allocate") != NULL &&
      write (STDERR_FILENO, text, strlen (text)) != 0)
    _exit (CLI_FAILED);
  g_log_default_handler (domain, level, message, data);
}

/* GOption prints the help of a command and ends the process itself. */
static void
finish_help (void)
{
  if (cli_finish (CLI_OK) != CLI_OK)
    _exit (CLI_FAILED);
}

int
main (int argc, char **argv)
{
  static char output[LINE_BYTES];

  occupy_standard_streams ();
  g_log_set_default_handler (on_fatal, NULL);
  signal (SIGPIPE, SIG_IGN);   /* a reader that left is an error of stdout like any other */
  signal (SIGXFSZ, SIG_IGN);   /* a file that may not grow is like a full disk */
  if (!isatty (STDOUT_FILENO)) /* a line is one write, whoever kills us meanwhile */
    setvbuf (stdout, output, _IOFBF, sizeof output);
  setlocale (LC_CTYPE, "");
  atexit (finish_help);
  if (argc < 2) {
    print_usage (stderr);
    return CLI_USAGE;
  }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 ||
      strcmp (argv[1], "help") == 0) {
    print_usage (stdout);
    return cli_finish (CLI_OK);
  }
  if (strcmp (argv[1], "--version") == 0) {
    printf ("effnet %s\n", effnet_version ());
    return cli_finish (CLI_OK);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (strcmp (argv[1], commands[i].name) == 0)
      return cli_finish (commands[i].run (argc - 1, argv + 1));
  g_autofree char *name = cli_printable (argv[1], 100);
  fprintf (stderr, "effnet: unknown %s '%s'; 'effnet --help' lists the commands\n",
           argv[1][0] == '-' ? "option" : "command", name);
  return CLI_USAGE;
}
