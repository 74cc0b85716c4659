/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * cli: the tool `effnet`. It knows the public header, GLib, json-glib and GStreamer, and nothing of
 * the rooms behind the header. Results go to stdout and nothing else does; a failure is one line on
 * stderr. This header: what the subcommands share. */
#ifndef EFFNET_CLI_CLI_H
#define EFFNET_CLI_CLI_H

#include "effnet/effnet.h"
#include "cli/text.h"
#include "gst-plugin/json.h"

enum {
  CLI_OK = 0,
  CLI_FAILED = 1, /* some input failed, the others were still done; or stdout did */
  CLI_USAGE = 2,
  CLI_SIGNAL = 128, /* plus the number of the signal that ended the work between two results */
};

/* Options that say which model to open and how: as typed, and as the library takes them. */
typedef struct {
  char *model, *variant, *labels;
  char *precision, *padding, *resize_mode, *activation;
  double bn_eps, temperature;
  gint64 synthetic;
  int input_size, threads, timeout; /* timeout: s */
  gboolean full_scale, sparse_rows;
  GPtrArray *made; /* words that cli_parse() added to argv, and argv itself */
  EffnetModelOptions model_options;
  EffnetSessionOptions session_options;
} CliModelArgs;

/* Which of the shared options a subcommand takes. */
typedef enum {
  CLI_TAKES_MODEL = 1 << 0,    /* --model --variant --input-size --padding --bn-eps --synthetic */
  CLI_TAKES_SCORES = 1 << 1,   /* --labels --activation --temperature */
  CLI_TAKES_RUN = 1 << 2,      /* --precision --threads */
  CLI_TAKES_PICTURES = 1 << 3, /* --resize-mode --full-scale --sparse-rows --timeout */
  CLI_TAKES_BARE = 1 << 4,     /* --input-size --padding --bn-eps --synthetic, without --model */
} CliTakes;

typedef struct {
  const char *name, *parameters, *summary, *description;
  const GOptionEntry *entries; /* its own options, or NULL */
} CliCommand;

/* Parses and checks the options of one subcommand; argv[0] is its name. -1: go on, else the exit
 * code. */
int cli_parse (const CliCommand *command, CliTakes takes, CliModelArgs *args, int *argc,
               char ***argv);
void cli_model_args_clear (CliModelArgs *args);
/* A wrong use of @command: one sentence and a pointer to --help on stderr; returns CLI_USAGE. */
int cli_usage (const char *command, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* One line on stderr: "effnet: SUBJECT: message", both made printable. */
void cli_failure (const char *subject, const char *message);
/* What the model has to say to its user, as one line on stderr; nothing when it has nothing. */
void cli_notice (const EffnetModel *model);

/* Opens the model that @args name, gives its notice, and opens a session of it. FALSE leaves both
 * as they were or NULL. */
gboolean cli_open (const CliModelArgs *args, EffnetModel **model, EffnetSession **session,
                   GError **error);
/* FALSE when the model has no classifier. */
gboolean cli_has_classes (const EffnetModelInfo *info, GError **error);
/* The exit code of a subcommand that did all or, with @error, nothing: then it prints that. */
int cli_exit_code (const GError *error);

/* ---- output ---- */

/* On one line of stdout. Takes @object. */
void cli_print_json (JsonObject *object);
/* What each line about a frame begins with: `source`, `frame`, `pts_ns` (null below 0), `model`;
 * free with json_object_unref(). */
JsonObject *cli_frame_object (const char *source, guint64 index, gint64 pts_ns, const char *model);
/* One of the library's descriptions as an object; free with json_object_unref(). */
JsonObject *cli_json_object (const char *text);
/* The name of class @id, or "class N"; free with g_free(). */
char *cli_label (const EffnetModel *model, unsigned id);
/* Rows of text in columns; numbers (columns in @right, a bit each) flush right. */
typedef struct _CliTable CliTable;
CliTable *cli_table_new (const char *const *heads, unsigned right);
void cli_table_add (CliTable *table, const char *const *cells);
void cli_table_print (CliTable *table); /* and frees it */
/* 5288548 -> "5.29 M", 386000000 -> "386 M". Free with g_free(). */
char *cli_human (double value);
/* FALSE once stdout could not be written: nothing more needs to be done. */
gboolean cli_flush (void);
/* Flushes stdout: CLI_FAILED and a line on stderr when it could not be written. */
int cli_finish (int code);

/* ---- subcommands: argv[0] is the subcommand's name; return an exit code ---- */

int cmd_classify (int argc, char **argv);
int cmd_watch (int argc, char **argv);
int cmd_run (int argc, char **argv);
int cmd_preprocess (int argc, char **argv);
int cmd_embed (int argc, char **argv);
int cmd_explain (int argc, char **argv);
int cmd_similar (int argc, char **argv);
int cmd_train (int argc, char **argv);
int cmd_fetch (int argc, char **argv);
int cmd_convert (int argc, char **argv);
int cmd_calibrate (int argc, char **argv);
int cmd_info (int argc, char **argv);
int cmd_cpu (int argc, char **argv);
int cmd_bench (int argc, char **argv);

/* convert --int8; @script runs models/convert with @words and comes back. */
int cmd_int8 (char **argv, int (*script) (char **words));

#endif
